"""Matrix products of the host device, by NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from scopert_cupy.command import Gemm, Matrix, mask_bits
from scopert_cupy.failures import DeviceError
from scopert_cupy.host.memory import bytes_at

_TYPES = {
    "float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16), "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}  # fmt: skip
_EPILOGUES = ("", "relu", "gelu", "relu_aux", "drelu")


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A product that is ready to run; it needs no workspace."""

    gemm: Gemm
    workspace: int = 0


def plan(gemm: Gemm) -> HostPlan:
    """Checks a product as cuBLASLt would."""
    if gemm.dtype not in _TYPES:
        raise DeviceError(f"no matrix product of {gemm.dtype}")
    if gemm.epilogue not in _EPILOGUES:
        raise DeviceError(f"no epilogue {gemm.epilogue!r} of a matrix product")
    if gemm.precision not in ("float32", "tf32", "bf16"):
        raise DeviceError(f"no precision {gemm.precision!r} of a matrix product")
    if len(gemm.batch) > 1:
        raise DeviceError(f"a matrix product has one batch axis at most, not {gemm.batch}")
    if min(gemm.m, gemm.n, gemm.k) < 1:
        raise DeviceError(f"an empty matrix product ({gemm.m}, {gemm.k}) @ ({gemm.k}, {gemm.n})")
    if (gemm.epilogue in ("relu_aux", "drelu")) != (gemm.aux is not None):
        raise DeviceError(f"epilogue {gemm.epilogue!r} and a mask do not go together")
    if gemm.bias is not None and gemm.bias_gradient is not None:
        raise DeviceError("a product adds a bias or makes its gradient, not both")
    for matrix, rows, columns in ((gemm.a, gemm.m, gemm.k), (gemm.b, gemm.k, gemm.n), (gemm.out, gemm.m, gemm.n)):
        if matrix.leading < (rows if matrix.transposed else columns):
            raise DeviceError(f"rows of {matrix} overlap")
        if len(matrix.strides) != len(gemm.batch):
            raise DeviceError(f"{matrix} has not one stride for each batch axis of {gemm.batch}")
    if gemm.out.transposed:
        raise DeviceError("the result of a matrix product cannot be transposed")
    return HostPlan(gemm)


def run(gemm: Gemm, a: int, b: int, out: int, bias: int, aux: int, check: Callable[[int, int], None]) -> None:
    """Computes a product; `check` is asked about all memory that it touches."""
    dtype = _TYPES[gemm.dtype]
    accumulator = np.dtype(np.float64) if gemm.dtype == "float64" else np.dtype(np.float32)

    def vector(address: int, count: int, of: Any) -> Any:
        check(address, count * of.itemsize)
        return bytes_at(address, count * of.itemsize).view(of)

    def stack(matrix: Matrix, address: int, rows: int, columns: int) -> Any:
        if matrix.transposed:
            rows, columns = columns, rows
        shape = (*gemm.batch, rows, columns)
        strides = (*matrix.strides, matrix.leading, 1)
        last = sum([(extent - 1) * stride for extent, stride in zip(shape, strides, strict=True)])
        whole = vector(address, last + 1, dtype)
        view = np.lib.stride_tricks.as_strided(whole, shape, [stride * dtype.itemsize for stride in strides])
        return view.swapaxes(-1, -2) if matrix.transposed else view

    def operand(view: Any) -> Any:
        wide = view.astype(accumulator)
        return rounded(wide, gemm.precision) if gemm.dtype == "float32" else wide

    target = stack(gemm.out, out, gemm.m, gemm.n)
    left, right = (stack(gemm.a, a, gemm.m, gemm.k), stack(gemm.b, b, gemm.k, gemm.n))
    result = np.matmul(operand(left), operand(right))
    if gemm.accumulate:
        result += target.astype(accumulator)
    if gemm.bias is not None:
        result += vector(bias, gemm.n, dtype).astype(accumulator)
    if gemm.aux is not None:
        row = mask_bits(gemm.n) // 8
        bits = vector(aux, result.size // gemm.n * row, np.dtype(np.uint8)).reshape(*result.shape[:-1], row)
        if gemm.epilogue == "relu_aux":
            packed = np.packbits(result > 0, axis=-1, bitorder="little")
            bits[..., : packed.shape[-1]] = packed
        else:
            result *= np.unpackbits(bits, axis=-1, count=gemm.n, bitorder="little")
    if gemm.epilogue in ("relu", "relu_aux"):
        result = np.maximum(result, 0)
    elif gemm.epilogue == "gelu":
        result = 0.5 * result * (1 + np.tanh(np.sqrt(2 / np.pi).astype(accumulator) * (result + 0.044715 * result**3)))
    target[...] = result.astype(dtype)
    if gemm.bias_gradient is not None:
        sums = result.reshape(-1, gemm.n).sum(0, dtype=accumulator)
        vector(bias, gemm.n, dtype)[:] = sums.astype(dtype)


def rounded(values: Any, precision: str) -> Any:
    """What is multiplied of float32 operands: to nearest even, as the tensor cores' own conversions."""
    if precision == "float32":
        return values
    if precision == "bf16":
        return values.astype(ml_dtypes.bfloat16).astype(np.float32)
    bits = np.ascontiguousarray(values).view(np.uint32)
    kept = (bits + (np.uint32(0xFFF) + ((bits >> np.uint32(13)) & np.uint32(1)))) & np.uint32(0xFFFFE000)
    return np.where(np.isfinite(values), kept.view(np.float32), values)
