"""Python's operators on tensors.

An operator opens a scope of its lower-case name, converts a value beside the tensor below it, and gives
the operation the scope's name. With two tensors of one type that comes down to taking one name, which is
all that the fast path does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.convert import to_tensor
from scopert.graph.opdef import OpDef
from scopert.graph.scopes import name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor, define_operator
from scopert.ops.math_binary import ADD, ADD_V2, MUL, REAL_DIV, SUB, div, floordiv, floormod, pow_, truediv
from scopert.ops.math_comparison import LOGICAL_AND, LOGICAL_OR, logical_xor
from scopert.ops.math_matmul import matmul

Function = Callable[..., Any]


def _simple(opdef: OpDef) -> Function:
    def make(x: Any, y: Any, name: str) -> Any:
        return apply(opdef, x, y, name=name)

    return make


def _add(x: Any, y: Any, name: str) -> Any:
    return apply(ADD if x.dtype.base is dtypes.string else ADD_V2, x, y, name=name)


def _multiply(x: Any, y: Any, name: str) -> Any:
    if hasattr(y, "dense_shape"):  # a SparseTensor, which knows how
        return y._multiplied(x, name)
    return apply(MUL, x, y, name=name)


def _operators(name: str, function: Function, opdef: OpDef | None = None, direct: frozenset[Any] | None = None) -> None:
    """Defines ``x OP y`` and ``y OP x``.

    With an `opdef`, two tensors of a type in `direct` (any type if None) make just that operation.
    """
    reverse = f"__r{name}__"

    def forward(x: Tensor, y: Any) -> Any:
        if opdef is not None and type(y) is Tensor and type(x) is Tensor:
            kind = x._dtype
            graph = x._op._graph
            if (
                kind is y._dtype
                and (direct is None or kind in direct)
                and graph is y._op._graph
                and graph is get_default_graph()
            ):
                return apply(opdef, x, y, name=name)
        with name_scope(None, name, [x, y]) as scope:
            if not isinstance(y, Tensor) and not hasattr(y, "dense_shape"):
                try:
                    y = to_tensor(y, None, "y", x.dtype.base)
                except TypeError:
                    if hasattr(type(y), reverse):
                        return NotImplemented
                    raise
            return function(x, y, name=scope)

    def backward(y: Tensor, x: Any) -> Any:
        with name_scope(None, name, [x, y]) as scope:
            return function(to_tensor(x, y.dtype.base, "x"), y, name=scope)

    define_operator(f"__{name}__", forward)
    define_operator(reverse, backward)


_FLOATS = frozenset({
    dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128,
})  # fmt: skip
_NUMBERS = _FLOATS | {dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64}

_operators("add", _add, ADD_V2, _NUMBERS)
_operators("sub", _simple(SUB), SUB, _NUMBERS)
_operators("mul", _multiply, MUL, _NUMBERS)
_operators("div", div)
_operators("truediv", truediv, REAL_DIV, _FLOATS)
_operators("floordiv", floordiv)
_operators("mod", floormod)
_operators("pow", pow_)
_operators("matmul", matmul)
_operators("and", _simple(LOGICAL_AND))
_operators("or", _simple(LOGICAL_OR))
_operators("xor", logical_xor)
