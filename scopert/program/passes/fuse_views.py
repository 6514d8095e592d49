"""Values that are another look at an array, or the same number everywhere: they need no memory of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from scopert.graph.kernel import bind
from scopert.program.ir import Step, Value
from scopert.program.passes.fuse_expand import Expansion
from scopert.program.passes.fuse_table import ALL, UNIFORM, VIEWS
from scopert.program.uses import is_pure

#: Constants with more elements are not looked through for being one number.
_LARGEST_UNIFORM = 1 << 16
#: What `Views.base` says of a value that is no array at all.
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Look:
    """An array as a part of another: strides (in elements) along its axes, and where it begins."""

    base: int
    strides: tuple[int, ...]
    offset: int


def data_input(step: Step) -> int | None:
    """Which input a view looks at; None if the step is no view."""
    if step.op not in VIEWS:
        return None
    return 1 if step.op == "Split" else 0


class Views:
    """The views of a program; filled step by step."""

    def __init__(self, values: Sequence[Value], constants: Mapping[int, Any]) -> None:
        self._values = values
        self._constants = constants
        self._looks: dict[int, Look] = {}
        self._arrays: dict[int, tuple[int, Any, int]] = {}
        self._numbers: dict[int, Any] = {}

    def base(self, slot: int) -> int:
        """The slot whose memory is looked at; NOWHERE for a number."""
        if self.number(slot) is not None:
            return NOWHERE
        found = self._looks.get(slot)
        return slot if found is None else found.base

    def look(self, slot: int) -> Look:
        """Where a value lies: in its own contiguous memory if it is no view."""
        found = self._looks.get(slot)
        if found is not None:
            return found
        strides: list[int] = []
        step = 1
        for n in reversed(self._values[slot].shape or ()):
            strides.append(step)
            step *= n or 1
        return Look(slot, tuple(reversed(strides)), 0)

    def number(self, slot: int) -> Any:
        """The number that a value holds in all places, or None."""
        if slot in self._numbers:
            return self._numbers[slot]
        array = self._constants.get(slot)
        if array is None:
            return None
        found = None
        is_dead = array.dtype.hasobject  # of a branch that is known not to be taken
        if 0 < array.size <= _LARGEST_UNIFORM and self._values[slot].dtype in ALL and not is_dead:
            first = array.reshape(-1)[:1]
            if array.size == 1 or array.tobytes() == first.tobytes() * array.size:
                found = first[0].item() if hasattr(first[0], "item") else float(first[0])
        self._numbers[slot] = found
        return found

    def note(self, step: Step) -> None:
        """Notes what a step that stays makes of its input."""
        if not is_pure(step) or step.kept:
            return
        if step.op in UNIFORM and self._values[step.outputs[0]].dtype in ALL:
            self._numbers[step.outputs[0]] = UNIFORM[step.op]
        elif step.op == "Fill":
            number = self.number(step.inputs[1])
            if number is not None:
                self._numbers[step.outputs[0]] = number
        elif data_input(step) is not None and step.kernel is not None:
            self._note_view(step)

    def _note_view(self, step: Step) -> None:
        data = data_input(step)
        assert data is not None
        others = [slot for k, slot in enumerate(step.inputs) if k != data]
        known = [step.inputs[data], *step.outputs]
        if any(slot not in self._constants for slot in others) or not all(map(self._known, known)):
            return
        number = self.number(step.inputs[data])
        if number is not None:
            self._numbers.update(dict.fromkeys(step.outputs, number))
            return
        base, array, start = self._array(step.inputs[data])
        try:
            made = self._views(step, array, data)
        except Exception:  # the run will report it, with the operation's name
            return
        for slot, view in zip(step.outputs, made, strict=True):
            address = view.__array_interface__["data"][0]
            if isinstance(view, np.ndarray) and np.may_share_memory(view, array):
                self._looks[slot] = Look(base, view.strides, address - start)
                self._arrays[slot] = base, view, start

    def parts_of_operands(
        self, step: Step, operands: Sequence[int], expansion: Expansion
    ) -> list[tuple[int, ...]] | None:
        """For each output of a view of a map, slots of the same views of the map's operands; None if some are none."""
        data = data_input(step)
        if data is None or step.kernel is None or step.kept or not is_pure(step):
            return None
        others = [slot for k, slot in enumerate(step.inputs) if k != data]
        if any(slot not in self._constants for slot in others) or not all(map(self._known, step.outputs)):
            return None
        shape = self._values[step.inputs[data]].shape
        columns: list[list[int]] = []
        for operand in operands:
            if self.number(operand) is not None:
                columns.append([operand] * len(step.outputs))
                continue
            base, array, start = self._array(operand)
            whole = np.broadcast_to(array, shape)  # type: ignore[arg-type]
            try:
                made = self._views(step, whole, data)
            except Exception:  # the run will report it, with the operation's name
                return None
            if not all(isinstance(view, np.ndarray) and np.may_share_memory(view, array) for view in made):
                return None
            column = []
            for view in made:
                slot = expansion.new(operand, shape=view.shape)
                self._looks[slot] = Look(base, view.strides, view.__array_interface__["data"][0] - start)
                self._arrays[slot] = base, view, start
                column.append(slot)
            columns.append(column)
        return list(zip(*columns, strict=True))

    def _views(self, step: Step, array: Any, data: int) -> Sequence[Any]:
        """What the kernel of a view makes of a stand-in."""
        assert step.kernel is not None
        arguments = [array if k == data else self._constants[slot] for k, slot in enumerate(step.inputs)]
        made = bind(step.kernel, step.keywords, np, step.origin)(*arguments)
        return made if isinstance(made, (tuple, list)) else [made]

    def regroup(self, output: int, operand: int) -> bool:
        """Makes a value the same elements as another in its own shape; False if it needs a copy for that."""
        number = self.number(operand)
        if number is not None:
            self._numbers[output] = number
            return True
        base, array, start = self._array(operand)
        view = array.reshape(self._values[output].shape)
        if not np.may_share_memory(view, array):
            return False
        self._looks[output] = Look(base, view.strides, view.__array_interface__["data"][0] - start)
        self._arrays[output] = base, view, start
        return True

    def _array(self, slot: int) -> tuple[int, Any, int]:
        """A stand-in with one byte an element, whose strides are those of the value."""
        found = self._arrays.get(slot)
        if found is None:
            shape = self._values[slot].shape
            assert shape is not None
            array = np.empty(prod(shape), np.int8).reshape(shape)  # type: ignore[arg-type]
            found = self._arrays[slot] = slot, array, array.__array_interface__["data"][0]
        return found

    def _known(self, slot: int) -> bool:
        value = self._values[slot]
        return value.dtype in ALL and value.shape is not None and None not in value.shape and 0 not in value.shape
