"""What scopes and variables refuse, and what they say then, beyond TensorFlow's own words."""

import threading

import numpy as np
import pytest

import scopert as tf
from scopert.graph.convert import to_tensor
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.request import PartitionInfo


def test_a_clash_names_both_places():
    tf.get_variable("v", [1], initializer=tf.zeros_initializer())
    with pytest.raises(ValueError, match="already exists") as caught:
        tf.get_variable("v", [1])
    assert str(caught.value).count("test_refusals.py") == 2


def test_a_clash_of_resource_variables_names_both_places():
    tf.get_variable("v", [1], initializer=tf.zeros_initializer(), use_resource=True)
    with pytest.raises(ValueError, match="already exists") as caught:
        tf.get_variable("v", [1])
    assert str(caught.value).count("test_refusals.py") == 2


@pytest.mark.parametrize("use_resource", [False, True])
def test_interchange_is_refused(use_resource):
    variable = tf.Variable(1.0, use_resource=use_resource)
    with pytest.raises(NotImplementedError, match="to_proto"):
        variable.to_proto()
    with pytest.raises(NotImplementedError, match="from_proto"):
        tf.Variable.from_proto(None)
    with pytest.raises(NotImplementedError, match="VariableDef"):
        tf.Variable(variable_def=object(), use_resource=use_resource)
    with pytest.raises(NotImplementedError, match="VariableDef"):
        tf.Variable(1.0, import_scope="s", use_resource=use_resource)


@pytest.mark.parametrize("use_resource", [False, True])
def test_reading_before_initializing_names_the_variable(use_resource):
    variable = tf.Variable([1.0], name="cold", use_resource=use_resource)
    with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError, match="cold") as caught:
        session.run(variable + 1.0)
    assert "test_refusals.py" in str(caught.value)


@pytest.mark.parametrize("use_resource", [False, True])
def test_a_failed_update_leaves_the_session_usable(use_resource):
    variable = tf.Variable([1.0, 2.0], use_resource=use_resource)
    place = tf.placeholder(tf.int32, [1])
    update = tf.scatter_add(variable, place, [5.0])
    with tf.Session() as session:
        session.run(variable.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[0, 2\)"):
            session.run(update, {place: [2]})
        assert session.run(update, {place: [1]}).tolist() == [1.0, 7.0]


@pytest.mark.parametrize("use_resource", [False, True])
def test_a_value_of_another_shape_is_refused_in_a_run(use_resource):
    variable = tf.Variable([1.0, 2.0], use_resource=use_resource)
    value = tf.placeholder(tf.float32)
    with tf.Session() as session:
        session.run(variable.initializer)
        for update in (variable.assign_add(value), variable.assign_sub(value)):
            with pytest.raises(tf.errors.InvalidArgumentError, match="shapes must be equal"):
                session.run(update, {value: np.ones(3)})
        assert session.run(variable).tolist() == [1.0, 2.0]


def test_a_part_refuses_another_shape():
    variable = tf.Variable([1.0, 2.0, 3.0])
    value = tf.placeholder(tf.float32)
    with tf.Session() as session:
        session.run(variable.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError, match="slice of shape"):
            session.run(variable[:2].assign(value), {value: np.ones(1)})


def test_deltas_are_indexed_slices():
    variable = tf.Variable([1.0, 2.0])
    for method in (variable.scatter_add, variable.scatter_update, variable.scatter_max):
        with pytest.raises(TypeError, match="not IndexedSlices"):
            method([1.0, 2.0])


def test_scatter_shapes_are_checked_while_building():
    for variable in (tf.Variable([[1.0], [2.0]]), tf.Variable([[1.0], [2.0]], use_resource=True)):
        with pytest.raises(ValueError, match="must be equal"):
            tf.scatter_add(variable, [0, 1], [[1.0], [2.0], [3.0]])
        with pytest.raises(ValueError, match="must match"):
            tf.scatter_nd_add(variable, [[0], [1]], [[1.0]])
        with pytest.raises(ValueError, match="do not fit"):
            tf.scatter_nd_add(variable, [[0, 0, 0]], [1.0])


def test_a_resource_is_read_in_its_type():
    from scopert.ops.raw import raw

    variable = tf.Variable(1.0, use_resource=True)
    with pytest.raises(ValueError, match=r"Expected float32\s+got int32"):
        raw("ReadVariableOp", variable.handle, dtype=tf.int32)


def test_a_resource_cannot_take_another_shape_later():
    with pytest.raises(NotImplementedError, match="set_shape"):
        tf.Variable([1.0], use_resource=True).set_shape([1])


def test_an_explicit_shape_must_fit_the_value():
    with pytest.raises(ValueError, match="not compatible with the explicitly supplied"):
        tf.Variable([1.0, 2.0], shape=[3], use_resource=True)


def test_enumerations_are_checked():
    with pytest.raises(ValueError, match="Invalid variable synchronization mode: 9 for variable: v"):
        tf.get_variable("v", [1], synchronization=9)
    with pytest.raises(ValueError, match="Invalid variable aggregation mode: 9 for variable: v"):
        tf.get_variable("v", [1], aggregation=9)
    assert not tf.get_variable("v", [1], synchronization=tf.VariableSynchronization.ON_READ).trainable


def test_an_initial_value_made_in_a_loop_is_refused():
    def body(i):
        tf.Variable(i + 1.0)
        return i + 1.0

    with pytest.raises(ValueError, match="inside a control-flow construct"):
        tf.while_loop(lambda i: i < 3.0, body, [0.0])


def test_an_initial_value_that_changes_a_variable_is_refused():
    variable = tf.Variable(1.0)
    with pytest.raises(ValueError, match="passed float32 expected ref type"):
        tf.Variable(tf.assign_add(variable, 1.0))


def test_loading_needs_a_session():
    with pytest.raises(ValueError, match="session"):
        tf.Variable(1.0).load(2.0)


def test_variables_are_no_lists_and_no_arrays():
    variable = tf.Variable([1.0])
    with pytest.raises(TypeError, match="not iterable"):
        iter(variable)
    with pytest.raises(NotImplementedError, match="Variable:0"):
        np.asarray(variable)


def test_variables_are_equal_to_themselves_only():
    first, second = tf.Variable(1.0), tf.Variable(1.0)
    assert first == first and first != second and len({first, second}) == 2
    assert first.experimental_ref().deref() is first
    assert first.experimental_ref() == first.experimental_ref() != second.experimental_ref()


def test_threads_have_their_own_scopes():
    graph, seen = tf.get_default_graph(), []

    def job():
        with graph.as_default():
            seen.append((tf.get_variable_scope().name, tf.get_variable_scope().reuse, tf.no_op().name))

    with tf.variable_scope("a", reuse=True):
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
    assert seen == [("", False, "NoOp")]


def test_an_exception_leaves_the_scopes_as_they_were():
    with pytest.raises(ZeroDivisionError), tf.variable_scope("a"), tf.name_scope("b"):
        raise ZeroDivisionError
    assert (tf.get_variable_scope().name, tf.no_op().name) == ("", "NoOp")
    with pytest.raises(ValueError, match="not a valid scope name"), tf.variable_scope("a b"):
        pass
    assert (tf.get_variable_scope().name, tf.no_op().name) == ("", "NoOp_1")


def test_partition_info_is_checked():
    with pytest.raises(TypeError, match="full_shape"):
        PartitionInfo(3, [0])
    with pytest.raises(TypeError, match="var_offset"):
        PartitionInfo([3], "0")
    with pytest.raises(ValueError, match="equal length"):
        PartitionInfo([3], [0, 0])
    with pytest.raises(ValueError, match="0 <= offset"):
        PartitionInfo([3], [3])
    info = PartitionInfo([3, 4], [1, 0])
    assert (info.single_slice_dim([2, 4]), info.single_offset([2, 4])) == (0, 1)
    assert PartitionInfo([3], [0]).single_slice_dim([3]) is None
    assert PartitionInfo([3], [0]).single_offset([3]) == 0
    with pytest.raises(TypeError, match="shape"):
        info.single_slice_dim(2)
    with pytest.raises(ValueError, match="equal length"):
        info.single_slice_dim([2])
    with pytest.raises(ValueError, match="would exceed"):
        info.single_slice_dim([3, 4])
    with pytest.raises(ValueError, match="could be either"):
        info.single_slice_dim([1, 1])


def _parts():
    return list(tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(2)))


def test_partitioned_variables_are_checked():
    parts = _parts()
    good = {"name": "v", "shape": [4], "dtype": tf.float32, "variable_list": parts, "partitions": [2]}
    assert PartitionedVariable(**good).name == "v"
    for change, error, words in (
        ({"variable_list": 3}, TypeError, "variable_list"),
        ({"partitions": 3}, TypeError, "partitions"),
        ({"partitions": [0]}, ValueError, "positive"),
        ({"variable_list": []}, ValueError, "empty"),
        ({"variable_list": [tf.Variable(1.0)]}, ValueError, "save_slice_info"),
        ({"partitions": [2, 1]}, ValueError, "len"),
        ({"shape": [5]}, ValueError, "full shapes"),
    ):
        with pytest.raises(error, match=words):
            PartitionedVariable(**{**good, **change})


def test_partitioned_variables_are_no_references():
    whole = tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(2))
    with pytest.raises(NotImplementedError, match="reference"):
        to_tensor(whole, as_ref=True)
    with pytest.raises(ValueError, match="Incompatible type conversion"):
        tf.convert_to_tensor(whole, tf.int32)
    with pytest.raises(ValueError, match="2 parts"):
        whole.assign([tf.zeros([2])])


def test_partitioners_are_checked():
    with pytest.raises(ValueError, match="positive"):
        tf.variable_axis_size_partitioner(0)
    with pytest.raises(ValueError, match="max_shards"):
        tf.variable_axis_size_partitioner(1, max_shards=-1)
    cut = tf.variable_axis_size_partitioner(8)
    with pytest.raises(ValueError, match="TensorShape"):
        cut(shape=[2], dtype=tf.float32)
    with pytest.raises(ValueError, match="fully defined"):
        cut(shape=tf.TensorShape([None]), dtype=tf.float32)
    with pytest.raises(ValueError, match="DType"):
        cut(shape=tf.TensorShape([2]), dtype="float32")
    with pytest.raises(ValueError, match="axis 1"):
        tf.min_max_variable_partitioner(axis=1)(shape=tf.TensorShape([2]), dtype=tf.float32)


@pytest.mark.parametrize(
    ("partitioner", "words"),
    [
        (lambda shape, dtype: 2, "must return a sequence"),
        (lambda shape, dtype: [0], "zero partitions"),
        ("no", "must be callable"),
    ],
)
def test_partitioners_return_counts(partitioner, words):
    with pytest.raises(ValueError, match=words):
        tf.get_variable("v", [4], partitioner=partitioner)


def test_old_partitioned_variables_are_checked():
    with pytest.raises(ValueError, match="must have the length"):
        tf.create_partitioned_variables([4], [2, 1], tf.ones_initializer())
    with pytest.raises(ValueError, match="rank at least 1"):
        tf.create_partitioned_variables([], [], tf.ones_initializer())
    with (
        tf.variable_scope("a", custom_getter=lambda getter, *args, **kwargs: getter(*args, **kwargs)),
        pytest.raises(ValueError, match="custom getter"),
    ):
        tf.create_partitioned_variables([4], [2], tf.ones_initializer())
