"""One lowered program, compiled anew for each set of fed shapes, and for the values that decide its branches."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.backend import Executable, Program, ShapesChanged, TraceRow
from scopert.program.passes.base import Pass
from scopert.program.passes.decide import deciding_feeds, with_values
from scopert.program.passes.pipeline import UNFUSED, optimised

_LOG = logging.getLogger("scopert")

#: So many shapes of one program are kept compiled.
KEPT = 16
#: After so many compilations of one program, its feeds are taken to have ever new shapes.
LARGEST_COUNT = 64

#: The shapes of the feeds; then, of those that decide branches, the values (None where that is not known).
Signature = tuple[Any, ...]


class ShapeDispatch:
    """An executable that picks, or makes, the one for the shapes that are fed.

    So it does for truth values that branches depend on (whether a model is trained, say): each program has one branch.

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
        self._deciding = deciding_feeds(program)
        self._lock = threading.RLock()
        self._found: OrderedDict[Signature, Executable] = OrderedDict()
        self._count = 0
        self._general: Executable | None = None
        # Read and replaced as one object: runs in other threads see a pair that belongs together.
        self._latest: tuple[Signature | None, Any] = (None, None)

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once."""
        signature = self.signature(feeds)
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
        return self._executable(self.signature(feeds))

    def signature(self, feeds: Sequence[Any]) -> Signature:
        """What the program for feeds depends on."""
        shapes: Signature = tuple([getattr(value, "shape", ()) for value in feeds])
        if not self._deciding:
            return shapes
        found = [feeds[position] for position in self._deciding]
        is_one = [isinstance(value, np.ndarray | np.generic) and not value.ndim for value in found]
        return shapes + tuple([bool(value) if one else None for value, one in zip(found, is_one, strict=True)])

    def program_for(self, signature: Signature) -> Program:
        """The program that runs for such feeds."""
        program, count = self._program, len(self._program.feeds)
        decisions = zip(self._deciding, signature[count:], strict=True)
        values = {program.feeds[k]: np.bool_(value) for k, value in decisions if value is not None}
        return optimised(with_values(program, values) if values else program, signature[:count], self._passes)

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
