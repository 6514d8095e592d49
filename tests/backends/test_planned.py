"""Programs in a planned workspace: the numbers of the plain path, no allocation, nothing overwritten."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.native import unavailable
from scopert_numpy.planned import PlannedExecutable

import scopert as tf
from scopert.program.passes.pipeline import PIPELINE, UNFUSED, optimised

N = 6


def plain_session():
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


def unfused_session():
    """Every op runs its own kernel: the numbers are those of the plain path, to the bit."""
    options = tf.OptimizerOptions(global_jit_level=tf.OptimizerOptions.OFF)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


def executable(sess, fetches, targets, feeds, shapes, passes=PIPELINE):
    """The planned executable of some fetches in a session."""
    program = optimised(sess.program(fetches, targets, feeds), shapes, passes)
    made = sess.compile(program)
    return getattr(made, "_executable", made), program


# Functions of one or two matrices of N x N, with a result of that shape.
STEPS = [
    lambda a, b: tf.exp(-tf.abs(a)), lambda a, b: a + b, lambda a, b: a * b[0], lambda a, b: a - tf.transpose(b),
    lambda a, b: tf.matmul(a, b) / N, lambda a, b: tf.transpose(a), lambda a, b: tf.maximum(a, b) * a,
    lambda a, b: tf.reshape(tf.transpose(tf.reshape(a, [2, 3, N]), [1, 0, 2]), [N, N]),
    lambda a, b: tf.concat([a[:2], b[2:]], 0), lambda a, b: tf.where(a > b, a, tf.zeros_like(b)),
    lambda a, b: a + tf.reduce_mean(b, 1, keepdims=True), lambda a, b: tf.nn.softmax(a),
    lambda a, b: tf.stack(tf.unstack(a)[::-1]) + tf.reduce_max(b), lambda a, b: tf.add_n([a, b, a]),
    lambda a, b: tf.nn.relu(a) + tf.gather(b, [5, 4, 3, 2, 1, 0]), lambda a, b: tf.cumsum(a) / N,
    lambda a, b: tf.tile(a[:, :3], [1, 2]) * b, lambda a, b: tf.pad(a[1:5, 1:5], [[1, 1], [1, 1]]) + tf.square(b),
    lambda a, b: tf.cast(tf.cast(a * 10, tf.int32), tf.float32) - b,
]  # fmt: skip


@settings(deadline=None, max_examples=120)
@given(
    st.lists(st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=25),
    st.lists(st.integers(0, 40), min_size=1, max_size=3),
)
def test_random_programs_give_the_numbers_of_the_plain_path(steps, fetched):
    with tf.Graph().as_default():
        feeds = [tf.placeholder(tf.float32, [N, N]) for _ in range(2)]
        values = list(feeds)
        for kind, first, second in steps:
            values.append(STEPS[kind](values[first % len(values)], values[second % len(values)]))
        fetches = [values[number % len(values)] for number in fetched]
        rng = np.random.RandomState(len(steps))
        runs = [rng.randn(2, N, N).astype(np.float32) for _ in range(3)]
        with unfused_session() as sess, plain_session() as plain:
            held = [sess.run(fetches, dict(zip(feeds, run, strict=True))) for run in runs]
            for run, results in zip(runs, held, strict=True):
                expected = plain.run(fetches, dict(zip(feeds, run, strict=True)))
                for found, wanted in zip(results, expected, strict=True):
                    assert found.tobytes() == wanted.tobytes()


def mlp(width=64):
    tf.set_random_seed(1)
    x, y = tf.placeholder(tf.float32, [None, 20]), tf.placeholder(tf.int32, [None])
    h = tf.layers.dense(x, width, tf.nn.relu)
    h = tf.layers.dense(h, width, tf.tanh)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tf.layers.dense(h, 5)))
    return x, y, loss, tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)


def test_training_gives_the_numbers_of_the_plain_path():
    x, y, loss, train = mlp()
    rng = np.random.RandomState(0)
    batches = [{x: rng.randn(n, 20), y: rng.randint(0, 5, n)} for n in (32, 32, 7, 32, 7)]
    losses = []
    for session in (unfused_session, plain_session, tf.Session):
        with session() as sess:
            sess.run(tf.global_variables_initializer())
            losses.append([sess.run([loss, train], batch)[0] for batch in batches])
    assert losses[0] == losses[1]
    np.testing.assert_allclose(losses[2], losses[1], rtol=1e-6)


def allocated(run):
    """The most bytes that a steady-state run allocates, and what it keeps."""
    for _ in range(3):
        run()
    tracemalloc.start()
    try:
        run()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(5):
            run()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before, after - before


def test_a_steady_run_allocates_no_arrays(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")
    x = tf.placeholder(tf.float32, [128, 256])
    h = x
    for _ in range(3):
        h = tf.nn.relu(tf.matmul(h, tf.Variable(tf.ones([256, 256]))) + 1.0)
        h = tf.reshape(tf.transpose(tf.reshape(h, [128, 4, 64]), [1, 0, 2]), [128, 256])
        h = tf.concat([h[:64], tf.exp(-h[64:])], 0)
    y = tf.reduce_sum(h, 0)
    array = np.ones((128, 256), np.float32)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        most, kept = allocated(lambda: sess.run(y, {x: array}))
    # One array of the program has 128 KiB, the result has 1 KiB. NumPy itself takes and frees a buffer in a call that
    # writes in another order than it reads (here 32 KiB: relu into a transposed array); machine code does not.
    buffer = 0 if unavailable() is None else np.getbufsize() * 4
    assert most < buffer + (16 << 10), most
    assert kept < 4 << 10, kept


def test_several_threads_have_workspaces_of_their_own():
    x = tf.placeholder(tf.float32, [64, 64])
    y = x
    for _ in range(20):
        y = tf.tanh(tf.matmul(y, y) / 64.0 + x)
    with tf.Session() as sess:
        arrays = [np.random.RandomState(n).randn(64, 64).astype(np.float32) for n in range(4)]
        expected = [sess.run(y, {x: array}).tobytes() for array in arrays]
        wrong: list[bytes] = []

        def work(number):
            found = [sess.run(y, {x: arrays[number]}).tobytes() for _ in range(20)]
            wrong.extend(made for made in found if made != expected[number])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_a_workspace_serves_one_run_after_the_other():
    x = tf.placeholder(tf.float32, [8])
    y = tf.reduce_sum(tf.sin(tf.exp(x)))
    with unfused_session() as sess:
        made, program = executable(sess, [y], (), [x], ((8,),), UNFUSED)
        assert isinstance(made, PlannedExecutable)
        for _ in range(3):
            made.run([np.ones(8, np.float32)])
        assert len(made._free) == 1
        assert made.memory is program.memory


def test_a_failing_step_is_reported_as_on_the_plain_path():
    x = tf.placeholder(tf.int32, [2])
    y = tf.reduce_sum(tf.gather(tf.Variable(tf.ones([3, 4])), x, name="pick") * 2.0, 1) * 3.0
    messages = []
    for session in (tf.Session, plain_session):
        with session() as sess:
            sess.run(tf.global_variables_initializer())
            with pytest.raises(tf.errors.InvalidArgumentError) as failure:
                sess.run(y, {x: [0, 7]})
            messages.append(failure.value.message)
            assert failure.value.op.name == "pick"
            assert sess.run(y, {x: [0, 1]}).tolist() == [24, 24]
    assert messages[0] == messages[1]


def test_a_variable_that_got_another_shape(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")  # which insists on static shapes
    v = tf.Variable(tf.ones([3]), name="v")
    y = tf.reduce_sum(tf.exp(v * 0.0) * 2.0 + v)
    other = tf.assign(v, tf.ones([1]), validate_shape=False)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(y) == 9
        sess.run(other.op)
        assert sess.run(y) == 3


def test_what_a_queue_holds_is_not_overwritten():
    x = tf.placeholder(tf.float32, [4])
    queue = tf.FIFOQueue(3, [tf.float32], [[4]])
    put, get = queue.enqueue([tf.exp(x) + 1.0]), queue.dequeue()
    with tf.Session() as sess:
        for number in range(3):
            sess.run(put, {x: np.full(4, number, np.float32)})
        for number in range(3):
            np.testing.assert_allclose(sess.run(get), np.exp(number) + 1, rtol=1e-6)


def test_loops_and_branches_keep_their_values():
    x = tf.placeholder(tf.float32, [4])
    a = tf.exp(x)
    taken = tf.cond(x[0] > 0, lambda: tf.square(a) + a, lambda: a - 1.0)
    _, repeated = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.sin(v) + a), [0, tf.square(a)])
    y = [tf.reduce_sum(taken * repeated), tf.exp(a) * 2.0]
    with unfused_session() as sess, plain_session() as plain, tf.Session() as fused:
        for sign in (1, -1, 1):
            feed = {x: sign * np.arange(1, 5, dtype=np.float32)}
            for found, close, wanted in zip(sess.run(y, feed), fused.run(y, feed), plain.run(y, feed), strict=True):
                np.testing.assert_array_equal(found, wanted)
                np.testing.assert_allclose(close, wanted, rtol=1e-5)  # exp of exp
