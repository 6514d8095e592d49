"""What averages, learning rates and embeddings refuse, and what no recorded graph shows of them."""

import numpy as np
import pytest

import scopert as tf
from scopert.train.moving_averages import assign_moving_average


def values(fetches, feed=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed)


def test_average_of_a_variable_starts_from_its_value():
    v = tf.get_variable("v", initializer=[4.0])
    ema = tf.train.ExponentialMovingAverage(0.5, name="A")
    update = ema.apply()
    assert ema.name == "A" and ema.average(v).name == "v/A:0" and tf.moving_average_variables() == [v]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(v.assign([0.0]).op)
        session.run(update)
        assert session.run(ema.average(v)).tolist() == [2.0]


def test_decay_grows_with_the_updates():
    v = tf.get_variable("v", initializer=1.0)
    ema = tf.train.ExponentialMovingAverage(0.99, num_updates=0)
    update = ema.apply([v])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(v.assign(11.0).op)
        session.run(update)
        np.testing.assert_allclose(session.run(ema.average(v)), 0.1 * 1.0 + 0.9 * 11.0, rtol=1e-6)


@pytest.mark.parametrize("use_resource", [False, True])
def test_assign_moving_average(use_resource):
    v = tf.get_variable("v", initializer=tf.constant(8.0, tf.float64), use_resource=use_resource)
    plain = assign_moving_average(v, tf.constant(0.0, tf.float64), tf.constant(0.75), zero_debias=False)
    assert values(plain) == 6.0
    corrected = assign_moving_average(v, tf.constant(3.0, tf.float64), 0.9)
    np.testing.assert_allclose(values(corrected), 3.0, rtol=1e-6)
    again = assign_moving_average(v, tf.constant(3.0, tf.float64), 0.9)
    np.testing.assert_allclose(values(again), 3.0, rtol=1e-6)
    assert {"v/biased:0", "v/biased_1:0"} <= {variable.name for variable in tf.global_variables()}


def test_names_to_restore_from():
    v, w = tf.get_variable("v", [1]), tf.get_variable("w", [1], trainable=False)
    ema = tf.train.ExponentialMovingAverage(0.9)
    assert ema.average_name(v) == "v/ExponentialMovingAverage" and ema.average(v) is None
    ema.apply([v])
    assert ema.variables_to_restore() == {"v/ExponentialMovingAverage": v, "w": w}
    assert set(ema.variables_to_restore([])) == {"v", "w", "v/ExponentialMovingAverage"}


def test_what_averages_refuse():
    ema = tf.train.ExponentialMovingAverage(0.9)
    with pytest.raises(TypeError, match="half, float, or double: Const:0"):
        ema.apply([tf.constant(1)])
    with pytest.raises(AttributeError, match="has no average"):
        ema.average(("a", "b"))


def test_what_rates_refuse():
    for decay in (
        lambda: tf.train.exponential_decay(0.1, None, 5, 0.9),
        lambda: tf.train.natural_exp_decay(0.1, None, 5, 0.9),
        lambda: tf.train.inverse_time_decay(0.1, None, 5, 0.9),
        lambda: tf.train.polynomial_decay(0.1, None, 5),
        lambda: tf.train.cosine_decay(0.1, None, 5),
        lambda: tf.train.cosine_decay_restarts(0.1, None, 5),
        lambda: tf.train.linear_cosine_decay(0.1, None, 5),
        lambda: tf.train.noisy_linear_cosine_decay(0.1, None, 5),
    ):
        with pytest.raises(ValueError, match="global_step is required"):
            decay()
    step = tf.Variable(5)
    for boundaries, rates, text in (
        ([3, 8], [1.0, 2.0], "1 less than the length"),
        ([3, 8.0], [1.0, 2.0, 3.0], "same dtype as x"),
        ([3, 8], [1.0, 2.0, tf.constant(3)], "all with the same dtype"),
    ):
        with pytest.raises(ValueError, match=text):
            tf.train.piecewise_constant(step, boundaries, rates)
    wide = tf.Variable(5, dtype=tf.int64)
    assert values(tf.train.piecewise_constant(wide, [3, 8], [1.0, 2.0, 3.0])) == 2.0


def test_noisy_rates_are_around_the_plain_one():
    tf.set_random_seed(1)
    rates = [tf.train.noisy_linear_cosine_decay(1.0, 5, 10, initial_variance=0.01) for _ in range(40)]
    plain = tf.train.linear_cosine_decay(1.0, 5, 10)
    *noisy, exact = values([*rates, plain])
    assert 0.0 < np.std(noisy) < 0.1 and abs(np.mean(noisy) - exact) < 0.02


def test_parts_of_a_table():
    whole = np.arange(14, dtype=np.float32).reshape(7, 2)
    parts = [tf.constant(whole[number::3]) for number in range(3)]
    ids = tf.constant([[6, 0], [4, 1]])
    assert np.array_equal(values(tf.nn.embedding_lookup(parts, ids)), whole[[[6, 0], [4, 1]]])
    split = [tf.constant(whole[:3]), tf.constant(whole[3:5]), tf.constant(whole[5:])]
    found = tf.nn.embedding_lookup(split, ids, partition_strategy="div")
    assert found.shape.as_list() == [2, 2, 2] and np.array_equal(values(found), whole[[[6, 0], [4, 1]]])
    unknown = tf.placeholder_with_default(whole[:3], [None, 2])
    found = tf.nn.embedding_lookup([unknown, *split[1:]], ids, partition_strategy="div")
    assert np.array_equal(values(found), whole[[[6, 0], [4, 1]]])


def test_what_lookups_refuse():
    table, ids = tf.constant([[1.0]]), tf.SparseTensor([[0, 0]], tf.constant([0]), [1, 1])
    for call, error, text in (
        (lambda: tf.nn.embedding_lookup(None, [1]), ValueError, "must be specified"),
        (lambda: tf.nn.embedding_lookup([], [1]), ValueError, "at least one"),
        (lambda: tf.nn.embedding_lookup([table, table], [1], "other"), ValueError, "Unrecognized partition strategy"),
        (lambda: tf.nn.embedding_lookup_sparse(table, ids, None, combiner="max"), ValueError, "combiner must be"),
        (lambda: tf.nn.embedding_lookup_sparse(table, [1], None), TypeError, "sp_ids must be SparseTensor"),
        (lambda: tf.nn.embedding_lookup_sparse(table, ids, [1.0]), TypeError, "sp_weights must be"),
        (
            lambda: tf.nn.embedding_lookup_sparse(table, ids, tf.SparseTensor([[0, 0], [0, 1]], [1.0, 1.0], [1, 2])),
            ValueError, "incompatible",
        ),
    ):  # fmt: skip
        with pytest.raises(error, match=text):
            call()
