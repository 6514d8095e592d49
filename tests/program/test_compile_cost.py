"""What compiling costs grows as the graph does."""

import gc
import time

import numpy as np
import pytest

import scopert as tf
from scopert.program.collector import collector_rests


def _first_run(count, link):
    """Processor time of the first run of a chain."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = y = tf.placeholder(tf.float32, [50])
        for number in range(count):
            y = link(y, x, number)
        start = time.process_time()
        value = session.run(y, {x: np.ones(50, np.float32)})
        assert value.shape == (50,)
        return time.process_time() - start


def _maps(y, x, number):
    return [lambda: y + 0.5, lambda: y * 0.9, lambda: tf.tanh(y), lambda: tf.nn.relu(y), lambda: y - x][number % 5]()


def _reductions(y, x, number):
    return x * tf.reduce_mean(y) if number % 10 == 9 else tf.tanh(y)


@pytest.mark.parametrize("link", [_maps, _reductions])
def test_chains_compile_in_linear_time(link, monkeypatch):
    monkeypatch.setenv("SCOPERT_JIT", "1")
    monkeypatch.setenv("SCOPERT_CACHE", "")
    _first_run(100, link)
    short, long = _first_run(1000, link), _first_run(8000, link)
    assert long < 20 * short + 0.5, (short, long)


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
