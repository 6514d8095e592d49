"""The rows of a frame without machine code, with as many steps as possible in lists of bound calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from scopert.backend import FUSED, LOOP, READ, TOGETHER, WRITES, Program, Step
from scopert_numpy.accumulate import adding_product, can_add, products_of
from scopert_numpy.blocked import Blocked
from scopert_numpy.bound import Call, Scratch
from scopert_numpy.call_list import CallList, Given, Operand, Part
from scopert_numpy.frame_rows import KINDS, FrameRows, static_shape
from scopert_numpy.matmul import bound_product
from scopert_numpy.steps import SHOWS, Binder, Row

#: Bytes up to which what comes from outside is copied to memory of its own.
_COPIED = 1 << 16

#: ``(step, function, places) -> function that fills the places``, or None.
Into = Callable[[Step, Callable[..., Any], list[Any]], Callable[..., Any] | None]


class CallRows(FrameRows):
    """Takes the steps of a program one after the other and makes rows of them."""

    def __init__(
        self, program: Program, views: Mapping[int, Any], binder: Binder, wanted: Collection[int],
        lasting: Collection[int], into: Into,
    ) -> None:  # fmt: skip
        super().__init__(program, views, wanted)
        self._binder = binder
        self._into = into
        self._scratch = Scratch()
        self._operands: dict[int, Operand] = {
            slot: array for slot, array in program.constants.items() if array.dtype.kind in KINDS
        }
        self._operands.update({slot: views[slot] for slot in program.feeds if slot in views})
        self._operands.update({slot: Given(slot) for slot in lasting if slot not in views and self._is_static(slot)})
        # The list that is being made: what has to run before it, its parts, what is copied for it.
        self._before: list[Row] = []
        self._parts: list[Part] = []
        self._copies: dict[int, np.ndarray] = {}
        # By slot, the part that fills it.
        self._made_by: dict[int, int] = {}

    def _is_static(self, slot: int) -> bool:
        return static_shape(self._program.values[slot]) is not None

    def take(self, step: Step, row: Row, filled: set[int]) -> bool:
        """Puts a step into a list if it can; `filled` are the slots whose places have been filled."""
        if step.guards:
            return False
        if step.op == READ:
            return self._read(step, row)
        if step.outputs and step.outputs[0] in self._memory.views and step.inputs[0] in filled:
            self._made(step.outputs[0], filled)
            return True
        if step.op in SHOWS and not step.copies:
            return self._show(step, row)
        return self._work(step, row, filled)

    def explains(self, step: Step) -> bool:
        """Whether the generic kernel of a step that was taken can say why it failed."""
        return step.op != READ

    def _read(self, step: Step, row: Row) -> bool:
        slot = step.outputs[0]
        if step.copies or not self._is_static(slot):
            return False
        self._operands[slot] = Given(slot)
        self._before.append(row)
        return True

    def _show(self, step: Step, row: Row) -> bool:
        """A step that shows its input's memory in another way."""
        constants = self._program.constants
        varying = [slot for slot in dict.fromkeys(step.inputs) if slot not in constants]
        if len(varying) != 1 or any(slot in self._views for slot in step.outputs):
            return False
        source = self._operands.get(varying[0])
        if source is None:
            return False
        function, inputs, single = row[0], step.inputs, len(step.outputs) == 1

        def shown(array: Any) -> Any:
            made = function(*[constants.get(slot, array) for slot in inputs])
            return (made,) if single else made

        if isinstance(source, Given):
            before = source.show
            for number, slot in enumerate(step.outputs):
                if not self._is_static(slot):
                    return False
                self._operands[slot] = Given(source.slot, _part(shown, number, before))
                self._virtual[slot] = row
            return True
        try:
            views = shown(source)
        except Exception:  # whatever it is, the run will report it
            return False
        for slot, view in zip(step.outputs, views, strict=True):
            if not isinstance(view, np.ndarray) or not view.size or not np.may_share_memory(view, source):
                return False
            if view.shape != static_shape(self._program.values[slot]):
                return False
        for slot, view in zip(step.outputs, views, strict=True):
            self._operands[slot] = self.known[slot] = view
        return True

    def _work(self, step: Step, row: Row, filled: set[int]) -> bool:
        """A step that fills places."""
        if step.op in (LOOP, TOGETHER) or WRITES in step.traits or not step.outputs:
            return False
        places = [self._views.get(slot) for slot in step.outputs]
        if any(place is None for place in places) or not self._memory.copied.isdisjoint(step.outputs):
            return False
        found = [self._operands.get(slot) for slot in step.inputs]
        outside = [slot for slot, operand in zip(step.inputs, found, strict=True) if operand is None]
        if not all(map(self._can_copy, outside)):
            return False
        if self._summed(step, places[0], found):
            self._made(step.outputs[0], filled)
            return True
        bind = self._binding(step, row, places)
        if bind is None:
            return False
        for slot in outside:
            if slot not in self._copies:
                value = self._program.values[slot]
                self._copies[slot] = np.empty(static_shape(value) or (), value.dtype.np)
        operands = [
            self._copies[slot] if operand is None else operand for slot, operand in zip(step.inputs, found, strict=True)
        ]
        for slot in step.outputs:
            self._made_by[slot] = len(self._parts)
            self._made(slot, filled)
        self._parts.append(Part(step, operands, bind))
        return True

    def _summed(self, step: Step, place: Any, operands: Sequence[Operand | None]) -> bool:
        """Makes products of the list add to what there is, where a step is the sum of them and of one array at most.

        The sum stands where that array stands, or where the first product does.
        """
        found = products_of(step, self._is_product, self._made_by, self._uses, self._wanted, self._memory.views)
        if found is None:
            return False
        products, term = found
        target: Operand | None = self._views[products[0]] if term is None else operands[step.inputs.index(term)]
        if not isinstance(target, np.ndarray) or target.dtype != place.dtype or target.size != place.size:
            return False
        moves = target.ctypes.data != place.ctypes.data
        if term is not None and moves:
            return False
        for slot in products[term is None :]:
            part = self._parts[self._made_by[slot]]
            part.bind = _adding(part.step, target.reshape(self._views[slot].shape))
        self._made_by[step.outputs[0]] = len(self._parts)
        copy: list[Call] = [(np.copyto, (place, target.reshape(place.shape)))] if moves else []
        self._parts.append(Part(step, (), lambda _: copy))
        return True

    def _is_product(self, slot: int) -> bool:
        """Whether a slot is a product of two matrices that the list makes, for one use, and adding it pays."""
        number = self._made_by.get(slot)
        if number is None or self._uses[slot] != 1:
            return False
        step, place = self._parts[number].step, self._views.get(slot)
        return step.op == "MatMul" and place is not None and can_add(place.dtype)

    def _can_copy(self, slot: int) -> bool:
        value = self._program.values[slot]
        shape = static_shape(value)
        return shape is not None and int(np.prod(shape)) * value.dtype.np.itemsize <= _COPIED

    def _binding(self, step: Step, row: Row, places: list[Any]) -> Callable[[list[Any]], list[Call]] | None:
        """What makes the calls of a step of its inputs."""
        if step.op == FUSED:
            body = self._binder.fused(self._program).callable(step)
            if isinstance(body, Blocked) and body.is_one_block:
                return lambda inputs: body.bound(inputs, places, self._scratch)
        function = self._into(step, row[0], places)
        if function is None:
            return None
        if step.op == "MatMul":
            attrs = step.origin.attrs
            swapped = attrs["transpose_a"], attrs["transpose_b"]
            return lambda inputs: [bound_product(inputs, swapped, places[0]) or (function, tuple(inputs))]
        return lambda inputs: [(function, tuple(inputs))]

    def _made(self, slot: int, filled: set[int]) -> None:
        self._operands[slot] = self.known[slot] = self._views[slot]
        filled.add(slot)

    def leave(self, row: Row, filled: Collection[int]) -> None:
        """Takes a row as it is."""
        self._flush()
        self._materialise(row[1])
        self._rows.append(row)
        for slot in row[5].outputs:
            if slot in filled:
                self._operands[slot] = self._views[slot]

    def _flush(self) -> None:
        """The row of the list that is being made."""
        self._rows += self._before
        if self._parts:
            lasting = dict.fromkeys(
                [operand.slot for part in self._parts for operand in part.operands if isinstance(operand, Given)]
            )
            calls = CallList(self._parts, tuple(lasting), tuple(self._copies.values()))
            self._materialise(tuple(self._copies))
            self._rows.append((calls, (*lasting, *self._copies), (), False, (), self._parts[0].step))
        self._before, self._parts, self._copies, self._made_by = [], [], {}, {}

    def end_part(self, copies: Sequence[tuple[int, int]]) -> list[Row]:
        """The rows of a part of the program; at its end, slots are copied to the places of others."""
        self._flush()
        return self._ended(copies)


def _adding(step: Step, target: Any) -> Callable[[list[Any]], list[Call]]:
    """What makes the calls of a product that adds to what is at `target`."""
    transposed = step.origin.attrs["transpose_a"], step.origin.attrs["transpose_b"]

    def bind(inputs: list[Any]) -> list[Call]:
        left, right = [array.T if turned else array for array, turned in zip(inputs, transposed, strict=True)]
        call = adding_product(left, right, target)
        if call is not None:
            return [call]
        made = np.empty_like(target)
        return [(np.matmul, (left, right, made)), (np.add, (target, made, target))]

    return bind


def _part(shown: Callable[[Any], Any], number: int, before: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """One of the views of an array that may be a view itself."""
    if before is None:
        return lambda array: shown(array)[number]
    return lambda array: shown(before(array))[number]
