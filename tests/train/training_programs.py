"""Training programs that run under TensorFlow 1.15 and under scopert alike.

``python record_training.py`` under TensorFlow 1.15.5 writes what they do to ``facts/training.json``.
"""

import numpy as np

STEPS = 20

# Case name -> function of the module under test that makes an optimizer.
OPTIMIZERS = {
    "sgd": lambda tf: tf.train.GradientDescentOptimizer(0.1),
    "momentum": lambda tf: tf.train.MomentumOptimizer(0.05, 0.9),
    "nesterov": lambda tf: tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
    "adagrad": lambda tf: tf.train.AdagradOptimizer(0.1),
    "adagrad_da": lambda tf: tf.train.AdagradDAOptimizer(
        0.1, tf.train.get_or_create_global_step(), l1_regularization_strength=0.001, l2_regularization_strength=0.01
    ),
    "rmsprop": lambda tf: tf.train.RMSPropOptimizer(0.01, momentum=0.5),
    "rmsprop_centered": lambda tf: tf.train.RMSPropOptimizer(0.01, centered=True),
    "adam": lambda tf: tf.train.AdamOptimizer(0.02),
    "adadelta": lambda tf: tf.train.AdadeltaOptimizer(1.0),
    "ftrl": lambda tf: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.001),
    "ftrl_power": lambda tf: tf.train.FtrlOptimizer(
        0.1, learning_rate_power=-0.4, l2_regularization_strength=0.01, l2_shrinkage_regularization_strength=0.01
    ),
    "proximal_sgd": lambda tf: tf.train.ProximalGradientDescentOptimizer(0.1, 0.001, 0.001),
    "proximal_adagrad": lambda tf: tf.train.ProximalAdagradOptimizer(
        0.1, l1_regularization_strength=0.001, l2_regularization_strength=0.001
    ),
}


def _data():
    random = np.random.RandomState(7)
    inputs = random.normal(size=(16, 4)).astype(np.float32)
    labels = np.sin(inputs[:, :3] * 2.0).astype(np.float32)
    ids = random.randint(0, 10, size=(16, 3)).astype(np.int32)
    return inputs, labels, ids


def _network(tf, inputs, use_resource):
    with tf.variable_scope("net", use_resource=use_resource):
        hidden = inputs
        for number, size in enumerate((8, 8, 3)):
            kernel = tf.get_variable(f"kernel{number}", [int(hidden.shape[-1]), size])
            bias = tf.get_variable(f"bias{number}", [size], initializer=tf.zeros_initializer())
            hidden = tf.matmul(hidden, kernel) + bias
            if size != 3:
                hidden = tf.nn.tanh(hidden)
    return hidden


def _train(tf, loss, optimizer, feed):
    step = tf.train.get_or_create_global_step()
    train = optimizer.minimize(loss, global_step=step)
    variables = tf.trainable_variables()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        initial = [value.tolist() for value in session.run(variables)]
        losses = [float(session.run([loss, train], feed)[0]) for _ in range(STEPS)]
        last = float(session.run(loss, feed))
        slots = {
            name: [optimizer.get_slot(variable, name).name for variable in variables]
            for name in optimizer.get_slot_names()
        }
        finals = [float(np.sum(value)) for value in session.run(variables)]
    return {
        "initial": initial, "losses": losses + [last], "slots": slots, "finals": finals,  # noqa: RUF005
        "ops": [[op.name, op.type] for op in tf.get_default_graph().get_operations()],
        "global_variables": [v.name for v in tf.global_variables()],
    }  # fmt: skip


def dense(tf, name, use_resource):
    """A network of three layers, trained for some steps."""
    inputs, labels, _ = _data()
    with tf.Graph().as_default():
        tf.set_random_seed(1234)
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        y = tf.placeholder(tf.float32, [None, 3], name="y")
        outputs = _network(tf, x, use_resource)
        loss = tf.reduce_mean(tf.square(outputs - y), name="loss")
        return _train(tf, loss, OPTIMIZERS[name](tf), {x: inputs, y: labels})


def sparse(tf, name, use_resource):
    """An embedding with repeated ids, and a layer on top."""
    _, labels, ids = _data()
    with tf.Graph().as_default():
        tf.set_random_seed(99)
        x = tf.placeholder(tf.int32, [None, 3], name="ids")
        y = tf.placeholder(tf.float32, [None, 3], name="y")
        with tf.variable_scope("net", use_resource=use_resource):
            table = tf.get_variable("table", [10, 2])
            rows = tf.reshape(tf.nn.embedding_lookup(table, x), [-1, 6])
            kernel = tf.get_variable("kernel", [6, 3])
            outputs = tf.matmul(rows, kernel)
        loss = tf.reduce_mean(tf.square(outputs - y), name="loss")
        return _train(tf, loss, OPTIMIZERS[name](tf), {x: ids, y: labels})


PROGRAMS = {"dense": dense, "sparse": sparse}


def cases():
    """``(program, optimizer, whether variables are resources)``."""
    return [(program, name, resource) for program in sorted(PROGRAMS) for name in sorted(OPTIMIZERS)
            for resource in (False, True)]  # fmt: skip
