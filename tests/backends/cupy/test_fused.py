"""Kernels of fused bodies on the host device, against the reference interpreter, under several orders of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from backends.cupy.fused_bodies import EXAMPLES
from backends.cupy.running import Bench, compiled
from backends.fused_strategies import bodies, numbers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program.fused_reference import evaluate
from scopert_cupy import nvrtc
from scopert_cupy.command import Operand
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.space import Array, Nest
from scopert_cupy.host.device import HostDevice

from scopert.graph.dtypes import DType, as_dtype
from scopert.program.expression import Access, Fused, Node, Store, check

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


@pytest.fixture(scope="module")
def examples() -> tuple[dict[tuple[str, bool], Kernels], Any]:
    """Kernels of all examples, some also counting in 64 bits, in one module."""
    made = {(name, False): one.kernels() for name, one in EXAMPLES.items()}
    made |= {(name, True): EXAMPLES[name].kernels(True) for name in list(EXAMPLES)[::3]}
    return made, compiled(HostDevice(), [command for one in made.values() for command in one.commands])


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str, examples: Any) -> None:
    made, module = examples
    one = EXAMPLES[name]
    found = [agree(one.body, one.arrays(), list(one.outputs), list(one.room), made[name, wide], module) for wide in (False, True) if (name, wide) in made]
    for a, b in zip(found[0], found[-1], strict=True):
        assert a.tobytes() == b.tobytes()
    kinds = [command.function.name.split("_")[1] for command in made[name, False].commands]
    assert " ".join(kinds) == one.kinds


@pytest.mark.parametrize("name", ["gelu", "gelu bias", "columns stored", "rows stored"])
def test_results_may_lie_where_inputs_lie(name: str, examples: Any) -> None:
    made, module = examples
    one = EXAMPLES[name]
    kernels_, shapes = made[name, False], [((n,), d.np) for n, d in zip(one.room, one.outputs, strict=True)]
    apart = Bench(HostDevice(), one.arrays(), shapes, kernels_.scratch).run(kernels_.commands, module)
    for seed in (0, 3):
        bench = Bench(HostDevice(seed=seed), one.arrays(), shapes, kernels_.scratch)
        last = len(shapes) - 1  # what stands at points
        bench.held["output", last] = bench.held["input", 0]
        for a, b in zip(bench.run(kernels_.commands, module), apart, strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_machine_code(architecture: str, examples: Any) -> None:
    """No spills, registers for the blocks that are launched, and accesses as wide as claimed."""
    launches = {c.function.name: (name, c) for (name, wide), one in examples[0].items() if not wide for c in one.commands}
    if architecture not in ("sm_90", "sm_120"):  # a third of them, for time
        launches = {symbol: launches[symbol] for symbol in list(launches)[::3]}
    source = "\n".join([command.function.source for _, command in launches.values()])
    cubin = nvrtc.compile_cubin(source, architecture)
    ptx = nvrtc.compile_ptx(source, architecture) if architecture == "sm_90" else ""
    for symbol, (name, command) in launches.items():
        found = cubin.resources[symbol]
        assert (found.spills, found.stack) == (0, 0), name
        assert found.registers * command.function.threads <= 65536, name
        if ptx:
            assert max(nvrtc.access_width(ptx, symbol)) >= command.function.width, name
    for name, one in EXAMPLES.items():
        first = examples[0][name, False].commands[0]
        assert first.function.width == one.width, name


#: Their launches are large; what they do, smaller ones do too.
LARGE = ("many units", "softmax many", "softmax warps")


def test_no_races_and_nothing_out_of_bounds() -> None:
    """Every access of every example, checked: bounds, alignment, races within and between blocks."""
    chosen = {name: one for name, one in EXAMPLES.items() if name not in LARGE}
    made = {name: one.kernels() for name, one in chosen.items()}
    module = compiled(HostDevice(checked=True), [command for one in made.values() for command in one.commands])
    for name, one in chosen.items():
        shapes = [((n,), d.np) for n, d in zip(one.room, one.outputs, strict=True)]
        bench = Bench(HostDevice(seed=3, checked=True), one.arrays(), shapes, made[name].scratch)
        bench.run(made[name].commands, module)


def test_what_is_the_same_for_all_columns_is_reduced_once() -> None:
    commands = EXAMPLES["mean loss"].kernels().commands
    assert commands[1].grid == (1, 1, 1)  # one result, from one number a row


def test_long_rows_are_read_once() -> None:
    """Where a row is too long for all values that could be kept, what was loaded still stays in shared memory."""
    (command,) = EXAMPLES["softmax of loads"].kernels().commands
    assert 2 * 60001 <= command.shared < 3 * 60001
    (command,) = EXAMPLES["softmax kept"].kernels().commands
    assert command.shared == 4 * 40000  # the exponentials take the place of what was loaded
    assert EXAMPLES["softmax again"].kernels().commands[0].shared == 0


@pytest.mark.parametrize("rounded", [False, True])
def test_halves_are_rounded_when_they_are_stored_or_cast(rounded: bool) -> None:
    """300 * 300 is more than a float16 holds."""
    half, n = as_dtype("float16"), 8
    nodes = [Node("load", (), half, frozenset({0}), 0), Node("mul", (0, 0), half, frozenset({0}))]
    if rounded:
        nodes.append(Node("cast", (1,), half, frozenset({0})))
    last = len(nodes) - 1
    nodes.append(Node("div", (last, 0), half, frozenset({0})))
    body = Fused((n,), 1, tuple(nodes), (Access((1,)),), (Store(last + 1, Access((1,))),))
    made = kernels(body, [half], [half])
    (found,) = Bench(HostDevice(), [np.full(n, 300, np.float16)], [((n,), np.float16)]).run(made.commands)
    np.testing.assert_array_equal(found, np.full(n, np.inf if rounded else 300, np.float16))
