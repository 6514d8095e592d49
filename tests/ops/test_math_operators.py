"""Python's operators on tensors: what they make, what they refuse, and that both ways of making agree."""

import numpy as np
import pytest

import scopert as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


class Right:
    """Knows what to do with a tensor at its left."""

    def __radd__(self, other):
        return "right"


def test_a_value_that_cannot_be_a_tensor_may_answer():
    assert tf.constant(1.0) + Right() == "right"
    with pytest.raises(TypeError):
        tf.constant(1.0) - Right()


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.array(2.0, np.float32), True])
@pytest.mark.parametrize("dtype", ["float32", "int32", "float16", "int8"])
def test_numbers_beside_tensors(graph, dtype, number):
    x = tf.constant([1, 2, 3], dtype)
    if type(number) is float and x.dtype.is_integer:
        with pytest.raises(TypeError, match="does not match type"):
            x * number
        return
    y = x * number
    assert (y.name, y.op.inputs[1].name, y.dtype) == ("mul:0", "mul/y:0", x.dtype)
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(y), np.array([1, 2, 3]) * int(number))


def test_int32_numbers_wrap_around_as_in_tensorflow():
    with tf.Session() as sess:
        assert sess.run(tf.constant([1]) + 2**40).tolist() == [1]


def test_operator_in_another_graph(graph):
    with tf.Graph().as_default() as other:
        a = tf.constant([1.0], name="a")
    b = a + 1.0
    assert b.graph is other
    assert graph.get_operations() == []
    assert [op.name for op in other.get_operations()] == ["a", "add/y", "add"]


def test_names_inside_control_dependencies_and_scopes(graph):
    x = tf.constant(1.0, name="x")
    with tf.name_scope("s"), tf.control_dependencies([x]):
        y = 2.0 * x
    assert [op.name for op in graph.get_operations()] == ["x", "s/mul/x", "s/mul"]
    assert [op.name for op in graph.get_operation_by_name("s/mul/x").control_inputs] == ["x"]
    assert y.op.control_inputs == []


def test_an_error_leaves_the_scope(graph):
    x = tf.constant([1.0, 2.0])
    with tf.name_scope("s"):
        with pytest.raises(ValueError, match="Dimensions must be equal, but are 2 and 3"):
            x + tf.constant([1.0, 2.0, 3.0])
        assert tf.no_op(name="n").name == "s/n"


def test_unsigned_division_and_strings():
    x = tf.constant([7], tf.uint8)
    assert (x / x).dtype is tf.float32
    assert (tf.constant([7]) / tf.constant([2])).dtype is tf.float64
    assert (tf.constant(["a"]) + "b").op.type == "Add"
    with pytest.raises(TypeError, match="x and y must have the same dtype"):
        tf.truediv(tf.constant(1.0), tf.constant(1))
