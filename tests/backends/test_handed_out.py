"""What a run returned stays as it is while anybody holds it; its memory is used again afterwards."""

import threading

import numpy as np
import pytest
from scopert_numpy.handed_out import HandedOut

import scopert as tf

SHAPE = (300, 500)


def _place(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_when_nobody_holds_it():
    made = HandedOut(SHAPE, np.float32)
    first = made.new()
    place = _place(first)
    assert place % 64 == 0 and first.shape == SHAPE and first.dtype == np.float32 and first.flags.c_contiguous
    del first
    assert _place(made.new()) == place


@pytest.mark.parametrize("hold", [
    lambda a: a, lambda a: a[5:7], lambda a: a.T, lambda a: a.reshape(-1)[::3], lambda a: memoryview(a),
    lambda a: a.view(np.int32), lambda a: np.asarray(a[0]).base, lambda a: [{"x": a[:, 1]}], lambda a: np.frombuffer(a),
], ids=range(9))  # fmt: skip
def test_what_is_held_is_not_touched(hold):
    made = HandedOut(SHAPE, np.float32)
    first = made.new()
    place, held = _place(first), hold(first)
    del first
    others = [made.new() for _ in range(5)]
    assert place not in [_place(other) for other in others]
    assert len({_place(other) for other in others}) == 5
    del held


def test_little_and_huge_results_are_plain_arrays():
    assert HandedOut((3,), np.float32).new().base is None
    assert HandedOut((1 << 25,), np.float32).new().base is None


def test_a_session_never_overwrites_what_it_returned():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, SHAPE)
        v = tf.get_variable("v", SHAPE, initializer=tf.zeros_initializer())
        fetches = [x * 2.0, tf.exp(x), v, tf.matmul(x, x, transpose_a=True), tf.assign_add(v, x)]
        session.run(tf.global_variables_initializer())
        kept, places = [], set()
        for number in range(6):
            made = session.run(fetches[:4], {x: np.full(SHAPE, number)})
            kept.append([made[0], made[1][10:], made[2], made[3]])
            session.run(fetches[4], {x: np.ones(SHAPE)})
        for number, (double, exp, before, product) in enumerate(kept):
            assert (double == 2 * number).all() and np.allclose(exp, np.exp(number))
            assert (before == number).all() and (product == 300.0 * number * number).all()
        del kept, double, exp, before, product, made
        for _ in range(8):
            places.add(_place(session.run(fetches[0], {x: np.ones(SHAPE)})))
        assert len(places) <= 3


def test_threads_get_memory_of_their_own():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, SHAPE)
        y = x + 1.0
        wrong = []

        def work(number):
            for _ in range(30):
                made = session.run(y, {x: np.full(SHAPE, number)})
                if not (made == number + 1).all():
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
