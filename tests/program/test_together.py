"""Updates of variables as one step: what is joined, what is not, and that the numbers stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy import native, together

import scopert as tf
from scopert.graph.build import apply
from scopert.ops.training_ops import TRAINING_OPS
from scopert.program.ir import TOGETHER
from scopert.program.passes.pipeline import PIPELINE, optimised
from scopert.program.passes.together import Join, apart
from scopert.program.verify import verify

OPTIMIZERS = [
    lambda: tf.train.AdamOptimizer(0.1),
    lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    lambda: tf.train.GradientDescentOptimizer(0.1),
    lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.5),
    lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),  # looks at numbers: not traced
    lambda: tf.train.ProximalAdagradOptimizer(0.1),
]


def _session(joins: bool) -> Any:
    level = tf.OptimizerOptions.L1 if joins else tf.OptimizerOptions.L0
    jit = tf.OptimizerOptions.ON_1 if joins else tf.OptimizerOptions.OFF
    options = tf.GraphOptions(optimizer_options=tf.OptimizerOptions(opt_level=level, global_jit_level=jit))
    return tf.Session(config=tf.ConfigProto(graph_options=options))


def _variables(shapes: Any, resource: bool = False, dtype: Any = tf.float32) -> list[Any]:
    rng = np.random.RandomState(3)
    return [
        tf.get_variable(f"v{k}", initializer=tf.constant(rng.normal(size=shape), dtype), use_resource=resource)
        for k, shape in enumerate(shapes)
    ]


def _joined(*operations: Any) -> Any:
    with tf.Session() as sess:
        program = optimised(sess.program([], operations), (), PIPELINE)
    verify(program)
    verify(apart(program))
    return program


def _members(program: Any) -> list[list[str]]:
    return [[member.origin.name for member in step.body.members] for step in program.steps if step.op == TOGETHER]


def test_golden() -> None:
    a, b = _variables([(3,), (2, 2)])
    grads = [tf.constant([1.0, 2.0, 3.0]), tf.ones((2, 2))]
    op = tf.train.GradientDescentOptimizer(0.5).apply_gradients(zip(grads, [a, b], strict=True))
    text = str(_joined(op)).splitlines()
    first = next(number for number, line in enumerate(text) if "= together" in line)
    assert [" ".join(line.split(" ; ")[0].split()) for line in text[first : first + 4]] == [
        "%5 = together %0 %4 %2 %1 %4 %3 float32_ref (3,)",
        "%6 = .. float32_ref (2, 2)",
        "ApplyGradientDescent %0 %4 %2",
        "ApplyGradientDescent %1 %4 %3",
    ]


def test_apart_is_the_inverse() -> None:
    a, b = _variables([(3,), (4,)])
    op = tf.train.AdamOptimizer().minimize(tf.reduce_sum(a) + tf.reduce_sum(tf.square(b)))
    with tf.Session() as sess:
        program = sess.program([], [op])
    joined = Join()(program)
    assert any(step.op == TOGETHER for step in joined.steps)
    assert set(apart(joined).steps) == set(program.steps)


def test_what_stays_apart() -> None:
    a, b, c = _variables([(3,), (3,), (3,)])
    scalar = tf.get_variable("s", initializer=1.0)
    one, two = tf.train.GradientDescentOptimizer(0.5), tf.train.GradientDescentOptimizer(0.25)
    ones = tf.ones(3)
    # Other rates, and scalars.
    program = _joined(one.apply_gradients([(ones, a), (tf.constant(1.0), scalar)]), two.apply_gradients([(ones, b)]))
    assert _members(program) == []
    # The same variable twice.
    assert _members(_joined(one.apply_gradients([(ones, c)]), one.apply_gradients([(ones, c)]))) == []
    # A read of the new value between the two.
    first = one.apply_gradients([(ones, a)])
    with tf.control_dependencies([first]):
        second = one.apply_gradients([(a.read_value(), b)])
    assert _members(_joined(second)) == []


@pytest.mark.parametrize("resource", [False, True])
def test_a_member_that_looks_at_a_variable_which_another_one_changes(resource: bool) -> None:
    results = []
    for joins in (True, False):
        with tf.Graph().as_default():
            a, b = _variables([(4000,), (4000,)], resource)
            optimizer = tf.train.GradientDescentOptimizer(1.0)
            op = optimizer.apply_gradients([(tf.identity(b), a), (tf.identity(a), b)])
            with _session(joins) as sess:
                sess.run(tf.global_variables_initializer())
                sess.run(op)
                results.append(sess.run([a, b]))
    for left, right in zip(*results, strict=True):
        np.testing.assert_array_equal(left, right)


def test_errors_name_the_member() -> None:
    a, b = _variables([(3,), (4,)])
    op = tf.train.MomentumOptimizer(0.5, 0.9).apply_gradients([(tf.ones(3), a), (tf.ones(4), b)])
    with _session(True) as sess:
        sess.run([a.initializer, b.initializer])
        slots = [v.initializer for v in tf.global_variables() if "Momentum" in v.op.name]
        sess.run(slots[0])
        with pytest.raises(tf.errors.FailedPreconditionError, match="v1/Momentum") as caught:
            sess.run(op)
        assert "update_v1" in caught.value.message
        sess.run([*slots, a.initializer])
        before = sess.run(a)
        sess.run(op)
        np.testing.assert_allclose(sess.run(a), before - 0.5, rtol=1e-6)


@pytest.mark.parametrize("machine_code", [True, False])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_optimizers(machine_code: bool, data: Any) -> None:
    """Joined, and one by one without passes: the same variables and slots after three steps."""
    if machine_code and native.unavailable():
        pytest.skip(native.unavailable())
    sizes = st.sampled_from([(5,), (3, 7), (1,), (), (0, 2), (40_000,), (130, 129)])
    shapes = data.draw(st.lists(sizes, min_size=2, max_size=6))
    make, resource = data.draw(st.sampled_from(OPTIMIZERS)), data.draw(st.booleans())
    dtype = data.draw(st.sampled_from([tf.float32, tf.float64]))
    found = []
    with pytest.MonkeyPatch.context() as patch:
        if not machine_code:
            patch.setattr(together, "compiled", lambda *_: None)
        for joins in (True, False):
            with tf.Graph().as_default():
                variables = _variables(shapes, resource, dtype)
                loss = tf.add_n([tf.reduce_sum(tf.square(v) * 0.3 + v) for v in variables])
                op = make().minimize(loss)
                with _session(joins) as sess:
                    sess.run(tf.global_variables_initializer())
                    for _ in range(3):
                        sess.run(op)
                    found.append(sess.run(tf.global_variables()))
    tolerance = 1e-5 if dtype is tf.float32 else 1e-12
    for left, right in zip(*found, strict=True):
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


def test_reads_of_one_variable_are_one_scalar() -> None:
    """Adam reads the powers of beta for each resource variable anew."""
    variables = _variables([(3,), (2, 2), (5,)], resource=True)
    optimizer = tf.train.AdamOptimizer(0.1)
    op = optimizer.apply_gradients([(tf.ones(v.shape), v) for v in variables])
    program = _joined(op)
    assert [len(names) for names in _members(program)] == [3]
    assert sum(step.op == "ReadVariableOp" for step in program.steps) >= 6


def test_a_write_between_two_reads_makes_two_scalars() -> None:
    a, b, rate = _variables([(3,), (2, 2), ()], resource=True)
    descent = TRAINING_OPS["ResourceApplyGradientDescent"]
    first = apply(descent, a.handle, rate.read_value(), tf.ones([3]))
    with tf.control_dependencies([first]):
        change = rate.assign_add(1.0)
    with tf.control_dependencies([change]):
        second = apply(descent, b.handle, rate.read_value(), tf.ones([2, 2]))
    program = _joined(second)
    assert _members(program) == []


def test_so_many_bytes_may_wait() -> None:
    """Gradients that are computed wait for the last one, so a group has an end; those that are variables do not."""
    variables = _variables([(256, 256)] * 6)
    computed = [tf.matmul(v, v) for v in variables]
    op = tf.train.GradientDescentOptimizer(0.1).apply_gradients(zip(computed, variables, strict=True))
    with tf.Session() as sess:
        program = sess.program([], [op])
    size = 256 * 256 * 4
    for limit, counts in ((1 << 26, [6]), (3 * size, [3, 3]), (4 * size, [4, 2]), (size, [])):
        joined = Join(waiting=limit)(program)
        verify(joined)
        assert [len(names) for names in _members(joined)] == counts
    sources = _variables_named("g", 6)
    op = tf.train.GradientDescentOptimizer(0.1).apply_gradients(zip(sources, variables, strict=True))
    with tf.Session() as sess:
        joined = Join(waiting=size)(sess.program([], [op]))
    assert [len(names) for names in _members(joined)] == [6]


def _variables_named(name: str, count: int) -> list[Any]:
    return [tf.identity(tf.get_variable(f"{name}{k}", initializer=tf.ones((256, 256)))) for k in range(count)]
