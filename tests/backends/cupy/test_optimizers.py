"""Optimizer steps as kernels: the rules of NumPy's kernels, for one variable and for all of a model in one launch."""

from __future__ import annotations

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from backends.cupy.emitted_steps import OneStep, run
from backends.cupy.recorded import FACTS
from scopert_cupy import nvrtc
from scopert_cupy.command import Launch, Table
from scopert_cupy.emit import Request, emit
from scopert_cupy.emitters import optimizers
from scopert_cupy.host.device import HostDevice
from scopert_cupy.rule_source import Untraceable, ways

import scopert as tf
from scopert.backend import TOGETHER, Origin, Program, Step, Together, Value
from scopert.ops.training_ops import FULL, TRAINING_OPS, update_of

OPS = sorted(op for op in TRAINING_OPS if update_of(op) is not None)
#: Their rules use numbers as Python numbers, which only eager kernels can.
EAGER = {"ApplyAdagradDA", "ResourceApplyAdagradDA"}
DTYPES = {
    "float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64,
}  # fmt: skip
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-6, "float64": 1e-14}
#: One element, less than a vector, a vector and a rest, and more than a chunk.
SIZES = (1, 3, 64, 1031)
NUMBERS = {
    "lr": 0.1, "alpha": 0.1, "l1": 0.05, "l2": 0.01, "l2_shrinkage": 0.02, "lr_power": -0.5, "momentum": 0.9,
    "rho": 0.95, "epsilon": 1e-3, "beta1": 0.9, "beta2": 0.99, "beta1_power": 0.81, "beta2_power": 0.98,
    "logbase": 0.7, "sign_decay": 0.8, "beta": 0.6,
}  # fmt: skip


def _arrays(op: str, size: int, seed: int, dtype: Any, numbers: dict[str, float]) -> list[Any]:
    update, rng = update_of(op), np.random.default_rng(seed)
    assert update is not None
    made = []
    for index, name in enumerate(update.names):
        if index >= update.states and name not in FULL:
            made.append(np.array(numbers[name], dtype))
        elif 0 < index < update.states:
            # Slots: squares, or a mean whose square is less than they are.
            made.append(((rng.random(size) + 0.5) * (0.4 if name == "mg" else 1)).astype(dtype))
        else:
            made.append(rng.standard_normal(size).astype(dtype))
    return made


def _expected(op: str, arrays: list[Any], flags: dict[str, bool]) -> list[Any]:
    """The rule in float64, on the numbers as they were rounded."""
    update = update_of(op)
    assert update is not None
    wide = [np.array(array, np.float64) for array in arrays]
    numbers = [array[()] if not array.ndim else array for array in wide[update.states :]]
    update.rule(np, *wide[: update.states], *numbers, **flags)
    return wide[: update.states]


def _members(op: str, sizes: tuple[int, ...], dtype: Any, flags: dict[str, bool]) -> tuple[Program, list[Step]]:
    """Steps that share their numbers, over variables of these sizes."""
    update, values, steps = update_of(op), [], []
    assert update is not None
    kind, shared = tf.as_dtype(dtype), {}

    def slot(name: str, shape: tuple[int, ...], variable: bool) -> int:
        values.append(Value(len(values), name, kind._as_ref if variable else kind, shape))
        return len(values) - 1

    for size in sizes:
        inputs = []
        for index, name in enumerate(update.names):
            if index < update.states or name in FULL:
                inputs.append(slot(name, (size,), index < update.states))
            else:
                if name not in shared:
                    shared[name] = slot(name, (), False)
                inputs.append(shared[name])
        origin = Origin(f"step{size}", op, {"T": kind, "use_locking": False, **flags}, (), (), None)
        outputs = () if update.resource else (slot("out", (size,), True),)
        steps.append(Step(op, tuple(inputs), outputs, origin))
    return Program(tuple(values), (), {}, {}, tuple(steps), ()), steps


def _together(steps: list[Step]) -> Step:
    origin = Origin("all", TOGETHER, {}, (), (), None)
    inputs, outputs = (tuple(itertools.chain(*(getattr(s, k) for s in steps))) for k in ("inputs", "outputs"))
    return Step(TOGETHER, inputs, outputs, origin, body=Together(tuple(steps)))


def _cases(together: bool) -> list[tuple[Any, ...]]:
    """(op, dtype, flags, numbers, arrays of each member, what they become, step)"""
    cases = []
    for op in OPS:
        update = update_of(op)
        assert update is not None
        if op in EAGER or (update.resource and op.removeprefix("Resource") in OPS and not op.endswith("Momentum")):
            continue
        choices = [dict(zip(update.flags, flags)) for flags in itertools.product((False, True), repeat=len(update.flags))]
        variants = [NUMBERS, *([{**NUMBERS, "l1": 0.0}] if "l1" in update.names else [])]
        if "lr_power" in update.names:
            variants.append({**NUMBERS, "lr_power": -0.3})
        for (dtype, kind), flags, numbers in itertools.product(DTYPES.items(), choices, variants):
            if ((flags and any(flags.values())) or numbers is not NUMBERS) and dtype != "float32":
                continue
            program, steps = _members(op, SIZES, kind, flags)
            for group in [[*steps]] if together else [[step] for step in steps[:: 3 if dtype == "float32" else 4]]:
                sizes = [program.values[step.inputs[0]].shape[0] for step in group]
                arrays = [_arrays(op, size, size, kind, numbers) for size in sizes]
                step = _together(group) if together else group[0]
                emitted = emit(Request(step, program, FACTS), optimizers.TABLE)
                assert emitted is not None, op
                cases.append((op, dtype, flags, arrays, emitted, [None] * len(step.outputs)))
    return cases


@pytest.mark.parametrize("together", [False, True], ids=["one", "together"])
def test_every_optimizer_computes_its_rule(together: bool) -> None:
    cases = _cases(together)
    steps = [OneStep(emitted, list(itertools.chain(*arrays)), outs) for *_, arrays, emitted, outs in cases]
    for (op, dtype, flags, arrays, _, _), (_, after) in zip(cases, run(HostDevice(), steps), strict=True):
        width = len(arrays[0])
        for number, given in enumerate(arrays):
            mine = after[number * width : (number + 1) * width]
            expected = _expected(op, given, flags)
            for found, right in zip(mine, expected, strict=False):
                error = np.abs(found.astype(np.float64) - right) / (1 + np.abs(right))
                assert error.max() < TOLERANCE[dtype], (op, dtype, flags, len(right), error.max())
            for found, before in zip(mine[len(expected) :], given[len(expected) :], strict=True):
                np.testing.assert_array_equal(found, before)  # gradients and numbers stay


def test_a_model_is_one_launch_with_the_bits_of_single_ones() -> None:
    program, steps = _members("ApplyAdam", (5, 4096, 4097, 12000, 1), np.float32, {"use_nesterov": False})
    arrays = [_arrays("ApplyAdam", program.values[s.inputs[0]].shape[0], k, np.float32, NUMBERS) for k, s in enumerate(steps)]
    whole = emit(Request(_together(steps), program, FACTS), optimizers.TABLE)
    assert whole is not None
    assert len(whole.commands) == 1
    launch, table = whole.commands[0], whole.constants[0]
    assert isinstance(launch, Launch)
    assert isinstance(table, Table)
    assert table.entries[:5] == (0, 1, 5, 10, 22)  # the first chunk of each
    assert launch.grid == (23, 1, 1)
    alone = [emit(Request(step, program, FACTS), optimizers.TABLE) for step in steps]
    every = [OneStep(whole, [a for row in arrays for a in row], [None] * 5)]
    every += [OneStep(e, row, [None]) for e, row in zip(alone, arrays, strict=True) if e is not None]
    for seed in (0, 3, 8):  # the order of threads and blocks does not matter
        found = [after for _, after in run(HostDevice(seed=seed), every)]
        np.testing.assert_equal(found[0], [array for after in found[1:] for array in after])


def test_chunks_grow_with_the_model() -> None:
    for size, chunk in ((10, 1024), (1 << 23, 1024), (1 << 24, 2048), (1 << 28, 8192)):
        program, steps = _members("ApplyGradientDescent", (size, 1), np.float32, {})
        emitted = emit(Request(_together(steps), program, FACTS), optimizers.TABLE)
        assert emitted is not None
        (launch,) = emitted.commands
        assert isinstance(launch, Launch)
        assert launch.arguments[-1] == chunk
        assert launch.grid[0] == launch.arguments[-2] == -(-size // chunk) + 1


def test_vectors_only_where_addresses_allow() -> None:
    """A gradient that begins in the middle of a vector."""
    program, steps = _members("ApplyMomentum", (64,), np.float32, {"use_nesterov": True})
    emitted = emit(Request(_together(steps), program, FACTS), optimizers.TABLE)
    assert emitted is not None
    from dataclasses import replace

    table = emitted.constants[0]
    moved = Table(tuple([replace(e, offset=4) if not isinstance(e, int) and e.number == 3 else e for e in table.entries]))
    arrays = _arrays("ApplyMomentum", 64, 1, np.float32, NUMBERS)
    longer = [*arrays[:3], np.concatenate([[np.float32(9)], arrays[3]]), *arrays[4:]]
    ((_, after),) = run(HostDevice(), [OneStep(replace(emitted, constants=(moved,)), longer, [None])])
    expected = _expected("ApplyMomentum", arrays, {"use_nesterov": True})
    np.testing.assert_allclose(after[0], expected[0], rtol=1e-6, atol=1e-6)


def test_what_is_not_a_formula_runs_eagerly() -> None:
    for op in EAGER:
        program, steps = _members(op, (4,), np.float32, {})
        assert emit(Request(steps[0], program, FACTS), optimizers.TABLE) is None
        assert emit(Request(_together(steps), program, FACTS), optimizers.TABLE) is None
    program, steps = _members("ApplyAdam", (4,), np.complex64, {"use_nesterov": False})
    assert emit(Request(steps[0], program, FACTS), optimizers.TABLE) is None
    with pytest.raises(Untraceable, match="looks at an array"):
        ways(lambda xp, x: x[0].__setitem__(Ellipsis, x[0] if x[0] > 1 else x[1]), [True, True], 1)
    with pytest.raises(Untraceable, match="sort cannot be traced"):
        ways(lambda xp, x: xp.sort(x[0]), [True], 1)


def test_a_rule_that_looks_at_numbers_becomes_branches() -> None:
    def rule(xp: Any, x: Any) -> None:
        if x[1] > 0:
            x[0] += x[1]
            if x[2] > 1:
                x[0] *= x[2]

    found = ways(rule, [True, False, False], 1)
    assert [[decided for *_, decided in way.looks] for way in found] == [[True, True], [True, False], [False]]
    assert found[2].changed == ("x0",)


OPTIMIZERS: dict[str, Any] = {
    "adam": lambda: tf.train.AdamOptimizer(0.01),
    "momentum": lambda: tf.train.MomentumOptimizer(tf.train.exponential_decay(0.1, tf.train.get_or_create_global_step(), 2, 0.5), 0.9),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.01, momentum=0.5, centered=True),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    "adagrad_da": lambda: tf.train.AdagradDAOptimizer(0.1, tf.train.get_or_create_global_step()),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_a_model_trains_as_on_numpy(name: str, resource: bool) -> None:
    found, launches = {}, []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            rng = np.random.RandomState(2)
            variables = [
                tf.get_variable(f"v{k}", initializer=tf.constant(rng.normal(size=shape), tf.float32), use_resource=resource)
                for k, shape in enumerate([(40, 30), (30,), (30, 3), (1,)])
            ]
            x = tf.placeholder(tf.float32, [8, 40])
            h = tf.tanh(tf.matmul(x, variables[0]) + variables[1])
            loss = tf.reduce_mean(tf.square(tf.matmul(h, variables[2]) * variables[3] - 1.0))
            step = tf.train.get_or_create_global_step()
            train = OPTIMIZERS[name]().minimize(loss, step)
            feed = {x: rng.normal(size=(8, 40))}
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                losses = [session.run([loss, train], feed)[0] for _ in range(5)]
                found[backend] = [*losses, *session.run(tf.global_variables())]
                for dispatch in session._executables.values():
                    for executable in getattr(dispatch, "_found", {}).values() if backend == "cupy" else ():
                        launches += [line for line in str(executable).splitlines() if {"together", "eager"} & set(line.split())]
    for left, right in zip(found["numpy"], found["cupy"], strict=True):
        np.testing.assert_allclose(left, right, rtol=2e-5, atol=2e-6)
    if name == "adagrad_da":
        assert sum("AdagradDA" in line for line in launches) == len(launches) == 4
    else:
        assert len(launches) == 1, launches  # one for all four
        (line,) = launches
        assert line.split()[:2] == ["generated", "together"]


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_kernels_fit_in_registers_and_use_wide_accesses(architecture: str) -> None:
    wanted = [("ApplyAdam", "float32"), ("ApplyAdam", "bfloat16"), ("ApplyMomentum", "float32"), ("ApplyFtrl", "float32")]
    functions = []
    for (op, dtype), together in itertools.product(wanted, (False, True)):
        update = update_of(op)
        assert update is not None
        program, steps = _members(op, (64,), DTYPES[dtype], dict.fromkeys(update.flags, False))
        emitted = emit(Request(_together(steps) if together else steps[0], program, FACTS), optimizers.TABLE)
        assert emitted is not None
        functions.append(emitted.commands[0].function)  # type: ignore[union-attr]
    source = "\n".join(function.source for function in functions)
    resources = nvrtc.compile_cubin(source, architecture).resources
    assert all(found.spills == 0 for found in resources.values()), resources
    assert all(found.registers <= 128 for found in resources.values()), resources
    ptx = nvrtc.compile_ptx(source, architecture)
    for function in functions:
        assert nvrtc.access_width(ptx, function.name) == (function.width, function.width) == (16, 16)
