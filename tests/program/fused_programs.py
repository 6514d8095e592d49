"""Running a graph twice: step by step, and fused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

import scopert as tf
from scopert.program.ir import FUSED, LOOP, Loop, Program
from scopert.program.passes.base import run_passes
from scopert.program.passes.cse import Cse
from scopert.program.passes.dead import Dead
from scopert.program.passes.fold import Fold
from scopert.program.passes.fuse import Fuse

BEFORE = (Fold(), Cse(), Dead())


@contextmanager
def printer(machine_code: bool) -> Iterator[None]:
    """Within, fused steps are compiled to machine code where that can be, or all run as NumPy calls."""
    if machine_code:
        yield
        return
    with mock.patch("scopert_numpy.compiled._machine", return_value=None):
        yield


def fused_program(
    session: Any, fetches: Sequence[Any], feeds: Sequence[Any] = (), fuse: Fuse | None = None
) -> Program:
    """The program of fetches (tensors and operations) after the passes up to fusion."""
    tensors = [item for item in fetches if not isinstance(item, tf.Operation)]
    operations = [item for item in fetches if isinstance(item, tf.Operation)]
    return run_passes(session.program(tensors, operations, list(feeds)), (*BEFORE, fuse or Fuse()), check=True)


def run_both(
    fetches: Sequence[Any], feeds: Mapping[Any, Any] | None = None, rounds: int = 1, machine_code: bool = False,
    fuse: Fuse | None = None,
) -> tuple[list[Any], list[Any], Program]:
    """Results (and the values of all variables afterwards) of the plain and of the fused program, and the latter."""
    feeds = feeds or {}
    found: list[list[Any]] = []
    with tf.Session() as session, printer(machine_code):
        tensors = [item for item in fetches if not isinstance(item, tf.Operation)]
        operations = [item for item in fetches if isinstance(item, tf.Operation)]
        plain = session.program(tensors, operations, list(feeds))
        program = fused_program(session, fetches, list(feeds), fuse)
        variables = tf.global_variables()
        for one in (plain, program):
            session.run(tf.global_variables_initializer())
            executable = session.compile(one)
            results: list[Any] = []
            for _ in range(rounds):
                results += executable.run(list(feeds.values()))
            found.append(results + [session.run(variable) for variable in variables])
    return found[0], found[1], program


def bodies(program: Program) -> list[Any]:
    """All fused bodies, those in loops too."""
    found = []
    for step in program.steps:
        if step.op == FUSED:
            found.append(step.body)
        elif step.op == LOOP:
            assert isinstance(step.body, Loop)
            found += bodies(step.body.program)
    return found


def operations(program: Program) -> list[str]:
    """The ops of the steps."""
    return [step.op for step in program.steps]


def same_bits(left: Any, right: Any) -> bool:
    """Whether two results are equal bit by bit; all NaN count as one."""
    left, right = np.asarray(left), np.asarray(right)
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype.kind not in "fV":
        return bool(np.array_equal(left, right))
    nan = np.isnan(left)
    clean = [np.where(nan, np.zeros((), left.dtype), a) for a in (left, right)]
    return bool((nan == np.isnan(right)).all()) and clean[0].tobytes() == clean[1].tobytes()


def assert_close(left: Any, right: Any, rtol: float, atol: float = 0.0) -> None:
    """Equal types and shapes, and values within a tolerance; NaN and infinities in the same places."""
    left, right = np.asarray(left), np.asarray(right)
    assert left.dtype == right.dtype and left.shape == right.shape
    kind = np.float64 if left.dtype.kind in "fV" else left.dtype
    np.testing.assert_allclose(right.astype(kind), left.astype(kind), rtol=rtol, atol=atol)
