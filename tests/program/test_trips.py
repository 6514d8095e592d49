"""How often loops repeat, told from their numbers."""

from __future__ import annotations

import numpy as np
import pytest

import scopert as tf
from scopert.program.ir import LOOP
from scopert.program.passes.pipeline import PIPELINE, UNFUSED, optimised
from scopert.program.trips import Count, Counters, count_loops


def loops(fetches, passes, feeds=()):
    """The optimised program, and what is known of its loops, in order."""
    with tf.Session(backend="numpy") as sess:
        program = optimised(sess.program(fetches, [], list(feeds)), tuple([()] * len(feeds)), passes)
    found = count_loops(program)
    steps = [step for step in program.steps if step.op == LOOP]
    return program, steps, [found.get(step) for step in steps]


@pytest.fixture(params=[UNFUSED, PIPELINE], ids=["unfused", "fused"])
def passes(request):
    return request.param


@pytest.mark.parametrize(
    ("condition", "step", "start", "count"),
    [
        (lambda i: i < 7, lambda i: i + 1, 0, 7),
        (lambda i: i <= 7, lambda i: i + 2, 1, 4),
        (lambda i: i > 3, lambda i: i - 2, 9, 3),
        (lambda i: tf.not_equal(i, 16), lambda i: i * 2, 1, 4),
        (lambda i: tf.logical_and(i < 9, i * i < 30), lambda i: i + 1, 0, 6),
        (lambda i: tf.logical_not(i >= 3), lambda i: tf.minimum(i + 1, 5), -2, 5),
        (lambda i: i < 0, lambda i: i + 1, 0, 0),
    ],
)  # fmt: skip
def test_a_counter_tells_exactly(passes, condition, step, start, count):
    last, y = tf.while_loop(lambda i, y: condition(i), lambda i, y: (step(i), tf.sin(y)), [start, 1.0])
    _, _, (found,) = loops([last, y], passes)
    assert (found.count, found.exact) == (count, True)
    with tf.Session() as sess:
        assert sess.run(last) in found.results


def test_a_result_is_known_to_later_loops(passes):
    last, y = tf.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, tf.sin(y)), [0, 1.0])
    _, z = tf.while_loop(lambda i, z: i > 0, lambda i, z: (i - 1, tf.cos(z)), [last, y])
    _, _, found = loops([z], passes)
    assert [(trips.count, trips.exact) for trips in found] == [(5, True), (5, True)]


def test_a_condition_known_in_part_gives_a_bound(passes):
    _, y = tf.while_loop(lambda i, y: y > 0.1, lambda i, y: [i + 1, y * 0.5], [0, 1.0], maximum_iterations=30)
    _, _, (found,) = loops([y], passes)
    assert (found.count, found.exact) == (30, False)


def test_what_is_fed_is_counted_when_it_is_known(passes):
    n = tf.placeholder(tf.int32, [])
    last, y = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 3, tf.sin(y)), [0, 1.0])
    _, (step,), (found,) = loops([last, y], passes, [n])
    assert found is None
    counters = Counters(step.body)
    assert counters.suffices and len(counters.needed) == 2
    start = step.inputs.index(next(slot for slot in step.inputs if slot in {0}))  # the fed slot's position
    inputs = [np.int32(0)] * len(step.inputs)
    inputs[start] = np.int32(8)
    count, times = Count(counters, inputs), 0
    while count.goes_on():
        count.advance()
        times += 1
    assert times == 3 and 9 in count.results()


def test_floats_and_arrays_tell_nothing(passes):
    _, y = tf.while_loop(lambda i, y: y > 0.1, lambda i, y: (i + 1, y * 0.5), [0, 1.0])
    _, z = tf.while_loop(lambda i, z: tf.reduce_sum(z) < 9, lambda i, z: (i + 1, z + 1), [0, tf.constant([1, 2])])
    _, steps, found = loops([y, z], passes)
    assert found == [None, None]
    assert not any(Counters(step.body).suffices for step in steps)


def test_a_loop_that_does_not_end_has_no_count(passes):
    _, y = tf.while_loop(lambda i, y: i < 1, lambda i, y: (i - 0, y + 1.0), [0, 1.0])
    _, z = tf.while_loop(lambda i, z: i < 1000000, lambda i, z: (i + 1, z + 1.0), [0, 1.0])
    assert loops([y, z], passes)[2] == [None, None]


def test_loops_in_loops(passes):
    def row(i, total):
        return i + 1, tf.while_loop(lambda j, t: j < 4, lambda j, t: (j + 1, tf.sin(t)), [0, total])[1]

    _, total = tf.while_loop(lambda i, t: i < 3, row, [0, 0.5])
    program, (outer,), _ = loops([total], passes)
    (inner,) = [step for step in outer.body.program.steps if step.op == LOOP]
    found = count_loops(program)
    assert (found[outer].count, found[inner].count) == (3, 4)


def test_numbers_wrap_around_as_kernels_do(passes):
    start = tf.constant(2**31 - 3, tf.int32)
    last, y = tf.while_loop(lambda i, y: i > 0, lambda i, y: (i + 1, y + 1.0), [start, 0.0])
    _, _, (found,) = loops([last, y], passes)
    assert (found.count, found.exact) == (3, True)
