"""The variable store: one buffer, snapshots, growth, sharing."""

import threading

import numpy as np
import pytest

import scopert as tf
from scopert.graph.build import apply
from scopert.ops.raw import raw
from scopert.ops.state_resource import VAR_HANDLE_OP


def variables(**shapes):
    return {
        name: tf.get_variable(name, shape, initializer=tf.constant_initializer(number))
        for number, (name, shape) in enumerate(shapes.items(), 1)
    }


@pytest.fixture
def sess():
    with tf.Session() as sess:
        yield sess


def start(sess):
    sess.run(tf.global_variables_initializer())


def test_all_variables_stand_in_one_buffer(sess):
    made = variables(a=[3, 4], b=[], c=[5])
    start(sess)
    addresses = {name: sess.store.array(name).__array_interface__["data"][0] for name in made}
    first = addresses["a"]
    assert first % 256 == 0
    assert [addresses[name] - first for name in "abc"] == [0, 256, 512]
    assert sess.store.nbytes == 768


def test_a_view_is_the_variable(sess):
    made = variables(a=[2])
    start(sess)
    sess.store.array("a")[:] = [7.0, 8.0]
    assert sess.run(made["a"]).tolist() == [7.0, 8.0]
    assert np.from_dlpack(sess.store.array("a")).tolist() == [7.0, 8.0]


def test_segments_are_flat_vectors_in_the_same_order(sess):
    made = variables(w=[70], b=[3])
    loss = tf.reduce_sum(made["w"]) + tf.reduce_sum(made["b"])
    train = tf.train.AdamOptimizer(0.1).minimize(loss)
    start(sess)
    sess.run(train)
    weights, m = sess.store.segment(), sess.store.segment("Adam/m")
    assert weights.shape == m.shape == (192,)
    np.testing.assert_allclose(m[:70], 0.1, rtol=1e-6)
    np.testing.assert_allclose(m[128:131], 0.1, rtol=1e-6)
    assert not m[70:128].any()
    weights[:] = 0.0
    assert not sess.run(made["w"]).any()
    with pytest.raises(tf.errors.NotFoundError, match="no segment 'Adam/x'; there are: trainable, Adam/m"):
        sess.store.segment("Adam/x")


def test_types_do_not_mix_in_a_segment(sess):
    tf.get_variable("f", [2])
    tf.get_variable("d", [2], tf.float64)
    start(sess)
    with pytest.raises(ValueError, match="several types: float32, float64"):
        sess.store.segment()


def test_growth_keeps_values_and_order(sess):
    first = variables(a=[3])
    step = tf.get_variable("step", [], tf.int64, initializer=tf.ones_initializer(), trainable=False)
    start(sess)
    sess.run(tf.assign_add(step, 41))
    read = sess.make_callable(first["a"])
    assert read().tolist() == [1.0] * 3
    late = tf.get_variable("late", [100], initializer=tf.ones_initializer())
    sess.run(late.initializer)
    assert sess.run([first["a"], step, late])[1] == 42
    assert read().tolist() == [1.0] * 3
    assert [slot.spec.name for slot in sess.store.layout.slots()] == ["a", "late", "step"]
    sess.run(tf.assign(first["a"], [4.0] * 3))
    assert read().tolist() == [4.0] * 3


def test_snapshot_and_restore(sess):
    made = variables(a=[3], b=[2, 2])
    free = tf.Variable(tf.zeros([2]), validate_shape=False, name="free")
    text = tf.Variable("one", name="text", trainable=False)
    later = tf.get_variable("later", [2], initializer=tf.ones_initializer())
    sess.run([variable.initializer for variable in (*made.values(), free, text)])
    kept = sess.store.snapshot()
    before = sess.run([made["a"], made["b"], free, text])
    sess.run([tf.assign(made["a"], tf.zeros([3])), tf.assign_add(made["b"], tf.ones([2, 2])), later.initializer])
    sess.run([tf.assign(free, tf.zeros([5]), validate_shape=False), tf.assign(text, "two")])
    grown = tf.get_variable("grown", [4], initializer=tf.ones_initializer())
    sess.run(grown.initializer)
    sess.store.restore(kept)
    for old, new in zip(before, sess.run([made["a"], made["b"], free, text]), strict=True):
        np.testing.assert_array_equal(old, new)
    assert sess.run(grown).tolist() == [1.0] * 4
    with pytest.raises(tf.errors.FailedPreconditionError, match="later"):
        sess.run(later)


def test_restoring_into_a_store_without_the_variables(sess):
    variables(a=[3])
    start(sess)
    kept = sess.store.snapshot()
    with tf.Graph().as_default(), tf.Session() as other, pytest.raises(tf.errors.NotFoundError, match="'a'"):
        other.store.restore(kept)


def test_two_sessions_share_a_store(sess):
    made = variables(a=[2])
    start(sess)
    with tf.Session(store=sess.store) as second:
        second.run(tf.assign_add(made["a"], [1.0, 1.0]))
        assert second.store is sess.store
    assert sess.run(made["a"]).tolist() == [2.0, 2.0]


def test_another_graph_finds_variables_by_name(sess):
    variables(a=[2])
    start(sess)
    with tf.Graph().as_default():
        same = tf.get_variable("a", [2])
        with tf.Session(store=sess.store) as second:
            assert second.run(same).tolist() == [1.0, 1.0]
    with tf.Graph().as_default():
        other = tf.get_variable("a", [3])
        message = r"share the variable a as float32 \(3,\).*it is float32 \(2,\)"
        with (
            tf.Session(store=sess.store) as second,
            pytest.raises(tf.errors.InvalidArgumentError, match=message),
        ):
            second.run(other)


def test_shared_names_are_one_variable(sess):
    with tf.Graph().as_default() as graph:
        one = apply(VAR_HANDLE_OP, dtype=tf.float32, shape=(), shared_name="both")
        two = apply(VAR_HANDLE_OP, dtype=tf.float32, shape=(), shared_name="both")
        write = raw("AssignVariableOp", one, tf.constant(5.0), dtype=tf.float32)
        read = raw("ReadVariableOp", two, dtype=tf.float32)
        with tf.Session(graph=graph) as own:
            own.run(write)
            assert own.run(read) == 5.0


def test_a_value_of_another_shape_moves_beside_the_buffer(sess):
    v = tf.get_variable("v", [2], initializer=tf.ones_initializer(), use_resource=False)
    start(sess)
    sess.run(tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False))
    assert sess.run(v._ref()).tolist() == [1.0, 2.0, 3.0]
    assert "moved" in sess.store.describe() and "beside the buffer" in sess.store.describe()


def test_describe(sess):
    variables(a=[70])
    tf.get_variable("count", [], tf.int64, trainable=False, initializer=tf.zeros_initializer())
    tf.Variable("x", name="text", trainable=False)
    start(sess)
    assert sess.store.describe() == (
        "2 variables in one buffer of 768 bytes on numpy\n"
        "trainable float32: 1 variable, 512 bytes\n"
        "           0         280  float32    (70,)            a\n"
        "other int64: 1 variable, 256 bytes\n"
        "         512           8  int64      ()               count\n"
        "beside the buffer, because of strings or shapes that may change:\n"
        "                          string     ()               text"
    )


def test_writes_of_several_threads_do_not_get_lost_while_the_store_grows(sess):
    v = tf.get_variable("v", [1000], initializer=tf.zeros_initializer())
    grow = tf.assign_add(v, tf.ones([1000])).op
    late = [tf.get_variable(f"late{number}", [10], initializer=tf.ones_initializer()) for number in range(5)]
    start(sess)

    def work():
        for _ in range(100):
            sess.run(grow)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        more = tf.get_variable(f"more{number}", [10], initializer=tf.ones_initializer())
        sess.run(more.initializer)
    for thread in threads:
        thread.join()
    assert (sess.run(v) == 400.0).all() and len(late) == 5


def test_a_store_of_another_backend(sess):
    with pytest.raises(ValueError, match="belongs to the backend 'numpy', the session runs on 'null'"):
        tf.Session(store=sess.store, backend="null")


def test_names_that_are_not_there(sess):
    variables(a=[2])
    with pytest.raises(tf.errors.NotFoundError, match="no variable 'b'"):
        sess.store.array("b")
    sess.run(tf.constant(1))
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value a"):
        sess.store.array("a")
