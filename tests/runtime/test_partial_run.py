"""Runs in several parts."""

import pytest

import scopert as tf


@pytest.fixture
def sess():
    with tf.Session() as sess:
        yield sess


@pytest.fixture
def inputs():
    return [tf.placeholder(tf.float32, [], name=name) for name in "abc"]


def test_parts_go_on_where_the_last_one_stopped(sess, inputs):
    a, b, c = inputs
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    sess.run(v.initializer)
    grown = tf.assign_add(v, a)
    first = tf.identity(grown) + b
    second = first * c
    handle = sess.partial_run_setup([first, second], [a, b, c])
    assert sess.partial_run(handle, first, {a: 1, b: 2}) == 3
    assert sess.partial_run(handle, second, {c: 10}) == 30
    assert sess.run(v) == 1  # what ran in the first part did not run again


def test_the_order_of_parts_is_free(sess, inputs):
    a, b, c = inputs
    first, second = a + b, b * c
    one, two = (sess.partial_run_setup([first, second], [a, b, c]) for _ in range(2))
    assert sess.partial_run(one, second, {b: 2, c: 3}) == 6
    assert sess.partial_run(two, first, {a: 5, b: 7}) == 12
    assert sess.partial_run(one, first, {a: 1}) == 3


def test_feeds_without_fetches(sess):
    a = tf.placeholder(tf.float32)
    b = a * 2.0
    handle = sess.partial_run_setup([b], [a])
    assert sess.partial_run(handle, [], {a: 3.0}) == []
    assert sess.partial_run(handle, [b], {}) == [6.0]


def test_operations_run_with_the_last_part(sess, inputs):
    a, b, _ = inputs
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    sess.run(v.initializer)
    write = tf.assign(v, a)
    total = a + b
    handle = sess.partial_run_setup([total, write.op], [a, b])
    assert sess.partial_run(handle, total, {a: 4, b: 1}) == 5
    assert sess.run(v) == 4


@pytest.mark.parametrize(
    ("fetches", "feeds", "message"),
    [
        ("ab", "abc", "The feed c:0 was not specified in partial_run_setup.$"),
        ("c", "a", "The fetch other:0 was not specified in partial_run_setup.$"),
    ],
)
def test_what_was_not_set_up(sess, inputs, fetches, feeds, message):
    a, b, _ = inputs
    known, other = tf.add(a, b, name="known"), tf.multiply(a, 2.0, name="other")
    handle = sess.partial_run_setup([known], [a, b])
    fed = {tensor: 1.0 for tensor in inputs if tensor.op.name in feeds}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        sess.partial_run(handle, known if fetches == "ab" else other, fed)


def test_nothing_twice(sess, inputs):
    a, b, c = inputs
    first, second = a + b, a * c
    handle = sess.partial_run_setup([first, second], [a, b, c])
    sess.partial_run(handle, first, {a: 1, b: 2})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"The feed a:0 has already been fed\.$"):
        sess.partial_run(handle, second, {a: 1, c: 3})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"has already been fetched\.$"):
        sess.partial_run(handle, first, {c: 3})


def test_mistakes(sess, inputs):
    a, b, _ = inputs
    with pytest.raises(tf.errors.InvalidArgumentError, match="specify at least one target to fetch or execute"):
        sess.partial_run_setup([], [a])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Must run 'setup'"):
        sess.partial_run("nonsense", a)
    handle = sess.partial_run_setup([a + b], [])
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value for placeholder tensor 'a'"):
        sess.partial_run(handle, "add:0")
    with pytest.raises(RuntimeError, match="requires empty target_list"):
        sess.partial_run(handle, a.op)
    assert sess.run(a + b, {a: 1, b: 1}) == 2
