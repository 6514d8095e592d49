"""The rows of a frame, with as many steps as possible in straights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from scopert.backend import READ, Program, Step
from scopert_numpy.frame_rows import KINDS, FrameRows, static_shape
from scopert_numpy.handed_out import HandedOut
from scopert_numpy.native.dispatch import Dispatcher, dispatcher, knows_arrays
from scopert_numpy.native.engine import Job
from scopert_numpy.native.step_jobs import (
    Place,
    StepJobs,
    copy_job,
    given_place,
    is_movable,
)
from scopert_numpy.steps import SHOWS, Binder, Row
from scopert_numpy.straight import LASTING, ROW, chunks_for
from scopert_numpy.straight_draft import Draft, copied_variables
from scopert_numpy.threads import pool

# Ops that machine code stops at: their kernels say why.
_MAY_FAIL = frozenset({"GatherV2"})


class StraightRows(FrameRows):
    """Takes the steps of a program one after the other and makes rows of them."""

    def __init__(
        self, program: Program, views: dict[int, Any], handed: Mapping[int, HandedOut], binder: Binder,
        wanted: Collection[int], lasting: Collection[int], functions: Dispatcher,
    ) -> None:  # fmt: skip
        super().__init__(program, views, wanted)
        self._handed = handed
        self._functions = functions
        self._workers = pool()
        self._jobs = StepJobs(binder.fused(program).codes, program.constants, chunks_for(self._workers))
        self._places: dict[int, Place] = {}
        # What is known of given arrays.
        self._kinds = dict.fromkeys(lasting, LASTING)
        self._draft = Draft()
        for slot, array in program.constants.items():
            if array.dtype.kind in KINDS:
                self._places[slot] = Place(np.ascontiguousarray(array).reshape(array.shape))
        for slot in program.feeds:
            if slot in views:
                self._places[slot] = Place(views[slot])
            else:
                self._outside(slot)
        self._elsewhere = self._wanted | {
            slot for step in program.steps if not self._jobs.knows(step) for slot in step.inputs
        }

    def _outside(self, slot: int) -> None:
        """Notes that rows fill a slot."""
        shape = static_shape(self._program.values[slot])
        if shape is not None:
            self._places[slot] = given_place(slot, shape, self._program.values[slot].dtype.np)

    def take(self, step: Step, row: Row, filled: set[int]) -> bool:
        """Puts a step into a straight if it can; `filled` are the slots whose places have been filled."""
        return not step.guards and self._take(step, row, filled)

    def _take(self, step: Step, row: Row, filled: set[int]) -> bool:
        if step.op == READ:
            return self._read(step, row)
        if step.outputs and step.outputs[0] in self._memory.views and step.inputs[0] in filled:
            slot = step.outputs[0]
            self.known[slot] = self._views[slot]
            self._places[slot] = Place(self._views[slot])
            filled.add(slot)
            self._draft.follow(step.inputs[0], step)
            return True
        if step.op == "StackPopV2":
            return self._pop(step, row)
        if step.op == "StackPushV2":
            return self._push(step)
        if step.op == "TensorArrayReadV3":
            return self._read_element(step, row)
        if step.op == "TensorArrayWriteV3":
            return self._write_element(step)
        if step.op in SHOWS and not step.copies:
            return self._view(step, row, filled)
        return self._jobs.knows(step) and self._work(step, filled)

    def explains(self, step: Step) -> bool:
        """Whether the generic kernel of a step that was taken can say why it failed."""
        return step.op in _MAY_FAIL

    def _read(self, step: Step, row: Row) -> bool:
        if step.copies:
            return False
        slot = step.outputs[0]
        self._outside(slot)
        self._kinds[slot] = LASTING
        self._draft.before.append(row)
        return True

    def _pop(self, step: Step, row: Row) -> bool:
        """What is popped is an array from outside."""
        if static_shape(self._program.values[step.outputs[0]]) is None:
            return False
        self._outside(step.outputs[0])
        self._ahead(row)
        return True

    def _read_element(self, step: Step, row: Row) -> bool:
        """What is read is an array from outside, if it can be read before the straight runs."""
        output, draft = step.outputs[0], self._draft
        if draft.writes or step.inputs[1] in draft.made_by or static_shape(self._program.values[output]) is None:
            return False
        self._outside(output)
        self._ahead(row)
        return True

    def _write_element(self, step: Step) -> bool:
        """The array gives memory before the straight runs, which fills it."""
        handle, index, slot, _ = step.inputs
        place, flow = self._places.get(slot), step.outputs[0]
        if self._draft.writes or index in self._draft.made_by or place is None or flow in self._wanted:
            return False
        shape, dtype = place.view.shape, step.origin.attrs["T"]

        def reserve(array: Any, number: Any) -> Any:
            return array.write_place(int(number), shape, dtype)

        if not self._reserve(step, (handle, index), reserve, place):
            return False
        self._draft.writes = True
        zero = np.zeros((), np.float32)
        self._places[flow], self.known[flow] = Place(zero), zero
        return True

    def _reserve(self, step: Step, inputs: tuple[int, ...], reserve: Callable[..., Any], place: Place) -> bool:
        """Before the straight runs, `reserve` gives memory; it is filled with what is at `place`."""
        memory = len(self.known)
        if not is_movable(place.view):
            return False
        job = copy_job(place, given_place(memory, place.view.shape, place.view.dtype), self._jobs.chunks)
        if job is None:
            return False
        self.known.append(None)
        self._kinds[memory] = ROW
        self._ahead((reserve, inputs, memory, True, (), step))
        self._draft.parts.append((step, [job]))
        return True

    def _push(self, step: Step) -> bool:
        """The stack gives memory before the straight runs, which fills it."""
        handle, slot = step.inputs
        place, output = self._places.get(slot), step.outputs[0]
        if place is None or (self._uses[output] and place.slot is not None):
            return False
        shape, dtype = place.view.shape, place.view.dtype

        def reserve(stack: Any) -> Any:
            return stack.push_place(shape, dtype)

        if not self._reserve(step, (handle,), reserve, place):
            return False
        self._draft.follow(slot, step)
        self._places[output] = place
        if place.slot is None:
            self.known[output] = place.view
        return True

    def _view(self, step: Step, row: Row, filled: set[int]) -> bool:
        """A step that shows its input's memory in another way."""
        constants, copied = self._program.constants, self._memory.copied
        varying = [slot for slot in dict.fromkeys(step.inputs) if slot not in constants]
        source = self._places.get(varying[0]) if len(varying) == 1 else None
        if source is None or any(slot in self._views and slot not in copied for slot in step.outputs):
            return False
        try:
            made = row[0](*[constants.get(slot, source.view) for slot in step.inputs])
        except Exception:  # whatever the kernel says, it says it again in the run, which names the operation
            return False
        shown = made if isinstance(made, (tuple, list)) else [made]
        found: list[Place] = []
        for slot, view in zip(step.outputs, shown, strict=True):
            fits = (
                isinstance(view, np.ndarray)
                and view.shape == static_shape(self._program.values[slot])
                and view.size > 0
            )
            if not fits or not np.may_share_memory(view, source.view) or view.dtype != source.view.dtype:
                return False
            found.append(source.part(view))
        jobs: list[Job] = []
        for slot, place in zip(step.outputs, found, strict=True):
            if slot in copied:
                job = copy_job(place, Place(self._views[slot]), self._jobs.chunks)
                if job is None:
                    return False
                jobs.append(job)
        for slot, place in zip(step.outputs, found, strict=True):
            if slot in copied:
                self._made(slot, filled)
            else:
                self._places[slot] = place
                if place.slot is None:
                    self.known[slot] = place.view
                else:
                    self._virtual[slot] = row
        if jobs:
            self._draft.parts.append((step, jobs))
        self._draft.follow(varying[0], step)
        return True

    def _work(self, step: Step, filled: set[int]) -> bool:
        """A step that there are jobs for."""
        inputs = self._read_from(step)
        shapes = [static_shape(self._program.values[slot]) for slot in step.outputs]
        if None in inputs or None in shapes:
            return False
        outputs: list[Place] = []
        fresh: list[tuple[int, Callable[[], Any]]] = []
        own: dict[int, Any] = {}
        for slot, shape in zip(step.outputs, shapes, strict=True):
            assert shape is not None
            dtype = self._program.values[slot].dtype.np
            if slot in self._views:
                outputs.append(Place(self._views[slot]))
            elif self._keeps(slot, shape):
                own[slot] = np.empty(shape, dtype)
                outputs.append(Place(own[slot]))
            else:
                new = self._handed.get(slot)
                fresh.append((slot, partial(np.empty, shape, dtype) if new is None else new.new))
                outputs.append(given_place(slot, shape, dtype))
        jobs = self._draft.summed(
            step, outputs, self._places, self._uses, self._wanted, self._memory.views, self._jobs.chunks
        )
        if jobs is None:
            jobs = self._jobs.make(step, [place for place in inputs if place is not None], outputs)
        if jobs is None:
            return False
        self._draft.add(step, jobs, fresh)
        for slot, place in zip(step.outputs, outputs, strict=True):
            self._places[slot] = place
            if slot in self._views:
                self._made(slot, filled)
            elif slot in own:
                self.known[slot] = own[slot]
        return True

    def _read_from(self, step: Step) -> list[Place | None]:
        """Where the inputs of a step are read."""
        return [self._places.get(slot) for slot in step.inputs]

    def _keeps(self, slot: int, shape: tuple[int, ...]) -> bool:
        """Whether memory of the frame's own is made for an output that has none in the workspace."""
        return shape == () and slot not in self._elsewhere

    def _made(self, slot: int, filled: set[int]) -> None:
        self._places[slot] = Place(self._views[slot])
        self.known[slot] = self._views[slot]
        filled.add(slot)

    def leave(self, row: Row, filled: Collection[int]) -> None:
        """Takes a row as it is."""
        self._flush()
        self._materialise(row[1])
        self._rows.append(row)
        for slot in row[5].outputs:
            if slot in filled:
                self._places[slot] = Place(self._views[slot])
            else:
                self._outside(slot)

    def _ahead(self, row: Row) -> None:
        """A row that runs before the straight."""
        self._materialise(row[1], self._draft.before)
        self._draft.before.append(row)

    def _flush(self) -> None:
        """The row of the straight that is being made."""
        self._rows += self._draft.rows(self._functions, self._workers, self._kinds, self._jobs.failed)
        self._jobs.failed.clear()
        self._draft = Draft()

    def end_part(self, copies: Sequence[tuple[int, int]]) -> list[Row]:
        """The rows of a part of the program; at its end, slots are copied to the places of others."""
        jobs = copied_variables(copies, self._places, self._views, self._jobs.chunks)
        left = list(copies) if jobs is None else []  # all or none, in their order
        if jobs:
            self._draft.parts.append((self._program.steps[0], jobs))
        self._flush()
        return self._ended(left)


def straight_rows(
    program: Program, views: dict[int, Any], handed: Mapping[int, HandedOut], binder: Binder,
    wanted: Collection[int], lasting: Collection[int],
) -> StraightRows | None:  # fmt: skip
    """What makes the rows of a frame (`Frames` says what the arguments are); None where machine code calls none."""
    functions = dispatcher() if knows_arrays() else None
    return None if functions is None else StraightRows(program, views, handed, binder, wanted, lasting, functions)
