"""Optimizers beyond the recorded programs: arguments, gates, slots, constraints, refusals."""

import numpy as np
import pytest

import scopert as tf


def run(*fetches, feed=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(list(fetches), feed)


def test_gates():
    x, y = tf.get_variable("x", initializer=2.0), tf.get_variable("y", initializer=3.0)
    optimizer = tf.train.GradientDescentOptimizer(0.1)

    def types(gate):
        before = len(tf.get_default_graph().get_operations())
        optimizer.compute_gradients(x * y, gate_gradients=gate)
        return [op.name for op in tf.get_default_graph().get_operations()[before:]]

    assert not [name for name in types(tf.train.Optimizer.GATE_NONE) if "tuple" in name]
    assert [name for name in types(tf.train.Optimizer.GATE_OP) if name.endswith("mul_1_grad/tuple/group_deps")]
    assert [name for name in types(tf.train.Optimizer.GATE_GRAPH) if name == "tuple/group_deps"]
    with pytest.raises(ValueError, match="gate_gradients must be one of"):
        types(7)


def test_only_some_variables():
    x, y = tf.get_variable("x", initializer=2.0), tf.get_variable("y", initializer=3.0)
    step = tf.train.MomentumOptimizer(0.5, 0.9)
    update = step.minimize(x * y, var_list=[x], grad_loss=tf.constant(2.0), name="go")
    assert update.name == "go" and step.get_slot(y, "momentum") is None
    assert [v.name for v in step.variables()] == ["x/Momentum:0"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(update)
        assert session.run([x, y]) == [-1.0, 3.0]


def test_callable_hyperparameters_and_loss():
    v = tf.get_variable("v", initializer=4.0)
    update = tf.train.GradientDescentOptimizer(lambda: tf.constant(0.25)).minimize(lambda: v * v)
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(update)
        assert session.run(v) == 2.0


@pytest.mark.parametrize("use_resource", [False, True])
def test_constraint_holds_after_the_update(use_resource):
    v = tf.get_variable("v", initializer=[1.0, -1.0], constraint=tf.abs, use_resource=use_resource)
    update = tf.train.GradientDescentOptimizer(2.0).minimize(tf.reduce_sum(v * v))
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(update)
        assert session.run(v).tolist() == [3.0, 3.0]
    w = tf.get_variable("w", [3, 2], constraint=tf.abs, use_resource=use_resource)
    with pytest.raises(RuntimeError, match="constraint function on a sparse variable"):
        tf.train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(tf.gather(w, [0])), var_list=[w])


@pytest.mark.parametrize("use_resource", [False, True])
def test_rows_are_updated_once(use_resource):
    table = tf.get_variable("table", initializer=np.ones((3, 1), np.float32), use_resource=use_resource)
    loss = tf.reduce_sum(tf.gather(table, [1, 1, 2]))
    for optimizer, expected in (
        (tf.train.GradientDescentOptimizer(0.25), [[1.0], [0.5], [0.75]]),
        (tf.train.AdagradOptimizer(1.0, 0.0001), [[1.0], [0.0], [0.0]]),
    ):
        update = optimizer.minimize(loss)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(update)
            np.testing.assert_allclose(session.run(table), expected, atol=1e-4)


def test_global_step_counts():
    v = tf.get_variable("v", initializer=1.0)
    for use_resource in (False, True):
        step = tf.Variable(5, name="step", trainable=False, use_resource=use_resource)
        update = tf.train.GradientDescentOptimizer(0.1).minimize(v * v, global_step=step)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(update)
            session.run(update)
            assert session.run(step) == 7


def test_slots_of_another_graph():
    optimizer = tf.train.AdamOptimizer()
    for _ in range(2):
        with tf.Graph().as_default():
            v = tf.get_variable("v", initializer=1.0)
            optimizer.minimize(v * v)
            assert [s.name for s in optimizer.variables()] == [
                "beta1_power:0",
                "beta2_power:0",
                "v/Adam:0",
                "v/Adam_1:0",
            ]


def test_slot_of_unknown_shape():
    v = tf.Variable(tf.placeholder_with_default([1.0, 2.0], None), validate_shape=False, name="v")
    for optimizer in (
        tf.train.MomentumOptimizer(0.1, 0.9),
        tf.train.RMSPropOptimizer(0.1),
        tf.train.AdagradOptimizer(0.1),
    ):
        update = optimizer.minimize(tf.reduce_sum(v * v))
        with tf.Session() as session:
            session.run(v.initializer)
            session.run(tf.global_variables_initializer())
            session.run(update)
            assert session.run(v).shape == (2,)


def test_what_is_refused():
    v = tf.get_variable("v", initializer=1.0)
    i = tf.get_variable("i", initializer=1)
    sgd = tf.train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="optimizer name"):
        tf.train.GradientDescentOptimizer(0.1, name="")
    with pytest.raises(ValueError, match="No gradients provided"):
        sgd.minimize(tf.constant(1.0), var_list=[v])
    with pytest.raises(ValueError, match="No variables to optimize"):
        sgd.compute_gradients(v, var_list=[])
    with pytest.raises(ValueError, match="No variables provided"):
        sgd.apply_gradients([])
    with pytest.raises(ValueError, match="No gradients provided"):
        sgd.apply_gradients([(None, v)])
    with pytest.raises(ValueError, match="Invalid type"):
        sgd.minimize(i)
    with pytest.raises(TypeError, match="must be convertible"):
        sgd.apply_gradients([(object(), v)])
    with pytest.raises(NotImplementedError, match="unsupported type"):
        sgd.apply_gradients([(tf.constant(1.0), "v")])
    with pytest.raises(NotImplementedError, match="update a Tensor"):
        sgd.apply_gradients([(tf.constant(1.0), tf.constant(1.0))])
    base = tf.train.Optimizer(False, "base")
    for gradient in (tf.constant(1.0),):
        with pytest.raises(NotImplementedError):
            base.apply_gradients([(gradient, v)])
    with pytest.raises(ValueError, match="positive"):
        tf.train.AdagradOptimizer(0.1, 0.0)
    with pytest.raises(ValueError, match="positive"):
        tf.train.AdagradDAOptimizer(0.1, i, 0.0)
    with pytest.raises(ValueError, match="positive"):
        tf.train.ProximalAdagradOptimizer(0.1, 0.0)
    for bad in (
        {"learning_rate_power": 1.0}, {"initial_accumulator_value": -1.0}, {"l1_regularization_strength": -1.0},
        {"l2_regularization_strength": -1.0}, {"l2_shrinkage_regularization_strength": -1.0},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(bad)).split("_strength")[0]):
            tf.train.FtrlOptimizer(0.1, **bad)


def test_global_step_functions():
    assert tf.train.get_global_step() is None
    step = tf.train.create_global_step()
    assert tf.train.get_or_create_global_step() is step and step.dtype.base_dtype is tf.int64
    with pytest.raises(ValueError, match="already exists"):
        tf.train.create_global_step()
    with tf.Session() as session:
        session.run(step.initializer)
        assert tf.train.global_step(session, step) == 0
    for wrong in (tf.constant(1.0), tf.constant([1, 2]), "step"):
        with pytest.raises(TypeError, match="global_step"):
            tf.train.assert_global_step(wrong)
    tf.add_to_collection(tf.GraphKeys.GLOBAL_STEP, step)
    assert tf.train.get_global_step() is None
    with tf.Graph().as_default() as graph:
        named = tf.Variable(0, name="global_step", trainable=False)
        assert tf.train.get_global_step(graph) is named.op.outputs[0]


def test_float16_and_float64():
    for dtype in (tf.float16, tf.float64):
        with tf.Graph().as_default():
            v = tf.get_variable("v", initializer=tf.constant([1.0, 2.0], dtype))
            update = tf.train.AdamOptimizer(0.5).minimize(tf.reduce_sum(v * v))
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                session.run(update)
                found = session.run(v)
            assert found.dtype == dtype.as_numpy_dtype
            np.testing.assert_allclose(found.astype(float), [0.5, 1.5], atol=2e-3)
