"""What building graphs costs: the workloads W11a and W11b, and how the cost grows.

Run with ``python -m pytest bench --benchmark-enable``. Each also runs under a real TensorFlow 1.15 with
``--api tensorflow`` (in an environment that has it), so that both are timed by the same code.
"""

import numpy as np
import pytest


def nested_ops(tf, outer, middle, inner, pairs):
    """`pairs` additions and tanh's in each of `outer x middle x inner` scopes; returns the last name."""
    with tf.Graph().as_default():
        z = tf.placeholder(tf.float32, [16], name="x")
        c = tf.constant(np.ones(16, np.float32), name="c")
        for _ in range(outer):
            with tf.name_scope("outer"):
                for _ in range(middle):
                    with tf.name_scope("middle"):
                        for _ in range(inner):
                            with tf.name_scope("inner"):
                                for _ in range(pairs):
                                    z = tf.add(z, c, name="add")
                                    z = tf.tanh(z, name="tanh")
        return z.name


def scoped_variables(tf, blocks, layers, count):
    """`blocks x layers x count` variables in nested variable scopes; returns how many there are."""
    with tf.Graph().as_default():
        for i in range(blocks):
            with tf.variable_scope(f"block{i}"):
                for j in range(layers):
                    with tf.variable_scope(f"layer{j}"):
                        for k in range(count):
                            tf.get_variable(f"w{k}", [8, 8], tf.float32, initializer=tf.zeros_initializer())
        tf.global_variables_initializer()
        return len(tf.global_variables())


def test_w11a_ten_thousand_ops_in_nested_scopes(benchmark, tf):
    assert benchmark(nested_ops, tf, 10, 10, 10, 5) == "outer_9/middle_9/inner_9/tanh_4:0"


def test_w11b_two_thousand_scoped_variables(benchmark, tf):
    assert benchmark(scoped_variables, tf, 20, 10, 10) == 2000


@pytest.mark.parametrize("count", [10_000, 100_000, 1_000_000])
def test_growth(benchmark, tf, count):
    benchmark.extra_info["operations"] = count
    benchmark.pedantic(nested_ops, (tf, 10, 10, 10, count // 2000), rounds=3 if count < 1_000_000 else 1)
