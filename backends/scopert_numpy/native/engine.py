"""Compiles fused bodies to machine code and calls them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from scopert.graph.dtypes import DType
from scopert.program.expression import Fused
from scopert_numpy.native import jit
from scopert_numpy.native.dispatch import rates
from scopert_numpy.native.loops import Printed, print_body
from scopert_numpy.native.plan import LITTLE, make_plan
from scopert_numpy.native.primitives import Unsupported
from scopert_numpy.native.stages import Stage, cut, worth_cutting
from scopert_numpy.threads import Pool

_ARGUMENTS = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_ALIGNMENT = 64
_NAME = "body.of.a.step"
#: So many different bodies that run at most so many vector instructions are compiled in one program.
_MOST_LITTLE = 128
_FEW_INSTRUCTIONS = 20_000
Body: TypeAlias = tuple[Fused, Sequence[DType], Sequence[DType]]


@dataclass(frozen=True, slots=True)
class Operand:
    """An array of a step in the table of a job: its inputs are counted first, then its outputs."""

    number: int


@dataclass(frozen=True, slots=True)
class Job:
    """A call of machine code ``f(table, lo, hi, chunk)`` over a range of units.

    Attributes
    ----------
    address : int
    table : tuple
        Arrays of the step, memory of the job's own, whole numbers.
    units, chunks : int
    nanoseconds : float
        About how long one thread needs.
    """

    address: int
    table: tuple[object, ...]
    units: int
    chunks: int
    nanoseconds: float


class Compiled:
    """A body as a function: ``f(inputs, outputs)``, both contiguous arrays; outputs are written in place.

    It may be called from several threads at once: each call works with pointers and memory of its own.
    """

    def __init__(
        self, pieces: Sequence[_Piece], temporary: Sequence[tuple[int, DType]], arrays: tuple[int, int]
    ) -> None:
        self._pieces = tuple(pieces)
        self._temporary = tuple(temporary)
        self._arrays = arrays
        self._held: dict[int, np.ndarray] = {}
        self._prepared: list[_Call] = []

    def hold(self, arrays: Mapping[int, np.ndarray]) -> None:
        """Gives inputs, by position, that are the same contiguous arrays in every call.

        Whatever a call passes in their places is not looked at. To be called before the first call.
        """
        self._held = dict(arrays)

    def __call__(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        try:
            call = self._prepared.pop()
        except IndexError:
            call = _Call(self._pieces, self._temporary, self._arrays, self._held)
        call.point(inputs, outputs)
        call.run()
        self._prepared.append(call)

    def jobs(self, chunks: Callable[[int, float], int]) -> list[Job]:
        """What `__call__` does as jobs, with memory of their own; `chunks` says in how many to cut units and time."""
        memory = [_aligned(size * dtype.np.itemsize) for size, dtype in self._temporary]
        made: list[Job] = []
        for piece in self._pieces:
            stage, printed = piece.stage, piece.printed
            sources = range(self._arrays[0]) if stage is None else stage.inputs
            targets = range(self._arrays[1]) if stage is None else stage.outputs
            numbers = [*sources, *(t if t < 0 else self._arrays[0] + t for t in targets)]
            table: list[object] = [
                memory[-1 - number] if number < 0 else self._held.get(number, Operand(number)) for number in numbers
            ]
            speed = rates()
            time = printed.nanoseconds(speed.instruction, speed.byte)
            count = chunks(printed.units, time)
            if printed.chunk_bytes:
                table.append(_aligned(printed.chunk_bytes * count))
            made.append(Job(piece.address, tuple(table), printed.units, count, time))
            if piece.combined is not None:
                made.append(Job(piece.combined, tuple(table), count, 1, 0.0))
        return made

    def bind(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> Callable[[], None]:
        """The function for arrays that stay where they are: a call without arguments, for one thread at a time."""
        call = _Call(self._pieces, self._temporary, self._arrays, self._held)
        call.point(inputs, outputs)
        call.arrays += (*inputs, *outputs)
        run = call.run
        run.__dict__["kept"] = call, self  # the tables of pointers, the arrays, the code
        return run


class _Piece:
    """One compiled function: a whole body, or a stage of it."""

    def __init__(self, printed: Printed, library: jit.Library, name: str, pool: Pool, stage: Stage | None) -> None:
        self.printed, self.stage, self.pool = printed, stage, pool
        self.library = library  # keeps the code
        self.address = library.address(name)
        self.whole = jit.function(library, name, _ARGUMENTS)
        self.combine = jit.function(library, name + ".combine", _ARGUMENTS) if printed.combines else None
        self.combined = library.address(name + ".combine") if printed.combines else None
        speed = rates()
        self.chunks = pool.chunks(printed.units, printed.nanoseconds(speed.instruction, speed.byte))

    def caller(self, table: int) -> Callable[[], None]:
        """A call with a table of pointers."""
        units, chunks, combine = self.printed.units, self.chunks, self.combine
        if chunks > 1:
            shared = partial(self.pool.run_native, self.address, table, units, chunks)
        else:
            shared = partial(self.whole, table, 0, units, 0)
        if combine is None:
            return shared

        def both() -> None:
            shared()
            combine(table, 0, chunks, 0)

        return both


class _Call:
    """Tables of pointers, and the memory that the pieces ask for."""

    __slots__ = ("_given", "_memory", "_tables", "_wanted", "arrays", "run")

    def __init__(
        self, pieces: Sequence[_Piece], temporary: Sequence[tuple[int, DType]], arrays: tuple[int, int],
        held: Mapping[int, np.ndarray],
    ) -> None:  # fmt: skip
        self._given = [number for number in range(arrays[0]) if number not in held]
        #: Where the given inputs and the outputs stand in what `point` collects.
        position = {number: place for place, number in enumerate((*self._given, *range(arrays[0], sum(arrays))))}
        self.arrays: tuple[np.ndarray, ...] = tuple(held.values())
        self._memory = [_aligned(size * dtype.np.itemsize) for size, dtype in temporary]
        self._tables = []
        #: For each table: (place, which of the inputs and outputs).
        self._wanted: list[list[tuple[int, int]]] = []
        callers = []
        for piece in pieces:
            stage = piece.stage
            sources = range(arrays[0]) if stage is None else stage.inputs
            targets = range(arrays[1]) if stage is None else stage.outputs
            numbers = [*sources, *(t if t < 0 else arrays[0] + t for t in targets)]
            table = (ctypes.c_void_p * (len(numbers) + 1))()
            for place, number in enumerate(numbers):
                if number < 0:
                    table[place] = _address(self._memory[-1 - number])
                elif number in held:
                    table[place] = _address(held[number])
            self._wanted.append([(place, position[n]) for place, n in enumerate(numbers) if n in position])
            if piece.printed.chunk_bytes:
                own = _aligned(piece.printed.chunk_bytes * piece.chunks)
                self._memory.append(own)
                table[len(numbers)] = _address(own)
            self._tables.append(table)
            callers.append(piece.caller(ctypes.addressof(table)))
        self.run: Callable[[], None] = callers[0] if len(callers) == 1 else partial(_one_by_one, callers)

    def point(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        """Fills in where the arrays are."""
        where = [inputs[number].__array_interface__["data"][0] for number in self._given]
        where += [array.__array_interface__["data"][0] for array in outputs]
        for table, wanted in zip(self._tables, self._wanted, strict=True):
            for place, number in wanted:
                table[place] = where[number]


def _one_by_one(callers: Sequence[Callable[[], None]]) -> None:
    for call in callers:
        call()


def _aligned(nbytes: int) -> np.ndarray:
    raw = np.empty(nbytes + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + nbytes]


def _address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


class Engine:
    """Machine code on this machine.

    Parameters
    ----------
    pool : Pool
        Threads to share the work among.

    Attributes
    ----------
    little : int
        Bodies that run at most about so many vector instructions are written for LLVM's time: `Plan.compact`.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.little = LITTLE
        #: Why bodies of the last `compile` have no machine code, by position.
        self.refused: dict[int, str] = {}

    def compile(self, bodies: Sequence[Body]) -> list[Compiled | None]:
        """Compiles bodies together, which is faster than one by one.

        Parameters
        ----------
        bodies : sequence of (Fused, input dtypes, output dtypes)

        Returns
        -------
        list
            A `Compiled` for each body, or None where machine code is not written for something in it.
        """
        printed: dict[str, Printed] = {}
        lengths: dict[str, int] = {}
        named: dict[str, str] = {}  # bodies that are the same share one function
        found: list[list[tuple[str, Stage | None]]] = []
        between: list[Sequence[tuple[int, DType]]] = []
        self.refused = {}
        # The more bodies there are, the larger is LLVM's share of the time.
        little = self.little * max(1, len(bodies) // 4)

        # The same by what is to be printed: an unrolled recurrence has one body many times.
        written: dict[Hashable, str] = {}

        def function(fused: Fused, inputs: Sequence[DType], outputs: Sequence[DType]) -> str:
            key = _key(fused, inputs, outputs)
            known = written.get(key)
            if known is None:
                known = written[key] = new_function(fused, inputs, outputs)
            return known

        def new_function(fused: Fused, inputs: Sequence[DType], outputs: Sequence[DType]) -> str:
            bits = jit.host().vector_bits
            made = print_body(_NAME, make_plan(fused, bits, little), inputs, outputs, bits)
            name = named.setdefault(made.text, f"f{len(named)}")
            printed.setdefault(name, replace(made, text=made.text.replace(f"@{_NAME}", f"@{name}")))
            lengths[name] = len(fused.nodes)
            return name

        for number, (fused, inputs, outputs) in enumerate(bodies):
            names: list[tuple[str, Stage | None]] = []
            between.append(())
            try:
                if 0 not in fused.extents and worth_cutting(fused, self.pool.threads):
                    staged = cut(fused, tuple(inputs), tuple(outputs))
                    between[-1] = staged.temporary
                    names += [(function(s.fused, s.input_types, s.output_types), s) for s in staged.stages]
                else:
                    names.append((function(fused, inputs, outputs), None))
            except Unsupported as error:
                self.refused[number] = str(error)
                names = []
            found.append(names)
        self._leave_out(printed, lengths, found)
        if not any(found):
            return [None] * len(bodies)
        used = {name for names in found for name, _ in names}
        library = jit.compile_text(module_text(printed[name] for name in printed if name in used))
        compiled: list[Compiled | None] = []
        for (_, inputs, outputs), names, temporary in zip(bodies, found, between, strict=True):
            pieces = [_Piece(printed[name], library, name, self.pool, stage) for name, stage in names]
            compiled.append(Compiled(pieces, temporary, (len(inputs), len(outputs))) if pieces else None)
        return compiled

    def _leave_out(
        self, printed: Mapping[str, Printed], lengths: Mapping[str, int], found: list[list[tuple[str, Stage | None]]]
    ) -> None:
        """Of very many different bodies with little to do, the shorter ones are not worth LLVM's milliseconds each."""
        little = [name for name, made in printed.items() if made.instructions <= _FEW_INSTRUCTIONS]
        little.sort(key=lambda name: -lengths[name])
        out = set(little[_MOST_LITTLE:])
        for number, names in enumerate(found if out else ()):
            if any(name in out for name, _ in names):
                found[number] = []
                self.refused[number] = f"there are more than {_MOST_LITTLE} different bodies with little to do"


def _key(fused: Fused, inputs: Sequence[DType], outputs: Sequence[DType]) -> Hashable:
    """What makes two bodies one: zeros of both signs are equal as numbers, but not here."""
    nodes = [
        (node.op, node.args, node.dtype, node.axes, repr(node.value) if node.op == "const" else node.value)
        for node in fused.nodes
    ]
    return (
        fused.extents, fused.rows, tuple(nodes), fused.loads, fused.stores, tuple(inputs), tuple(outputs)
    )  # fmt: skip


def module_text(functions: Any) -> str:
    """One module of several functions."""
    functions = list(functions)
    needs = sorted(frozenset[str]().union(*(function.needs for function in functions)))
    return "\n".join([*needs, "", *(function.text for function in functions)])
