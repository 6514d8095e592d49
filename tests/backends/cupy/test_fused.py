"""Kernels of fused bodies on the host device, against the reference interpreter, under several orders of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
from backends.cupy.running import Bench, compiled
from backends.fused_strategies import bodies, numbers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program.fused_reference import evaluate
from scopert_cupy.command import Operand
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.space import Array, Nest
from scopert_cupy.host.device import HostDevice

from scopert.graph.dtypes import DType
from scopert.program.expression import Fused, check

TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 3e-5, "float64": 1e-12}


def kernels(
    body: Fused, inputs: list[DType], outputs: list[DType], limit: int = 227 << 10, wide: bool = False
) -> Kernels:
    """The kernels of a body over inputs and outputs of its own."""
    made = Kernels(limit, wide)
    loads = [Array(Operand("input", k), dtype) for k, dtype in enumerate(inputs)]
    stores = [Array(Operand("output", k), dtype) for k, dtype in enumerate(outputs)]
    made.add(Nest(body, tuple(loads), tuple(stores)))
    return made


def agree(body: Fused, inputs: list[Any], outputs: list[DType], room: list[int], made: Kernels, module: Any) -> list[Any]:
    """Runs a body under several orders of threads: the same bits each time, and those of the reference but for rounding."""
    runs = []
    for seed in (0, 5, 12):
        bench = Bench(HostDevice(seed=seed), inputs, [((n,), d.np) for n, d in zip(room, outputs, strict=True)], made.scratch)
        for k, n in enumerate(room):  # what a body does not write stays as it was
            view = bench.device.view(bench.held["output", k], 0, (n,), outputs[k])
            view[...] = np.full(n, 77, outputs[k].np)
        runs.append(bench.run(made.commands, module))
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            assert a.tobytes() == b.tobytes(), str(body)
    wide = [np.full(n, 77, np.float64 if dtype.is_floating else dtype.np) for n, dtype in zip(room, outputs, strict=True)]
    narrow = [np.full(n, 77, dtype.np) for n, dtype in zip(room, outputs, strict=True)]
    evaluate(body, inputs, wide)
    evaluate(body, inputs, narrow, wide=False)
    for a, b, c in zip(runs[0], wide, narrow, strict=True):
        tolerance = TOLERANCE.get(a.dtype.name, 0)
        if not tolerance:
            np.testing.assert_array_equal(a, c, str(body))
            continue
        a = a.astype(np.float64)
        with np.errstate(all="ignore"):
            near = np.abs(a - b) <= tolerance * (1 + np.abs(b))
            # A comparison may go either way where both sides are the same but for rounding.
            near |= np.abs(a - c.astype(np.float64)) <= tolerance * (1 + np.abs(b))
        equal = (a == b) | (np.isnan(a) & np.isnan(b)) | (a == c) | (np.isnan(a) & np.isnan(c))
        assert (near | equal).all(), (str(body), a[~(near | equal)][:5], b[~(near | equal)][:5])
    return runs[0]


Case = tuple[Fused, list[DType], list[DType], list[int], list[int]]


def together(cases: list[Case], seed: int, limit: int = 227 << 10, wide: bool = False) -> None:
    """Compiles the kernels of many bodies at once, and runs each of them."""
    made = [kernels(body, inputs, outputs, limit, wide) for body, inputs, outputs, _, _ in cases]
    module = compiled(HostDevice(), [command for one in made for command in one.commands])
    for one, (body, inputs, outputs, sizes, room) in zip(made, cases, strict=True):
        check(body)
        arrays = [numbers(dtype, n, seed + k) for k, (dtype, n) in enumerate(zip(inputs, sizes, strict=True))]
        agree(body, arrays, outputs, room, one, module)


@given(st.lists(bodies(), min_size=10, max_size=10), st.integers(0, 1 << 30), st.booleans(), st.sampled_from((227 << 10, 4096)))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_bodies(cases: list[Case], seed: int, wide: bool, limit: int) -> None:
    together(cases, seed, limit, wide)
