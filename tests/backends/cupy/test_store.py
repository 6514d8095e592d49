"""Variables on the device: one allocation, views, growth, snapshots, other processes, no room."""

import subprocess
import sys

import numpy as np
import pytest

import scopert as tf
from scopert.runtime.shared_store import attach_ipc


def test_all_variables_are_one_allocation(device):
    taken = device.count("allocate")
    for number in range(20):
        tf.get_variable(f"v{number}", [7, number + 1])
    with tf.Session(backend="cupy") as session:
        session._context.prepare(session.graph)
        assert taken() == 1
        session.run(tf.global_variables_initializer())
        whole = session.store.segment()
        assert whole.ctypes.data % 256 == 0
        first = session.store.array("v0")
        assert first.base is not None and np.shares_memory(first, whole)


def test_growth_copies_and_programs_follow(device):
    x = tf.placeholder(tf.float32, [2])
    a = tf.get_variable("a", [2], initializer=tf.ones_initializer())
    step = tf.assign_add(a, x)
    y = a * 2.0
    with tf.Session(backend="cupy") as session:
        session.run(a.initializer)
        for _ in range(3):  # the last one replays
            session.run(step, {x: [1, 2]})
        before = session.store.array("a").ctypes.data
        copies = device.count("copy")
        b = tf.get_variable("b", [300], initializer=tf.zeros_initializer())
        session.run(b.initializer)
        assert copies() == 2  # one grows the buffer, one fills `b`
        assert session.store.array("a").ctypes.data != before
        assert session.run(step, {x: [1, 1]}).tolist() == [5, 8]
        assert session.run(y).tolist() == [10, 16]


def test_an_executable_follows_variables_that_move(device):
    """Also one that was compiled before, and is not compiled anew: the graph has not changed."""
    with tf.Graph().as_default():
        a = tf.get_variable("a", [2], initializer=tf.ones_initializer())
        step = tf.assign_add(a, [1.0, 2.0])
        first = tf.Session(backend="cupy")
        first.run(a.initializer)
        for _ in range(3):
            first.run(step)
        executable = first.executable(step)
    with tf.Graph().as_default():
        b = tf.get_variable("b", [500], initializer=tf.ones_initializer())
        with tf.Session(backend="cupy", store=first.store) as second:
            second.run(b.initializer)
    assert first.run(step).tolist() == [5, 9]
    assert first.executable(step) is executable
    assert first.run(step).tolist() == [6, 11]
    assert first.store.array("b").sum() == 500
    first.close()


def test_views_are_live(device):
    w = tf.get_variable("w", [3], initializer=tf.zeros_initializer())
    step = tf.assign_add(w, tf.ones([3]))
    with tf.Session(backend="cupy") as session:
        session.run(w.initializer)
        view = session.store.array("w")
        foreign = np.from_dlpack(view)
        session.run(step)
        session.backend.synchronize()
        assert view.tolist() == foreign.tolist() == [1, 1, 1]
        view[...] = 5
        assert session.run(w).tolist() == [5, 5, 5]
        assert "data" in view.__array_interface__


def test_a_snapshot_is_one_copy(device):
    a = tf.get_variable("a", [3], initializer=tf.ones_initializer())
    tf.get_variable("b", [100], initializer=tf.ones_initializer())
    with tf.Session(backend="cupy") as session:
        session.run(tf.global_variables_initializer())
        copies = device.count("copy_out")
        snapshot = session.store.snapshot()
        assert copies() == 1
        session.run(tf.assign(a, [7.0, 8.0, 9.0]))
        sent = device.count("copy_in")
        session.store.restore(snapshot)
        assert sent() == 1
        assert session.run(a).tolist() == [1, 1, 1]


def test_padding_is_zero(device):
    """A segment is one vector, whose sums and norms may be taken."""
    for number in range(3):
        tf.get_variable(f"v{number}", [5], initializer=tf.ones_initializer())
    with tf.Session(backend="cupy") as session:
        session.run(tf.global_variables_initializer())
        assert session.store.segment().sum() == 15


def test_variables_of_unknown_shape_lie_on_the_device_too(device):
    x = tf.placeholder(tf.float32, [None, 2])
    v = tf.Variable(x, validate_shape=False)
    y = v + 1.0
    with tf.Session(backend="cupy") as session:
        session.run(v.initializer, {x: np.ones((3, 2))})
        assert session.run(y).shape == (3, 2)
        session.run(v.initializer, {x: np.ones((5, 2))})
        assert session.run(y).shape == (5, 2)
        assert device._live.owner(session.store.array(v.op.name).ctypes.data) is not None


def test_no_room_for_variables(device):
    with tf.variable_scope("small"):
        a = tf.get_variable("a", [4], initializer=tf.ones_initializer())
    y = a * 3.0
    with tf.Session(backend="cupy") as session:
        session.run(a.initializer)
        assert session.run(y).tolist() == [3] * 4
        with tf.variable_scope("huge"):
            b = tf.get_variable("b", [1 << 20], initializer=tf.ones_initializer())
        with pytest.raises(tf.errors.ResourceExhaustedError) as info:
            session.run(b.initializer)
        text = str(info.value)
        assert "no memory for 1 new variable: all together need 4.0 MiB on cupy" in text
        assert "     4.0 MiB       1  huge" in text and "1  small" in text
        # What does not need it runs, and what does fails for itself.
        assert session.run(y).tolist() == [3] * 4
        assert session.run(y + 1.0).tolist() == [4] * 4
        with pytest.raises(tf.errors.ResourceExhaustedError):
            session.run(b.initializer)
        assert session.run(y).tolist() == [3] * 4


def test_no_room_for_an_arena(device):
    x = tf.placeholder(tf.float32, [None])
    with tf.name_scope("wide"):
        y = tf.cumsum(tf.sort(tf.reshape(tf.reshape(x, [1, -1]) * tf.ones([1000, 1]), [-1])))
    with tf.Session(backend="cupy") as session:
        assert session.run(y, {x: [1.0, 2.0]}).shape == (2000,)
        with pytest.raises(tf.errors.ResourceExhaustedError) as info:
            session.run(y, {x: np.ones(300)})
        text = str(info.value)
        assert "no memory to run a program that needs" in text and "  wide" in text and "free: " in text
        assert session.run(y, {x: [1.0, 2.0]}).shape == (2000,)


def test_programs_used_long_ago_give_their_memory_back(device):
    x = tf.placeholder(tf.float32, [None])
    y = tf.cumsum(tf.reshape(tf.reshape(x, [1, -1]) * tf.ones([100, 1]), [-1]))
    with tf.Session(backend="cupy") as session:
        for size in (300, 310, 320, 330, 340, 350, 300):  # each takes about a third
            assert session.run(y, {x: np.ones(size)})[-1] == 100 * size
        assert session.backend.held <= 1 << 20


def test_a_part_of_the_memory(device):
    config = tf.ConfigProto()
    config.gpu_options.per_process_gpu_memory_fraction = 0.25
    config.gpu_options.allow_growth = True
    v = tf.get_variable("v", [70_000], initializer=tf.zeros_initializer())
    limited = pytest.raises(tf.errors.ResourceExhaustedError, match="this process may take 262144")
    with tf.Session(backend="cupy", config=config) as session, limited:
        session.run(v.initializer)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("allocator_type", "cuda_malloc", NotImplementedError),
        ("per_process_gpu_memory_fraction", 1.5, tf.errors.InvalidArgumentError),
        ("visible_device_list", "one", tf.errors.InvalidArgumentError),
        ("visible_device_list", "7", tf.errors.UnavailableError),
    ],
)
def test_options_that_cannot_be_met(device, field, value, error):
    config = tf.ConfigProto()
    setattr(config.gpu_options, field, value)
    with pytest.raises(error):
        tf.Session(backend="cupy", config=config)


def test_devices_by_number(device):
    with tf.Session(backend="cupy:0") as session:
        assert session.backend.device is device
    with pytest.raises(tf.errors.UnavailableError, match="one host device"):
        tf.Session(backend="cupy:1")
    with pytest.raises(tf.errors.NotFoundError, match="names no device"):
        tf.Session(backend="cupy:x")


CHILD = """
import sys
from scopert.runtime.shared_store import attach_ipc
shared = attach_ipc(sys.stdin.buffer.read())
w = shared.array("layer/w")
print(shared.names(), w.tolist())
w[...] = 9
"""


def test_another_process_sees_the_weights(device):
    with tf.variable_scope("layer"):
        w = tf.get_variable("w", [3], initializer=tf.ones_initializer())
    with tf.Session(backend="cupy") as session:
        session.run(w.initializer)
        data = session.store.export_ipc()
        found = subprocess.run([sys.executable, "-c", CHILD], input=data, capture_output=True, check=False)
        assert found.stdout.decode().strip() == "['layer/w'] [1.0, 1.0, 1.0]", found.stderr.decode()
        assert session.run(w).tolist() == [9, 9, 9]
        with pytest.raises(tf.errors.NotFoundError, match="no variable 'b'"):
            attach_ipc(data).array("b")


def test_what_cannot_be_exported():
    tf.get_variable("w", [3])
    with tf.Session(backend="numpy") as session, pytest.raises(NotImplementedError, match="cannot be shared"):
        session.store.export_ipc()
    with tf.Session(graph=tf.Graph(), backend="cupy") as session, pytest.raises(tf.errors.NotFoundError):
        session.store.export_ipc()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not what"):
        attach_ipc(b"weights")


def test_the_device_is_described(device):
    w = tf.get_variable("w", [1000], initializer=tf.ones_initializer())
    with tf.Session(backend="cupy") as session:
        session.run(w.initializer)
        text = session.backend.describe()
        assert "memory: 1.0 MiB" in text and "4.0 KiB  variables" in text


def _handles(use_resource):
    a = tf.get_variable("a", [3], initializer=tf.ones_initializer(), use_resource=use_resource)
    return a, tf.assign_add(a, [1.0, 2.0, 3.0]), tf.get_session_handle(a.read_value())


@pytest.mark.parametrize("backend", ["numpy", "cupy"])
def test_a_session_handle_of_a_variable_is_its_memory(device, backend):
    """What TensorFlow 1.15 does: a reference variable's value goes on to change, also when the store has moved."""
    a, step, keep = _handles(False)
    x = tf.placeholder(tf.float32, [3])
    y, loose = x * 2.0, tf.placeholder(tf.float32)
    with tf.Session(backend=backend) as session:
        session.run(a.initializer)
        copied = device.count("copy_out")
        handle = session.run(keep)
        holder, value = tf.get_session_tensor(handle.handle, tf.float32)
        assert copied() == 0  # it stays where it is
        for number in range(3):
            expected = np.ones(3) + number * np.arange(1, 4)
            np.testing.assert_array_equal(handle.eval(), expected)
            np.testing.assert_array_equal(session.run(y, {x: handle}), expected * 2)
            np.testing.assert_array_equal(session.run(a + 0.0, {a: handle}), expected)
            np.testing.assert_array_equal(session.run(loose[1:] + 1.0, {loose: handle}), expected[1:] + 1)
            np.testing.assert_array_equal(session.run(value, {holder: handle.handle}), expected)
            session.run(step)
            if number == 1:
                session.run(tf.get_variable("more", [500], initializer=tf.zeros_initializer()).initializer)
        np.testing.assert_array_equal(session.run(y, {x: np.arange(3)}), 2 * np.arange(3))
        handle.delete()
        with pytest.raises(tf.errors.InvalidArgumentError, match="not in the session store"):
            session.run(value, {holder: handle.handle})


@pytest.mark.parametrize("backend", ["numpy", "cupy"])
def test_a_session_handle_of_a_value_stays_as_it_is(device, backend):
    a, step, keep = _handles(True)
    x = tf.placeholder(tf.float32, [3])
    y = x * 2.0
    keep_product, keep_text = tf.get_session_handle(y + 1.0), tf.get_session_handle(tf.constant(["a", "b"]))
    with tf.Session(backend=backend) as session:
        session.run(a.initializer)
        handle, text = session.run([keep, keep_text])
        product = session.run(keep_product, {x: handle})
        for _ in range(2):
            session.run(step)
            np.testing.assert_array_equal(handle.eval(), np.ones(3))
            np.testing.assert_array_equal(session.run(y, {x: product}), np.full(3, 6.0))
        assert text.eval().tolist() == [b"a", b"b"]
        with pytest.raises(tf.errors.InvalidArgumentError, match="holds float32"):
            session.run(
                tf.placeholder_with_default(tf.constant([1, 2, 3]), [3]) + 1, {"PlaceholderWithDefault:0": handle}
            )
