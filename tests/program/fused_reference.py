"""What a `Fused` body means, written for clarity: every node as one array over the whole space, in float64.

The printers (blocked NumPy, machine code) are tested against it. It shares no code with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from scopert.graph.dtypes import DType
from scopert.program.expression import Access, Fused, Node

_erf = np.vectorize(math.erf, otypes=[np.float64])

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "square": np.square, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x, "exp": np.exp, "expm1": np.expm1, "log": np.log,
    "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.logaddexp(x, 0), "erf": _erf,
    "floor": np.floor, "ceil": np.ceil, "round": np.rint, "not": np.logical_not, "isnan": np.isnan,
    "isinf": np.isinf, "isfinite": np.isfinite,
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum, "min": np.minimum,
    "pow": np.power, "mod": np.mod, "floordiv": np.floor_divide, "atan2": np.arctan2, "lt": np.less,
    "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor, "select": np.where,
}  # fmt: skip
_REDUCE: dict[str, Any] = {"sum": np.add, "prod": np.multiply, "max_over": np.maximum, "min_over": np.minimum}


def evaluate(fused: Fused, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], wide: bool = True) -> None:
    """Runs a body: reads `inputs`, writes `outputs` (contiguous arrays of any shape).

    Parameters
    ----------
    wide : bool
        Compute floating point nodes in float64 (of float32, float16, bfloat16 too), else in their own types,
        where comparisons and casts to integers decide as a printer must.
    """
    extents = fused.extents
    values: list[np.ndarray] = []
    with np.errstate(all="ignore"):
        for node in fused.nodes:
            values.append(_value(node, fused, values, inputs, wide))
    for store, output in zip(fused.stores, outputs, strict=True):
        view = _view(output, store.access, extents)
        if view.size:
            with np.errstate(all="ignore"):
                view[...] = np.broadcast_to(values[store.node], view.shape)


def _value(node: Node, fused: Fused, values: list[np.ndarray], inputs: Sequence[np.ndarray], wide: bool) -> np.ndarray:
    kind = _computed_in(node.dtype, wide)
    ones = (1,) * len(fused.extents)
    if node.op == "load":
        return np.asarray(_view(inputs[node.value], fused.loads[node.value], fused.extents)).astype(kind)
    if node.op == "const":
        return np.full(ones, node.value, kind)
    if node.op == "index":
        n = fused.extents[node.value]
        return np.arange(n, dtype=kind).reshape([n if k == node.value else 1 for k in range(len(fused.extents))])
    args = [values[arg] for arg in node.args]
    if node.op == "cast":
        source = fused.nodes[node.args[0]].dtype
        if source.is_floating and node.dtype.is_integer:
            return np.trunc(args[0]).astype(kind)
        if node.dtype.is_floating:  # rounds to the type even where computing is wide
            return args[0].astype(node.dtype.np).astype(kind)
        return args[0].astype(kind)
    if node.op in _REDUCE:
        axes = tuple(sorted(node.value))
        full = np.broadcast_to(args[0], [n if k in axes else m for k, (n, m) in
                                         enumerate(zip(fused.extents, args[0].shape, strict=True))])  # fmt: skip
        made = _REDUCE[node.op].reduce(full, axis=axes, keepdims=True, initial=identity(node.op, node.dtype))
        return np.asarray(made).astype(kind)
    return np.asarray(_FUNCTIONS[node.op](*args)).astype(kind)


def identity(op: str, dtype: DType) -> Any:
    """What a reduction over nothing gives."""
    if op in ("sum", "prod"):
        return 0 if op == "sum" else 1
    if dtype.is_floating:
        return -math.inf if op == "max_over" else math.inf
    if dtype.is_bool:
        return op == "min_over"
    limits = np.iinfo(dtype.np)
    return limits.min if op == "max_over" else limits.max


def _computed_in(dtype: DType, wide: bool) -> Any:
    if dtype.is_floating and wide:
        return np.float64
    return np.float32 if dtype.is_floating and dtype.np.itemsize == 2 else dtype.np


def _view(array: np.ndarray, access: Access, extents: Sequence[int]) -> np.ndarray:
    """The elements that an access touches, with extent 1 along axes of stride 0."""
    shape = tuple(n if stride or n == 0 else 1 for n, stride in zip(extents, access.strides, strict=True))
    flat = array.reshape(-1)
    if 0 in shape or not flat.size:
        return np.zeros(shape, array.dtype)
    size = flat.itemsize
    return as_strided(flat[access.offset :], shape, [stride * size for stride in access.strides])
