"""Loops and branches on the device: the body is recorded once, the host reads conditions."""

import numpy as np
import pytest
from scopert_cupy import repeated
from scopert_cupy.actions import Batch, LoopAction, Repeated

import scopert as tf


def _both(build, feeds=()):
    """What NumPy and the device give, three runs each."""
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            tensors, fed = build()
            with tf.Session(backend=backend) as session:
                if tf.global_variables():
                    session.run(tf.global_variables_initializer())
                found[backend] = [
                    session.run(tensors, dict(zip(fed, values, strict=True))) for values in feeds or [()] * 3
                ]
    for one, other in zip(found["cupy"], found["numpy"], strict=True):
        tf.nest.assert_same_structure(one, other)
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            if a is None:
                assert b is None  # an operation
                continue
            np.testing.assert_allclose(a, b, rtol=2e-6)
            assert np.asarray(a).dtype == np.asarray(b).dtype and np.shape(a) == np.shape(b)
    return found["cupy"]


def _halvings(condition):
    """A loop, what it computes of ones, and what is fed."""
    x, n = tf.placeholder(tf.float32, [16]), tf.placeholder(tf.int32, [])
    _, y = tf.while_loop(lambda i, y: condition(i, n, y), lambda i, y: (i + 1, tf.cumsum(y) * 0.25), [0, x])
    value = np.ones(16)
    for _ in range(20):
        value = np.cumsum(value) * 0.25
    return y, {x: np.ones(16), n: 20}, value


def test_a_loop_of_known_length_is_recorded_as_often(device):
    y, feeds, value = _halvings(lambda i, n, y: i < 20)
    with tf.Session(backend="cupy") as session:
        first = session.run(y, feeds)
        replays, launches = device.count("replay"), device.count("launch")
        session.run(y, feeds)
        recorded = launches()
        assert recorded == 20 * 3  # counter, sum and product, but no condition
        assert (session.run(y, feeds) == first).all()
        assert replays() == 2 and launches() == recorded
        executable = session.executable(y, feeds)
    (batch,) = executable.plan.top.actions
    (loop,) = batch.works
    assert isinstance(loop, Repeated) and loop.count == 20 and not loop.deciding
    np.testing.assert_allclose(first, value, rtol=1e-5)
    assert "loop       20 times" in str(executable)


def test_a_loop_whose_length_is_fed_is_counted_on_the_host(device):
    y, feeds, value = _halvings(lambda i, n, y: i < n)
    with tf.Session(backend="cupy") as session:
        first = session.run(y, feeds)
        replays, launches, waits = [device.count(call) for call in ("replay", "launch", "synchronize")]
        assert (session.run(y, feeds) == first).all()
        assert replays() == 20 and launches() == 0  # nobody needs the condition
        assert waits() <= 2  # for what is fetched, not for conditions
        executable = session.executable(y, feeds)
    (loop,) = [action for action in executable.plan.top.actions if isinstance(action, LoopAction)]
    assert [[type(action) for action in part] for part in loop.parts] == [[Batch], [Batch], []]
    np.testing.assert_allclose(first, value, rtol=1e-5)
    assert "loop" in str(executable) and "repeat 1  " in str(executable)


def test_a_loop_that_floats_decide_reads_its_condition(device):
    y, feeds, value = _halvings(lambda i, n, y: tf.reduce_sum(y) > float(_sum_behind(19)))
    with tf.Session(backend="cupy") as session:
        first = session.run(y, feeds)
        waits = device.count("synchronize")
        assert (session.run(y, feeds) == first).all()
        assert waits() >= 20
    np.testing.assert_allclose(first, value, rtol=1e-5)


def test_a_long_loop_is_not_unrolled(device, monkeypatch):
    monkeypatch.setattr(repeated, "LARGEST", 40)
    y, feeds, value = _halvings(lambda i, n, y: i < 20)
    with tf.Session(backend="cupy") as session:
        session.run(y, feeds)
        replays, waits = device.count("replay"), device.count("synchronize")
        np.testing.assert_allclose(session.run(y, feeds), value, rtol=1e-5)
        assert replays() == 20 and waits() <= 2


def test_a_counter_that_a_loop_gives_is_known_to_the_next(device):
    """As the gradient's loop counts down what the loop itself has counted."""
    n = tf.placeholder(tf.int32, [])
    count, y = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf.sin(y)), [0, tf.ones([4])])
    _, z = tf.while_loop(lambda i, z: i > 0, lambda i, z: (i - 1, tf.cos(z)), [count, y])
    with tf.Session(backend="cupy") as session:
        session.run(z, {n: 9})
        waits = device.count("synchronize")
        found = session.run(z, {n: 9})
        assert waits() <= 2
    value = np.ones(4)
    for function in [np.sin] * 9 + [np.cos] * 9:
        value = function(value)
    np.testing.assert_allclose(found, value, rtol=1e-5)


def _sum_behind(count):
    """What the sum falls below in that iteration."""
    value, sums = np.ones(16), []
    for _ in range(count + 2):
        sums.append(value.sum())
        value = np.cumsum(value) * 0.25
    peak = int(np.argmax(sums))
    assert peak < count and sums[count] > sums[count + 1]
    return (sums[count] + sums[count + 1]) / 2


def test_variables_that_change_places():
    def build():
        pair = [tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])]
        _, a, b = tf.while_loop(lambda i, a, b: i < 5, lambda i, a, b: (i + 1, b, a), [0, *pair])
        _, c, d, e = tf.while_loop(lambda i, *v: i < 7, lambda i, c, d, e: (i + 1, d, e, c + d), [0, *pair, pair[0]])
        return [a, b, c, d, e], []

    _both(build)


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_iterations(count):
    def build():
        n = tf.placeholder(tf.int32, [])
        return tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s * 2.0 + tf.cast(i, tf.float32)), [0, 1.0]), [n]

    _both(build, [(count,)] * 3)


def test_a_loop_in_a_loop():
    def build():
        def inner(i, total):
            _, got = tf.while_loop(lambda j, t: j < i, lambda j, t: (j + 1, t + tf.cast(i * j, tf.float32)), [0, total])
            return i + 1, got

        return tf.while_loop(lambda i, t: i < 6, inner, [0, 0.0]), []

    _both(build)


def test_shapes_that_grow():
    def build():
        x = tf.placeholder(tf.float32, [None])
        _, y = tf.while_loop(
            lambda i, y: i < 3, lambda i, y: (i + 1, tf.concat([y, y * 2.0], 0)), [0, x],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
        )  # fmt: skip
        return [y, tf.reduce_sum(y)], [x]

    _both(build, [([1.0, 2.0],), ([3.0],), ([1.0, 2.0],)])


def test_random_numbers_in_a_loop():
    def build():
        _, y = tf.while_loop(
            lambda i, y: i < 4, lambda i, y: (i + 1, y + tf.random.uniform([3], seed=2)), [0, tf.zeros([3])]
        )
        return y, []

    _both(build)


def test_a_variable_written_in_a_loop():
    def build():
        v = tf.get_variable("v", [3], initializer=tf.ones_initializer(), trainable=False)

        def body(i):
            with tf.control_dependencies([tf.assign_add(v, v * 0.5)]):
                return i + 1

        done = tf.while_loop(lambda i: i < 3, body, [0])
        with tf.control_dependencies([done]):
            return tf.identity(v), []

    _both(build)


def test_a_tensor_array_keeps_what_was_written():
    """Its values must not change when the loop's memory is filled anew."""

    def build():
        x = tf.placeholder(tf.float32, [5, 3])
        rows = tf.TensorArray(tf.float32, 5).unstack(x)
        made = tf.TensorArray(tf.float32, 5)

        def body(i, state, made):
            state = state * 0.5 + rows.read(i)
            return i + 1, state, made.write(i, state)

        _, _, made = tf.while_loop(lambda i, s, m: i < 5, body, [0, tf.zeros([3]), made])
        return made.stack(), [x]

    _both(build, [(np.arange(15).reshape(5, 3),)] * 3)


def test_gradients_through_a_loop():
    def build():
        x = tf.placeholder(tf.float64, [4])
        _, y = tf.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, tf.sin(y) * x), [0, x])
        return [y, *tf.gradients(y, x)], [x]

    _both(build, [([0.1, 0.2, 0.3, 0.4],)] * 3)


def test_dynamic_rnn_trains():
    def build():
        x = tf.placeholder(tf.float32, [2, 4, 3])
        cell = tf.nn.rnn_cell.GRUCell(
            5, kernel_initializer=tf.constant_initializer(0.1), bias_initializer=tf.ones_initializer()
        )
        outputs, _ = tf.nn.dynamic_rnn(cell, x, sequence_length=[4, 2], dtype=tf.float32)
        loss = tf.reduce_sum(tf.square(outputs))
        return [loss, tf.train.GradientDescentOptimizer(0.01).minimize(loss)], [x]

    losses = _both(build, [(np.arange(24).reshape(2, 4, 3) / 24,)] * 4)
    assert losses[3][0] < losses[0][0]


@pytest.mark.parametrize("kind", ["same", "other"])
def test_branches(kind):
    def build():
        x = tf.placeholder(tf.float32, [4])
        y = tf.cumsum(x)
        z = tf.cond(
            tf.reduce_sum(x) > 0,
            lambda: tf.cumsum(y * 2.0), lambda: (y - 1.0) if kind == "same" else tf.cumsum(tf.exp(x)),
        )  # fmt: skip
        return [z, tf.cumsum(z)], [x]

    up, down = np.ones(4), -np.ones(4)
    _both(build, [(up,), (down,), (down,), (up,), (up,), (down,)])


def test_a_branch_that_writes_a_variable():
    def build():
        flag = tf.placeholder(tf.bool, [])
        v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
        step = tf.cond(
            flag, lambda: tf.identity(tf.assign_add(v, [1.0, 2.0])), lambda: tf.identity(tf.assign_sub(v, [5.0, 5.0]))
        )
        with tf.control_dependencies([step]):
            return [step, tf.identity(v)], [flag]

    _both(build, [(True,), (True,), (False,), (True,)])


def test_a_random_branch_draws_only_when_it_runs():
    def build():
        flag = tf.placeholder(tf.bool, [])
        return tf.cond(flag, lambda: tf.random.uniform([3], seed=7) * 2.0, lambda: tf.zeros([3])), [flag]

    _both(build, [(True,), (False,), (False,), (True,), (True,), (False,), (True,)])


def test_branches_in_a_loop():
    def build():
        def body(i, x):
            return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: tf.cumsum(x), lambda: x * 0.5)

        return tf.while_loop(lambda i, x: i < 5, body, [0, tf.ones([3])]), []

    _both(build)


def test_what_is_dead_cannot_be_fetched():
    x = tf.placeholder(tf.float32, [2])
    from scopert.ops.control_flow_ops import switch

    off, on = switch(tf.cumsum(x), tf.reduce_sum(x) > 0)
    with tf.Session(backend="cupy") as session:
        assert session.run(on, {x: [1, 2]}).tolist() == [1, 3]
        with pytest.raises(tf.errors.InvalidArgumentError, match="branch that was not taken"):
            session.run(off, {x: [1, 2]})


def test_an_error_in_a_loop_names_the_step():
    def body(i):
        with tf.control_dependencies([tf.debugging.Assert(i < 3, ["too far", i])]):
            return i + 1

    n = tf.while_loop(lambda i: i < 10, body, [0])
    with tf.Session(backend="cupy") as session, pytest.raises(tf.errors.InvalidArgumentError, match="too far"):
        session.run(n)


def test_a_loop_ends_at_its_deadline():
    forever = tf.while_loop(lambda x: tf.reduce_sum(x) > 0, lambda x: x * 1.0, [tf.ones([2])])
    with tf.Session(backend="cupy") as session, pytest.raises(tf.errors.DeadlineExceededError):
        session.run(forever, options=tf.RunOptions(timeout_in_ms=300))
