"""Selecting variables and assigning them from arrays and checkpoints, as contrib and slim do."""

import numpy as np
import pytest

import scopert as tf

slim = tf.contrib.slim


@pytest.fixture
def variables():
    with tf.Graph().as_default():
        a = tf.get_variable("a/w", [2, 3])
        b = tf.get_variable("b/w", [3])
        c = slim.local_variable(3.0, name="l")
        yield a, b, c


def test_lists(variables):
    a, b, c = variables
    slim.add_model_variable(a)
    slim.add_model_variable(a)
    with tf.variable_scope("b") as scope:
        assert slim.get_variables(scope) == [b]
    assert slim.get_variables() == [a, b]
    assert slim.get_variables("a") == [a]
    assert slim.get_variables(suffix="w") == [a, b]
    assert slim.get_variables_by_suffix("b/w") == [b]
    assert slim.get_variables_by_name("w", "a") == [a]
    assert slim.get_model_variables() == [a]
    assert slim.get_local_variables() == [c]
    assert slim.get_trainable_variables() == [a, b]
    assert slim.get_unique_variable("b/w") is b
    assert slim.get_variables_to_restore(include=["a", "b"], exclude=["a"]) == [b]
    assert slim.filter_variables([a, b], ["w"], ["^a"]) == [b]
    assert slim.filter_variables([a, b], ["w"], reg_search=False) == []


def test_wrong_lists(variables):
    with pytest.raises(ValueError, match="Couldn't find variable x"):
        slim.get_unique_variable("x")
    with pytest.raises(ValueError, match="does not uniquely"):
        slim.get_unique_variable("b")
    with pytest.raises(TypeError, match="include is provided"):
        slim.get_variables_to_restore("a")


def test_assign_from_values(variables):
    a, *_ = variables
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        slim.assign_from_values_fn({"a/w": np.arange(6)})(session)
        assert session.run(a).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="wasn't found"):
        slim.assign_from_values({"x": 1})


def test_assign_from_checkpoint(variables, tmp_path):
    a, b, _ = variables
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(a)
        path = tf.train.Saver([a]).save(session, str(tmp_path / "model"))
        for restore in (
            slim.assign_from_checkpoint_fn(path, [a, b], ignore_missing_vars=True),
            lambda session: session.run(*slim.assign_from_checkpoint(path, [a])),
            lambda session: session.run(*slim.assign_from_checkpoint(path, {"a/w": a, "x": b}, True)),
        ):
            session.run(a.assign(tf.zeros_like(a)))
            restore(session)
            assert np.array_equal(session.run(a), before)
    assert tf.contrib.framework.list_variables(path) == [("a/w", [2, 3])]
    assert np.array_equal(tf.contrib.framework.load_variable(path, "a/w"), before)
    with pytest.raises(ValueError, match=r"missing variable \[b/w\]"):
        slim.assign_from_checkpoint(path, [b])
    with pytest.raises(ValueError, match="must be unchanged for a/w"):
        slim.assign_from_checkpoint(path, {"a/w": b})
    with pytest.raises(ValueError, match="cannot be empty"):
        slim.assign_from_checkpoint_fn(path, [])
    assert slim.assign_from_checkpoint_fn(path, [b], ignore_missing_vars=True) is None
