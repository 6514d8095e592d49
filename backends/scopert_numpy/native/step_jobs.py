"""The jobs of a step: what its machine code is called with, for arrays whose places are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from mmap import mmap
from typing import Any

import numpy as np

from scopert.backend import FUSED, Step
from scopert_numpy.native.dispatch import rates
from scopert_numpy.native.engine import Job, Operand
from scopert_numpy.native.moves import GRAIN, copy_table, moves

Chunks = Callable[[int, float], int]

_PLAIN, _TURNED = 111, 112  # CBLAS' names
_ROWS, _EACH = 1, 2
# Multiplications in a nanosecond, roughly, of one thread.
_SPEED = 32.0
# Products of so many multiplications OpenBLAS computes without copies of the factors (half as many if the second one
# is turned); and into so many pieces at most.
_SMALL, _SMALL_TURNED, _MOST = 1 << 20, 1 << 19, 8
_KINDS = "biufc"


class Place:
    """Where an array is: at an address, or in an array that every call gives anew.

    Parameters
    ----------
    view : array
        The memory itself; of a given array one of the same layout, which nobody touches.
    slot : int, optional
        The given array that it is a part of.
    base : int
        The address of that array's stand-in.
    """

    __slots__ = ("_base", "slot", "view")

    def __init__(self, view: np.ndarray, slot: int | None = None, base: int = 0) -> None:
        assert isinstance(view, np.ndarray)
        self.view = view
        self.slot = slot
        self._base = base

    @property
    def address(self) -> int:
        return int(self.view.__array_interface__["data"][0])

    @property
    def offset(self) -> int:
        """Bytes from the beginning of the given array."""
        return self.address - self._base

    def of(self, given: np.ndarray) -> np.ndarray:
        """The same part of an array that is given."""
        memory = np.ascontiguousarray(given).reshape(-1).view(np.uint8)
        return np.ndarray(self.view.shape, self.view.dtype, memory, self.offset, self.view.strides)

    def part(self, view: np.ndarray) -> Place:
        """A view of this memory."""
        return Place(view, self.slot, self._base)


def given_place(slot: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Place:
    """The place of an array that every call gives."""
    # Pages that are not touched: only addresses are compared.
    memory = mmap(-1, max(1, prod(shape) * dtype.itemsize))
    view = np.frombuffer(memory, dtype, prod(shape)).reshape(shape)
    return Place(view, slot, int(view.__array_interface__["data"][0]))


def is_movable(array: np.ndarray) -> bool:
    """Whether machine code can move its elements."""
    return array.dtype.kind in _KINDS and array.dtype.itemsize in (1, 2, 4, 8) and array.size > 0


def copy_job(source: Place, target: Place, chunks: Chunks) -> Job | None:
    """Copies one array to another of the same shape and type."""
    if not is_movable(source.view):
        return None
    found = copy_table(source.view, target.view)
    if found is None:
        return None
    words, units = found
    itemsize = source.view.itemsize
    scattered = words[7] != itemsize or words[11] != itemsize
    time = source.view.nbytes * rates().byte * (4.0 if scattered else 2.0)
    table: Any = (source, target, *words)
    return Job(moves().copies[itemsize], table, units, chunks(units, time), time)


@dataclass(frozen=True)
class StepJobs:
    """Makes the jobs of steps.

    Attributes
    ----------
    codes : dict
        The machine code of FUSED steps.
    constants : dict
        Slot -> array.
    chunks : callable
        Into how many pieces units and a time are cut.
    failed : list
        Steps that may fail, words that are not 0 when they have, and what they get.
    """

    codes: dict[Step, Any]
    constants: dict[int, Any]
    chunks: Chunks
    failed: list[tuple[Step, np.ndarray, tuple[Place, ...]]] = field(default_factory=list)

    def knows(self, step: Step) -> bool:
        """Whether there may be jobs for a step."""
        return self.codes.get(step) is not None if step.op == FUSED else step.op in _JOBS

    def make(self, step: Step, inputs: Sequence[Place], outputs: Sequence[Place]) -> list[Job] | None:
        """The jobs; None if there is no machine code for these layouts."""
        if step.op == FUSED:
            return self._fused(step, inputs, outputs)
        return _JOBS[step.op](self, step, inputs, outputs)

    def _fused(self, step: Step, inputs: Sequence[Place], outputs: Sequence[Place]) -> list[Job] | None:
        made: list[Job] = []
        places = []
        for place in inputs:
            dense = self.dense(place, made)
            if dense is None:
                return None
            places.append(dense)
        places += outputs
        for job in self.codes[step].jobs(self.chunks):
            table: Any = tuple([places[word.number] if isinstance(word, Operand) else word for word in job.table])
            made.append(replace(job, table=table))
        return made

    def dense(self, place: Place, made: list[Job]) -> Place | None:
        """The place itself or that of a contiguous copy, which a job makes."""
        if place.view.flags.c_contiguous:
            return place
        copy = Place(np.empty(place.view.shape, place.view.dtype))
        job = copy_job(place, copy, self.chunks)
        if job is None:
            return None
        made.append(job)
        return copy

    def _product(self, step: Step, inputs: Sequence[Place], outputs: Sequence[Place]) -> list[Job] | None:
        batched = step.op != "MatMul"
        flags = ("adj_x", "adj_y") if batched else ("transpose_a", "transpose_b")
        address = moves().products.get(outputs[0].view.dtype)
        if address is None or outputs[0].view.size == 0:
            return None
        left, right = inputs[0], inputs[1]
        lead = outputs[0].view.shape[:-2]
        if left.view.shape[:-2] != lead or right.view.shape[:-2] != lead:
            return None
        if left.view.size == 0 or right.view.size == 0:
            return None
        made: list[Job] = []
        factors = []
        for place, flag in ((left, flags[0]), (right, flags[1])):
            factor = _factor(place.view)
            if factor is None:
                dense = self.dense(place, made)
                if dense is None:
                    return None
                place, factor = dense, _factor(dense.view)
                assert factor is not None
            operation, leading, distance = factor
            if step.origin.attrs[flag]:
                operation = _PLAIN + _TURNED - operation
            factors.append((place, operation, leading, distance))
        *_, m, n = outputs[0].view.shape
        k = left.view.shape[-2 if step.origin.attrs[flags[0]] else -1]
        if k == 0 or right.view.shape[-1 if step.origin.attrs[flags[1]] else -2] != k:
            return None
        batches = prod(lead)
        time = batches * m * n * k / _SPEED
        threads = self.chunks(1 << 30, time)
        if batches >= threads > 1:
            shared, units = _EACH, batches
        elif m > n:
            shared, units = _ROWS, -(-m // GRAIN)
        else:
            shared, units = 0, -(-n // GRAIN)
        (a, opa, lda, nexta), (b, opb, ldb, nextb) = factors
        table: Any = (a, b, outputs[0], m, n, k, opa, opb, lda, ldb, n, shared, batches, nexta, nextb, m * n, 0)
        small = _SMALL if opb == _PLAIN else _SMALL_TURNED
        pieces = _pieces(self.chunks(units, time), units, m * n * k, shared, small)
        made.append(Job(address, table, units, pieces, time))
        return made

    def _gather(self, step: Step, inputs: Sequence[Place], outputs: Sequence[Place]) -> list[Job] | None:
        found = _picked(step, inputs, outputs, self.constants)
        if found is None:
            return None
        rows, nbytes, count = found
        time = count * (nbytes * rates().byte * 2.0 + 10.0)
        self.failed.append((step, np.zeros(1, np.int64), tuple(inputs)))
        table: Any = (inputs[0], outputs[0], inputs[1], rows, nbytes, self.failed[-1][1])
        address = moves().picks[inputs[1].view.dtype.itemsize]
        return [Job(address, table, count, self.chunks(count, time), time)]

    def _concat(self, step: Step, inputs: Sequence[Place], outputs: Sequence[Place]) -> list[Job] | None:
        axis = self.constants.get(step.inputs[-1])
        if axis is None:
            return None
        target, first, made = outputs[0].view, 0, []
        number = int(axis) % target.ndim
        for place in inputs[:-1]:
            size = place.view.shape[number]
            if place.view.size:
                window = target[(*[slice(None)] * number, slice(first, first + size))]
                if window.shape != place.view.shape:
                    return None
                made.append(copy_job(place, outputs[0].part(window), self.chunks))
            first += size
        return None if None in made else [job for job in made if job is not None]

    def _pack(self, step: Step, inputs: Sequence[Place], outputs: Sequence[Place]) -> list[Job] | None:
        target = outputs[0].view
        axis = step.origin.attrs["axis"] % target.ndim
        made = []
        for number, place in enumerate(inputs):
            where: Any = (*[slice(None)] * axis, number, ...)
            window = target[where]
            if window.shape != place.view.shape:
                return None
            made.append(copy_job(place, outputs[0].part(window), self.chunks))
        return None if None in made else [job for job in made if job is not None]


def _picked(step: Step, inputs: Sequence[Place], outputs: Sequence[Place], constants: dict[int, Any]) -> Any:
    """Rows that are picked from a contiguous array: rows, bytes of one, indices; None if it is something else."""
    params, indices = inputs[0].view, inputs[1].view
    axis = constants.get(step.inputs[2])
    if axis is None or int(axis) != 0 or step.origin.attrs.get("batch_dims") or not params.ndim or not params.size:
        return None
    if not params.flags.c_contiguous or not indices.flags.c_contiguous or indices.dtype.itemsize not in (4, 8):
        return None
    if params.dtype.kind not in _KINDS or outputs[0].view.shape != indices.shape + params.shape[1:]:
        return None
    return len(params), params.nbytes // len(params), indices.size


def _pieces(chunks: int, units: int, multiplications: int, shared: int, small: int) -> int:
    """More pieces of a shared product where each is then small enough for BLAS not to rearrange its factors."""
    if chunks == 1 or shared == _EACH:
        return chunks
    for pieces in (chunks, 2 * chunks, 4 * chunks):
        if pieces <= min(units, _MOST) and multiplications <= pieces * small:
            return pieces
    return chunks


def _factor(array: np.ndarray) -> tuple[int, int, int] | None:
    """How BLAS may read a stack of matrices: as it is or turned, the distance of rows and of matrices."""
    *lead, rows, columns = array.shape
    *outer, by_row, by_column = [stride // array.itemsize for stride in array.strides]
    if any(stride % array.itemsize for stride in array.strides):
        return None
    distance = 0
    expected = None
    for extent, stride in zip(reversed(lead), reversed(outer), strict=True):
        if extent == 1:
            continue
        if expected is None:
            distance = stride
        elif stride != expected:
            return None
        expected = stride * extent
    if distance < 0:
        return None
    if (by_column == 1 or columns == 1) and (by_row >= columns or rows == 1):
        return _PLAIN, max(by_row, columns, 1), distance
    if (by_row == 1 or rows == 1) and (by_column >= rows or columns == 1):
        return _TURNED, max(by_column, rows, 1), distance
    return None


def added_to(job: Job, target: Place) -> Job:
    """The job of a product, which adds its result to what is at `target`."""
    table: Any = (*job.table[:2], target, *job.table[3:-1], 1)
    return replace(job, table=table)


#: Ops whose jobs are products.
PRODUCTS = frozenset({"MatMul", "BatchMatMul", "BatchMatMulV2"})
_JOBS: dict[str, Callable[[StepJobs, Step, Sequence[Place], Sequence[Place]], list[Job] | None]] = {
    "MatMul": StepJobs._product,
    "BatchMatMul": StepJobs._product,
    "BatchMatMulV2": StepJobs._product,
    "ConcatV2": StepJobs._concat,
    "Pack": StepJobs._pack,
    "GatherV2": StepJobs._gather,
}
