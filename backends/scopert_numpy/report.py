"""Executables and the machine as text: which engine runs each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from scopert.backend import FUSED, LOOP, READ, TOGETHER, Loop, Memory, Program, Step
from scopert_numpy.call_list import CallList
from scopert_numpy.native import unavailable
from scopert_numpy.steps import Binder, ManySteps, Row
from scopert_numpy.threads import pool


def executable_lines(program: Program, rows: Sequence[Row], binder: Binder, memory: Memory | None) -> Iterator[str]:
    """A line a step, in the order in which they run; steps that only show their input's memory have none."""
    place = "no planned memory" if memory is None else f"workspace of {memory.nbytes} bytes"
    yield f"executable on numpy: {len(program.steps)} steps in {len(rows)} calls; {place}; {_machine()}"
    for number, (function, _, _, _, _, step) in enumerate(rows, 1):
        if isinstance(function, CallList):
            yield f"  {number:>3}  NumPy runs {_plural(len(function.steps), 'step')} with their arrays known"
            for part in function.steps:
                yield _line("", _engine(program, part, binder), part)
        elif isinstance(function, ManySteps):
            yield f"  {number:>3}  machine code runs {_plural(len(function.steps), 'step')} in one call"
            for part in function.steps:
                yield _line("", "machine code" if part.op == FUSED else _job(part), part)
        else:
            yield _line(str(number), _engine(program, step, binder), step)


def machine_lines() -> Iterator[str]:
    """What computes here."""
    yield f"numpy:0  NumPy {np.__version__}; {_machine()}"


def _machine() -> str:
    reason = unavailable()
    threads = _plural(pool().threads, "thread")
    if reason is not None:
        return f"no machine code ({reason}); {threads}"
    from scopert_numpy.native import jit

    host = jit.host()
    return f"machine code by LLVM for {host.cpu}, vectors of {host.vector_bits} bits; {threads}"


def _line(number: str, engine: str, step: Step) -> str:
    guard = f"  if alive: {' '.join(f'%{slot}' for slot in step.guards)}" if step.guards else ""
    return f"  {number:>3}  {engine:<18} {step.op:<26} {step.origin.name}{guard}"


def _job(step: Step) -> str:
    return "BLAS" if "MatMul" in step.op else "copy"


def _engine(program: Program, step: Step, binder: Binder) -> str:
    if step.op == READ:
        return "variable"
    if step.op == LOOP:
        assert isinstance(step.body, Loop)
        return f"loop of {len(step.body.program.steps)}"
    if step.op == TOGETHER:
        return "one pass"
    if step.op == FUSED:
        return binder.fused(program).engine(step)
    fits: Callable[[Any], bool] = lambda kernel: kernel.when is None or kernel.when(step.origin)  # noqa: E731
    return "own kernel" if any(fits(kernel) for kernel in binder.kernels.get(step.op, ())) else "generic kernel"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
