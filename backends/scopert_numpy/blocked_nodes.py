"""The primitives of fused bodies as NumPy calls that write into given arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from scopert.backend import DType, Fused, Node, as_dtype, generic_kernel

#: ``function(*operands, out)``.
UFUNCS: dict[str, Any] = {
    "neg": np.negative, "abs": np.absolute, "sign": np.sign, "square": np.square, "sqrt": np.sqrt, "exp": np.exp,
    "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "tanh": np.tanh, "floor": np.floor, "ceil": np.ceil, "round": np.rint, "not": np.logical_not,
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "add": np.add, "sub": np.subtract,
    "mul": np.multiply, "div": np.divide, "max": np.maximum, "min": np.minimum, "pow": np.power, "mod": np.mod,
    "floordiv": np.floor_divide, "atan2": np.arctan2, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or,
    "xor": np.logical_xor, "logaddexp": np.logaddexp,
}  # fmt: skip
REDUCE: dict[str, Any] = {"sum": np.add, "prod": np.multiply, "max_over": np.maximum, "min_over": np.minimum}


# By the size of an element: the integer that has its bits.
_BITS = {1: np.dtype(np.int8), 2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def _select(condition: Any, yes: Any, no: Any, out: Any) -> None:
    """`yes` where the condition holds, else `no`, whose memory `out` may be.

    NumPy's masked copies jump at each element, which takes twenty times as long where nobody can foresee it. So bits
    are multiplied by the condition: exact for all numbers, not a number and infinities too.
    """
    if out.dtype.kind not in "fiu" or not isinstance(condition, np.ndarray):
        if no is not out:
            np.copyto(out, no)
        np.copyto(out, yes, where=condition)
        return
    kind = _BITS[out.dtype.itemsize]
    target, chosen, other = out.view(kind), yes.view(kind), no.view(kind)
    if _is_zero(other):
        np.multiply(chosen, condition, out=target)
    elif _is_zero(chosen):
        np.multiply(other, np.logical_not(condition), out=target)
    else:  # other + (chosen - other) * condition, where whole numbers may overflow
        difference = np.subtract(chosen, other, out=None if no is out else target)
        difference = np.multiply(difference, condition, out=None if no is out else target)
        np.add(other, difference, out=target)


def _is_zero(bits: Any) -> bool:
    return bits.size == 1 and not bits.ndim and not bits


def _cast(x: Any, out: Any) -> None:
    np.copyto(out, x, casting="unsafe")


def _erf() -> Callable[..., Any]:
    kernel = generic_kernel("Erf")

    def erf(x: Any, out: Any) -> None:
        out[...] = kernel(np, x)

    return erf


def function(op: str) -> Callable[..., Any]:
    """The call of a primitive."""
    if op == "select":
        return _select
    if op == "cast":
        return _cast
    if op == "erf":
        return _erf()
    found: Callable[..., Any] = UFUNCS[op]
    return found


def identity(op: str, dtype: Any) -> Any:
    """What a reduction begins with."""
    if op in ("sum", "prod"):
        return dtype.type(op == "prod")
    if dtype.kind == "b":
        return op == "min_over"
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return limits.min if op == "max_over" else limits.max
    return dtype.type(-np.inf if op == "max_over" else np.inf)


class _Writer:
    """Nodes, renumbered as some become several."""

    def __init__(self, fused: Fused) -> None:
        self.fused = fused
        self.nodes: list[Node] = []

    def add(self, op: str, args: tuple[int, ...], dtype: DType, value: Any = None, like: Node | None = None) -> int:
        axes = like.axes if like is not None else frozenset().union(*[self.nodes[arg].axes for arg in args])
        self.nodes.append(Node(op, args, dtype, axes, value))
        return len(self.nodes) - 1


def simplified(fused: Fused) -> Fused:
    """A body of primitives that NumPy has: the others composed of them, 16-bit sums accumulated in float32."""
    writer = _Writer(fused)
    renamed: list[int] = []
    boolean, wide = as_dtype("bool"), as_dtype("float32")
    for node in fused.nodes:
        args = tuple([renamed[arg] for arg in node.args])
        dtype = node.dtype

        def const(value: Any, dtype: DType = dtype) -> int:
            return writer.add("const", (), dtype, value)

        if node.op == "sigmoid" and dtype.np.itemsize > 2:
            e = writer.add("exp", (writer.add("neg", args, dtype),), dtype)
            made = writer.add("div", (const(1), writer.add("add", (const(1), e), dtype)), dtype)
        elif node.op == "sigmoid":
            x = args[0]
            e = writer.add("exp", (writer.add("neg", (writer.add("abs", (x,), dtype),), dtype),), dtype)
            positive = writer.add("ge", (x, const(0)), boolean)
            over = writer.add("select", (positive, const(1), e), dtype)
            made = writer.add("div", (over, writer.add("add", (const(1), e), dtype)), dtype)
        elif node.op == "softplus":
            made = writer.add("logaddexp", (args[0], const(0)), dtype)
        elif node.op == "rsqrt":
            made = writer.add("div", (const(1), writer.add("sqrt", args, dtype)), dtype)
        elif node.op == "reciprocal":
            made = writer.add("div", (const(1), args[0]), dtype)
        elif node.op in REDUCE:
            source, kind = args[0], dtype
            if node.op in ("sum", "prod") and dtype.np.itemsize == 2 and dtype.is_floating:
                kind = wide
                source = writer.add("cast", args, wide)
            spread = frozenset(k for k in node.value if fused.extents[k] > 1) | writer.nodes[source].axes
            if spread != writer.nodes[source].axes:  # what is the same along an axis still counts there
                source = writer.add("cast", (source,), kind, like=replace(node, axes=spread))
            made = writer.add(node.op, (source,), kind, node.value, node)
            if kind is not dtype:
                made = writer.add("cast", (made,), dtype)
        else:
            made = writer.add(node.op, args, dtype, node.value, node)
        renamed.append(made)
    stores = tuple([replace(store, node=renamed[store.node]) for store in fused.stores])
    return replace(fused, nodes=tuple(writer.nodes), stores=stores)
