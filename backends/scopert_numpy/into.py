"""Kernels that fill memory which they are given: the same calls as the generic kernels make, with ``out=``.

They are used in planned programs only, where shapes and types are known and checked, so they check nothing
that follows from those. If one raises, the generic kernel runs and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.backend import DType, Kernel, Origin
from scopert_numpy.matmul import product
from scopert_numpy.native import unavailable

Array = Any
When = Callable[[Origin], bool]


def _kinds(kinds: str) -> When:
    """The first input's NumPy kind is one of these; 16-bit floats of other libraries are no `f`."""
    return lambda origin: origin.input_dtypes[0].np.kind in kinds


_is_float = _kinds("f")
_is_number = _kinds("fiuc")
_is_plain = _kinds("fiucb")


def _is_wide_float(origin: Origin) -> bool:
    return _is_float(origin) and origin.input_dtypes[0].np.itemsize > 2


def _is_matrix_type(origin: Origin) -> bool:
    return origin.input_dtypes[0].np.kind in "fiuc" and origin.input_dtypes[0].np.itemsize > 2


# Elementwise: one call of a ufunc.


def _unary(ufunc: Any) -> Callable[..., Array]:
    def kernel(xp: Any, x: Array, *, out: Array) -> Array:
        return ufunc(x, out=out)

    return kernel


def _binary(ufunc: Any) -> Callable[..., Array]:
    def kernel(xp: Any, x: Array, y: Array, *, out: Array) -> Array:
        return ufunc(x, y, out=out)

    return kernel


_UNARY: tuple[tuple[str, Any, When], ...] = (
    ("Abs", np.abs, _is_number), ("Neg", np.negative, _is_number), ("Sqrt", np.sqrt, _is_number),
    ("Exp", np.exp, _is_number), ("Expm1", np.expm1, _is_number), ("Log", np.log, _is_number),
    ("Log1p", np.log1p, _is_number), ("Tanh", np.tanh, _is_number), ("Rint", np.rint, _is_float),
    ("Round", np.rint, _is_float), ("Floor", np.floor, _is_float), ("Ceil", np.ceil, _is_float),
    ("Sign", np.sign, _kinds("fiu")), ("Sin", np.sin, _is_float), ("Cos", np.cos, _is_float),
    ("LogicalNot", np.logical_not, _is_plain),
)  # fmt: skip
_BINARY: tuple[tuple[str, Any, When], ...] = (
    ("Add", np.add, _is_number), ("AddV2", np.add, _is_number), ("Sub", np.subtract, _is_number),
    ("Mul", np.multiply, _is_number), ("RealDiv", np.true_divide, _kinds("fc")), ("Div", np.true_divide, _kinds("fc")),
    ("Maximum", np.maximum, _is_number), ("Minimum", np.minimum, _is_number), ("Pow", np.power, _kinds("fc")),
    ("Greater", np.greater, _is_plain), ("GreaterEqual", np.greater_equal, _is_plain), ("Less", np.less, _is_plain),
    ("LessEqual", np.less_equal, _is_plain), ("LogicalAnd", np.logical_and, _is_plain),
    ("LogicalOr", np.logical_or, _is_plain), ("BiasAddV1", np.add, _is_number),
)  # fmt: skip


def _square(xp: Any, x: Array, *, out: Array) -> Array:
    return np.multiply(x, x, out=out)


def _rsqrt(xp: Any, x: Array, *, out: Array) -> Array:
    np.sqrt(x, out=out)
    return np.true_divide(x.dtype.type(1), out, out=out)


def _relu(xp: Any, x: Array, *, out: Array) -> Array:
    return np.maximum(x, x.dtype.type(0), out=out)


def _bias_add(xp: Any, value: Array, bias: Array, *, data_format: str, out: Array) -> Array:
    if data_format == "NCHW" and value.ndim > 2:
        bias = bias.reshape(bias.shape + (1,) * (value.ndim - 1 - max(value.ndim - 3, 1)))
    return np.add(value, bias, out=out)


def _add_n(xp: Any, *inputs: Array, out: Array) -> Array:
    first, *others = inputs
    if not others:
        np.copyto(out, first)
        return out
    np.add(first, others[0], out=out)
    for term in others[1:]:
        np.add(out, term, out=out)
    return out


def _cast(xp: Any, x: Array, *, SrcT: DType, DstT: DType, out: Array) -> Array:
    np.copyto(out, x, casting="unsafe")
    return out


def _is_plain_cast(origin: Origin) -> bool:
    source, target = origin.attrs["SrcT"].np, origin.attrs["DstT"].np
    return source.kind in "fiub" and target.kind in "fiu" and not origin.attrs.get("Truncate", False)


# Matrices.


def _matmul(xp: Any, a: Array, b: Array, *, transpose_a: bool, transpose_b: bool, out: Array) -> Array:
    left, right = a.T if transpose_a else a, b.T if transpose_b else b
    if left.shape[1] != right.shape[0]:
        raise ValueError(f"matrices of shapes {left.shape} and {right.shape} cannot be multiplied")
    return product(left, right, out)


def _batch_matmul(xp: Any, x: Array, y: Array, *, adj_x: bool, adj_y: bool, out: Array) -> Array:
    left, right = x.swapaxes(-1, -2) if adj_x else x, y.swapaxes(-1, -2) if adj_y else y
    if left.shape[:-2] != right.shape[:-2] or left.shape[-1] != right.shape[-2]:
        return np.matmul(left, right, out=out)
    # The pool shares the first axis.
    whole = out
    while out.ndim > 2 and out.shape[0] == 1:
        left, right, out = left[0], right[0], out[0]
    product(left, right, out)
    return whole


def _is_real_matrix(origin: Origin) -> bool:
    return _is_matrix_type(origin) and origin.input_dtypes[0].np.kind != "c"


# Reductions.


def _axes(x: Array, indices: Array) -> tuple[int, ...]:
    found = indices.tolist()
    return tuple({axis % x.ndim: None for axis in (found if isinstance(found, list) else [found])})


def _reduction(ufunc: Any, typed: bool) -> Callable[..., Array]:
    def kernel(xp: Any, x: Array, indices: Array, *, keep_dims: bool, out: Array) -> Array:
        return ufunc.reduce(x, axis=_axes(x, indices), dtype=x.dtype if typed else None, out=out, keepdims=keep_dims)

    return kernel


def _mean(xp: Any, x: Array, indices: Array, *, keep_dims: bool, out: Array) -> Array:
    axes = _axes(x, indices)
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    np.add.reduce(x, axis=axes, dtype=x.dtype, out=out, keepdims=keep_dims)
    return np.true_divide(out, out.dtype.type(count), out=out)


def _bias_add_grad(xp: Any, grad: Array, *, data_format: str, out: Array) -> Array:
    axis = max(grad.ndim - 3, 1) if data_format == "NCHW" else grad.ndim - 1
    return np.add.reduce(grad, axis=tuple([a for a in range(grad.ndim) if a != axis]), dtype=grad.dtype, out=out)


# Joining, filling, picking.


def _concat(xp: Any, *args: Array, out: Array) -> Array:
    *values, axis = args
    return np.concatenate(values, int(axis), out=out)


def _pack(xp: Any, *values: Array, axis: int, out: Array) -> Array:
    return np.stack(values, axis, out=out)


def _zeros_like(xp: Any, x: Array, *, out: Array) -> Array:
    out.fill(0)
    return out


def _ones_like(xp: Any, x: Array, *, out: Array) -> Array:
    out.fill(1)
    return out


def _fill(xp: Any, dims: Array, value: Any, *, out: Array) -> Array:
    out.fill(value)
    return out


def _select(xp: Any, condition: Array, t: Array, e: Array, *, out: Array) -> Array:
    if condition.ndim == 1 and t.ndim > 1:
        condition = condition.reshape((-1,) + (1,) * (t.ndim - 1))
    np.copyto(out, e)
    np.copyto(out, t, where=condition)
    return out


def _select_v2(xp: Any, condition: Array, t: Array, e: Array, *, out: Array) -> Array:
    np.copyto(out, e)
    np.copyto(out, t, where=condition)
    return out


def _gather(xp: Any, params: Array, indices: Array, axis: Array, *, batch_dims: int, out: Array) -> Array:
    where = int(axis) % params.ndim
    length = params.shape[where]
    if unavailable() is None and params.ndim > where + 1:
        from scopert_numpy.native.rows import gather

        if gather(params, indices, where, out):
            return out
    # Checked here: `take` in its raising mode goes through memory of its own.
    if indices.size and not (indices.min() >= 0 and indices.max() < length):
        raise IndexError(f"an index is not in [0, {length})")
    return np.take(params, indices, axis=where, out=out, mode="clip")


def _gather_rows(xp: Any, params: Array, indices: Array, *, out: Array) -> Array:
    return _gather(xp, params, indices, np.int64(0), batch_dims=0, out=out)


def _gather_variable(xp: Any, ref: Any, indices: Array, *, batch_dims: int, out: Array) -> Array:
    return _gather(xp, ref.read(), indices, np.int64(0), batch_dims=0, out=out)


def _is_whole_gather(origin: Origin) -> bool:
    return origin.attrs["batch_dims"] == 0 and _is_plain(origin)


def _is_whole_variable(origin: Origin) -> bool:
    return origin.attrs["batch_dims"] == 0 and origin.output_dtypes[0].np.kind in "fiucb"


def _pad(xp: Any, x: Array, paddings: Array, constant_values: Any = 0, *, out: Array) -> Array:
    out.fill(constant_values)
    out[tuple([slice(before, before + n) for (before, _), n in zip(paddings.tolist(), x.shape, strict=True)])] = x
    return out


INTO: tuple[Kernel, ...] = (
    *[Kernel(op, _unary(ufunc), when, out=True) for op, ufunc, when in _UNARY],
    *[Kernel(op, _binary(ufunc), when, out=True) for op, ufunc, when in _BINARY],
    Kernel("Square", _square, _is_number, out=True),
    Kernel("Rsqrt", _rsqrt, _is_float, out=True),
    Kernel("Relu", _relu, _is_number, out=True),
    Kernel("BiasAdd", _bias_add, _is_number, out=True),
    Kernel("AddN", _add_n, _is_number, out=True),
    Kernel("Cast", _cast, _is_plain_cast, out=True),
    Kernel("MatMul", _matmul, _is_matrix_type, out=True),
    Kernel("BatchMatMul", _batch_matmul, _is_real_matrix, out=True),
    Kernel("BatchMatMulV2", _batch_matmul, _is_real_matrix, out=True),
    Kernel("Sum", _reduction(np.add, True), _is_matrix_type, out=True),
    Kernel("Prod", _reduction(np.multiply, True), _is_matrix_type, out=True),
    Kernel("Max", _reduction(np.maximum, False), _is_number, out=True),
    Kernel("Min", _reduction(np.minimum, False), _is_number, out=True),
    Kernel("Mean", _mean, _is_wide_float, out=True),
    Kernel("BiasAddGrad", _bias_add_grad, _is_matrix_type, out=True),
    Kernel("ConcatV2", _concat, _is_plain, out=True),
    Kernel("Pack", _pack, _is_plain, out=True),
    Kernel("ZerosLike", _zeros_like, _is_plain, out=True),
    Kernel("OnesLike", _ones_like, _is_plain, out=True),
    Kernel("Fill", _fill, lambda origin: origin.output_dtypes[0].np.kind in "fiucb", out=True),
    Kernel("Select", _select, lambda origin: origin.output_dtypes[0].np.kind in "fiucb", out=True),
    Kernel("SelectV2", _select_v2, lambda origin: origin.output_dtypes[0].np.kind in "fiucb", out=True),
    Kernel("GatherV2", _gather, _is_whole_gather, out=True),
    Kernel("Gather", _gather_rows, _is_plain, out=True),
    Kernel("ResourceGather", _gather_variable, _is_whole_variable, out=True),
    Kernel("Pad", _pad, _is_plain, out=True),
    Kernel("PadV2", _pad, _is_plain, out=True),
)

__all__ = ["INTO"]
