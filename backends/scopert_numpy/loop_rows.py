"""The jobs of a loop of which every step is machine code: for whole iterations without the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.backend import READ, Loop, Step
from scopert_numpy.frame_rows import static_shape
from scopert_numpy.loop_jobs import (
    Checked,
    Conditions,
    Interpreted,
    NoIterationsError,
    Part,
    Rows,
    only_computes,
)
from scopert_numpy.native.dispatch import Dispatcher
from scopert_numpy.native.engine import Job
from scopert_numpy.native.iterate import KINDS, Iterations
from scopert_numpy.native.step_jobs import PRODUCTS, Place, copy_job, given_place
from scopert_numpy.steps import Binder, Row
from scopert_numpy.straight_draft import Draft, copied_variables
from scopert_numpy.straight_rows import StraightRows

_SWITCHES = frozenset({"Switch", "RefSwitch"})
_MERGES = frozenset({"Merge", "RefMerge"})
_GRADIENTS = frozenset({"TensorArrayGradV3"})
# A matrix is turned for products with so many rows at least, if it has so many elements at most: turning it costs as
# much as BLAS saves in a few iterations.
_ROWS_WORTH_TURNING, _LARGEST_TURNED = 8, 1 << 20


class LoopRows(StraightRows):
    """Takes the steps of a loop's program one after the other and makes jobs of all of them.

    What is made under a condition has memory of its own. A Merge copies what is alive.

    Attributes
    ----------
    before : list of rows
        What makes arrays and handles that are the same in all iterations.
    first : list of Job
        What runs before the first iteration.
    sequences : dict
        By slot of the handle.
    """

    def __init__(
        self, loop: Loop, views: dict[int, Any], binder: Binder, functions: Dispatcher, iterations: Iterations
    ) -> None:
        program = loop.program
        super().__init__(program, views, {}, binder, (loop.condition, *loop.results), (), functions)
        self._binder = binder
        self._iterations = iterations
        self._constant = set(program.feeds[len(loop.following) :])
        self._constant |= set(program.variables)
        self._constant |= {
            slot for slot, next_ in zip(program.feeds, loop.following, strict=False) if slot == next_
        }  # fmt: skip
        varying = [slot for slot in program.feeds if slot not in self._constant and slot not in views]
        if varying:
            raise NoIterationsError(f"the variable {program.values[varying[0]].name} has no place")
        self.before: list[Row] = []
        #: So many steps are run by the interpreter.
        self.interpreted = 0
        self.first: list[Job] = []
        # Matrices that are the same in all iterations, in the other order.
        self._turned: dict[int, Place] = {}
        self.sequences: dict[int, Rows] = {}
        self._alive: dict[int, Conditions] = {}
        self._bytes: dict[int, Place] = {}
        self._same: dict[int, int] = {}
        self._conditions: Conditions = ()
        # The conditions of the parts of the list that is being made, as far as it goes.
        self._under: list[Conditions] = []
        self._may_take_rows = False

    @property
    def failing(self) -> list[tuple[Step, np.ndarray, tuple[Place, ...]]]:
        """Steps that may fail besides checked jobs, their words, and what they get."""
        return self._jobs.failed

    def place(self, slot: int) -> Place | None:
        """Where a slot lies."""
        return self._places.get(slot)

    def is_dead(self, slot: int) -> bool:
        """Whether a slot may be dead."""
        return slot in self._alive

    def is_given(self, place: Place) -> bool:
        """Whether a place lies in an array that is the same in all iterations."""
        return place.slot is not None and place.slot in self._constant

    def begin(self, number: int) -> None:
        """Begins a part; rows of sequences are taken in the repeated one only."""
        self._may_take_rows = number == 1

    def add(self, step: Step, row: Row, filled: set[int]) -> None:
        """Makes jobs of a step.

        Raises
        ------
        NoIterationsError
            If there are none.
        """
        conditions = self._conditions_of(step)
        if conditions != self._conditions:
            # What is computed under a condition must not become part of what is computed without it.
            self._note()
            self._draft.made_by = {}
            self._conditions = conditions
        if step.op in _SWITCHES:
            done = self._switch(step)
        elif step.op in _MERGES:
            done = self._merge(step, filled)
        elif step.op in _GRADIENTS:
            done = self._gradient_array(step, row)
        elif step.op == READ and step.inputs[0] not in self._program.variables:
            done = False
        else:
            plain = row
            if step.guards:
                plain = (self._binder.bind(self._program, step), step.inputs, *row[2:])
            done = self._take(step, plain, filled)
        if not done and not self._interpret(step, filled):
            raise NoIterationsError(f"{step.origin.name} ({step.op}) is run by the interpreter")
        if step.op == "Identity":
            self._same[step.outputs[0]] = self._same.get(step.inputs[0], step.inputs[0])
        if conditions and step.op not in _SWITCHES | _MERGES:
            self._alive.update(dict.fromkeys(step.outputs, conditions))

    def _interpret(self, step: Step, filled: set[int]) -> bool:
        """Has the interpreter run a step that only computes."""
        shapes = [static_shape(self._program.values[slot]) for slot in step.outputs]
        if step.op in _SWITCHES | _MERGES or not only_computes(step) or None in shapes:
            return False
        inputs: list[Any] = []
        jobs: list[Any] = []
        for slot in step.inputs:
            place = self._places.get(slot)
            if place is None:
                if slot not in self._constant and slot not in self._program.constants:
                    return False
                inputs.append(slot)
                continue
            if place.slot is not None and not self.is_given(place):
                # A row of an array is another one in each iteration.
                own = Place(np.empty(place.view.shape, place.view.dtype))
                job = copy_job(place, own, self._jobs.chunks)
                if job is None:
                    return False
                jobs.append(job)
                place = own
            inputs.append(place)
        outputs: list[Any] = []
        for slot, shape in zip(step.outputs, shapes, strict=True):
            assert shape is not None
            view = self._views.get(slot)
            outputs.append(np.empty(shape, self._program.values[slot].dtype.np) if view is None else view)
            self._places[slot], self.known[slot] = Place(outputs[-1]), outputs[-1]
            if view is not None:
                filled.add(slot)
        function = self._binder.bind(self._program, step)
        call = Interpreted(step, function, tuple(inputs), tuple(outputs))
        self._add(step, [*jobs, call], self._conditions)
        self.interpreted += 1
        return True

    def _conditions_of(self, step: Step) -> Conditions:
        if step.op in _MERGES:
            return ()
        found = [pair for slot in (*step.guards, *step.inputs) for pair in self._alive.get(slot, ())]
        return tuple(dict.fromkeys(found))

    def _read(self, step: Step, row: Row) -> bool:
        if step.copies or self._conditions:
            return False
        self._outside(step.outputs[0])
        self._constant.add(step.outputs[0])
        self.before.append(row)
        return True

    def _gradient_array(self, step: Step, row: Row) -> bool:
        """The handle of a gradient's array is the same in all iterations."""
        handle, flow = step.outputs
        if step.inputs[0] not in self._constant or self._conditions:
            return False
        zero = np.zeros((), np.float32)
        self.before.append((row[0], (step.inputs[0], flow), *row[2:]))
        self.known[flow], self._places[flow] = zero, Place(zero)
        self._constant.add(handle)
        return True

    def _sequence(self, slot: int, shape: tuple[int, ...], dtype: Any, is_stack: bool) -> Rows | None:
        if slot not in self._constant or not self._may_take_rows or 0 in shape:
            return None
        found = self.sequences.setdefault(slot, Rows(slot, shape, dtype, is_stack))
        fits = found.shape == shape and found.dtype == dtype and found.is_stack == is_stack
        return found if fits else None

    def _shown(self, slot: int, shape: tuple[int, ...]) -> tuple[int, Place]:
        """A number for rows that are another one in each iteration, and the place of such a row."""
        number = len(self.known)
        self.known.append(None)
        return number, given_place(number, shape, self._program.values[slot].dtype.np)

    def _add(self, step: Step, jobs: list[Any], conditions: Conditions) -> None:
        """Adds jobs that run under certain conditions."""
        self._note()
        self._draft.parts.append((step, jobs))
        self._under.append(conditions)

    def _note(self) -> None:
        """Notes what conditions the jobs have that were made last."""
        self._under += [self._conditions] * (len(self._draft.parts) - len(self._under))

    def _index(self, slot: int) -> Place | None:
        """Where a number of an element is, at an address that stays the same."""
        place = self._places.get(slot)
        if place is None or place.view.dtype != np.int32 or place.view.shape != ():
            return None
        return place if place.slot is None or self.is_given(place) else None

    def _pop(self, step: Step, row: Row) -> bool:
        output = step.outputs[0]
        shape, dtype = static_shape(self._program.values[output]), self._program.values[output].dtype.np
        sequence = None if shape is None else self._sequence(step.inputs[0], shape, dtype, True)
        if sequence is None or shape is None:
            return False
        sequence.pops += 1
        number, place = self._shown(output, shape)
        jobs: list[Checked | Job] = [Checked(step, self._iterations.pop, sequence, (), number)]
        self._places[output] = place
        if shape == ():  # it may be a number of an element
            own = np.empty(shape, dtype)
            copy = copy_job(place, Place(own), self._jobs.chunks)
            if copy is None:
                return False
            jobs.append(copy)
            self._places[output], self.known[output] = Place(own), own
        self._add(step, jobs, self._conditions)
        return True

    def _push(self, step: Step) -> bool:
        handle, slot = step.inputs
        place, output = self._places.get(slot), step.outputs[0]
        if place is None:
            return False
        sequence = self._sequence(handle, place.view.shape, place.view.dtype, True)
        if sequence is None:
            return False
        number, target = self._shown(slot, place.view.shape)
        copy = copy_job(place, target, self._jobs.chunks)
        if copy is None:
            return False
        sequence.pushes += 1
        self._add(step, [Checked(step, self._iterations.push, sequence, (), number), copy], self._conditions)
        self._places[output] = place
        if place.slot is None:
            self.known[output] = place.view
        return True

    def _read_element(self, step: Step, row: Row) -> bool:
        handle, output = step.inputs[0], step.outputs[0]
        shape, index = static_shape(self._program.values[output]), self._index(step.inputs[1])
        if shape is None or index is None:
            return False
        sequence = self._sequence(handle, shape, self._program.values[output].dtype.np, False)
        if sequence is None:
            return False
        number, place = self._shown(output, shape)
        job = Checked(step, self._iterations.element, sequence, (index,), number)
        self._add(step, [job], self._conditions)
        self._places[output] = place
        return True

    def _write_element(self, step: Step) -> bool:
        handle, index_slot, slot, _ = step.inputs
        place, index, flow = self._places.get(slot), self._index(index_slot), step.outputs[0]
        if place is None or index is None or place.view.dtype != step.origin.attrs["T"].np:
            return False
        sequence = self._sequence(handle, place.view.shape, place.view.dtype, False)
        jobs: list[Job] = []
        dense = None if sequence is None else self._jobs.dense(place, jobs)
        if sequence is None or dense is None:
            return False
        sequence.writes += 1
        kind = KINDS.get(place.view.dtype, 0)
        job = Checked(step, self._iterations.write, sequence, (index, dense, kind))
        self._add(step, [*jobs, job], self._conditions)
        zero = np.zeros((), np.float32)
        self._places[flow], self.known[flow] = Place(zero), zero
        return True

    def _byte(self, slot: int) -> Place | None:
        """A byte that holds what decides, until the iteration ends."""
        root = self._same.get(slot, slot)
        found = self._bytes.get(root)
        if found is None:
            place = self._places.get(root)
            if place is None or place.view.dtype != np.bool_ or place.view.shape != ():
                return None
            found = Place(np.empty((), np.bool_))
            copy = copy_job(place, found, self._jobs.chunks)
            if copy is None:
                return None
            self._add(self._program.steps[0], [copy], self._alive.get(root, ()))
            self._bytes[root] = found
        return found

    def _switch(self, step: Step) -> bool:
        data, slot = step.inputs
        place, byte = self._places.get(data), self._byte(slot)
        if byte is None or (place is None and data not in self._constant):
            return False
        for value, output in enumerate(step.outputs):
            if place is not None:
                self._places[output] = place
            else:
                self._constant.add(output)  # a handle: who uses it finds no sequence under its slot
            pair = byte.address, value
            self._alive[output] = tuple(dict.fromkeys((*self._conditions, pair)))
            self._same[output] = self._same.get(data, data)
        return True

    def _merge(self, step: Step, filled: set[int]) -> bool:
        output, number = step.outputs
        shape = static_shape(self._program.values[output])
        places = [self._places.get(slot) for slot in step.inputs]
        if shape is None or self._uses[number] or len(places) != 2:
            return False
        first, second = (self._alive.get(slot, ()) for slot in step.inputs)
        if not first or not second or first[:-1] != second[:-1] or first[-1][0] != second[-1][0] or first == second:
            return False
        own = self._views.get(output)
        if own is None:
            own = np.empty(shape, self._program.values[output].dtype.np)
        for place, conditions in zip(places, (first, second), strict=True):
            if place is None or place.view.shape != shape or place.view.dtype != own.dtype:
                return False
            copy = copy_job(place, Place(own), self._jobs.chunks)
            if copy is None:
                return False
            self._add(step, [copy], conditions)
        self._places[output], self.known[output] = Place(own), own
        filled.add(output)
        if first[:-1]:
            self._alive[output] = first[:-1]
        return True

    def _read_from(self, step: Step) -> list[Place | None]:
        """Where the inputs are read: BLAS takes a turned matrix that is always the same as a copy in its own order."""
        places = super()._read_from(step)
        if step.op not in PRODUCTS or None in places:
            return places
        right = step.inputs[1]
        factor, place = places
        assert factor is not None and place is not None
        turned = step.origin.attrs["transpose_b" if step.op == "MatMul" else "adj_y"]
        same = self.is_given(place) or right in self._program.constants
        if not (same and turned and place.view.ndim == 2 and place.view.flags.c_contiguous):
            return places
        if factor.view.size < _ROWS_WORTH_TURNING * place.view.shape[1] or place.view.size > _LARGEST_TURNED:
            return places
        found = self._turned.get(right)
        if found is None:
            found = self._turned[right] = Place(np.empty(place.view.shape, place.view.dtype, "F"))
            job = copy_job(place.part(place.view.T), Place(found.view.T), self._jobs.chunks)
            if job is None:
                return places
            self.first.append(job)
        return [factor, found]

    def _keeps(self, slot: int, shape: tuple[int, ...]) -> bool:
        return True

    def finish(self, copies: Sequence[tuple[int, int]]) -> Part:
        """The jobs of a part, at the end of which slots are copied to the places of others.

        Raises
        ------
        NoIterationsError
            If there are none for a copy, or a variable may have no next value.
        """
        self._note()
        self._conditions = ()
        copied = copied_variables(copies, self._places, self._views, self._jobs.chunks)
        if copied is None or any(source in self._alive for _, source in copies):
            raise NoIterationsError("the next value of a variable has to be copied by the interpreter")
        if copied:
            self._draft.parts.append((self._program.steps[0], copied))
        self._note()
        made = [(step, under, list(jobs)) for (step, jobs), under in zip(self._draft.parts, self._under, strict=True)]
        self._draft, self._under = Draft(), []
        return made
