"""Recording: the second run records, later ones replay; what cannot be recorded is launched, and said once."""

import logging

import numpy as np
import pytest
from scopert_cupy import capture
from scopert_cupy.capture import Segment
from scopert_cupy.failures import DeviceError
from scopert_cupy.host.faulty import FaultyDevice

import scopert as tf


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    monkeypatch.setattr(capture, "_told", set())


def _counting(device, number=2):
    """A segment that adds to a list, and the list; its commands are noted by the device when they are recorded."""
    memory = device.allocate(64)
    return Segment(device, [(device.fill, (memory.address, byte, 64)) for byte in range(number)]), memory


def test_launch_record_replay():
    device = FaultyDevice()
    segment, _memory = _counting(device)
    for name in ("fill", "begin_capture", "replay"):
        device.arm(name, 10**9)
    counts = []
    for _ in range(4):
        segment.run()
        counts.append((device.calls["fill"], device.calls["begin_capture"], device.calls["replay"]))
    assert counts == [(2, 0, 0), (4, 1, 1), (4, 1, 2), (4, 1, 3)]
    assert segment.recording.nodes == 2


def test_one_command_is_not_recorded():
    segment, _memory = _counting(FaultyDevice(), 1)
    for _ in range(3):
        segment.run()
    assert segment.recording is None and "single command" in segment.refused


def test_switched_off(monkeypatch):
    monkeypatch.setenv("SCOPERT_CUPY_GRAPHS", "0")
    segment, _memory = _counting(FaultyDevice())
    for _ in range(3):
        segment.run()
    assert segment.recording is None and segment.refused == "SCOPERT_CUPY_GRAPHS=0"


@pytest.mark.parametrize("call", ["begin_capture", "end_capture", "fill"])
def test_what_cannot_be_recorded_is_launched_and_said_once(call, caplog):
    device = FaultyDevice()
    first, _memory = _counting(device)
    second, _other = _counting(device)
    for segment in (first, second):
        segment.run()
        device.arm(call)
        segment.run()  # fails to be recorded, and is launched
        device.disarm()
        segment.run()
        assert segment.recording is None and "refused by the fault injector" in segment.refused
    assert sum("launched one by one" in record.message for record in caplog.records) == 1
    third, _third = _counting(device)
    for _ in range(3):
        third.run()
    assert third.recording is not None, "the failed captures were ended"


def test_a_program_whose_capture_fails_gives_the_same(device, caplog):
    x = tf.placeholder(tf.float32, [8])
    y = tf.cumsum(tf.exp(x) * 2.0)
    with tf.Session(backend="cupy") as session, caplog.at_level(logging.WARNING):
        value = np.arange(8) / 8
        device.arm("begin_capture", 1, for_good=True)
        found = [session.run(y, {x: value}) for _ in range(4)]
        assert all((one == found[0]).all() for one in found)
        assert "plain launches: begin_capture: refused" in str(session.executable(y, {x: value}))


def test_a_failure_while_replaying_is_an_error(device):
    x = tf.placeholder(tf.float32, [8], name="x")
    y = tf.cumsum(tf.exp(x) * 2.0)
    with tf.Session(backend="cupy") as session:
        for _ in range(3):
            session.run(y, {x: np.ones(8)})
        device.arm("replay")
        with pytest.raises(tf.errors.InternalError, match="replay: refused"):
            session.run(y, {x: np.ones(8)})
        assert session.run(y, {x: np.zeros(8)}).tolist() == list(range(2, 18, 2))


def test_allocating_while_recording_is_an_error():
    device = FaultyDevice()
    segment = Segment(device, [(device.allocate, (64,)), (device.allocate, (64,))])
    segment.run()
    segment.run()
    assert segment.recording is None and "allocate" in segment.refused
    device.begin_capture()
    with pytest.raises(DeviceError):
        device.synchronize()
    device.end_capture()


def test_variables_that_move_are_recorded_anew(device):
    v = tf.get_variable("v", [8], initializer=tf.ones_initializer())
    step = tf.assign(v, tf.cumsum(v * 0.5))
    with tf.Session(backend="cupy") as session:
        session.run(v.initializer)
        call = session.make_callable(step.op)
        for _ in range(3):
            call()
        executable = session.executable(step.op)
        assert "graph of" in str(executable)
        expected = session.run(v)
        w = tf.get_variable("w", [900])
        session.run(w.initializer)
        for _ in range(3):
            expected = np.cumsum(expected * 0.5, dtype=np.float32)
            executable.run([])
            np.testing.assert_allclose(session.run(v), expected, rtol=1e-6)
        assert "graph of" in str(executable)


def test_random_numbers_go_on_through_replays():
    noise = tf.random.normal([5], seed=4) + tf.random.uniform([5], seed=5)
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Session(backend=backend) as session:
            found[backend] = [session.run(noise) for _ in range(5)]
    np.testing.assert_allclose(found["cupy"], found["numpy"], rtol=1e-6)
    assert len({value[0] for value in found["cupy"]}) == 5
