"""Python's operators on tensors.

An operator opens a scope of its lower-case name, converts a value beside the tensor below it, and gives
the operation the scope's name. With two tensors of one type that comes down to taking one name, which is
all that the fast path does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.constant import make_constant
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import DType
from scopert.graph.graph import Graph
from scopert.graph.opdef import OpDef
from scopert.graph.scopes import name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor, define_operator
from scopert.ops.math_binary import ADD, ADD_V2, MUL, REAL_DIV, SUB, div, floordiv, floormod, pow_, truediv
from scopert.ops.math_comparison import LOGICAL_AND, LOGICAL_OR, logical_xor
from scopert.ops.math_matmul import matmul

Function = Callable[..., Any]


_NONE: frozenset[Any] = frozenset()
_WIDE = frozenset({dtypes.int32, dtypes.int64})


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


def _operators(name: str, function: Function, opdef: OpDef | None = None, direct: frozenset[Any] = _NONE) -> None:
    """Defines ``x OP y`` and ``y OP x``.

    Two tensors, or a tensor and a number that fits it, of a type in `direct` make just an operation `opdef`.
    """
    reverse = f"__r{name}__"

    def forward(x: Tensor, y: Any) -> Any:
        if opdef is not None and type(x) is Tensor and x._dtype in direct:
            graph = x._op._graph
            if graph is get_default_graph():
                if type(y) is Tensor:
                    if x._dtype is y._dtype and graph is y._op._graph:
                        return apply(opdef, x, y, name=name)
                elif _fits(y, x._dtype):
                    return _with_number(graph, opdef, name, "y", x, y)
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
        if opdef is not None and type(y) is Tensor and y._dtype in direct and _fits(x, y._dtype):
            graph = y._op._graph
            if graph is get_default_graph():
                return _with_number(graph, opdef, name, "x", y, x)
        with name_scope(None, name, [x, y]) as scope:
            return function(to_tensor(x, y.dtype.base, "x"), y, name=scope)

    define_operator(f"__{name}__", forward)
    define_operator(reverse, backward)


def _fits(value: Any, dtype: DType) -> bool:
    """Whether a value is a Python number that becomes a scalar of this type without further ado."""
    kind = type(value)
    if kind is float:
        return dtype.is_floating
    return kind is int and -0x80000000 <= value <= 0x7FFFFFFF and (dtype.is_floating or dtype in _WIDE)


def _with_number(graph: Graph, opdef: OpDef, name: str, side: str, tensor: Tensor, value: Any) -> Any:
    """The operation of a tensor and a number, which becomes a constant called `side` below it."""
    local = graph._local
    around = local.name
    scope = graph.unique_name(name)
    local.name = scope
    try:
        dtype = tensor._dtype
        number = make_constant(np.array(value, dtype.np), dtype, side, graph)
        inputs = (tensor, number) if side == "y" else (number, tensor)
        return apply(opdef, *inputs, name=scope + "/")
    finally:
        local.name = around


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
