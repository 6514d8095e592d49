"""Steps without an emitter: over the device's arrays, and on the host where its library refuses them."""

import logging

import numpy as np
import pytest
from scopert_cupy.backend import CupyBackend
from scopert_cupy.host.device import HostDevice
from scopert_cupy.interpreter import interpret

import scopert as tf
from scopert.backend import FUSED, bind
from scopert.program.lower import lower
from scopert.program.passes.pipeline import PIPELINE, optimised
from scopert.runtime import backends


class Library:
    """An array library that lacks functions: NumPy without them."""

    def __init__(self, *missing):
        self.missing = missing

    def __getattr__(self, name):
        if name in self.missing:
            raise AttributeError(f"the library has no {name}")
        return getattr(np, name)


class PoorDevice(HostDevice):
    """Its arrays are another library's."""

    library = Library("unique", "sign", "linalg")

    @property
    def xp(self):
        return self.library


@pytest.fixture
def poor(monkeypatch):
    monkeypatch.setitem(backends._registry._opened, ("cupy", 0), CupyBackend(PoorDevice()))


def test_what_the_library_lacks_runs_on_the_host(poor, caplog):
    x = tf.placeholder(tf.float32, [5])
    values, index = tf.unique(tf.cumsum(x))
    with tf.Session(backend="cupy") as session, caplog.at_level(logging.WARNING):
        for _ in range(3):
            found = session.run([values, index], {x: [1, 0, 2, 0, 1]})
            assert found[0].tolist() == [1, 3, 4] and found[1].tolist() == [0, 0, 1, 1, 2]
    told = [record.message for record in caplog.records if "runs on the host" in record.message]
    assert len(told) == 1 and "Unique" in told[0] and "the library has no unique" in told[0]


def test_what_the_library_keeps_is_given_back_first(monkeypatch):
    """A pool of freed blocks must not make an arena fail."""
    device = PoorDevice(memory=1 << 16)
    kept = [device.allocate(60_000)]

    class Pool:
        def free_bytes(self):
            return sum(block.nbytes for block in kept)

        def free_all_blocks(self):
            kept.clear()

    library = Library()
    library.get_default_memory_pool = Pool
    monkeypatch.setattr(device, "library", library, raising=False)
    monkeypatch.setitem(backends._registry._opened, ("cupy", 0), CupyBackend(device))
    x = tf.placeholder(tf.float32, [3000])
    with tf.Session(backend="cupy") as session:
        assert session.run(tf.cumsum(x), {x: np.ones(3000)})[-1] == 3000
    assert not kept


def test_a_variable_that_the_host_updates(poor):
    """An optimizer's rule without emitter, on copies that are written back."""
    steps = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            w = tf.get_variable("w", [4], initializer=tf.ones_initializer())
            step = tf.get_variable("step", [], tf.int64, tf.zeros_initializer(), trainable=False)
            train = tf.train.AdagradDAOptimizer(0.1, step).minimize(tf.reduce_sum(tf.square(w)), step)
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                for _ in range(3):
                    session.run(train)
                steps[backend] = session.run(w)
    np.testing.assert_allclose(steps["cupy"], steps["numpy"], rtol=1e-6)


def test_an_error_of_the_program_is_that_of_numpy(poor):
    x = tf.placeholder(tf.float64, [2, 2])
    y = tf.linalg.cholesky(x)
    with tf.Session(backend="cupy") as session:
        assert session.run(y, {x: [[4, 0], [0, 9]]}).tolist() == [[2, 0], [0, 3]]
        with pytest.raises(tf.errors.InvalidArgumentError) as one:
            session.run(y, {x: [[1, 2], [2, 1]]})
    with tf.Session(backend="numpy") as session, pytest.raises(tf.errors.InvalidArgumentError) as other:
        session.run(y, {x: [[1, 2], [2, 1]]})
    assert str(one.value) == str(other.value)


def test_the_numbers_of_numpy_with_another_library(poor):
    """All eager steps of a small network whose device has an array library of its own."""
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            x = tf.placeholder(tf.float32, [None, 3])
            n = tf.placeholder(tf.int32, [])
            y = tf.layers.dense(tf.boolean_mask(x, x[:, 0] > 0), 2, use_bias=True)
            z = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.concat([a, y], 0)), [0, y], [
                tf.TensorShape([]), tf.TensorShape([None, 2])
            ])[1]  # fmt: skip
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                rows = np.random.default_rng(0).normal(size=(6, 3))
                found[backend] = session.run(z, {x: rows, n: 2})
    np.testing.assert_allclose(found["cupy"], found["numpy"], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32"])
def test_the_interpreter_of_fused_bodies(dtype):
    """What runs if a body cannot be printed, against the steps one by one."""
    x = tf.placeholder(dtype, [4, 6])
    y = tf.placeholder(dtype, [6])
    made = [tf.reverse((x + y) * 3, [1]) - x, tf.reduce_max(x * y, 0), tf.maximum(x, y) * tf.reduce_sum(x, 1, keepdims=True)]
    if dtype.endswith("16") or dtype == "float32":
        made += [tf.nn.softmax(x), tf.erf(x) + tf.sigmoid(y), tf.cast(x, tf.int32)]
    program = optimised(lower(made, (), [x, y]), [(4, 6), (6,)], PIPELINE)
    rng = np.random.default_rng(1)
    fed = [rng.integers(-4, 5, (4, 6)).astype(x.dtype.np), rng.integers(-4, 5, 6).astype(x.dtype.np)]
    values = dict(zip(program.feeds, fed, strict=True)) | program.constants
    fused = 0
    for step in program.steps:
        if step.op != FUSED:
            values[step.outputs[0]] = bind(step.kernel, step.keywords, np, step.origin)(*[values[s] for s in step.inputs])
            continue
        fused += 1
        shapes = [program.values[slot].shape for slot in step.outputs]
        values.update(zip(step.outputs, interpret(np, step.body, [values[s] for s in step.inputs], shapes), strict=True))
    assert fused >= 2
    with tf.Session(backend="numpy") as session:
        expected = session.run(made, dict(zip((x, y), fed, strict=True)))
    tolerance = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2, "int32": 0}[dtype]
    for fetch, other in zip(program.fetches, expected, strict=True):
        np.testing.assert_allclose(
            values[fetch.slot].astype(np.float64), other.astype(np.float64), rtol=tolerance, atol=tolerance
        )
