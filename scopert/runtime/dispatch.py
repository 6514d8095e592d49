"""One lowered program, compiled anew for each set of fed shapes."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from scopert.backend import Executable, Program, ShapesChanged, TraceRow
from scopert.program.passes.base import Pass
from scopert.program.passes.pipeline import UNFUSED, optimised

_LOG = logging.getLogger("scopert")

#: So many shapes of one program are kept compiled.
KEPT = 16
#: After so many compilations of one program, its feeds are taken to have ever new shapes.
LARGEST_COUNT = 64

Signature = tuple[tuple[int, ...], ...]


class ShapeDispatch:
    """An executable that picks, or makes, the one for the shapes that are fed.

    Parameters
    ----------
    program : Program
        As lowered.
    compile_program : callable
        ``Program -> Executable``.
    passes : sequence of Pass
        What it goes through.
    """

    def __init__(
        self, program: Program, compile_program: Callable[[Program], Executable], passes: Sequence[Pass] = UNFUSED
    ) -> None:
        self._program = program
        self._compile = compile_program
        self._passes = passes
        self._lock = threading.RLock()
        self._found: OrderedDict[Signature, Executable] = OrderedDict()
        self._count = 0
        self._general: Executable | None = None
        # Read and replaced as one object: runs in other threads see a pair that belongs together.
        self._latest: tuple[Signature | None, Any] = (None, None)

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once."""
        signature = tuple([getattr(value, "shape", ()) for value in feeds])
        latest, executable = self._latest
        if signature != latest:
            executable = self._executable(signature)
        try:
            results: list[Any] = executable.run(feeds, trace)
        except ShapesChanged:
            with self._lock:
                general = self._without_shapes()
            results = general.run(feeds, trace)
        return results

    def for_feeds(self, feeds: Sequence[Any]) -> Executable:
        """The executable for feeds of these shapes."""
        return self._executable(tuple([getattr(value, "shape", ()) for value in feeds]))

    def program_for(self, signature: Signature) -> Program:
        """The program that runs for feeds of these shapes."""
        return optimised(self._program, signature, self._passes)

    def _executable(self, signature: Signature) -> Executable:
        with self._lock:
            found = self._found.get(signature)
            if found is None and self._count >= LARGEST_COUNT:
                return self._one_for_all()
            if found is None:
                self._count += 1
                found = self._found[signature] = self._compile(self.program_for(signature))
                if len(self._found) > KEPT:
                    self._found.popitem(last=False)
            else:
                self._found.move_to_end(signature)
            self._latest = (signature, found)
            return found

    def _one_for_all(self) -> Executable:
        if self._general is None:
            names = ", ".join(self._program.values[slot].name for slot in self._program.feeds)
            _LOG.warning(
                "a program fed with %s was compiled for %d sets of shapes; further new shapes run a program that is "
                "not specialised, which is slower. Feed batches of few different sizes (pad the last one).",
                names, LARGEST_COUNT,
            )  # fmt: skip
        return self._without_shapes()

    def _without_shapes(self) -> Executable:
        """The program as it was lowered, which fits all shapes."""
        if self._general is None:
            self._general = self._compile(self._program)
        return self._general
