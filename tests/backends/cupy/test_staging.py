"""Pinned slabs: one is filled while the other is copied, and none before its copy is done."""

import numpy as np
import pytest
from scopert_cupy.failures import DeviceError
from scopert_cupy.host.faulty import FaultyDevice
from scopert_cupy.staging import Clock, Staging

import scopert as tf


def _send(staging, memory, byte):
    number, slab = staging.slab()
    slab[:] = byte
    staging.send(number, memory.address, 64)
    return number


def test_slabs_take_turns_and_are_waited_for():
    device = FaultyDevice()
    clock = Clock(device)
    staging, memory = Staging(device, clock, 64), device.allocate(64)
    device.arm("synchronize", 10**9)
    assert [_send(staging, memory, byte) for byte in range(2)] == [0, 1]
    assert device.calls["synchronize"] == 0
    assert _send(staging, memory, 2) == 0
    assert device.calls["synchronize"] == 1
    assert _send(staging, memory, 3) == 1  # the wait was for both
    assert device.calls["synchronize"] == 1
    clock.wait()
    assert [_send(staging, memory, byte) for byte in range(4, 6)] == [0, 1]
    assert device.calls["synchronize"] == 2


def test_the_device_notices_a_slab_that_is_filled_too_early():
    """What the waits are for: the host device checks that pinned memory stays as it was."""
    device = FaultyDevice()
    staging, memory = Staging(device, Clock(device), 64), device.allocate(64)
    number = _send(staging, memory, 1)
    staging.slabs()[number][:] = 2
    with pytest.raises(DeviceError, match="changed while a copy"):
        device.synchronize()


def test_many_runs_that_nobody_waits_for(device):
    x = tf.placeholder(tf.float32, [16])
    v = tf.get_variable("v", [16], initializer=tf.zeros_initializer())
    step = tf.assign_add(v, x).op
    with tf.Session(backend="cupy") as session:
        session.run(v.initializer)
        for number in range(50):
            session.run(step, {x: np.full(16, number)})
        assert session.run(v).tolist() == [sum(range(50))] * 16


def test_feeds_in_any_layout():
    x = tf.placeholder(tf.float32, [3, 4])
    y = tf.cumsum(x, axis=1)
    value = np.arange(24, dtype=np.float32).reshape(4, 6)
    with tf.Session(backend="cupy") as session:
        for view in (value[:3, :4], value.T[:3], value[::-1][:3, 1:5], np.asfortranarray(value[:3, :4])):
            np.testing.assert_array_equal(session.run(y, {x: view}), np.cumsum(view, axis=1))


def test_a_slab_outlives_its_staging_until_the_copy_is_done():
    """Its memory would be given to somebody else, who fills it while the copy runs."""
    device = FaultyDevice()
    clock = Clock(device)
    memory = device.allocate(64)
    for byte in range(20):
        staging = Staging(device, clock, 64)
        _send(staging, memory, byte)
        del staging
    clock.wait()
    assert not clock._kept
