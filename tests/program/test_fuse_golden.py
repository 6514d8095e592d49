"""What small programs become: the text of fused bodies."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import numpy as np
from program.fused_programs import bodies, fused_program, operations, run_both

import scopert as tf
from scopert.program.ir import FUSED, READ


def _variable(*shape: int) -> Any:
    values = np.random.RandomState(len(shape)).standard_normal(shape).astype(np.float32)
    return tf.Variable(values).read_value()


def _text(*fetches: Any) -> str:
    with tf.Session() as session:
        return "\n".join(str(body) for body in bodies(fused_program(session, fetches)))


def _is(found: str, expected: str) -> None:
    assert found == dedent(expected).strip("\n")


def test_softmax() -> None:
    _is(
        _text(tf.nn.softmax(_variable(64, 1000))),
        """
        fused 64 x 1000, 1 row axis
          0 = load 0 [1000, 1]
          1 = max_over 0 over columns
          2 = sub 0 1
          3 = exp 2
          4 = sum 3 over columns
          5 = div 3 4
          store 0 = 5 [1000, 1]
        """,
    )


def test_neighbouring_axes_are_one() -> None:
    x = _variable(4, 5, 6)
    _is(
        _text(tf.tanh(x) * 0.5 + x),
        """
        fused 120, 1 row axis
          0 = load 0 [1]
          1 = tanh 0
          2 = const 0.5
          3 = mul 1 2
          4 = add 3 0
          store 0 = 4 [1]
        """,
    )


def test_bias_and_gelu() -> None:
    y = _variable(8, 16, 32) + _variable(32)
    _is(
        _text(0.5 * y * (1.0 + tf.tanh(0.75 * y))),
        """
        fused 128 x 32, 2 row axes
          0 = load 0 [32, 1]
          1 = load 1 [0, 1]
          2 = add 0 1
          3 = const 0.5
          4 = mul 3 2
          5 = const 0.75
          6 = mul 5 2
          7 = tanh 6
          8 = const 1.0
          9 = add 8 7
          10 = mul 4 9
          store 0 = 10 [32, 1]
        """,
    )


def test_layouts_are_accesses() -> None:
    x = _variable(4, 12)
    left, right = tf.split(x, 2, axis=1)
    _is(
        _text(tf.transpose(left + right[::-1]) * 2.0),
        """
        fused 4 x 6, 2 row axes
          0 = load 0 [12, 1]
          1 = load 1 [-12, 1] + 42
          2 = add 0 1
          3 = const 2.0
          4 = mul 2 3
          store 0 = 4 [1, 4]
        """,
    )


def test_a_view_of_a_cheap_map_is_a_map_of_views() -> None:
    gates = tf.nn.bias_add(_variable(4, 6), _variable(6))
    left, right = tf.split(gates, 2, axis=1)
    _is(
        _text(tf.tanh(left) * tf.sigmoid(right)),
        """
        fused 4 x 3, 2 row axes
          0 = load 0 [6, 1]
          1 = load 1 [0, 1]
          2 = add 0 1
          3 = load 2 [6, 1] + 3
          4 = load 3 [0, 1] + 3
          5 = add 3 4
          6 = tanh 2
          7 = sigmoid 5
          8 = mul 6 7
          store 0 = 8 [3, 1]
        """,
    )


def test_layer_norm_with_its_gradients_is_one_step() -> None:
    x, scale, shift = _variable(64, 768), _variable(768), _variable(768)
    mean, variance = tf.nn.moments(x, [1], keep_dims=True)
    y = (x - mean) * tf.rsqrt(variance + 1e-5) * scale + shift
    fetches = [y, *tf.gradients(tf.reduce_sum(y * y), [x, scale, shift])]
    plain, fused, program = run_both(fetches)
    assert operations(program).count(FUSED) == 1 and set(operations(program)) == {FUSED, READ}
    (body,) = bodies(program)
    assert body.extents == (64, 768) and body.rows == 1
    # Two passes over the row forward, sums over the rows for scale and shift.
    reductions = [(node.op, sorted(node.value)) for node in body.nodes if node.op == "sum"]
    assert reductions.count(("sum", [0])) == 2 and reductions[:2] == [("sum", [1]), ("sum", [1])]
    for left, right in zip(plain, fused, strict=True):
        np.testing.assert_allclose(right, left, rtol=1e-4, atol=1e-3)


def test_a_training_step() -> None:
    x, labels = tf.placeholder(tf.float32, (16, 12)), tf.placeholder(tf.int32, (16,))
    hidden = tf.layers.dense(x, 8, activation=tf.nn.relu, name="hidden")
    logits = tf.layers.dense(hidden, 4, name="logits")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    train = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    rng = np.random.RandomState(0)
    feeds = {x: rng.standard_normal((16, 12)).astype(np.float32), labels: rng.randint(0, 4, 16).astype(np.int32)}
    tf.set_random_seed(3)
    with tf.Session() as session:
        program = fused_program(session, [loss, train], list(feeds))
    names = [step.op for step in program.steps if step.op != READ]
    matmul, update = "MatMul", "ApplyGradientDescent"
    assert sorted(names) == sorted([*[matmul] * 5, *[update] * 4, "CheckLabels", *[FUSED] * 4])
    entropy = max(bodies(program), key=lambda body: len(body.nodes))
    assert [len(entropy.loads), len(entropy.stores)] == [3, 3]


def test_an_error_and_a_text_name_operations() -> None:
    x = _variable(4, 5)
    with tf.Session() as session, tf.name_scope("net"):
        program = fused_program(session, [tf.add(tf.tanh(x, name="a"), 1.0, name="b")])
    (step,) = [step for step in program.steps if step.op == FUSED]
    assert step.origin.name == "net/b" and [o.name for o in step.origin.attrs["fused"]] == ["net/a", "net/b"]


def test_writes_are_not_overtaken() -> None:
    variable = tf.Variable(np.arange(4, dtype=np.float32))
    before = tf.sin(variable.read_value()) + 1.0
    with tf.control_dependencies([before]):
        write = variable.assign_add(tf.ones(4))
    with tf.control_dependencies([write]):
        after = tf.sin(variable.read_value()) + 1.0
    plain, fused, program = run_both([before + after, before])
    for left, right in zip(plain, fused, strict=True):
        np.testing.assert_array_equal(left, right)
    assert len(bodies(program)) == 2


def test_small_powers_are_products() -> None:
    x = _variable(30)
    _is(
        _text(x**3.0 + x**2.0 + x**0.5),
        """
        fused 30, 1 row axis
          0 = load 0 [1]
          1 = square 0
          2 = mul 1 0
          3 = add 2 1
          4 = const 0.5
          5 = pow 0 4
          6 = add 3 5
          store 0 = 6 [1]
        """,
    )


def test_loops_are_fused_inside() -> None:
    def body(i: Any, value: Any) -> Any:
        return i + 1, tf.tanh(value * 2.0 + 1.0)

    _, result = tf.while_loop(lambda i, _: i < 5, body, [tf.constant(0), _variable(3, 4)])
    plain, fused, program = run_both([result])
    np.testing.assert_array_equal(plain[0], fused[0])
    assert any([node.op for node in one.nodes].count("tanh") for one in bodies(program))
