"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.graph.dtypes import DType as DType
from scopert.graph.dtypes import QUANTIZED_DTYPES as QUANTIZED_DTYPES
from scopert.graph.dtypes import as_dtype as as_dtype
from scopert.graph.dtypes import bfloat16 as bfloat16
from scopert.graph.dtypes import bool as bool
from scopert.graph.dtypes import complex128 as complex128
from scopert.graph.dtypes import complex64 as complex64
from scopert.graph.dtypes import double as double
from scopert.graph.dtypes import float16 as float16
from scopert.graph.dtypes import float32 as float32
from scopert.graph.dtypes import float64 as float64
from scopert.graph.dtypes import half as half
from scopert.graph.dtypes import int16 as int16
from scopert.graph.dtypes import int32 as int32
from scopert.graph.dtypes import int64 as int64
from scopert.graph.dtypes import int8 as int8
from scopert.graph.dtypes import qint16 as qint16
from scopert.graph.dtypes import qint32 as qint32
from scopert.graph.dtypes import qint8 as qint8
from scopert.graph.dtypes import quint16 as quint16
from scopert.graph.dtypes import quint8 as quint8
from scopert.graph.dtypes import resource as resource
from scopert.graph.dtypes import string as string
from scopert.graph.dtypes import uint16 as uint16
from scopert.graph.dtypes import uint32 as uint32
from scopert.graph.dtypes import uint64 as uint64
from scopert.graph.dtypes import uint8 as uint8
from scopert.graph.dtypes import variant as variant
from scopert.ops.math_cast import cast as cast
from scopert.ops.math_complex import complex_ as complex
from scopert.ops.math_statistics import saturate_cast as saturate_cast
from scopert.ops.string_numbers import as_string as as_string

__all__ = [
    "DType",
    "QUANTIZED_DTYPES",
    "as_dtype",
    "as_string",
    "bfloat16",
    "bool",
    "cast",
    "complex",
    "complex128",
    "complex64",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int16",
    "int32",
    "int64",
    "int8",
    "qint16",
    "qint32",
    "qint8",
    "quint16",
    "quint8",
    "resource",
    "saturate_cast",
    "string",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "variant",
]
