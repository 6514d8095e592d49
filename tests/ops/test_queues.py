"""Queues in threads: who waits, who is woken, what closing does."""

import threading
import time

import numpy as np
import pytest

import scopert as tf


def in_thread(function):
    """Starts a thread; returns it and a list that gets its result or error."""
    result = []

    def run():
        try:
            result.append(function())
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, result


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf.Session() as made:
        yield made


def test_who_takes_waits_for_who_puts(session):
    queue = tf.FIFOQueue(10, tf.float32, shapes=[()])
    put, take = queue.enqueue([1.5]), queue.dequeue()
    thread, result = in_thread(lambda: session.run(take))
    time.sleep(0.05)
    assert thread.is_alive()
    session.run(put)
    thread.join(5)
    assert result == [1.5]


def test_who_puts_waits_while_the_queue_is_full(session):
    queue = tf.FIFOQueue(2, tf.int32, shapes=[()])
    put, take = queue.enqueue_many([[1, 2, 3]]), queue.dequeue()
    thread, _ = in_thread(lambda: session.run(put))
    time.sleep(0.05)
    assert thread.is_alive() and session.run(queue.size()) == 2
    assert session.run(take) == 1
    thread.join(5)
    assert session.run([queue.dequeue_many(2)])[0].tolist() == [2, 3]


def test_a_batch_larger_than_the_queue(session):
    queue = tf.FIFOQueue(2, tf.int32, shapes=[()])
    put, take = queue.enqueue_many([list(range(7))]), queue.dequeue_many(7)
    thread, _ = in_thread(lambda: session.run(put))
    np.testing.assert_array_equal(session.run(take), range(7))
    thread.join(5)
    assert not thread.is_alive()


def test_closing_wakes_who_takes(session):
    queue = tf.FIFOQueue(10, tf.int32, shapes=[()])
    session.run(queue.enqueue_many([[1, 2]]))
    take = queue.dequeue_many(3)
    close = queue.close()
    thread, result = in_thread(lambda: session.run(take))
    time.sleep(0.05)
    session.run(close)
    thread.join(5)
    assert isinstance(result[0], tf.errors.OutOfRangeError)
    # What it had taken already is there again, in order.
    assert session.run(queue.dequeue_up_to(5)).tolist() == [1, 2]


def test_closing_may_cancel_who_puts(session):
    queue = tf.FIFOQueue(1, tf.int32, shapes=[()])
    put = queue.enqueue(1)
    session.run(put)
    close = queue.close(cancel_pending_enqueues=True)
    thread, result = in_thread(lambda: session.run(put))
    time.sleep(0.05)
    session.run(close)
    thread.join(5)
    assert isinstance(result[0], tf.errors.CancelledError)
    with pytest.raises(tf.errors.CancelledError, match="is closed"):
        session.run(put)


def test_closing_the_session_ends_the_wait():
    with tf.Graph().as_default():
        take = tf.FIFOQueue(1, tf.int32).dequeue()
        session = tf.Session()
        thread, result = in_thread(lambda: session.run(take))
        time.sleep(0.05)
        session.close()
        thread.join(5)
    assert isinstance(result[0], tf.errors.CancelledError)


def test_what_was_put_does_not_change_with_the_variable(session):
    variable = tf.Variable([1.0, 2.0])
    queue = tf.FIFOQueue(3, tf.float32, shapes=[[2]])
    put, take, change = queue.enqueue([variable]), queue.dequeue(), variable.assign([7.0, 8.0])
    session.run(variable.initializer)
    session.run(put)
    session.run(change)
    np.testing.assert_array_equal(session.run(take), [1.0, 2.0])


def test_each_element_goes_to_one_taker(session):
    queue = tf.RandomShuffleQueue(100, 0, tf.int32, shapes=[()], seed=1)
    session.run(queue.enqueue_many([list(range(60))]))
    take = queue.dequeue_many(10)
    workers = [in_thread(lambda: session.run(take)) for _ in range(6)]
    for thread, _ in workers:
        thread.join(5)
    assert sorted(np.concatenate([result[0] for _, result in workers]).tolist()) == list(range(60))
