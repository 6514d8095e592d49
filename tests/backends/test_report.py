"""What ``print(executable)`` and ``scopert devices`` say: which engine runs each step."""

import numpy as np
import pytest
from scopert_numpy.native import unavailable

import scopert as tf


def shown(fetches, feed_dict=None, initialize=True):
    with tf.Session(backend="numpy") as sess:
        if initialize:
            sess.run(tf.global_variables_initializer())
        return str(sess.executable(fetches, feed_dict))


def step_lines(text):
    return [" ".join(line.split()) for line in text.splitlines()[1:]]


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_machine_code_runs_many_steps_in_one_call(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")
    x = tf.placeholder(tf.float32, [None, 20])
    with tf.variable_scope("net"):
        y = tf.layers.dense(tf.layers.dense(x, 64, tf.nn.relu), 3)
    train = tf.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(y)))
    text = shown(train, {x: np.zeros((8, 20), np.float32)})
    lines = step_lines(text)
    assert "workspace of" in text and "machine code by LLVM" in text
    assert any("machine code runs" in line and "in one call" in line for line in lines)
    assert "BLAS MatMul net/dense/MatMul" in lines
    assert "machine code fused net/dense/Relu" in lines
    assert any(line.split(" ", 1)[1].startswith("variable read net/dense/kernel") for line in lines)
    assert any("one pass together" in line for line in lines)


def test_each_engine_is_named(monkeypatch):
    monkeypatch.setenv("SCOPERT_NATIVE", "0")
    x = tf.placeholder(tf.float32, [4, 3])
    loop = tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0])
    fetches = [tf.nn.softmax(x), tf.argmax(x, 1),
               tf.cholesky(tf.matmul(x, x, transpose_a=True)), loop]  # fmt: skip
    text = shown(fetches, {x: np.zeros((4, 3), np.float32)}, initialize=False)
    assert "no machine code (SCOPERT_NATIVE=0 turns it off)" in text
    for engine in ("NumPy in blocks fused", "own kernel ArgMax", "own kernel MatMul", "generic kernel Cholesky", "loop of"):
        assert any(engine in line for line in step_lines(text)), (engine, text)


def test_steps_in_a_branch_say_when_they_run():
    x = tf.placeholder(tf.float32, [2, 2])
    text = shown(tf.cond(x[0, 0] > 0, lambda: tf.cholesky(x), lambda: x), {x: np.eye(2)}, initialize=False)
    assert any("Cholesky" in line and "if alive: %" in line for line in text.splitlines())


def test_devices_say_what_computes(capsys):
    from scopert.cli.main import main

    assert main(["devices"]) == 0
    assert f"numpy:0  NumPy {np.__version__}; " in capsys.readouterr().out
