"""`tf.gradients` and its kin where no recorded graph says it: numbers, refusals, warnings."""

import warnings

import numpy as np
import pytest

import scopert as tf
from scopert.derivatives.aggregate import aggregate


def values(fetches, feed=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed)


def test_numbers_of_a_diamond():
    x = tf.constant([0.5, -1.0])
    a = tf.exp(x)
    y = tf.reduce_sum(a * x + a * a)
    exp = np.exp([0.5, -1.0])
    np.testing.assert_allclose(values(tf.gradients(y, x)[0]), exp * [1.5, 0.0] + 2 * exp**2, rtol=1e-6)


def test_rows_and_a_dense_gradient_are_added():
    table = tf.get_variable("t", initializer=np.ones((3, 2), np.float32))
    y = tf.reduce_sum(tf.gather(table, [1, 1])) + tf.reduce_sum(table * 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the shape is known and small
        [grad] = tf.gradients(y, table)
    assert isinstance(grad, tf.Tensor)
    assert values(grad).tolist() == [[2.0, 2.0], [4.0, 4.0], [2.0, 2.0]]


def test_rows_of_both_index_types():
    table = tf.get_variable("t", [4, 1], initializer=tf.zeros_initializer())
    y = tf.gather(table, tf.constant([0], tf.int32)) + tf.gather(table, tf.constant([3], tf.int64))
    [grad] = tf.gradients(y, table)
    assert isinstance(grad, tf.IndexedSlices) and grad.indices.dtype is tf.int64
    assert values(grad.indices).tolist() == [0, 3]


def test_rows_as_a_tensor():
    x = tf.placeholder(tf.float32, [2, 1])
    rows = tf.IndexedSlices(x, tf.constant([2, 0]), tf.constant([3, 1]))
    assert values(tf.convert_to_tensor(rows), {x: [[1.0], [2.0]]}).tolist() == [[2.0], [0.0], [1.0]]
    with pytest.raises(ValueError, match="requested dtype int32"):
        tf.convert_to_tensor(rows, tf.int32)
    with pytest.raises(ValueError, match="without dense_shape"):
        tf.convert_to_tensor(tf.IndexedSlices(x, tf.constant([2, 0])))
    with pytest.warns(UserWarning, match="unknown shape"):
        tf.convert_to_tensor(tf.IndexedSlices(x, tf.constant([0, 1]), tf.placeholder(tf.int32, [2])))
    with pytest.warns(UserWarning, match="200000000 elements"):
        tf.convert_to_tensor(tf.IndexedSlices(x, tf.constant([0, 1]), tf.constant([200_000_000, 1])))


def test_given_rows_as_the_first_gradient():
    x = tf.placeholder(tf.float32, [3, 1], name="x")
    seed = tf.IndexedSlices(tf.constant([[5.0]]), tf.constant([1]), tf.constant([3, 1]))
    [grad] = tf.gradients(tf.identity(x), x, grad_ys=[seed])
    assert grad.values.name == "gradients/grad_ys_0_values:0" and grad.dense_shape.name == "gradients/grad_ys_0_shape:0"
    assert values(tf.convert_to_tensor(grad)).tolist() == [[0.0], [5.0], [0.0]]


@pytest.mark.parametrize(
    ("y_type", "seed", "text"),
    [
        (tf.float32, 1j, "must be real or integer"),
        (tf.complex64, 1.0, "complex-valued"),
        (tf.bool, 1.0, "must be numeric"),
        (tf.variant, 1.0, "must be variant"),
    ],
)
def test_types_of_first_gradients(y_type, seed, text):
    y = tf.placeholder(y_type, [])
    with pytest.raises(TypeError, match=text):
        tf.gradients(y, y, grad_ys=tf.constant(seed))


def test_resources_take_numbers_as_first_gradients():
    v = tf.get_variable("v", initializer=1.0, use_resource=True)
    with pytest.raises(TypeError, match="should not be a resource"):
        tf.gradients(v.handle, v, grad_ys=v.handle)


def test_rules_are_checked():
    x = tf.placeholder(tf.float32, [2])

    def overridden(name, rule):
        tf.RegisterGradient(name)(rule)
        with tf.get_default_graph().gradient_override_map({"Exp": name}):
            return tf.exp(x)

    with tf.get_default_graph().gradient_override_map({"Exp": "NobodyRegistered"}), tf.name_scope("deep"):
        unknown = tf.exp(x)
    with pytest.raises(LookupError, match=r"No gradient defined for operation 'deep/Exp'.*\n.*test_gradients.py:\d+"):
        tf.gradients(unknown, x)
    with pytest.raises(ValueError, match="Num gradients 2 generated for op"):
        tf.gradients(overridden("TestTwoGradients", lambda op, grad: [grad, grad]), x)
    with pytest.raises(
        ValueError,
        match=r"Incompatible shapes between op input and calculated input gradient.*Exp_2|input gradient.*Exp_1",
    ):
        tf.gradients(overridden("TestWrongShape", lambda op, grad: tf.constant([1.0, 2.0, 3.0])), x)
    with pytest.raises(KeyError, match="Registering two gradient with name 'TestWrongShape'"):
        tf.RegisterGradient("TestWrongShape")(lambda op, grad: grad)
    tf.NotDifferentiable("TestNoGradient")
    with tf.get_default_graph().gradient_override_map({"Exp": "TestNoGradient"}):
        assert tf.gradients(tf.exp(x), x) == [None]
    with pytest.raises(TypeError, match="must be a string"):
        tf.NotDifferentiable(3)
    with pytest.raises(TypeError, match="gradients have to be either"):
        aggregate([x, 3.0], x.op, None)
    with pytest.raises(ValueError, match="Invalid aggregation_method"):
        tf.gradients(x, x, aggregation_method=9)


def test_other_graphs():
    x = tf.placeholder(tf.float32, [])
    with tf.Graph().as_default():
        assert tf.gradients(x * x, x)[0].graph is x.graph
        with pytest.raises(ValueError, match="same graph"):
            tf.gradients(x, tf.constant(1.0))


def test_deep_chains():
    """Thousands of operations: no recursion, and the time is linear."""
    x = tf.constant(1.0)
    y = x
    for _ in range(3000):
        y = tf.identity(y)
    assert values(tf.gradients(y, x)[0]) == 1.0


def test_custom_gradient():
    scale = tf.get_variable("scale", initializer=2.0, use_resource=True)

    @tf.custom_gradient
    def scaled(x, y):
        """Told."""

        def grad(first, second, variables=None):
            assert variables == [scale]
            return [first * 10.0, second * 100.0], [first]

        return (x * scale, y * 1.0), grad

    assert scaled.__name__ == "scaled" and scaled.__doc__ == "Told."
    x, y = tf.constant(3.0), tf.constant(4.0)
    results = scaled(x, y)
    assert isinstance(results, tuple)
    assert values([*results, *tf.gradients(results, [x, y, scale])]) == [6.0, 4.0, 10.0, 100.0, 1.0]


def test_custom_gradient_refuses():
    x = tf.constant(1.0)
    hidden = tf.get_variable("hidden", initializer=1.0, use_resource=True, collections=["mine"])
    nowhere = tf.Variable(1.0, use_resource=True, collections=[], trainable=False, name="nowhere")
    used = tf.custom_gradient(lambda x: (x * hidden, lambda dy, variables=None: (dy, [dy])))
    assert values(tf.gradients(used(x), hidden)[0], {hidden.value(): 1.0}) == 1.0
    for function, error, text in (
        (lambda x: (x * hidden, lambda dy: dy), TypeError, "accept a keyword argument 'variables'"),
        (lambda x: (x * 2.0, lambda dy, variables=None: (dy, [])), TypeError, "use_resource=True"),
        (lambda x: (x * tf.get_variable("ref", []), lambda dy: dy), TypeError, "must be `ResourceVariable`s"),
        (lambda x: (x * nowhere, lambda dy, variables=None: (dy, [dy])), ValueError, "in no collection"),
    ):
        with pytest.raises(error, match=text):
            tf.custom_gradient(function)(x)
    with pytest.raises(ValueError, match="keywords arguments only"):
        tf.custom_gradient(lambda x: (x, lambda dy: dy))(x=x)
    missing = tf.custom_gradient(lambda x: (x * hidden, lambda dy, variables=None: (dy, [])))(x)
    with pytest.raises(ValueError, match="gradient for each variable"):
        tf.gradients(missing, x)


def test_hessians():
    x = tf.constant([[1.0, 2.0]])
    [found] = tf.hessians(tf.reduce_sum(x * x * x), x)
    assert found.shape.as_list() == [1, 2, 1, 2]
    assert values(found).reshape(2, 2).tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_gradient_checker():
    x, c = tf.constant([[1.0, 2.0]], tf.float64), tf.constant([1.0 + 2.0j, 0.5j], tf.complex128)
    with tf.Session():
        [first, _] = tf.test.compute_gradient([x, x], [[1, 2], [1, 2]], tf.exp(x), [1, 2])
        np.testing.assert_allclose(first[0], first[1], rtol=1e-5)
        assert tf.test.compute_gradient_error(c, [2], c * c, [2]) < 1e-6
        assert np.isnan(tf.test.compute_gradient_error(x, [1, 2], x * np.nan, [1, 2]))
        v = tf.get_variable("v", initializer=2.0)
        assert tf.test.compute_gradient_error(x, [1, 2], x * tf.cast(v, tf.float64), [1, 2], init_targets=v) < 1e-8
        with pytest.raises(ValueError, match="x_init_value has shape"):
            tf.test.compute_gradient(x, [1, 2], x, [1, 2], x_init_value=[1.0])
        with pytest.raises(ValueError, match="does not depend"):
            tf.test.compute_gradient(x, [1, 2], tf.floor(x), [1, 2])
        with pytest.raises(ValueError, match="Don't support type"):
            tf.test.compute_gradient(x, [1, 2], tf.cast(x, tf.int32), [1, 2])
    with pytest.raises(ValueError, match="default session"):
        tf.test.compute_gradient(x, [1, 2], x * x, [1, 2])


def test_clipping():
    t = tf.constant([3.0, 4.0])
    clipped, norm = tf.clip_by_global_norm([t, None], 1.0)
    found = values([clipped[0], norm, tf.clip_by_norm(t, 10.0), tf.clip_by_norm(t * 0.0, 1.0)])
    np.testing.assert_allclose(found[0], [0.6, 0.8], rtol=1e-6)
    assert clipped[1] is None and found[1] == 5.0 and found[2].tolist() == [3.0, 4.0] and found[3].tolist() == [0, 0]
    infinite, _ = tf.clip_by_global_norm([t * np.inf], 1.0)
    assert np.isnan(values(infinite[0])).all()
    with pytest.raises(ValueError, match="not compatible"):
        tf.clip_by_value(t, tf.zeros([3, 2]), 1.0)
    for function in (tf.global_norm, lambda t: tf.clip_by_global_norm(t, 1.0)):
        with pytest.raises(TypeError, match="should be a sequence"):
            function(t)


def test_recomputed_and_passed_derivatives():
    calls = []

    def cube(x):
        calls.append(1)
        return x * x * x

    x = tf.constant(2.0)
    with tf.variable_scope("s", use_resource=True):
        y = tf.recompute_grad(cube)(x)
        z = tf.grad_pass_through(tf.square)(x)
    [grad] = tf.gradients(y, x)
    assert len(calls) == 2 and values([y, grad]) == [8.0, 12.0]
    assert values([z, tf.gradients(z, x)[0]]) == [4.0, 1.0]


def test_tape():
    """What TensorFlow 1.15.5 gives in a graph, seen by running it."""
    x = tf.placeholder(tf.float32, [])
    v = tf.get_variable("v", initializer=1.0, use_resource=True)
    before = x * 3.0
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x])
        y = x * x * v + before
    after = y * 2.0
    assert tape.gradient(after, [x, v]) == [None, None]
    dx, dv, none = tape.gradient(y, [x, v, before])
    assert none is None and values([dx, dv], {x: 3.0}) == [6.0, 9.0]
    assert values(tape.gradient(y, {"b": before}, unconnected_gradients="zero")["b"], {x: 1.0}) == 0.0
    assert values(tape.gradient(y, x, output_gradients=tf.constant(5.0)), {x: 3.0}) == 30.0
    assert tape.watched_variables() == (v,)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            cube = x * x * x
        first = inner.gradient(cube, x)
    assert values(outer.gradient(first, x), {x: 3.0}) == 18.0
    with pytest.raises(RuntimeError, match="only be called once"):
        outer.gradient(first, x)


def test_tape_records_what_it_is_told_to():
    x = tf.placeholder(tf.float32, [])
    v = tf.get_variable("v", initializer=1.0, use_resource=True)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = v * 2.0
    assert tape.gradient(y, [v]) == [None]
    with tf.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            square = x * x
        z = square * x
        with pytest.raises(ValueError, match="already recording"):
            tape.__enter__()
    assert values(tape.gradient(z, x), {x: 3.0}) == 9.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
    assert tape.gradient(y, x) is None
    with pytest.raises(ValueError, match="not recording"), tape.stop_recording():
        pass
    with pytest.raises(NotImplementedError, match="jacobian"):
        tape.jacobian(y, x)


def test_slices_are_a_gradient_of_a_sum():
    x, y = tf.placeholder(tf.float32, [3, 2]), tf.placeholder(tf.float32, [3, 2])
    loss = tf.reduce_sum(tf.square(tf.gather((x + y) * x - y, [2, 0, 2])))
    left, right = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    with tf.Session() as sess:
        dx, dy = sess.run(tf.gradients(loss, [x, y]), {x: left, y: right})
    counts = np.array([[1.0], [0.0], [2.0]])
    outer = 2 * ((left + right) * left - right) * counts
    np.testing.assert_allclose(dx, outer * (2 * left + right), rtol=1e-6)
    np.testing.assert_allclose(dy, outer * (left - 1), rtol=1e-6)


def test_slices_are_a_gradient_of_a_loop_in_a_loop():
    x = tf.placeholder(tf.float32, [3, 5])

    def body(t, h):
        inner = tf.while_loop(lambda k, _: k < 2, lambda k, v: (k + 1, v * 0.5 + x), [tf.constant(0), h])[1]
        return t + 1, tf.gather(inner, [2, 0, 1])

    y = tf.while_loop(lambda t, _: t < 3, body, [tf.constant(0), x])[1]
    with tf.Session() as sess:
        (found,) = sess.run(tf.gradients(tf.reduce_sum(y * y), [x]), {x: np.ones((3, 5))})
    np.testing.assert_allclose(found, np.full((3, 5), 7.8754883), rtol=1e-6)  # TensorFlow 1.15.5
