"""Conds and loops: what they compute. For what they are built of see test_recorded_graphs."""

import numpy as np
import pytest

import scopert as tf


@pytest.fixture
def graph():
    with tf.Graph().as_default() as made:
        yield made


def run(fetches, feed=None):
    with tf.Session() as session:
        return session.run(fetches, feed)


def test_cond_runs_one_branch(graph):
    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [2])
    r = tf.cond(p, lambda: x + 1.0, lambda: x * 10.0)
    np.testing.assert_array_equal(run(r, {p: True, x: [1, 2]}), [2, 3])
    np.testing.assert_array_equal(run(r, {p: False, x: [1, 2]}), [10, 20])


def test_what_a_branch_does_not_need_does_not_fail(graph):
    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32)
    r = tf.cond(p, lambda: tf.reshape(x, [3]), lambda: tf.reshape(x, [2]))
    assert run(r, {p: False, x: [1, 2]}).shape == (2,)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(r, {p: True, x: [1, 2]})


def test_control_dependencies_inside_a_branch_are_dead_with_it(graph):
    p = tf.placeholder(tf.bool, [])
    x = tf.placeholder(tf.float32)

    def checked():
        with tf.control_dependencies([tf.assert_equal(tf.size(x), 3)]):
            return tf.constant(1.0)

    r = tf.cond(p, checked, lambda: tf.constant(2.0))
    assert run(r, {p: False, x: [1, 2]}) == 2.0
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(r, {p: True, x: [1, 2]})


def test_a_dead_value_cannot_be_fetched(graph):
    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [])
    from scopert.ops.control_flow_ops import switch

    dead_if_true, dead_if_false = switch(x, p)
    after = dead_if_false + 1.0
    assert run(after, {p: True, x: 1.0}) == 2.0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Retval\[0\] does not have value"):
        run(after, {p: False, x: 1.0})
    assert run(dead_if_true, {p: False, x: 1.0}) == 1.0


def test_merge_gives_the_number_of_the_living_input(graph):
    from scopert.ops.control_flow_ops import merge, switch

    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [])
    when_false, when_true = switch(x, p)
    value, index = merge([when_false + 1.0, when_true * 5.0])
    assert run([value, index], {p: True, x: 2.0}) == [10.0, 1]
    assert run([value, index], {p: False, x: 2.0}) == [3.0, 0]


def test_nested_conds(graph):
    p, q, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [])
    r = tf.cond(p, lambda: tf.cond(q, lambda: x + 1.0, lambda: x + 2.0), lambda: x + 3.0) * 10.0
    found = [run(r, {p: a, q: b, x: 0.0}) for a in (True, False) for b in (True, False)]
    assert found == [10.0, 20.0, 30.0, 30.0]


def test_while_loop(graph):
    n = tf.placeholder(tf.int32, [])
    i, total = tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + i), [0, 0])
    for count in (0, 1, 10, 5000):
        assert run([i, total], {n: count}) == [count, count * (count - 1) // 2]


def test_loop_variables_change_at_once(graph):
    _, a, b = tf.while_loop(lambda i, a, b: i < 3, lambda i, a, b: (i + 1, b, a), [0, 1.0, 2.0])
    assert run([a, b]) == [2.0, 1.0]


def test_nested_loops_with_a_cond(graph):
    n = tf.placeholder(tf.int32, [])

    def body(i, total):
        _, inner = tf.while_loop(
            lambda j, s: j < i, lambda j, s: (j + 1, tf.cond(s > 6, lambda: s + 1, lambda: s + n)), [0, total]
        )
        return i + 1, inner

    _, total = tf.while_loop(lambda i, s: i < n, body, [0, 0])

    def expected(n):
        s = 0
        for i in range(n):
            for _ in range(i):
                s = s + 1 if s > 6 else s + n
        return s

    for count in (1, 2, 3, 5):
        assert run(total, {n: count}) == expected(count)


def test_a_loop_in_a_branch_that_is_not_taken_does_not_run(graph):
    p = tf.placeholder(tf.bool, [])
    forever = lambda: tf.while_loop(lambda i: i < 3, lambda i: i * 1, [0])  # noqa: E731
    assert run(tf.cond(p, forever, lambda: tf.constant(7)), {p: False}) == 7


def test_maximum_iterations(graph):
    assert run(tf.while_loop(lambda i: i < 100, lambda i: i + 1, [0], maximum_iterations=5)) == 5


def test_shape_invariants(graph):
    x = tf.constant([1])
    _, grown = tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, tf.concat([y, y], 0)), [0, x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )  # fmt: skip
    assert grown.shape.as_list() == [None]
    np.testing.assert_array_equal(run(grown), [1] * 8)
    with pytest.raises(ValueError, match="enters the loop with shape"):
        tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.concat([y, y], 0)), [0, x])


def test_errors_in_a_loop_name_the_operation(graph):
    x = tf.placeholder(tf.float32)
    r = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.reshape(y, [3], name="bad")), [0, x],
                      shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)])  # fmt: skip
    with pytest.raises(tf.errors.InvalidArgumentError, match="while/bad"):
        run(r, {x: [1.0, 2.0]})
    np.testing.assert_array_equal(run(r, {x: [1, 2, 3]})[1], [1, 2, 3])


def test_a_python_bool_is_no_predicate(graph):
    with pytest.raises(TypeError, match="pred must not be a Python bool"):
        tf.cond(True, lambda: 1.0, lambda: 2.0)


def test_loops_print_as_part_of_a_program(graph):
    from scopert.program.lower import lower

    r = tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0])
    text = str(lower([r], [], []))
    assert "loop %" in text and "repeat: 1 steps" in text and "AddV2" in text


def test_a_variable_in_a_loop_and_in_a_branch(graph):
    v = tf.Variable(1.0)
    p = tf.placeholder(tf.bool, [])

    def body(i):
        with tf.control_dependencies([tf.cond(p, lambda: v.assign_add(2.0), lambda: tf.identity(v))]):
            return i + 1

    done = tf.while_loop(lambda i: i < 3, body, [0])
    with tf.control_dependencies([done]):
        after = v.read_value()
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run(after, {p: False}) == 1.0
        assert session.run(after, {p: True}) == 7.0


def test_what_a_loop_read_does_not_change_with_the_variable(graph):
    v = tf.Variable([1.0, 2.0])
    _, kept = tf.while_loop(lambda i, x: i < 1, lambda i, x: (i + 1, v.read_value()), [0, tf.zeros([2])])
    with tf.control_dependencies([kept]):
        change = v.assign([5.0, 6.0])
    with tf.Session() as session:
        session.run(v.initializer)
        found, _ = session.run([kept, change])
        np.testing.assert_array_equal(found, [1.0, 2.0])


def test_a_value_of_a_loop_cannot_be_used_outside(graph):
    inside = []

    def body(i):
        inside.append(i + 1)
        return inside[-1]

    tf.while_loop(lambda i: i < 3, body, [0])
    with pytest.raises(ValueError, match="Cannot use 'while/add' as input to 'add' because 'while/add' is in a while"):
        inside[0] + 1
    with pytest.raises(ValueError, match="they are in different while loops"):
        tf.while_loop(lambda i: i < 3, lambda i: i + inside[0], [0])


def test_a_resource_variable_in_one_branch_of_a_cond_in_a_loop(graph):
    v = tf.get_variable("v", [], initializer=tf.constant_initializer(2.0), use_resource=True)
    _, r = tf.while_loop(
        lambda i, x: i < 3, lambda i, x: (i + 1, tf.cond(i < 1, lambda: x * v, lambda: x + 1.0)), [0, 3.0]
    )
    (gradient,) = tf.gradients(r, v)
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run([r, gradient]) == [8.0, 3.0]


def test_there_is_one_form_of_control_flow(graph):
    tf.disable_control_flow_v2()
    assert not tf.control_flow_v2_enabled()
    with pytest.raises(NotImplementedError, match="functional While"):
        tf.enable_control_flow_v2()
