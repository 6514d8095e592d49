"""Which function a FUSED step gets: machine code, or NumPy where there is none for it; both fill given memory."""

import numpy as np
import pytest
from scopert_numpy import compiled
from scopert_numpy.blocked import Blocked
from scopert_numpy.native import unavailable

import scopert as tf
from scopert.backend import FUSED
from scopert.program.passes.fuse import Fuse
from scopert.program.passes.pipeline import optimised


@pytest.fixture
def program():
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [4, 5])
        y = tf.tanh(x * 2.0 + 1.0)
        yield optimised(sess.program([y, tf.exp(tf.transpose(y))], [], [x]), ((4, 5),), (Fuse(),))


VALUE = np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)


def expected():
    y = np.tanh(VALUE.astype(np.float64) * 2 + 1)
    return y, np.exp(y.T)


def callables(program):
    fused = compiled.FusedSteps(program)
    return {step: fused.callable(step) for step in program.steps}


def run(program, arrays, into=False):
    values = dict(program.constants) | dict(zip(program.feeds, arrays, strict=True))
    functions = callables(program)
    assert functions and all(step.op == FUSED for step in functions)
    for step, function in functions.items():
        out = [np.full(program.values[slot].shape, np.nan, np.float32) for slot in step.outputs]
        single = len(out) == 1
        inputs = [values[slot] for slot in step.inputs]
        made = function(*inputs, out=out[0] if single else tuple(out)) if into else function(*inputs)
        values.update(zip(step.outputs, out if into else [made] if single else made, strict=True))
    return [values[fetch.slot] for fetch in program.fetches]


@pytest.mark.parametrize("machine", [True, False])
@pytest.mark.parametrize("into", [True, False])
def test_results(program, monkeypatch, machine, into):
    if not machine:
        monkeypatch.setattr(compiled, "_machine", lambda: None)
    for found, want in zip(run(program, [VALUE], into), expected(), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-5)


def test_inputs_need_not_be_contiguous(program):
    for found, want in zip(run(program, [np.asfortranarray(VALUE)]), expected(), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-5)


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_what_machine_code_refuses_runs_in_numpy(program, monkeypatch):
    class Refusing:
        refused = {0: "something is missing"}

        def compile(self, bodies):
            return [None] * len(bodies)

    assert not any(isinstance(function, Blocked) for function in callables(program).values())
    monkeypatch.setattr(compiled, "_machine", Refusing)
    assert all(isinstance(function, Blocked) for function in callables(program).values())


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_long_chains_are_no_deep_recursion():
    with tf.Graph().as_default(), tf.Session() as sess:
        y = x = tf.placeholder(tf.float32, [2, 3])
        for _ in range(700):
            y = 0.5 * y + 1.0
        row = tf.reduce_sum(y, axis=1, keepdims=True)
        program = optimised(sess.program([y / row], [], [x]), ((2, 3),), (Fuse(),))
    (found,) = run(program, [np.ones((2, 3), np.float32)])
    np.testing.assert_allclose(found, np.full((2, 3), 1 / 3), rtol=1e-6)


def test_a_switch_leaves_everything_to_numpy(monkeypatch):
    from scopert_numpy.native import open_engine

    monkeypatch.setenv("SCOPERT_NATIVE", "0")
    assert unavailable() == "SCOPERT_NATIVE=0 turns it off"
    assert open_engine() is None


def test_a_number_for_all_places():
    import scopert as tf

    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [])
        found = session.run(tf.tile(tf.reshape(x, [1, 1]), [6, 8]) / 3.0, {x: 6.0})
        assert found.shape == (6, 8) and (found == 2.0).all()
