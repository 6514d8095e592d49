"""Shapes inside loops follow from the shapes that are fed; where they change from iteration to iteration, they do not."""

from __future__ import annotations

import numpy as np
import pytest

import scopert as tf
from scopert.program.ir import LOOP
from scopert.program.passes.base import run_passes
from scopert.program.passes.specialise import Specialise


def loops(fetches, feeds, shapes):
    """What the loops of a specialised program repeat."""
    with tf.Session() as sess:
        program = run_passes(sess.program(fetches, [], feeds), (Specialise(shapes),), check=True)
    return [step.body for step in program.steps if step.op == LOOP]


def variables(loop):
    return [loop.program.values[slot].shape for slot in loop.program.feeds[: len(loop.following)]]


def agree(fetches, feeds):
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    config = tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options))
    with tf.Session() as sess, tf.Session(config=config) as plain:
        for session in (sess, plain):
            session.run(tf.global_variables_initializer())
        for _ in range(2):
            for found, wanted in zip(sess.run(fetches, feeds), plain.run(fetches, feeds), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_variables_have_the_shapes_of_what_is_fed():
    x = tf.placeholder(tf.float32, [None, 3])
    _, y = tf.while_loop(lambda t, y: t < 4, lambda t, y: (t + 1, tf.tanh(y) * x), [tf.constant(0), x])
    (loop,) = loops([y], [x], ((5, 3),))
    assert variables(loop) == [(), (5, 3)]
    assert all(None not in loop.program.values[slot].shape for step in loop.program.steps for slot in step.outputs)
    agree([y], {x: np.linspace(-1, 1, 15).reshape(5, 3)})


def test_a_growing_variable_keeps_its_unknown_size():
    x = tf.placeholder(tf.float32, [None, 3])
    _, y = tf.while_loop(
        lambda t, y: t < 4, lambda t, y: (t + 1, tf.concat([y, y[:1] + 1.0], 0)), [tf.constant(0), x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 3])],
    )  # fmt: skip
    (loop,) = loops([y], [x], ((2, 3),))
    assert variables(loop) == [(), (None, 3)]
    agree([y, tf.gradients(y, x)[0]], {x: np.ones((2, 3))})


def test_two_variables_that_take_turns():
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 3])
    unknown = tf.TensorShape([None, 3])
    _, a, b = tf.while_loop(
        lambda t, a, b: t < 3, lambda t, a, b: (t + 1, b * 2.0, a + 1.0), [tf.constant(0), x, y],
        shape_invariants=[tf.TensorShape([]), unknown, unknown],
    )  # fmt: skip
    (loop,) = loops([a, b], [x, y], ((2, 3), (4, 3)))
    assert variables(loop) == [(), (None, 3), (None, 3)]
    agree([a, b], {x: np.ones((2, 3)), y: np.zeros((4, 3))})


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("lengths", [None, [3, 5, 1]])
def test_recurrent_layers_over_any_batch(time_major, lengths):
    x = tf.placeholder(tf.float32, [5, None, 4] if time_major else [None, 5, 4])
    tf.set_random_seed(1)
    cell = tf.nn.rnn_cell.BasicLSTMCell(6)
    outputs, state = tf.nn.dynamic_rnn(cell, x, lengths, dtype=tf.float32, time_major=time_major)
    loss = tf.reduce_sum(outputs * outputs) + tf.reduce_sum(state.h)
    gradients = tf.gradients(loss, [x, *tf.trainable_variables()])
    shape = (5, 3, 4) if time_major else (3, 5, 4)
    for loop in loops([loss, *gradients], [x], (shape,)):
        known = [loop.program.values[slot].shape for slot in loop.program.feeds[: len(loop.following)]]
        assert all(shape is not None and None not in shape for shape in known), known
    agree([outputs, state.h, loss, *gradients], {x: np.random.RandomState(0).randn(*shape)})


def test_arrays_whose_elements_differ():
    x = tf.placeholder(tf.float32, [None])
    array = tf.TensorArray(
        tf.float32, 3, infer_shape=False, element_shape=tf.TensorShape([None]), clear_after_read=False
    )
    _, array = tf.while_loop(
        lambda t, array: t < 3, lambda t, array: (t + 1, array.write(t, x[: t + 1] * 2.0)), [tf.constant(0), array]
    )
    _, total = tf.while_loop(
        lambda t, total: t < 3, lambda t, total: (t + 1, total + tf.reduce_sum(array.read(t))),
        [tf.constant(0), tf.constant(0.0)],
    )  # fmt: skip
    agree([total, array.concat(), *tf.gradients(total, x)], {x: [1.0, 2.0, 3.0]})


def test_map_and_scan_over_any_number():
    x = tf.placeholder(tf.float32, [None, 4])
    y = tf.map_fn(lambda row: tf.tanh(row) * 2.0, x)
    z = tf.scan(lambda a, row: a * 0.5 + row, x)
    agree([y, z, *tf.gradients(tf.reduce_sum(y * z), x)], {x: np.random.RandomState(0).randn(6, 4)})


def test_what_arrays_give_after_a_loop_has_a_known_shape():
    """Their size is computed of shapes; gradients that are put in do not hide what the elements are."""
    x = tf.placeholder(tf.float32, [None, None, 4])
    tf.set_random_seed(1)
    outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(6), x, dtype=tf.float32)
    gradients = tf.gradients(tf.square(outputs[:, -1]), tf.trainable_variables())
    with tf.Session() as sess:
        program = run_passes(sess.program([outputs, *gradients], [], [x]), (Specialise(((3, 5, 4),)),), check=True)
    for step in program.steps:
        for slot in step.outputs:
            assert None not in (program.values[slot].shape or ()) and program.values[slot].shape is not None, step
    for loop in (step.body for step in program.steps if step.op == LOOP):
        for step in loop.program.steps:
            if step.op == "TensorArrayReadV3":
                assert None not in (loop.program.values[step.outputs[0]].shape or (None,))
    agree([outputs, *gradients], {x: np.random.RandomState(0).randn(3, 5, 4)})
