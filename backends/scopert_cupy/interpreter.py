"""Fused bodies over whole arrays: for those that no emitter prints, and to check those that one does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from scopert.backend import Access, DType, Fused, Node, generic_kernel

_NAMES = {
    "neg": "negative", "abs": "absolute", "sign": "sign", "square": "square", "sqrt": "sqrt", "exp": "exp",
    "expm1": "expm1", "log": "log", "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh",
    "floor": "floor", "ceil": "ceil", "round": "rint", "not": "logical_not", "isnan": "isnan", "isinf": "isinf",
    "isfinite": "isfinite", "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "max": "maximum",
    "min": "minimum", "pow": "power", "mod": "mod", "floordiv": "floor_divide", "atan2": "arctan2", "lt": "less",
    "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "and": "logical_and", "or": "logical_or", "xor": "logical_xor", "select": "where",
}  # fmt: skip
#: Primitives that array libraries lack, and the ops that compute them.
_OPS = {"erf": "Erf", "sigmoid": "Sigmoid", "softplus": "Softplus", "rsqrt": "Rsqrt", "reciprocal": "Reciprocal"}
_REDUCTIONS = {"sum": "sum", "prod": "prod", "max_over": "max", "min_over": "min"}


def interpret(xp: Any, body: Fused, inputs: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> tuple[Any, ...]:
    """What a body computes from contiguous arrays; `shapes` are those of its results."""
    values: list[Any] = []
    for node in body.nodes:
        value = _value(xp, node, body, values, inputs)
        kind = _computed_in(node.dtype)
        if kind != node.dtype.np:  # computed in float32, and rounded to the type after each primitive
            value = value.astype(node.dtype.np).astype(kind)
        values.append(value)
    made = []
    for store, shape in zip(body.stores, shapes, strict=True):
        out = xp.empty(math.prod(shape), body.nodes[store.node].dtype.np)
        view = _view(xp, out, store.access, body.extents)
        if view.size:
            view[...] = xp.broadcast_to(values[store.node], view.shape)
        made.append(out.reshape(shape))
    return tuple(made)


def _value(xp: Any, node: Node, body: Fused, values: list[Any], inputs: Sequence[Any]) -> Any:
    kind = _computed_in(node.dtype)
    rank = len(body.extents)
    if node.op == "load":
        return _view(xp, inputs[node.value], body.loads[node.value], body.extents).astype(kind)
    if node.op == "const":
        return xp.full((1,) * rank, node.value, kind)
    if node.op == "index":
        extent = body.extents[node.value]
        return xp.arange(extent, dtype=kind).reshape([extent if k == node.value else 1 for k in range(rank)])
    args = [values[arg] for arg in node.args]
    if node.op == "cast":
        return _cast(xp, args[0], body.nodes[node.args[0]].dtype, node.dtype).astype(kind)
    if node.op in _REDUCTIONS:
        axes = tuple(sorted(node.value))
        shape = [n if k in axes else m for k, (n, m) in enumerate(zip(body.extents, args[0].shape, strict=True))]
        full = xp.broadcast_to(args[0], shape)
        if full.size == 0 and node.op in ("max_over", "min_over"):
            return xp.full([1 if k in axes else n for k, n in enumerate(shape)], _empty(node.op, node.dtype), kind)
        return getattr(xp, _REDUCTIONS[node.op])(full, axis=axes, keepdims=True).astype(kind)
    function: Callable[..., Any]
    if node.op in _OPS:
        kernel = generic_kernel(_OPS[node.op])
        return xp.asarray(kernel(xp, *args)).astype(kind)
    function = getattr(xp, _NAMES[node.op])
    return xp.asarray(function(*args)).astype(kind)


def _cast(xp: Any, array: Any, source: DType, target: DType) -> Any:
    if source.is_floating and target.is_integer:
        return xp.trunc(array).astype(target.np)
    return array.astype(target.np)


def _computed_in(dtype: DType) -> Any:
    """Two-byte floats are computed in float32."""
    return "float32" if dtype.is_floating and dtype.np.itemsize == 2 else dtype.np


def _empty(op: str, dtype: DType) -> Any:
    """The largest or smallest of nothing."""
    if dtype.is_floating:
        return -math.inf if op == "max_over" else math.inf
    if dtype.is_bool:
        return op == "min_over"
    bits = 8 * int(dtype.np.itemsize)
    low, high = (0, 2**bits - 1) if dtype.is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return low if op == "max_over" else high


def _view(xp: Any, array: Any, access: Access, extents: Sequence[int]) -> Any:
    """The elements that an access touches, with extent 1 along axes of stride 0."""
    shape = tuple([n if stride or n == 0 else 1 for n, stride in zip(extents, access.strides, strict=True)])
    flat = array.reshape(-1)
    if 0 in shape or not flat.size:
        return xp.zeros(shape, array.dtype)
    if all(stride >= 0 for stride in access.strides):
        size = flat.itemsize
        strides = [stride * size for stride in access.strides]
        return xp.lib.stride_tricks.as_strided(flat[access.offset :], shape, strides)
    # Backwards along some axis: begin at its other end, and turn it round.
    start, turned = access.offset, []
    for axis, (n, stride) in enumerate(zip(shape, access.strides, strict=True)):
        if stride < 0:
            start += (n - 1) * stride
            turned.append(axis)
    forward = Access(tuple([abs(stride) for stride in access.strides]), start)
    return xp.flip(_view(xp, array, forward, extents), tuple(turned))
