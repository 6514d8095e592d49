"""Compares emitted steps with what the generic kernels made of the same inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from backends.cupy.emitted_steps import OneStep, run
from backends.cupy.recorded import Recorded
from ops.conformance import compare
from scopert_cupy.command import Emitted
from scopert_cupy.emit import emit
from scopert_cupy.emitters import TABLE
from scopert_cupy.host.device import HostDevice

#: Orders of threads and blocks under which every bit has to be the same.
SEEDS = (0, 5, 8)
_TOGETHER = 120


def emitted(steps: Iterable[Recorded], device: HostDevice) -> list[tuple[Recorded, Emitted]]:
    """Those steps that an emitter takes, with their commands."""
    found = []
    for step in steps:
        made = emit(replace(step.request, facts=device.facts), TABLE)
        if made is not None:
            found.append((step, made))
    return found


def check(steps: Sequence[Recorded], tolerance: float = 4.0, checked: bool = False) -> Counter[str]:
    """Runs what is emitted for these steps in several orders.

    Returns
    -------
    Counter
        By op, how many steps were compared.

    Raises
    ------
    AssertionError
        With every step whose values differ from NumPy's, or from one order to another.
    """
    complaints: list[str] = []
    made = emitted(steps, HostDevice())
    runs = []
    for seed in SEEDS[:1] if checked else SEEDS:
        device = HostDevice(seed=seed, checked=checked)
        # Shared memory is poisoned before each block, that of a whole module: so modules stay small.
        groups = [made[k : k + _TOGETHER] for k in range(0, len(made), _TOGETHER)]
        runs.append([found for group in groups for found in run(device, [_one_step(*pair) for pair in group])])
    for number, (step, _) in enumerate(made):
        first = [_results(step, *results[number]) for results in runs]
        try:
            for other in first[1:]:
                assert [a.tobytes() for a in other] == [a.tobytes() for a in first[0]], "bits differ between orders"
            for found, expected in zip(first[0], _expected(step), strict=True):
                name = np.asarray(expected).dtype.name
                compare(found, expected, name if "float" in name or "complex" in name else "", tolerance)
        except AssertionError as error:
            shapes = [(np.shape(a), np.asarray(a).dtype.name) for a in step.inputs]
            complaints.append(f"{step.request.step.op} {step.request.attrs} of {shapes}: {error}"[:800])
    assert not complaints, f"{len(complaints)} steps:\n" + "\n".join(complaints)
    return Counter(step.request.step.op for step, _ in made)


def _one_step(step: Recorded, made: Emitted) -> OneStep:
    aliases = {output for output, _ in made.alias}
    outputs = [None if k in aliases else (np.shape(a), np.asarray(a).dtype) for k, a in enumerate(step.outputs)]
    return OneStep(made, step.inputs, outputs)


def _results(step: Recorded, outputs: list[Any], after: list[Any]) -> list[Any]:
    aliases = dict(emit(replace(step.request, facts=HostDevice().facts), TABLE).alias)  # type: ignore[union-attr]
    found = []
    for number, expected in enumerate(step.outputs):
        made = outputs[number]
        if made is None:  # the memory of an input under another shape or type
            made = np.frombuffer(after[aliases[number]].tobytes(), expected.dtype).reshape(np.shape(expected))
        found.append(made)
    return found + [after[k] for k in step.after]


def _expected(step: Recorded) -> list[Any]:
    return [np.asarray(a) for a in step.outputs] + list(step.after.values())


def kept(ops: Iterable[str]) -> frozenset[str]:
    """Those ops that have an emitter."""
    return frozenset(ops) & frozenset(TABLE)
