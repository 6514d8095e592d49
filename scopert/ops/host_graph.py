"""Graphs whose operations run as soon as they are made, for functions that work on values.

`tf.py_function` gives its function tensors of such a graph: library functions work on them, each result has
its value at once, and the graph is there to be differentiated afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from scopert.graph.constant import make_constant
from scopert.graph.dtypes import DType
from scopert.graph.graph import Graph
from scopert.graph.kernel import Origin, bind, origin_of
from scopert.graph.opdef import OpDef
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor


class HostTensor(Tensor):
    """A tensor with a value."""

    __slots__ = ("_value",)

    _value: Any

    def numpy(self) -> Any:
        """The value: an array, a scalar, or bytes."""
        value = self._value
        if isinstance(value, np.ndarray):
            return value.copy() if value.ndim else value[()]
        return value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __index__(self) -> int:
        return int(np.asarray(self._value).__index__())

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._value, dtype)


class HostVariable:
    """A variable made in such a graph."""

    def __init__(self, origin: Origin) -> None:
        self.name = origin.name
        self.dtype: DType = origin.attrs["dtype"]
        self._array: Any = None

    @property
    def initialized(self) -> bool:
        return self._array is not None

    def read(self) -> Any:
        """The value."""
        return self._array

    write_view = read

    def assign(self, value: Any, validate_shape: bool = True) -> None:
        """Sets the value."""
        self._array = np.array(value, self.dtype.np)


class _HostContext:
    """What kernels may ask of a run."""

    cancelled = False
    session = None

    def __init__(self) -> None:
        self._states: dict[str, Any] = {}

    def op_state(self, op: Origin, factory: Callable[[], Any]) -> Any:
        if op.name not in self._states:
            self._states[op.name] = factory()
        return self._states[op.name]

    def variable(self, op: Origin) -> HostVariable:
        found: HostVariable = self.op_state(op, lambda: HostVariable(op))
        return found


class HostGraph(Graph):
    """A graph whose operations run when they are made."""

    _tensor_type = HostTensor

    def __init__(self) -> None:
        super().__init__()
        self._context = _HostContext()

    def _add(
        self, opdef: OpDef, inputs: list[Tensor], attrs: dict[str, Any], dtypes: Sequence[DType], name: str
    ) -> Operation:
        op = super()._add(opdef, inputs, attrs, dtypes, name)
        if opdef.kernel is None:
            raise NotImplementedError(
                f"{op.name} (op: {op.type}) cannot run inside tf.py_function: use Python's own control flow there"
            )
        call = bind(opdef.kernel, opdef.kernel_keywords, np, origin_of(op), self._context)
        values = [tensor._value for tensor in op._inputs]
        with np.errstate(all="ignore"):
            made = call(*values)
        results = [made] if len(op.outputs) == 1 else list(made or ())
        for tensor, value in zip(op.outputs, results, strict=True):
            tensor._value = value  # type: ignore[attr-defined]
            if isinstance(value, (np.ndarray, np.generic)):
                tensor._shape = value.shape
        return op

    def constant(self, value: Any, dtype: DType) -> Tensor:
        """A value as a tensor of the graph."""
        array = np.asarray(value, dtype.np)
        return make_constant(array, dtype, "Const", self)
