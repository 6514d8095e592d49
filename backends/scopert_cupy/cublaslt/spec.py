"""From a `Gemm` to what cuBLASLt is told. Pure: no library, no device.

cuBLASLt's matrices are column-major, ours row-major: a row-major matrix is the transpose of the column-major one
that lies in the same memory. So ``out = a @ b`` is asked for as ``out^T = b^T @ a^T``: operands change places, and
nothing is copied. The `n` elements of a bias then belong to the rows of the result, which is where the library adds
them; likewise the gradient of a bias.
"""

from __future__ import annotations

from dataclasses import dataclass

from scopert_cupy.command import Gemm, Matrix, mask_bits

# Numbers of cudaDataType and cublasComputeType_t.
R32F, R64F, R16F, R16BF = 0, 1, 2, 14
COMPUTE_32F, COMPUTE_64F, COMPUTE_32F_FAST_16BF, COMPUTE_32F_FAST_TF32 = 68, 70, 75, 77
#: Split sums are kept in the type of the sum, so that a split costs no precision: NONE or COMPUTE_TYPE.
REDUCTION_SCHEMES = 2

_DTYPES = {"float16": R16F, "bfloat16": R16BF, "float32": R32F, "float64": R64F}
_ITEMSIZE = {R16F: 2, R16BF: 2, R32F: 4, R64F: 8}
_FLOAT32 = {"float32": COMPUTE_32F, "tf32": COMPUTE_32F_FAST_TF32, "bf16": COMPUTE_32F_FAST_16BF}
# cublasLtEpilogue_t is made of bits.
_BIAS, _BIAS_GRADIENT = 4, 16
_EPILOGUES = {"": 0, "relu": 2, "gelu": 32, "relu_aux": 2 | 128, "drelu": 8 | 128}
_NONE = 1
#: What an address is certain to be a multiple of, beside its offset: no algorithm asks for more.
ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """A column-major matrix, or a stack of them: `leading` elements from column to column, `stride` to the next."""

    dtype: int
    rows: int
    columns: int
    leading: int
    batch: int = 1
    stride: int = 0
    alignment: int = ALIGNMENT

    @property
    def nbytes(self) -> int:
        """From its first element to behind its last."""
        last = (self.batch - 1) * self.stride + (self.columns - 1) * self.leading + self.rows
        return last * _ITEMSIZE[self.dtype]


@dataclass(frozen=True, slots=True)
class Spec:
    """A product as cuBLASLt is told: ``d = op(first) @ op(second)``, and what follows.

    Attributes
    ----------
    compute, scale : int
    flip_first, flip_second : bool
    epilogue : int
    first, second, out : Layout
    bias : bool
        The epilogue reads or writes a vector.
    mask_leading : int
        Bits of a column of the relu mask; 0 without a mask.
    accumulate : bool
    """

    compute: int
    scale: int
    flip_first: bool
    flip_second: bool
    epilogue: int
    first: Layout
    second: Layout
    out: Layout
    bias: bool = False
    mask_leading: int = 0
    accumulate: bool = False


def spec_of(gemm: Gemm) -> Spec:
    """What cuBLASLt is told.

    Raises
    ------
    ValueError
        If it has no form for such a product.
    """
    if gemm.dtype not in _DTYPES or gemm.precision not in _FLOAT32:
        raise ValueError(f"cuBLASLt multiplies no {gemm.dtype} as {gemm.precision}")
    if gemm.epilogue not in _EPILOGUES or len(gemm.batch) > 1:
        raise ValueError(f"cuBLASLt has no epilogue {gemm.epilogue!r} of a batch {gemm.batch}")
    if gemm.bias_gradient is not None and gemm.epilogue != "drelu":
        raise ValueError("the gradient of a bias comes with the gradient of its relu")
    compute = COMPUTE_64F if gemm.dtype == "float64" else COMPUTE_32F
    if gemm.dtype == "float32":
        compute = _FLOAT32[gemm.precision]
    epilogue = _EPILOGUES[gemm.epilogue]
    epilogue |= (_BIAS if gemm.bias is not None else 0) | (_BIAS_GRADIENT if gemm.bias_gradient is not None else 0)
    return Spec(
        compute, R64F if gemm.dtype == "float64" else R32F, gemm.b.transposed, gemm.a.transposed, epilogue or _NONE,
        _layout(gemm, gemm.b, gemm.k, gemm.n), _layout(gemm, gemm.a, gemm.m, gemm.k),
        _layout(gemm, gemm.out, gemm.m, gemm.n),
        gemm.bias is not None or gemm.bias_gradient is not None,
        mask_bits(gemm.n) if gemm.aux is not None else 0, gemm.accumulate,
    )  # fmt: skip


def _layout(gemm: Gemm, matrix: Matrix, rows: int, columns: int) -> Layout:
    """A row-major matrix of the product, which is stored transposed if `Matrix.transposed`."""
    if matrix.transposed:
        rows, columns = columns, rows
    dtype = _DTYPES[gemm.dtype]
    batch, stride = (gemm.batch[0], matrix.strides[0]) if gemm.batch else (1, 0)
    offset = matrix.at.offset | stride * _ITEMSIZE[dtype] | ALIGNMENT
    return Layout(dtype, columns, rows, matrix.leading, batch, stride, offset & -offset)
