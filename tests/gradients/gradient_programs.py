"""Graphs with gradients, built under TensorFlow 1.15 and under scopert alike.

``python record_gradients.py`` under TensorFlow 1.15.5 writes their operations to ``facts/gradients.json``.
Each program returns what it wants compared besides: names, numbers, or error texts.
"""

import contextlib

import numpy as np


def _names(items):
    found = []
    for item in items:
        if item is None:
            found.append(None)
        elif hasattr(item, "indices"):
            found.append([item.values.name, item.indices.name, getattr(item.dense_shape, "name", None)])
        else:
            found.append(item.name)
    return found


def chain(tf):
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    w = tf.get_variable("w", [3, 4])
    with tf.name_scope("net"):
        y = tf.nn.relu(tf.matmul(x, w))
    return _names(tf.gradients(y, [x, w]))


def diamond(tf):
    x = tf.placeholder(tf.float32, [3], name="x")
    a = tf.exp(x)
    b = a * x
    c = tf.tanh(b) + a
    d = c * b * tf.sigmoid(a)
    return _names(tf.gradients([d, c], [x, a, b]))


def several_paths(tf):
    x = tf.placeholder(tf.float32, [3], name="x")
    y = x * x + tf.exp(x) + tf.sin(x)
    return [
        _names(tf.gradients(y, x)),
        _names(tf.gradients(y, x, aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE)),
        _names(tf.gradients(y, x, aggregation_method=tf.AggregationMethod.EXPERIMENTAL_ACCUMULATE_N)),
    ]


def gated_and_placed(tf):
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.placeholder(tf.float32, [3], name="y")
    with tf.device("/cpu:0"):
        z = x * y
    return _names(tf.gradients(tf.exp(z) * x, [x, y], gate_gradients=True, colocate_gradients_with_ops=True))


def unknown_shapes(tf):
    x = tf.placeholder(tf.float32, name="x")
    b = tf.placeholder(tf.float32, [None], name="b")
    return _names(tf.gradients(tf.reduce_mean(tf.square(x + b)), [x, b]))


def given_gradients(tf):
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.placeholder(tf.float32, [2], name="y")
    seeds = [tf.constant([1.0, 2.0], name="seed"), None]
    return _names(tf.gradients([x * y, tf.exp(x)], [x, y], grad_ys=seeds, name="mine"))


def stopped(tf):
    x = tf.placeholder(tf.float32, [], name="x")
    a = x * x
    b = tf.exp(a)
    c = b + a + tf.stop_gradient(a)
    return [
        _names(tf.gradients(c, [x, a, b])),
        _names(tf.gradients(c, [x, a, b], stop_gradients=[a, b])),
        _names(tf.gradients(c, [x, a], stop_gradients=a, unconnected_gradients="zero")),
    ]


def unconnected(tf):
    x = tf.placeholder(tf.float32, [2], name="x")
    z = tf.placeholder(tf.float32, None, name="z")
    v = tf.get_variable("v", [2], use_resource=True)
    return [
        _names(tf.gradients(tf.exp(x), [x, z, v])),
        _names(tf.gradients(tf.exp(x), [x, z, v], unconnected_gradients=tf.UnconnectedGradients.ZERO)),
        _names(tf.gradients(tf.cast(x, tf.int32), x)),
        _names(tf.gradients(x, x)),
        _names(tf.gradients([], x)),
    ]


def half_used(tf):
    x = tf.placeholder(tf.float32, None, name="x")
    a, b = tf.split(x, 2)
    return [_names(tf.gradients(a, [a, b, x])), _names(tf.gradients(tf.exp(b), [a, x], unconnected_gradients="zero"))]


def rows(tf):
    table = tf.get_variable("table", [5, 2])
    resource = tf.get_variable("resource", [5, 2], use_resource=True)
    ids = tf.placeholder(tf.int32, [3], name="ids")
    wide = tf.placeholder(tf.int64, [2], name="wide")
    y = tf.reduce_sum(tf.gather(table, ids)) + tf.reduce_sum(tf.gather(table, wide))
    z = tf.reduce_sum(tf.gather(table, ids)) + tf.reduce_sum(table)
    r = tf.reduce_sum(tf.gather(resource, ids)) + tf.reduce_sum(resource)
    return [_names(tf.gradients(y, table)), _names(tf.gradients(z, table)), _names(tf.gradients(r, resource))]


def second_order(tf):
    x = tf.placeholder(tf.float32, [2], name="x")
    first = tf.gradients(tf.tanh(x) * x, x)
    return [_names(first), _names(tf.gradients(first, x))]


def overridden(tf):
    x = tf.placeholder(tf.float32, [2], name="x")
    with contextlib.suppress(KeyError):  # an earlier run in this process may have registered it
        tf.RegisterGradient("RecordedDouble")(lambda op, grad: 2.0 * grad)
    with tf.get_default_graph().gradient_override_map({"Identity": "RecordedDouble"}):
        y = tf.identity(x)
    return _names(tf.gradients(tf.exp(y), x))


def own_derivative(tf):
    @tf.custom_gradient
    def log1pexp(x):
        e = tf.exp(x)

        def grad(dy):
            return dy * (1 - 1 / (1 + e))

        return tf.log(1 + e), grad

    x = tf.placeholder(tf.float32, [2], name="x")
    with tf.name_scope("s"):
        y = log1pexp(x)
    return _names(tf.gradients(y, x))


def clipped(tf):
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.placeholder(tf.float32, [3], name="y")
    grads = tf.gradients(tf.reduce_sum(tf.exp(x)) + tf.reduce_sum(y * y), [x, y])
    limited, norm = tf.clip_by_global_norm(grads, 1.0)
    return _names(
        [*limited, norm, tf.clip_by_value(x, 0.0, 1.0), tf.clip_by_norm(x, 1.0), tf.clip_by_average_norm(x, 1.0)]
    )


def errors(tf):
    x = tf.placeholder(tf.float32, [2], name="x")
    c = tf.placeholder(tf.complex64, [2], name="c")
    found = []

    def failing(function, *args, **kwargs):
        try:
            function(*args, **kwargs)
        except Exception as error:
            text = str(error).split("\n")[0]
            found.append([type(error).__name__, text])
        else:
            found.append(None)

    failing(tf.gradients, c * c, c)
    failing(tf.gradients, c * c, c, grad_ys=tf.constant([1.0, 2.0]))
    failing(tf.gradients, [x], [x], grad_ys=[None, None])
    failing(tf.gradients, x, x, unconnected_gradients="neither")
    failing(tf.gradients, tf.bitcast(x, tf.float32), x)
    with tf.get_default_graph().gradient_override_map({"Exp": "RegisteredByNobody"}):
        y = tf.exp(x)
    failing(tf.gradients, y, x)
    failing(tf.RegisterGradient, 3)
    failing(tf.clip_by_global_norm, x, 1.0)
    return found


def decays(tf):
    step = tf.Variable(7, name="step", trainable=False)
    made = [
        tf.train.exponential_decay(0.1, step, 5, 0.96),
        tf.train.exponential_decay(0.1, step, 5, 0.96, staircase=True, name="stairs"),
        tf.train.natural_exp_decay(0.1, step, 10, 0.5),
        tf.train.inverse_time_decay(0.1, step, 10, 0.5, staircase=True),
        tf.train.polynomial_decay(0.1, step, 10),
        tf.train.polynomial_decay(0.1, step, 3, 0.001, power=0.5, cycle=True),
        tf.train.cosine_decay(0.1, step, 10, alpha=0.5),
        tf.train.cosine_decay_restarts(0.1, step, 4, t_mul=1.5, m_mul=0.9, alpha=0.1),
        tf.train.cosine_decay_restarts(0.1, step, 4, t_mul=1.0),
        tf.train.linear_cosine_decay(0.1, step, 10),
        tf.train.piecewise_constant(step, [3, 8], [1.0, 0.5, 0.1]),
    ]
    with tf.Session() as session:
        session.run(step.initializer)
        values = [float(value) for value in session.run(made)]
    return {"names": _names(made), "numbers": values}


def averages(tf):
    v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
    x = tf.placeholder(tf.float32, [2], name="x")
    ema = tf.train.ExponentialMovingAverage(0.9, zero_debias=True)
    update = ema.apply([v, x])
    shown = [ema.average(v), ema.average(x)]
    numbers = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value in ([1.0, 2.0], [3.0, -1.0], [0.5, 0.5]):
            session.run(v.assign(value))
            session.run(update, {x: value})
            numbers += [item.tolist() for item in session.run(shown)]
    return {"names": [*_names(shown), update.name, ema.average_name(v)], "numbers": np.ravel(numbers).tolist()}


def savers(tf):
    tf.get_variable("v", [2], initializer=tf.zeros_initializer())
    tf.get_variable("a/w", [3], initializer=tf.zeros_initializer(), use_resource=True)
    tf.get_variable("p", [4], initializer=tf.zeros_initializer(), partitioner=tf.fixed_size_partitioner(2))
    tf.get_variable(
        "q", [4], initializer=tf.zeros_initializer(), partitioner=tf.fixed_size_partitioner(2), use_resource=True
    )
    found = tf.train.Saver(max_to_keep=3).saver_def
    tf.train.Saver(sharded=True, reshape=True, name="sharded")
    return [found.filename_tensor_name, found.save_tensor_name, found.restore_op_name, found.max_to_keep]


def embeddings(tf):
    table = tf.get_variable("w", [10, 2])
    resource = tf.get_variable("r", [10, 2], use_resource=True)
    parts = tf.get_variable("p", [10, 2], partitioner=tf.fixed_size_partitioner(3))
    ids = tf.placeholder(tf.int32, [None, 3], name="ids")
    rows = [
        tf.nn.embedding_lookup(table, ids),
        tf.nn.embedding_lookup(resource, ids, name="q"),
        tf.nn.embedding_lookup(table, ids, max_norm=1.0),
        tf.nn.embedding_lookup(parts, ids),
        tf.nn.embedding_lookup([table, resource, table], ids, partition_strategy="div", max_norm=2.0),
    ]
    sparse = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], tf.constant([1, 3, 3], tf.int64), [2, 2])
    weights = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], tf.constant([1.0, 3.0, 3.0]), [2, 2])
    sums = [
        tf.nn.embedding_lookup_sparse(table, sparse, weights),
        tf.nn.embedding_lookup_sparse(table, sparse, None, combiner="sum"),
        tf.nn.embedding_lookup_sparse(table, sparse, None, combiner="sqrtn"),
        tf.nn.embedding_lookup_sparse(table, sparse, weights, combiner="sqrtn", max_norm=1.0),
        tf.nn.embedding_lookup_sparse([table, table], sparse, weights, combiner="sum"),
        tf.nn.embedding_lookup_sparse(tf.constant([[1.0], [2.0]], tf.float16), sparse, None, combiner="mean"),
    ]
    gradients = tf.gradients(rows[:2] + sums[:2], [table, resource])
    return [_names(rows + sums), [item.dtype.name for item in sums], _names(gradients)]


PROGRAMS = {
    function.__name__: function
    for function in (
        chain, diamond, several_paths, gated_and_placed, unknown_shapes, given_gradients, stopped, unconnected,
        half_used, rows, second_order, overridden, own_derivative, clipped, errors, decays, averages, savers,
        embeddings,
    )
}  # fmt: skip


def run(tf, name):
    """What a program returns and the operations that it makes."""
    with tf.Graph().as_default() as graph:
        result = PROGRAMS[name](tf)
        ops = [
            [op.name, op.type, [item.name for item in op.inputs], sorted(item.name for item in op.control_inputs)]
            for op in graph.get_operations()
        ]
    return {"result": result, "ops": ops}
