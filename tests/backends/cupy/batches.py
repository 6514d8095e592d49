"""Many cases of the conformance table in one program: one module to compile, one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ops.conformance import Built, Case, compare, differentiable_inputs, on

import scopert as tf


@dataclass
class Trial:
    """A case in one type."""

    case: Case
    dtype: str

    @property
    def title(self) -> str:
        return f"{self.case.title}-{self.dtype}"


def run_values(trials: Sequence[Trial], backend: str) -> tuple[list[tuple[Built, list[Any]]], Any]:
    """All trials in one run; also the executable."""
    with tf.Graph().as_default():
        builts = [Built(trial.case, trial.dtype, True) for trial in trials]
        feeds = {tensor: value for built in builts for tensor, value in built.feeds.items()}
        outputs = [built.outputs for built in builts]
        with on(backend) as session:
            found = session.run(outputs, feeds)
            executable = session.executable(outputs, feeds)
    return list(zip(builts, found, strict=True)), executable


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
