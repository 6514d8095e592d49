"""Simplification: what a program is before and after, and that it computes the same."""

from __future__ import annotations

import numpy as np
import pytest

import scopert as tf
from scopert.program.ir import READ
from scopert.program.passes.base import run_passes
from scopert.program.passes.cse import Cse
from scopert.program.passes.dead import Dead
from scopert.program.passes.fold import Fold
from scopert.program.passes.simplify import RULES, Simplify
from scopert.program.passes.specialise import Specialise

BEFORE = (Fold(), Cse(), Dead())


def ops(program):
    """What runs, as text."""
    return " ".join(step.op for step in program.steps if step.op != READ)


def compare(build, before, after, array=None, exact=True):
    """Builds from a placeholder; checks the steps, and the values against the plain path."""
    array = np.array([[1.5, -0.0, 3.0], [-2.0, 0.25, np.inf]], np.float32) if array is None else array
    x = tf.placeholder(array.dtype, array.shape)
    y = build(x)
    unfused = tf.OptimizerOptions(global_jit_level=tf.OptimizerOptions.OFF)
    with tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=unfused))) as sess:
        program = sess.program([y], (), [x])
        start = run_passes(program, (Specialise((array.shape,)), *BEFORE), check=True)
        end = run_passes(start, (Simplify(), Dead()), check=True)
        assert ops(start) == before
        assert ops(end) == after
        found = sess.run(y, {x: array})
    plain = tf.ConfigProto(
        graph_options=tf.GraphOptions(optimizer_options=tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0))
    )
    with tf.Session(config=plain) as sess:
        expected = sess.run(y, {x: array})
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if exact:
        assert found.tobytes() == expected.tobytes()
    else:
        np.testing.assert_allclose(found, expected, rtol=3e-7)


INTS = np.array([[1, -2, 3]], np.int32)
PAIR = np.arange(6, dtype=np.float32).reshape(2, 3)
CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

CASES = {
    "identity": (lambda x: tf.exp(tf.identity(tf.stop_gradient(x))), "StopGradient Identity Exp", "Exp"),
    "times one": (lambda x: tf.exp(1.0 * (x * 1.0)), "Mul Mul Exp", "Exp"),
    "times one, broadcast": (lambda x: x * tf.ones([4, 2, 3]), "Mul", "Mul"),
    "times one, another shape": (lambda x: tf.exp(x * tf.ones([2, 3])), "Mul Exp", "Exp"),
    "plus zero": (lambda x: tf.exp(x + 0.0), "AddV2 Exp", "AddV2 Exp"),  # -0.0 + 0.0 is 0.0
    "plus minus zero": (lambda x: tf.exp(x + -0.0), "AddV2 Exp", "Exp"),
    "minus zero": (lambda x: 1.0 / (x - 0.0), "Sub RealDiv", "RealDiv"),
    "minus minus zero": (lambda x: tf.exp(x - -0.0), "Sub Exp", "Sub Exp"),
    "over one": (lambda x: tf.exp(x / 1.0), "RealDiv Exp", "Exp"),
    "over a power of two": (lambda x: x / [2.0, 0.5, 1024.0], "RealDiv", "Mul"),
    "over three": (lambda x: x / 3.0, "RealDiv", "RealDiv"),
    "negated twice": (lambda x: tf.exp(-(-x)), "Neg Neg Exp", "Exp"),
    "power of one": (lambda x: tf.exp(tf.pow(x, 1.0)), "Pow Exp", "Exp"),
    "power of two": (lambda x: tf.pow(x, 2.0), "Pow", "Square"),
    "power of half": (lambda x: tf.pow(x, 0.5), "Pow", "Pow"),  # of -0.0 and -inf it is no root
    "power of minus one": (lambda x: tf.pow(x, -1.0), "Pow", "Reciprocal"),
    "inverse root": (lambda x: 1.0 / tf.sqrt(x), "Sqrt RealDiv", "Rsqrt"),
    "inverse of root": (lambda x: tf.reciprocal(tf.sqrt(x)), "Sqrt Reciprocal", "Rsqrt"),
    "reshaped twice": (lambda x: tf.reshape(tf.reshape(x, [6]), [3, 2]), "Reshape Reshape", "Reshape"),
    "reshaped and back": (lambda x: tf.exp(tf.reshape(tf.reshape(x, [6]), [2, 3])), "Reshape Reshape Exp", "Exp"),
    "reshaped to itself": (lambda x: tf.exp(tf.reshape(x, [-1, 3])), "Reshape Exp", "Exp"),
    "squeezed again": (lambda x: tf.exp(tf.squeeze(tf.expand_dims(x, 0), 0)), "ExpandDims Squeeze Exp", "Exp"),
    "expanded twice": (lambda x: tf.expand_dims(tf.expand_dims(x, 0), 0), "ExpandDims ExpandDims", "Reshape"),
    "transposed twice": (lambda x: tf.exp(tf.transpose(tf.transpose(x))), "Transpose Transpose Exp", "Exp"),
    "not transposed": (lambda x: tf.exp(tf.transpose(x, [0, 1])), "Transpose Exp", "Exp"),
    "over no axes": (lambda x: tf.exp(tf.reduce_sum(x, [])), "Sum Exp", "Exp"),
    "tiled once": (lambda x: tf.exp(tf.tile(x, [1, 1])), "Tile Exp", "Exp"),
    "tiled": (lambda x: tf.tile(x, [1, 2]), "Tile", "Tile"),
    "broadcast to itself": (lambda x: tf.exp(tf.broadcast_to(x, [2, 3])), "BroadcastTo Exp", "Exp"),
    "cast there and back": (
        lambda x: tf.exp(tf.cast(tf.cast(x, tf.float64), tf.float32)), "Cast Cast Exp", "Exp"),
    "cast on": (lambda x: tf.cast(tf.cast(x > 1, tf.int32), tf.float32), "Greater Cast Cast", "Greater Cast"),
    "larger of the same": (lambda x: tf.exp(tf.maximum(x, x)), "Maximum Exp", "Exp"),
    "both of the same": (lambda x: tf.logical_and(x > 1, x > 1), "Greater LogicalAnd", "Greater"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    compare(*CASES[name])


@pytest.mark.parametrize("exponent, after", [(3.0, "Square Mul"), (4.0, "Square Square")])
def test_small_powers(exponent, after):
    compare(lambda x: tf.pow(x, exponent), "Pow", after, PAIR, exact=False)


def test_what_loses_something_stays():
    compare(lambda x: tf.cast(tf.cast(x, tf.float16), tf.float32), "Cast Cast", "Cast Cast", PAIR)
    compare(lambda x: tf.cast(tf.cast(x, tf.int32), tf.float32), "Cast Cast", "Cast Cast", PAIR)


def test_integers():
    compare(lambda x: -((x * 1) + 0), "Mul AddV2 Neg", "Neg", INTS)
    compare(lambda x: tf.bitwise.invert(tf.bitwise.invert(x)) * 2, "Invert Invert Mul", "Mul", INTS)


def test_transposes_compose():
    twice = lambda x: tf.transpose(tf.transpose(x, [1, 2, 0]), [0, 2, 1])  # noqa: E731
    compare(twice, "Transpose Transpose", "Transpose", CUBE)


def test_products_read_transposed_factors():
    compare(lambda x: tf.matmul(x, tf.transpose(x)), "Transpose MatMul", "MatMul", PAIR)
    compare(lambda x: tf.matmul(tf.transpose(x), x), "Transpose MatMul", "MatMul", PAIR)
    other = lambda x: tf.matmul(x, tf.transpose(x, [0, 2, 1]))  # noqa: E731
    compare(other, "Transpose BatchMatMulV2", "BatchMatMulV2", CUBE)


def test_what_was_asked_for_stays():
    x = tf.placeholder(tf.float32, [3])
    y = tf.identity(x)
    with tf.Session() as sess:
        program = run_passes(sess.program([], [y.op], [x]), (Specialise(((3,),)), Simplify(), Dead()), check=True)
    assert ops(program) == "Identity"


def test_a_variables_value_is_not_used_for_longer():
    v = tf.Variable([1.0, 2.0])
    old = -(-v)
    with tf.control_dependencies([tf.negative(v)]):
        first = tf.negative(v)
    with tf.control_dependencies([first]):
        write = tf.assign(v, [5.0, 6.0])
    with tf.control_dependencies([write]):
        late = tf.negative(first) * 1.0
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run([old, late])[1].tolist() == [1.0, 2.0]


def test_fetching_what_was_passed_on_gives_the_caller_his_own():
    v = tf.Variable([1.0, 2.0])
    x = tf.placeholder(tf.float32, [2])
    fetches = [tf.identity(v) * 1.0, tf.identity(x)]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        fed = np.array([3.0, 4.0], np.float32)
        of_variable, of_feed = sess.run(fetches, {x: fed})
        of_variable[0] = of_feed[0] = 9
        assert sess.run(v).tolist() == [1.0, 2.0] and fed.tolist() == [3.0, 4.0]


def test_rules_have_names():
    assert all(rule.name and rule.function.__name__ for rule in RULES)


def test_what_stands_only_before_a_control_dependency_goes():
    x = tf.placeholder(tf.float32, [3])
    unused, checked = tf.exp(x), tf.Assert(tf.reduce_all(x > 0), [x])
    with tf.control_dependencies([unused, checked]):
        y = tf.square(x)
    with tf.Session() as sess:
        program = run_passes(sess.program([y], [], [x]), (Specialise(((3,),)), Dead()), check=True)
        assert "Exp" not in ops(program) and "Assert" in ops(program)
        program = run_passes(sess.program([y], [unused.op], [x]), (Specialise(((3,),)), Dead()), check=True)
        assert "Exp" in ops(program)


LOOPS = {
    # By name: what a loop does with (i, a, b) over arrays, and what its body runs afterwards.
    "over no axes": (lambda i, a, b: (i + 1, tf.exp(tf.reduce_sum(a, [])), b), "Less AddV2 Exp"),
    "variables pass on": (lambda i, a, b: (i + 1, tf.identity(b) * 1.0, tf.tanh(a)), "Less AddV2 Tanh"),
    "one value for two": (lambda i, a, b: (i + 1, -(-tf.sin(a)), tf.sin(a) * 1.0), "Less AddV2 Sin"),
    "undone of a variable": (lambda i, a, b: (i + 1, b - -(-a), -(-a)), "Less AddV2 Sub"),
}


@pytest.mark.parametrize("name", LOOPS)
def test_inside_of_loops(name):
    body, after = LOOPS[name]
    x = tf.placeholder(tf.float32, [3])
    last = tf.while_loop(lambda i, *_: i < 4, body, [0, x, x + 1.0])
    fetches = [*last, tf.gradients(last[1], x)[0]]
    with tf.Session(backend="numpy") as sess:
        program = run_passes(
            sess.program(last, (), [x]), (Specialise(((3,),)), *BEFORE, Simplify(), Cse(), Dead()), check=True
        )
        (loop,) = [step.body for step in program.steps if step.body is not None]
        assert ops(loop.program) == after
        found = sess.run(fetches, {x: [0.1, 0.2, 0.3]})
    levels = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    config = tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=levels))
    with tf.Session(config=config, backend="numpy") as sess:
        for one, other in zip(found, sess.run(fetches, {x: [0.1, 0.2, 0.3]}), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)


def test_what_leads_to_the_condition_runs_once_more():
    """A value of the last iteration is not what the condition's own steps made of the variables since."""
    x = tf.placeholder(tf.float32, [])
    _, kept = tf.while_loop(
        lambda v, kept: tf.exp(v) < 9.0, lambda v, kept: (v + 0.5, tf.reduce_sum(v, []) * 1.0), [x, -1.0]
    )
    with tf.Session() as sess:
        assert sess.run([kept, kept + 1.0], {x: 1.0}) == [2.0, 3.0]
        assert sess.run(kept, {x: 5.0}) == -1.0


def test_a_loop_that_writes_a_variable_is_left_alone():
    v = tf.get_variable("v", [2], initializer=tf.zeros_initializer(), use_resource=False)

    def body(i, seen):
        now = tf.identity(v) * 1.0
        with tf.control_dependencies([now]), tf.control_dependencies([tf.assign_add(v, [1.0, 2.0])]):
            return i + 1, seen + tf.reduce_sum(now, [])

    _, seen = tf.while_loop(lambda i, _: i < 3, body, [0, tf.zeros([2])])
    with tf.Session() as sess:
        sess.run(v.initializer)
        np.testing.assert_array_equal(sess.run(seen), [3.0, 6.0])


def test_an_assertion_of_what_is_known_goes():
    x = tf.placeholder(tf.float32, [None, 3])
    with tf.control_dependencies([tf.Assert(tf.equal(tf.shape(x)[1], 3), ["columns", tf.shape(x)])]):
        y = tf.exp(x)
    with tf.control_dependencies([tf.Assert(tf.equal(tf.shape(x)[0], 2), ["rows", tf.shape(x)])]):
        z = tf.exp(x)
    with tf.Session() as sess:
        for fetch, shape, after in ((y, (4, 3), "Exp"), (z, (2, 3), "Exp"), (z, (4, 3), "Assert Exp")):
            program = run_passes(sess.program([fetch], (), [x]), (Specialise((shape,)), *BEFORE), check=True)
            assert ops(program) == after
        with pytest.raises(tf.errors.InvalidArgumentError, match="rows"):
            sess.run(z, {x: np.zeros((4, 3))})
