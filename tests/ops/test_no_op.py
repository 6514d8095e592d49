"""Groups, tuples and dependencies."""

import pytest

import scopert as tf
from scopert.ops.no_op import with_dependencies


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def names(graph, start=0):
    return [op.name for op in graph.get_operations()][start:]


def test_groups_by_device(graph):
    with tf.device("/cpu:1"):
        a = tf.constant(1.0)
    with tf.device("/cpu:0"):
        b = tf.constant(2.0)
    group = tf.group(a, [b, a.op])
    assert names(graph, 2) == ["group_deps/NoOp", "group_deps/NoOp_1", "group_deps"]
    first, second = group.control_inputs
    assert (first.device, second.device) == ("/device:CPU:0", "/device:CPU:1")
    assert first.control_inputs == [b.op]
    assert second.control_inputs == [a.op]


def test_group_of_one_device_is_one_operation(graph):
    a, b = tf.constant(1.0), tf.constant(2.0)
    group = tf.group(a, b, name="both")
    assert (group.name, group.control_inputs) == ("both", [a.op, b.op])


def test_group_refuses_values_and_keywords():
    with pytest.raises(TypeError, match=r"Expected tf\.group"):
        tf.group(tf.constant(1.0), 3)
    with pytest.raises(ValueError, match="Unknown keyword arguments: nam"):
        tf.group(nam="x")


def test_tuple_gates_and_keeps_gaps(graph):
    a, b = tf.constant(1.0, name="a"), tf.constant([2, 3], name="b")
    first, gap, operation = tf.tuple([a, None, b.op], control_inputs=[b])
    assert gap is None
    assert isinstance(operation, tf.Operation)
    assert [op.name for op in first.op.control_inputs] == ["tuple/group_deps"]
    assert set(first.op.control_inputs[0].control_inputs) == {a.op, b.op}


def test_tuple_refuses_nothing_and_names():
    with pytest.raises(ValueError, match="Must have at least one Tensor"):
        tf.tuple([None])
    with pytest.raises(TypeError, match="Control input must be Operation or Tensor"):
        tf.tuple([tf.constant(1.0)], control_inputs=["a"])


def test_with_dependencies_of_slices():
    slices = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
    gate = tf.no_op()
    made = with_dependencies([gate], slices)
    assert made.indices is slices.indices
    assert made.values.op.control_inputs == [gate]


def test_a_run_waits(graph):
    v = tf.Variable(1.0)
    with tf.Session() as session:
        session.run(v.initializer)
        changed = v.assign(5.0)
        assert session.run(with_dependencies([changed], v.read_value())) in (1.0, 5.0)
        session.run(tf.group(v.assign_add(1.0)))
        assert session.run(v) == 6.0
