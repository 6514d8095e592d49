"""A straight while it is made: its parts, what has to run before it, and sums that its products add to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from scopert.backend import Step
from scopert_numpy.accumulate import products_of
from scopert_numpy.native.dispatch import Dispatcher
from scopert_numpy.native.engine import Job
from scopert_numpy.native.step_jobs import PRODUCTS, Chunks, Place, added_to, copy_job
from scopert_numpy.steps import Row
from scopert_numpy.straight import ANY, Straight
from scopert_numpy.threads import Pool


class Draft:
    """What becomes one straight.

    Attributes
    ----------
    before : list of Row
        Rows that have to run first.
    parts : list of (Step, list of Job)
    made_by : dict
        By slot, the part that fills it.
    writes : bool
        It fills elements of arrays: until it has run nobody may look at arrays.
    """

    def __init__(self) -> None:
        self.before: list[Row] = []
        self.parts: list[tuple[Step, list[Job]]] = []
        self.made_by: dict[int, int] = {}
        self.writes = False
        self._fresh: list[tuple[int, Callable[[], Any]]] = []

    def add(self, step: Step, jobs: list[Job], fresh: Sequence[tuple[int, Callable[[], Any]]]) -> None:
        """A part that fills the outputs of a step; for each of `fresh`, a slot, memory is made anew in every run."""
        self.made_by.update(dict.fromkeys(step.outputs, len(self.parts)))
        self.parts.append((step, jobs))
        self._fresh += fresh

    def follow(self, source: int, step: Step) -> None:
        """The outputs of a step are ready when its source is."""
        if source in self.made_by:
            self.made_by.update(dict.fromkeys(step.outputs, self.made_by[source]))

    def summed(
        self, step: Step, outputs: Sequence[Place], places: Mapping[int, Place], uses: Mapping[int, int],
        wanted: Collection[int], views: Collection[int], chunks: Chunks,
    ) -> list[Job] | None:  # fmt: skip
        """The jobs of a sum of matrix products: each product adds to what there is; None if it is no such sum."""
        found = products_of(step, lambda slot: self._is_product(slot, uses), self.made_by, uses, wanted, views)
        if found is None:
            return None
        (products, term), (output,) = found, outputs
        target = places[products[0] if term is None else term]
        here = output.slot is None and target.slot is None and output.address == target.address
        if term is not None and not here:
            return None
        for slot in products[term is None :]:
            number = self.made_by[slot]
            maker, (job,) = self.parts[number]
            self.parts[number] = (maker, [added_to(job, target)])
        if here:
            return []
        copy = copy_job(target, output.part(output.view.reshape(target.view.shape)), chunks)
        return None if copy is None else [copy]

    def _is_product(self, slot: int, uses: Mapping[int, int]) -> bool:
        """Whether a slot is a matrix product of the straight that is being made, for one use."""
        number = self.made_by.get(slot)
        if number is None or uses[slot] != 1:
            return False
        step, jobs = self.parts[number]
        return step.op in PRODUCTS and len(jobs) == 1 and step.outputs == (slot,)

    def rows(
        self, functions: Dispatcher, workers: Pool, kinds: Mapping[int, int],
        failed: Sequence[tuple[Step, np.ndarray, Sequence[Place]]],
    ) -> list[Row]:  # fmt: skip
        """Its rows: those before it, and its own if it has parts.

        Parameters
        ----------
        functions : Dispatcher
        workers : Pool
        kinds : mapping
            What is known of arrays from outside, by slot (see `Straight`).
        failed : sequence
            Steps that may fail, their words and inputs.
        """
        rows = self.before
        if self.parts:
            fresh = {slot for slot, _ in self._fresh}
            words = [word for _, jobs in self.parts for job in jobs for word in job.table]
            words += [place for _, _, places in failed for place in places]
            used = dict.fromkeys([word.slot for word in words if isinstance(word, Place)])
            given = [slot for slot in used if slot is not None and slot not in fresh]
            straight = Straight(
                functions, workers, self.parts, [(slot, kinds.get(slot, ANY)) for slot in given],
                self._fresh, failed,
            )  # fmt: skip
            outputs = tuple([slot for slot, _ in self._fresh])
            rows.append((straight, tuple(given), outputs, False, (), self.parts[0][0]))
        return rows


def copied_variables(
    copies: Sequence[tuple[int, int]], places: Mapping[int, Place], views: Mapping[int, Any], chunks: Chunks
) -> list[Job] | None:  # fmt: skip
    """The jobs of copies between slots, all at once; None if there is no job for one of them."""
    early: list[Job] = []
    late: list[Job] = []
    targets = [views[slot] for slot, _ in copies]
    for slot, source in copies:
        place = places.get(source)
        job = None
        if place is not None:
            # What comes from outside may be a view of a variable, too.
            if place.slot is not None or any(np.may_share_memory(place.view, target) for target in targets):
                kept = Place(np.empty(place.view.shape, place.view.dtype))
                first = copy_job(place, kept, chunks)
                if first is not None:
                    early.append(first)
                    place = kept
            job = copy_job(place, Place(views[slot]), chunks)
        if job is None:
            return None
        late.append(job)
    return early + late
