"""What goes wrong on machines with cards, on a host device that fails where it is told to: a clear error each."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from scopert_cupy.backend import CupyBackend
from scopert_cupy.host.faulty import FaultyDevice

import scopert as tf
from scopert.runtime import backends
from scopert.runtime.backends import forget_backends


def _run(code, **environment):
    """A program of its own on the host device."""
    env = {**os.environ, "SCOPERT_CUPY_DEVICE": "host", "SCOPERT_BACKEND": "cupy", **environment}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=env, check=False, timeout=100
    )


TRAIN = """
    import os, signal, sys
    import numpy as np
    import scopert as tf
    x = tf.placeholder(tf.float32, [None, 4])
    w = tf.get_variable("w", [4, 2], initializer=tf.ones_initializer())
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
    train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    saver = tf.train.Saver()
    path = sys.argv[1] if len(sys.argv) > 1 else os.environ["FOLDER"] + "/model"
    with tf.Session() as session:
        latest = tf.train.latest_checkpoint(os.environ["FOLDER"])
        if latest:
            saver.restore(session, latest)
        else:
            session.run(tf.global_variables_initializer())
        for step in range(int(os.environ["STEPS"])):
            value = session.run([loss, train], {x: np.eye(4)})[0]
            print(repr(float(value)), flush=True)
            if step == 3:
                saver.save(session, path)
                if "KILL" in os.environ:
                    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_between_two_runs(tmp_path):
    """The next one goes on from the checkpoint, with the same numbers as one that was not killed."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = _run(TRAIN, FOLDER=str(tmp_path / "a"), STEPS="7")
    killed = _run(TRAIN, FOLDER=str(tmp_path / "b"), STEPS="7", KILL="1")
    assert killed.returncode == -9 and len(killed.stdout.split()) == 4, killed.stderr
    resumed = _run(TRAIN, FOLDER=str(tmp_path / "b"), STEPS="3")
    assert whole.stdout.split() == killed.stdout.split() + resumed.stdout.split(), resumed.stderr


def test_two_processes_at_once(tmp_path):
    """They share compiled kernels on disk, and nothing else."""
    folders = [tmp_path / name for name in "ab"]
    env = {**os.environ, "SCOPERT_CUPY_DEVICE": "host", "SCOPERT_BACKEND": "cupy", "STEPS": "5"}
    env["SCOPERT_CACHE"] = str(tmp_path / "cache")  # empty: both want to compile the same
    started = []
    for folder in folders:
        folder.mkdir()
        command = [sys.executable, "-c", textwrap.dedent(TRAIN)]
        started.append(subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**env, "FOLDER": str(folder)}
        ))  # fmt: skip
    found = [process.communicate(timeout=100) for process in started]
    assert [process.returncode for process in started] == [0, 0], found
    assert found[0][0] == found[1][0] and len(found[0][0].split()) == 5


def test_a_child_that_was_forked_after_the_device_was_opened():
    found = _run("""
        import os, sys
        import scopert as tf
        x = tf.placeholder(tf.float32, [2])
        y = tf.cumsum(x)
        session = tf.Session()
        print(session.run(y, {x: [1, 2]}), flush=True)
        child = os.fork()
        if not child:
            try:
                session.run(y, {x: [1, 2]})
            except tf.errors.OpError as error:
                print(type(error).__name__, error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(session.run(y, {x: [3, 4]}), flush=True)
    """)
    lines = found.stdout.splitlines()
    assert lines[0] == "[1. 3.]" and lines[-1] == "[3. 7.]", found
    assert "forked" in lines[1] and "InternalError" in lines[1], found


@pytest.mark.parametrize(
    ("faults", "text"),
    [
        ("driver:0", "No CUDA driver is installed"),
        ("driver:12040", "The driver supports CUDA 12.4, but CuPy was built for CUDA 13.0"),
        ("capability:60", "compute capability 6.0"),
    ],
)
def test_a_driver_or_a_card_that_cannot_be_used(faults, text, monkeypatch):
    monkeypatch.setenv("SCOPERT_CUPY_HOST_FAULTS", faults)
    forget_backends()
    try:
        with pytest.raises(tf.errors.UnavailableError, match=text):
            tf.Session(backend="cupy")
        with tf.Session(backend="numpy") as session:
            assert session.run(tf.constant(1)) == 1
    finally:
        monkeypatch.undo()
        forget_backends()


@pytest.fixture
def program(device):
    """A session with a variable, and a run that was recorded."""
    x = tf.placeholder(tf.float32, [8], name="x")
    v = tf.get_variable("v", [8], initializer=tf.zeros_initializer())
    step = tf.assign_add(v, tf.cumsum(x * 2.0))
    with tf.Session(backend="cupy") as session:
        session.run(v.initializer)

        def run():
            return session.run(step, {x: np.ones(8)})

        for _ in range(3):
            run()
        yield session, run, v


@pytest.mark.parametrize("call", ["copy_in", "copy_out", "replay", "synchronize"])
def test_a_call_that_fails_once(program, device, call):
    """The run fails with what the device said; the next one works."""
    session, run, v = program
    device.arm(call)
    with pytest.raises(tf.errors.InternalError, match=f"{call}: refused by the fault injector"):
        run()
    device.disarm()
    before = session.run(v)
    np.testing.assert_array_equal(run(), before + np.cumsum(2 * np.ones(8)))


@pytest.mark.parametrize("call", ["compile", "allocate", "pinned", "launch"])
def test_a_call_that_fails_while_a_program_is_made(program, device, call):
    session, run, v = program
    x = tf.placeholder(tf.float32, [8])
    y = tf.cumsum(tf.exp(x) + v)
    expected = (tf.errors.ResourceExhaustedError, tf.errors.InternalError)
    # A single lack of memory is met by what others give back.
    device.arm(call, for_good=call in ("allocate", "pinned"))
    with pytest.raises(expected, match="fault injector"):
        session.run(y, {x: np.zeros(8)})
    device.disarm()
    assert session.run(y, {x: np.zeros(8)}).shape == (8,)
    run()


def test_a_device_that_is_lost(program, device):
    """Every later run says so, and does not hang."""
    _, run, _ = program
    device.arm("lost")
    for _ in range(2):
        with pytest.raises(tf.errors.InternalError, match="device is lost"):
            run()


def test_products_that_fail(device):
    a, b = tf.placeholder(tf.float32, [4, 4]), tf.placeholder(tf.float32, [4, 4])
    c = tf.matmul(a, b)
    feeds = {a: np.eye(4), b: np.eye(4)}
    with tf.Session(backend="cupy") as session:
        device.arm("plan_gemm")
        with pytest.raises(tf.errors.InternalError, match="plan_gemm"):
            session.run(c, feeds)
        device.arm("gemm")
        with pytest.raises(tf.errors.InternalError, match="gemm: refused"):
            session.run(c, feeds)
        assert (session.run(c, feeds) == np.eye(4)).all()


def test_operations_of_a_library_that_fail(monkeypatch):
    device = FaultyDevice(library=True)
    monkeypatch.setitem(backends._registry._opened, ("cupy", 0), CupyBackend(device))
    x, w = tf.placeholder(tf.float32, [1, 5, 5, 2]), tf.ones([3, 3, 2, 4])
    y = tf.nn.conv2d(x, w, 1, "SAME")
    feeds = {x: np.ones([1, 5, 5, 2])}
    with tf.Session(backend="cupy") as session:
        device.arm("plan_operation")
        with pytest.raises(tf.errors.InternalError, match="plan_operation"):
            session.run(y, feeds)
        device.arm("operate")
        with pytest.raises(tf.errors.InternalError, match="operate: refused"):
            session.run(y, feeds)
        for _ in range(3):
            assert (session.run(y, feeds)[0, 1:4, 1:4] == 18).all()
        assert "cudnn" in str(session.executable(y, feeds))


def test_interrupted_runs_leave_the_session_usable(program):
    session, run, v = program

    def stop(value):
        raise KeyboardInterrupt

    interrupted = tf.py_func(stop, [v], tf.float32)
    with pytest.raises(KeyboardInterrupt):
        session.run(interrupted)
    run()


def test_sessions_give_their_memory_back(device):
    for _ in range(30):
        with tf.Graph().as_default():
            v = tf.get_variable("v", [10_000], initializer=tf.ones_initializer())  # 40 kB of 1 MiB
            x = tf.placeholder(tf.float32, [10_000])
            with tf.Session(backend="cupy") as session:
                session.run(v.initializer)
                assert session.run(tf.reduce_sum(tf.cumsum(v * x)), {x: np.zeros(10_000)}) == 0
    assert device.free_memory() > 500_000
