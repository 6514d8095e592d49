"""Compiles fused bodies to machine code and calls them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from scopert.graph.dtypes import DType
from scopert.program.expression import Fused
from scopert_numpy.native import jit
from scopert_numpy.native.loops import Printed, print_body
from scopert_numpy.native.plan import make_plan
from scopert_numpy.native.primitives import Unsupported
from scopert_numpy.threads import Pool

_ARGUMENTS = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_ALIGNMENT = 64
Body: TypeAlias = tuple[Fused, Sequence[DType], Sequence[DType]]


class Compiled:
    """A body as a function: ``f(inputs, outputs)``, both contiguous arrays; outputs are written in place.

    It may be called from several threads at once: each call works with pointers and memory of its own.
    """

    def __init__(self, printed: Printed, library: jit.Library, name: str, arrays: int, pool: Pool) -> None:
        self.printed = printed
        self._library = library  # keeps the code
        self._address = library.address(name)
        self._whole = jit.function(library, name, _ARGUMENTS)
        self._combine = jit.function(library, name + ".combine", _ARGUMENTS) if printed.combines else None
        self._pool = pool
        self._arrays = arrays
        self._chunks = pool.chunks(printed.units, printed.nanoseconds)
        self._prepared: list[_Call] = []

    def __call__(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        try:
            call = self._prepared.pop()
        except IndexError:
            call = _Call(self._arrays, self.printed.chunk_bytes * self._chunks)
        call.point([*inputs, *outputs])
        if self._chunks == 1:
            self._whole(call.address, 0, self.printed.units, 0)
        else:
            self._pool.run_native(self._address, call.address, self.printed.units, self._chunks)
        if self._combine is not None:
            self._combine(call.address, 0, self._chunks, 0)
        self._prepared.append(call)

    def bind(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> Callable[[], None]:
        """The function for arrays that stay where they are: a call without arguments, for one thread at a time."""
        call = _Call(self._arrays, self.printed.chunk_bytes * self._chunks)
        call.point([*inputs, *outputs])
        run, address, table = self._pool.run_native, self._address, call.address
        units, chunks, combine = self.printed.units, self._chunks, self._combine

        whole = self._whole

        def bound(kept: _Call = call) -> None:
            if chunks == 1:
                whole(table, 0, units, 0)
            else:
                run(address, table, units, chunks)
            if combine is not None:
                combine(table, 0, chunks, 0)

        return bound


class _Call:
    """The table of pointers of one call, and its memory."""

    __slots__ = ("_arrays", "_memory", "_table", "address")

    def __init__(self, arrays: int, nbytes: int) -> None:
        self._table = (ctypes.c_void_p * (arrays + 1))()
        self.address = ctypes.addressof(self._table)
        self._arrays: list[Any] = [None] * arrays
        if nbytes:
            self._memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
            start = self._memory.ctypes.data
            self._table[arrays] = start + -start % _ALIGNMENT

    def point(self, arrays: Sequence[np.ndarray]) -> None:
        """Fills in where the arrays are; those of the last call are known."""
        known = self._arrays
        for number, array in enumerate(arrays):
            if array is not known[number]:
                self._table[number] = array.__array_interface__["data"][0]
                known[number] = array


class Engine:
    """Machine code on this machine.

    Parameters
    ----------
    pool : Pool
        Threads to share the work among.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._lock = threading.Lock()
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
        printed: dict[int, Printed] = {}
        refused: dict[int, str] = {}
        for number, (fused, inputs, outputs) in enumerate(bodies):
            try:
                printed[number] = print_body(f"f{number}", make_plan(fused, jit.host().vector_bits), inputs, outputs)
            except Unsupported as error:
                refused[number] = str(error)
        self.refused = refused
        if not printed:
            return [None] * len(bodies)
        library = jit.compile_text(module_text(printed.values()))
        return [
            Compiled(printed[n], library, f"f{n}", len(bodies[n][1]) + len(bodies[n][2]), self.pool)
            if n in printed
            else None
            for n in range(len(bodies))
        ]


def module_text(functions: Any) -> str:
    """One module of several functions."""
    functions = list(functions)
    needs = sorted(frozenset[str]().union(*(function.needs for function in functions)))
    return "\n".join([*needs, "", *(function.text for function in functions)])
