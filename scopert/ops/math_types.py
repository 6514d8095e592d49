"""The sets of types that many mathematical ops share, as they stand in TensorFlow's signatures."""

from __future__ import annotations

NUMERIC = (
    "{float32, float64, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
    "complex128, float16, uint32, uint64}"
)
REAL = "{float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}"
FLOATING = "{bfloat16, float16, float32, float64}"
DOUBLE = "{float32, float64}"
FLOATING_OR_COMPLEX = "{bfloat16, float16, float32, float64, complex64, complex128}"
NO_BFLOAT16 = "{float16, float32, float64, complex64, complex128}"
FLOATING_OR_WIDE = "{bfloat16, float16, float32, float64, int32, int64}"
SIGNED = "{bfloat16, float16, float32, float64, int32, int64, complex64, complex128}"
ARITHMETIC = "{bfloat16, float16, float32, float64, uint8, int8, uint16, int16, int32, int64, complex64, complex128}"
INTEGER = "{int8, int16, int32, int64, uint8, uint16, uint32, uint64}"
COMPLEX = "{complex64, complex128} = complex64"
INDEX = "{int32, int64} = int32"
