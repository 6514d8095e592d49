"""Many cases of the conformance table in one program: one module to compile, one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
from ops.conformance import Built, Case, compare, differentiable_inputs, on, rows
from scopert_cupy.actions import Plan, Single
from scopert_cupy.plan import plan

import scopert as tf
from scopert.backend import FUSED, TOGETHER
from scopert.program.passes.pipeline import DEVICE_PIPELINE, optimised

#: So many trials make a program.
SIZE = 100


@dataclass
class Trial:
    """A case in one type."""

    case: Case
    dtype: str

    @property
    def title(self) -> str:
        return f"{self.case.title}-{self.dtype}"


@contextmanager
def known_variables() -> Iterator[None]:
    """Variables whose initial value has a known shape have it, also where a row leaves it open."""
    make = tf.Variable

    def variable(initial: Any, *args: Any, **keywords: Any) -> Any:
        if tf.convert_to_tensor(initial).shape.is_fully_defined():
            keywords.pop("validate_shape", None)
        return make(initial, *args, **keywords)

    with mock.patch.object(tf, "Variable", variable):
        yield


def batches() -> list[list[Trial]]:
    """All trials that do not fail, so many at a time."""
    trials = [Trial(case, dtype) for case in rows() if not case.error for dtype in case.dtypes]
    loose = [trial for trial in trials if trial.case.op in _LOOSE]
    firm = [trial for trial in trials if trial.case.op not in _LOOSE]
    return [some[k : k + SIZE] for some in (firm, loose) for k in range(0, len(some), SIZE)]


#: Ops whose rows have steps without known shapes of variables.
_LOOSE = frozenset({"Assign", "Variable", "AssignVariableOp"})


@contextmanager
def _built(trials: Sequence[Trial], backend: str) -> Iterator[tuple[list[Built], dict[Any, Any], Any]]:
    """All trials in one graph, what is fed, and a session."""
    firm = nullcontext() if trials[0].case.op in _LOOSE else known_variables()
    with tf.Graph().as_default(), firm:
        builts = [Built(trial.case, trial.dtype, True) for trial in trials]
        with on(backend) as session:
            yield builts, {tensor: value for built in builts for tensor, value in built.feeds.items()}, session


def run_values(trials: Sequence[Trial], backend: str) -> list[tuple[Built, list[Any]]]:
    """All trials in one run."""
    with _built(trials, backend) as (builts, feeds, session):
        found = session.run([built.outputs for built in builts], feeds)
    return list(zip(builts, found, strict=True))


def planned(trials: Sequence[Trial]) -> Plan:
    """The plan of all trials in one program, which nothing is compiled or run for."""
    with _built(trials, "cupy") as (builts, feeds, session):
        outputs = [tensor for built in builts for tensor in built.outputs]
        program = session.program(outputs, (), list(feeds))
        program = optimised(program, [np.shape(value) for value in feeds.values()], DEVICE_PIPELINE)
        return plan(program, session.backend.device.facts, session.backend.emitters())


def engines(plan: Plan) -> dict[str, set[str]]:
    """By op, what runs it."""
    found: dict[str, set[str]] = {}

    def note(step: Any, engine: str) -> None:
        for origin in step.origin.attrs["fused"] if step.op in (FUSED, TOGETHER) else (step.origin,):
            found.setdefault(origin.type, set()).add(engine)

    for work in plan.works():
        note(work.step, "generated" if work.engine in ("generated", "copy", "alias") else work.engine)
    for action in plan.top.actions:
        if isinstance(action, Single):
            note(action.step, action.engine)
    return found


def check_values(trial: Trial, built: Built, found: list[Any]) -> None:
    """One trial's values against its reference."""
    case = trial.case
    for tensor, array in zip(built.outputs, found, strict=True):
        assert tensor.shape.is_compatible_with(np.shape(array)), f"{tensor.shape}, found {np.shape(array)}"
        if tensor.dtype.is_numpy_compatible and tensor.dtype is not tf.string:
            assert array.dtype == tensor.dtype.np, f"{tensor}: {array.dtype}"
    if case.reference is None:
        return
    with np.errstate(all="ignore"):
        expected = case.reference(*built.wide)
    expected = list(expected) if isinstance(expected, tuple) else [expected]
    assert len(expected) == len(found)
    for one, other in zip(found, expected, strict=True):
        compare(one, other, trial.dtype, case.tolerance)


def gradients(cases: Sequence[Case], backend: str) -> list[list[Any]]:
    """The gradients of a weighted sum of the outputs of each case, in float64."""
    with tf.Graph().as_default():
        wanted, feeds = [], {}
        for case in cases:
            built = Built(case, "float64", True)
            outputs = [tensor for tensor in built.outputs if tensor.dtype is tf.float64]
            inputs = [built.tensors[position] for position in differentiable_inputs(case)]
            weights = [0.5 + tf.cast(tf.range(tf.size(y)) % 7, tf.float64) / 7 for y in outputs]
            weights = [tf.reshape(w, tf.shape(y)) for w, y in zip(weights, outputs, strict=True)]
            wanted.append([tf.convert_to_tensor(g) for g in tf.gradients(outputs, inputs, weights) if g is not None])
            feeds |= built.feeds
        with on(backend) as session:
            found: list[list[Any]] = session.run(wanted, feeds)
    return found
