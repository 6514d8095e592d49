"""Stacks: what a loop keeps of its iterations for the gradient.

The handle is made anew in each run, so a stack never outlives it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.dtypes import DType
from scopert.graph.opdef import STATEFUL, VIEW, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import no_outputs, unknown
from scopert.graph.tensor import Tensor
from scopert.ops.row_memory import RowMemory, Rows
from scopert.ops.tensor_array_store import owned


class Stack:
    """The values pushed so far.

    Those of one shape that are filled in place are rows of one array; what comes after others lies above them.
    """

    __slots__ = ("_limit", "_memory", "_name", "_popped", "_rows", "_values")

    def __init__(self, name: str, limit: int, memory: RowMemory) -> None:
        self._name = name
        self._limit = limit
        self._memory = memory
        self._rows: Rows | None = None
        self._popped = False
        self._values: list[Any] = []

    def _check(self) -> None:
        if 0 <= self._limit <= len(self._values) + (self._rows.count if self._rows is not None else 0):
            raise InvalidArgumentError(None, None, f"Stack[{self._name}] overflowed its max_size ({self._limit})")

    def push(self, value: Any) -> None:
        """Adds a value.

        Raises
        ------
        InvalidArgumentError
            If the stack is full.
        """
        self._check()
        self._values.append(value)

    def push_place(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Adds a value that the caller fills in: its memory.

        Raises
        ------
        InvalidArgumentError
            If the stack is full.
        """
        self._check()
        rows = self._rows
        if rows is None and not self._values:
            rows = self._rows = Rows(self._memory, shape, dtype)
        # What was popped may still be looked at: its row is not given out again.
        if rows is None or self._values or self._popped or not rows.fits(shape, dtype):
            self._values.append(np.empty(shape, dtype))
            return self._values[-1]
        return rows.push()

    def rows(self, shape: tuple[int, ...], dtype: Any, pushes: bool) -> Rows | None:
        """The values as rows that the caller counts, to push or to pop; None if they are no such rows."""
        rows = self._rows
        if self._values or (pushes and (self._popped or self._limit >= 0)):
            return None
        if rows is None:
            if not pushes:
                return None
            rows = self._rows = Rows(self._memory, shape, dtype)
        self._popped = self._popped or not pushes
        return rows if rows.fits(shape, dtype) else None

    def pop(self) -> Any:
        """Takes the value that was pushed last.

        Raises
        ------
        InvalidArgumentError
            If there is none.
        """
        if self._values:
            return self._values.pop()
        if self._rows is not None and self._rows.count:
            self._popped = True
            return self._rows.pop()
        raise InvalidArgumentError(None, None, f"Stack[{self._name}] is empty when calling Pop().")

    def close(self) -> None:
        """Forgets all values."""
        self._values.clear()
        self._rows = None


STACK = define_op(
    "StackV2", inputs="max_size: int32", outputs="handle: resource",
    attrs='elem_type: type; stack_name: string = ""', shape=lambda op: [(2,)],
    kernel=lambda xp, max_size, *, op, context: Stack(op.name, int(max_size), context.op_state(op, RowMemory)),
    traits=STATEFUL,
)  # fmt: skip


def _push(xp: Any, handle: Stack, value: Any) -> Any:
    handle.push(owned(xp, value))
    return value


STACK_PUSH = define_op(
    "StackPushV2", inputs="handle: resource, elem: T", outputs="output: T",
    attrs="T: type; swap_memory: bool = false", shape=lambda op: [op._inputs[1]._shape], kernel=_push,
    traits=(STATEFUL, VIEW),
)  # fmt: skip
STACK_POP = define_op(
    "StackPopV2", inputs="handle: resource", outputs="elem: elem_type", attrs="elem_type: type", shape=unknown,
    kernel=lambda xp, handle: handle.pop(), traits=STATEFUL,
)  # fmt: skip


def _close(xp: Any, handle: Stack) -> tuple[()]:
    handle.close()
    return ()


STACK_CLOSE = define_op(
    "StackCloseV2", inputs="handle: resource", shape=no_outputs, kernel=_close, traits=STATEFUL,
    differentiable=False,
)  # fmt: skip


def stack(max_size: Any, elem_type: DType, name: str | None = None) -> Tensor:
    """A new stack; no limit if `max_size` is negative."""
    made: Tensor = apply(STACK, max_size, elem_type=elem_type, name=name)
    return made


def stack_push(handle: Tensor, elem: Any, swap_memory: bool = False, name: str | None = None) -> Tensor:
    """Pushes `elem`, and hands it on."""
    made: Tensor = apply(STACK_PUSH, handle, elem, swap_memory=swap_memory, name=name)
    return made


def stack_pop(handle: Tensor, elem_type: DType, name: str | None = None) -> Tensor:
    """The value that was pushed last, and forgets it."""
    made: Tensor = apply(STACK_POP, handle, elem_type=elem_type, name=name)
    return made


def stack_close(handle: Tensor, name: str | None = None) -> Operation:
    """Frees the values of a stack."""
    made: Operation = apply(STACK_CLOSE, handle, name=name)
    return made
