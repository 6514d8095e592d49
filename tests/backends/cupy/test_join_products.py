"""Products joined with what follows them: what is joined, what is not, and that the numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends.cupy.recorded import FACTS
from scopert_cupy.command import mask_bits
from scopert_cupy.join_products import join_products

import scopert as tf
from scopert.program.passes.pipeline import DEVICE_PIPELINE, PIPELINE, optimised
from scopert.program.verify import verify

RNG = np.random.RandomState(5)


def _gelu(x: Any) -> Any:
    return 0.5 * x * (1 + tf.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x * x * x)))


GELUS: dict[str, Callable[[Any], Any]] = {
    "sum of cubes": _gelu,
    "power": lambda x: x * (tf.tanh((0.044715 * tf.pow(x, 3.0) + x) * 0.7978845608028654) + 1) * 0.5,
    "square": lambda x: (0.5 * (1 + tf.tanh(x * 0.7978845608028654 * (1 + 0.044715 * tf.square(x))))) * x,
}
OTHERS: dict[str, Callable[[Any], Any]] = {
    "relu6": tf.nn.relu6,
    "elu": tf.nn.elu,
    "gelu by erf": lambda x: 0.5 * x * (1 + tf.erf(x * np.sqrt(0.5))),
    "another constant": lambda x: 0.5 * x * (1 + tf.tanh(0.8 * (x + 0.044715 * x * x * x))),
    "leaky": lambda x: tf.maximum(x, 0.1),
    "swapped": lambda x: tf.tanh(0.5 * x * (1 + x)),
}


def _ops(fetches: Any, feeds: Any, train: Any = ()) -> list[str]:
    """The ops of the program with products joined, of those that have to do with them."""
    with tf.Session() as session:
        shapes = [tuple(feed.shape.as_list()) for feed in feeds]
        before = optimised(session.program(fetches, train, feeds), shapes, PIPELINE)
    after = join_products(before)
    verify(after)
    assert after.memory is not None
    return [step.op for step in after.steps if step.op != "read"]


def _weights(*shape: int, dtype: Any = tf.float32) -> Any:
    return tf.get_variable(f"w{RNG.randint(1 << 30)}", initializer=tf.constant(RNG.normal(size=shape) * 0.3, dtype))


def test_bias_and_activation() -> None:
    x = tf.placeholder(tf.float32, [4, 6])
    y = tf.matmul(x, _weights(6, 5))
    assert _ops([tf.nn.bias_add(y, _weights(5))], [x]) == ["MatMul+bias"]
    assert _ops([tf.nn.relu(y + _weights(5))], [x]) == ["MatMul+bias+relu"]
    assert _ops([tf.nn.relu(y)], [x]) == ["MatMul+relu"]
    assert _ops([tf.maximum(0.0, _weights(1, 5) + y)], [x]) == ["MatMul+bias+relu"]
    # The result under another shape is the same memory.
    assert _ops([tf.nn.relu(tf.reshape(tf.nn.bias_add(y, _weights(5)), [2, 2, 5]))], [x]) == ["MatMul+bias+relu"]
    one = tf.placeholder(tf.float32, [1, 6])
    assert _ops([tf.nn.relu(tf.matmul(one, _weights(6, 5)) + _weights(5))], [one]) == ["MatMul+bias+relu"]
    column = tf.matmul(x, _weights(6, 1))
    assert _ops([tf.nn.relu(column + _weights(1))], [x]) == ["MatMul+bias+relu"]


def test_a_bias_of_another_type_is_cast() -> None:
    x = tf.placeholder(tf.bfloat16, [4, 6])
    y = tf.matmul(x, _weights(6, 5, dtype=tf.bfloat16))
    assert _ops([tf.nn.relu(y + tf.cast(_weights(5), tf.bfloat16))], [x]) == ["MatMul+bias+relu"]
    assert "MatMul" in _ops([tf.nn.relu(y + tf.cast(_weights(5, dtype=tf.int32), tf.bfloat16))], [x])
    assert "MatMul" in _ops([tf.nn.relu(tf.cast(y, tf.float32) + _weights(5))], [x])


@pytest.mark.parametrize("form", GELUS)
@pytest.mark.parametrize("biased", [False, True])
def test_gelu_however_it_is_written(form: str, biased: bool) -> None:
    x = tf.placeholder(tf.float32, [4, 6])
    y = tf.matmul(x, _weights(6, 5))
    y = y + _weights(5) if biased else y
    assert _ops([GELUS[form](y)], [x]) == ["MatMul+bias+gelu" if biased else "MatMul+gelu"]


@pytest.mark.parametrize("form", OTHERS)
def test_other_functions_are_not_joined(form: str) -> None:
    x = tf.placeholder(tf.float32, [4, 6])
    assert "MatMul" in _ops([OTHERS[form](tf.matmul(x, _weights(6, 5)) + _weights(5))], [x])


def _convolved(layout: str = "NHWC", groups: int = 1, size: int = 3, dtype: Any = tf.float32) -> tuple[Any, Any]:
    shape = [2, 7, 6, 4] if layout == "NHWC" else [2, 4, 7, 6]
    x = tf.placeholder(dtype, shape)
    return x, tf.nn.conv2d(x, _weights(size, size, 4 // groups, 6, dtype=dtype), [1, 1, 1, 1], "SAME", data_format=layout)


def _joined_ops(tensor: Any, x: Any) -> list[str]:
    with tf.Session() as session:
        program = optimised(session.program([tensor], (), [x]), [tuple(x.shape.as_list())], DEVICE_PIPELINE)
    after = join_products(program, FACTS)
    verify(after)
    return [step.op for step in after.steps if step.op not in ("read", "Reshape")]


@pytest.mark.parametrize("form", ["relu", "bias", "bias and relu", "bias and gelu", "pointwise", "groups", "volumes"])
def test_convolutions(form: str) -> None:
    tf.reset_default_graph()
    x, y = _convolved(groups=2 if form == "groups" else 1, size=1 if form == "pointwise" else 3)
    if form == "volumes":
        x = tf.placeholder(tf.float32, [2, 4, 5, 3, 2])
        y = tf.nn.conv3d(x, _weights(2, 2, 2, 2, 6), [1, 1, 1, 1, 1], "SAME")
    y = y + _weights(6) if form != "relu" else y
    y = tf.nn.relu(y) if form != "bias" and "gelu" not in form else y
    y = _gelu(y) if "gelu" in form else y
    words = {"relu": "+relu", "bias": "+bias", "bias and gelu": "+bias+gelu"}.get(form, "+bias+relu")
    assert _joined_ops(y, x) == [("Conv3D" if form == "volumes" else "Conv2D") + words]
    array, found = RNG.normal(size=x.shape.as_list()), []
    for backend in ("numpy", "cupy"):
        with tf.Session(backend=backend) as session:
            RNG.seed(7)
            session.run(tf.global_variables_initializer())
            found.append(session.run(y, {x: array}))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-5)


def test_convolutions_that_stay() -> None:
    x, y = _convolved("NCHW")
    assert "Conv2D" in _joined_ops(tf.nn.relu(tf.nn.bias_add(y, _weights(6), "NCHW")), x)
    x, y = _convolved()
    assert "Conv2D" in _joined_ops(tf.nn.relu(tf.reshape(y + _weights(6), [2, 42, 6])), x)
    assert "Conv2D" in _joined_ops(tf.nn.relu(y + _weights(6, 6)), x)
    x, y = _convolved(dtype=tf.float16)
    assert "Conv2D" in _joined_ops(tf.nn.relu(y + tf.cast(_weights(6), tf.float16)), x)


def test_what_somebody_else_needs_stays() -> None:
    x = tf.placeholder(tf.float32, [4, 6])
    y = tf.matmul(x, _weights(6, 5))
    z = tf.nn.relu(y + _weights(5))
    assert _ops([y, z], [x]) == ["MatMul", "fused"]
    assert _ops([z, tf.nn.relu(tf.reduce_sum(y, 1))], [x])[0] == "MatMul"
    assert _ops([tf.nn.relu(tf.matmul(x, _weights(6, 4)) + _weights(4, 4))], [x]) == ["MatMul", "fused"]  # no row
    assert _ops([tf.nn.relu(tf.matmul(x, _weights(6, 4)) + _weights(4, 1))], [x]) == ["MatMul", "fused"]  # a column
    turned = tf.transpose(tf.matmul(x, _weights(6, 4)) + _weights(4))
    assert _ops([turned], [x]) == ["MatMul", "fused"]
    whole = tf.placeholder(tf.int32, [4, 6])
    assert "MatMul" in _ops([tf.nn.relu(tf.matmul(whole, tf.ones([6, 5], tf.int32)))], [whole])


def test_a_product_stays_before_what_changes_its_operand() -> None:
    x, w = tf.placeholder(tf.float32, [4, 6]), _weights(6, 5)
    y = tf.matmul(x, w)
    with tf.control_dependencies([y]):
        change = tf.assign(w, tf.zeros_like(w))
    with tf.control_dependencies([change]):
        z = tf.nn.relu(y + _weights(5))
    assert "MatMul" in _ops([z], [x])


def test_the_gradient_of_a_relu_reads_its_mask() -> None:
    x = tf.placeholder(tf.float32, [4, 6])
    w, b, v = _weights(6, 140), _weights(140), _weights(140, 3)
    h = tf.nn.relu(tf.nn.bias_add(tf.matmul(x, w), b))
    loss = tf.reduce_sum(tf.square(tf.matmul(h, v)))
    gradients = tf.gradients(loss, [w, b, v])
    ops = _ops([loss, *gradients], [x])
    assert "MatMul+bias+relu_aux" in ops
    assert "MatMul+drelu+bias_gradient" in ops
    assert not any("drelu" in op for op in _ops([loss, gradients[2]], [x]))
    with tf.Session() as session:
        program = optimised(session.program([loss, *gradients], (), [x]), [(4, 6)], PIPELINE)
    after = join_products(program)
    mask = next(step for step in after.steps if step.op.endswith("relu_aux")).outputs[1]
    assert after.values[mask].shape == (4, mask_bits(140) // 8) == (4, 32)
    assert after.values[mask].name.endswith("/mask")
    assert after.memory is not None
    assert mask in after.memory.offsets


def _train(dtype: Any, steps: int = 4, biases: Any = None) -> tuple[list[float], list[str]]:
    """Losses of a small net, and what the executable says it runs."""
    rng = np.random.RandomState(1)
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        x = tf.placeholder(dtype, [9, 7])
        h = x
        for number, (rows, columns, activation) in enumerate([(7, 33, tf.nn.relu), (33, 12, _gelu), (12, 12, tf.nn.relu), (12, 2, None)]):
            w = tf.get_variable(f"w{number}", initializer=tf.constant(rng.normal(size=(rows, columns)) * 0.4, dtype))
            b = tf.get_variable(f"b{number}", initializer=tf.constant(rng.normal(size=columns) * 0.2, biases or dtype))
            h = tf.nn.bias_add(tf.matmul(h, w), tf.cast(b, dtype))
            h = activation(h) if activation is not None else h
        loss = tf.reduce_mean(tf.cast(tf.square(h), tf.float32))
        train = tf.train.GradientDescentOptimizer(0.05).minimize(loss)
        feed = {x: rng.normal(size=(9, 7))}
        with tf.Session(backend="cupy") as session:
            session.run(tf.global_variables_initializer())
            losses = [float(session.run([loss, train], feed)[0]) for _ in range(steps)]
            losses.append(float(session.run(loss, feed)))
            text = "\n".join(_executables(session))
    return losses, text.splitlines()


def _executables(session: Any) -> list[str]:
    return [str(made) for found in session._executables.values() for made in getattr(found, "_found", {}).values()]


@pytest.mark.parametrize(("dtype", "biases", "tolerance"), [
    (tf.float32, None, 1e-5), (tf.float64, None, 1e-12), (tf.bfloat16, None, 0.1), (tf.float16, tf.float32, 0.02),
])  # fmt: skip
def test_joined_and_not_joined_train_alike(
    dtype: Any, biases: Any, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined, lines = _train(dtype, biases=biases)
    assert any("MatMul+bias+gelu" in line for line in lines)
    assert sum("MatMul+bias+relu" in line for line in lines) >= 2
    monkeypatch.setenv("SCOPERT_CUPY_EPILOGUES", "0")
    apart, lines = _train(dtype, biases=biases)
    assert not any("MatMul+" in line for line in lines)
    np.testing.assert_allclose(joined, apart, rtol=tolerance)
