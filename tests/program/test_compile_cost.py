"""What compiling costs grows as the graph does."""

import gc
import sys

import numpy as np
import pytest

import scopert as tf
from scopert.backend import FUSED
from scopert.program.collector import collector_rests
from scopert.program.passes.fuse_groups import LARGEST_GROUP
from scopert.program.passes.pipeline import PIPELINE, optimised


def _optimised(count, link):
    """The program of a chain after all passes, and how many Python functions they called."""
    calls = 0

    def count_calls(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    with tf.Graph().as_default(), tf.Session() as session:
        x = y = tf.placeholder(tf.float32, [50])
        for number in range(count):
            y = link(y, x, number)
        before = sys.getprofile()
        sys.setprofile(count_calls)
        try:
            program = optimised(session.program([y], (), [x]), ((50,),), PIPELINE)
        finally:
            sys.setprofile(before)
        return program, calls


def _sizes(program):
    """How many operations each step does."""
    return [len(step.origin.attrs["fused"]) if step.op == FUSED else 1 for step in program.steps]


def _maps(y, x, number):
    return [lambda: y + 0.5, lambda: y * 0.9, lambda: tf.tanh(y), lambda: tf.nn.relu(y), lambda: y - x][number % 5]()


def _reductions(y, x, number):
    return x * tf.reduce_mean(y) if number % 10 == 9 else tf.tanh(y)


@pytest.mark.parametrize("link", [_maps, _reductions])
def test_chains_compile_in_linear_time(link):
    """Eight times the operations are eight times the work, counted and not timed, and as many more steps."""
    _optimised(100, link)  # what is only called once
    (short, few), (long, many) = _optimised(1000, link), _optimised(8000, link)
    assert many < 9 * few, (few, many)
    assert len(long.steps) <= 8 * len(short.steps), (short.steps, long.steps)
    assert sum(_sizes(long)) >= 8000
    assert max(_sizes(long)) <= LARGEST_GROUP


def test_long_chains_have_the_values_of_the_plain_path(monkeypatch):
    values = []
    for optimize in ("0", "1"):
        monkeypatch.setenv("SCOPERT_OPTIMIZE", optimize)
        monkeypatch.setenv("SCOPERT_JIT", optimize)
        with tf.Graph().as_default(), tf.Session() as session:
            x = y = tf.placeholder(tf.float32, [37])
            for number in range(2500):
                y = _maps(y, x, number) if number % 50 else tf.tanh(x * tf.reduce_sum(y))
            values.append(session.run(y, {x: np.linspace(-1, 1, 37)}))
    np.testing.assert_allclose(values[0], values[1], rtol=2e-5, atol=1e-6)


def test_the_collector_rests_and_works_again():
    was = gc.isenabled()
    try:
        gc.enable()
        with collector_rests():
            assert not gc.isenabled()
            with collector_rests():
                pass
            assert not gc.isenabled()
        assert gc.isenabled()
        gc.disable()
        with collector_rests():
            pass
        assert not gc.isenabled()
    finally:
        (gc.enable if was else gc.disable)()
