"""Programs as segments: what stands in them, that a steady run allocates nothing, threads, errors."""

import threading
import tracemalloc

import numpy as np
import pytest
from scopert_cupy.actions import Batch, Single

import scopert as tf


def _model():
    x = tf.placeholder(tf.float32, [None, 6], name="x")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    hidden = tf.layers.dense(tf.nn.dropout(x, rate=0.2, seed=1), 8, tf.nn.relu, name="hidden")
    logits = tf.layers.dense(hidden, 3, name="logits")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    return x, labels, loss, tf.train.AdamOptimizer(0.01).minimize(loss)


def _batch(size=4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(size, 6)).astype(np.float32), rng.integers(0, 3, size).astype(np.int32)


def test_a_training_step_is_one_graph_and_has_the_losses_of_numpy():
    losses = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            tf.set_random_seed(3)
            x, labels, loss, train = _model()
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                feeds = dict(zip((x, labels), _batch(), strict=True))
                losses[backend] = [session.run([loss, train], feeds)[0] for _ in range(5)]
                if backend == "cupy":
                    executable = session.executable([loss, train], feeds)
    np.testing.assert_allclose(losses["cupy"], losses["numpy"], rtol=2e-6)
    assert losses["cupy"][-1] < losses["cupy"][0]
    assert [type(action) for action in executable.plan.top.actions] == [Batch]
    assert "graph of " in str(executable) and "eager" not in str(executable)


def test_a_steady_run_allocates_nothing(device):
    x, labels, loss, train = _model()
    with tf.Session(backend="cupy") as session:
        session.run(tf.global_variables_initializer())
        feeds = dict(zip((x, labels), _batch(), strict=True))
        call = session.make_callable([loss, train], [x, labels])
        values = list(feeds.values())
        for _ in range(3):
            call(*values)
        counts = {name: device.count(name) for name in ("allocate", "pinned", "copy_in", "copy_out", "replay", "launch")}
        tracemalloc.start()
        try:
            call(*values)
            before = tracemalloc.take_snapshot()
            for _ in range(20):
                call(*values)
            after = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
        assert {name: count() for name, count in counts.items()} == {
            "allocate": 0, "pinned": 0, "copy_in": 21, "copy_out": 21, "replay": 21, "launch": 0,
        }  # fmt: skip
        # What Python makes on the way is gone again; the device of the tests keeps notes of its own.
        kept = [row for row in after.compare_to(before, "filename") if "scopert_cupy/host" not in row.traceback[0].filename]
        grown = sum(row.size_diff for row in kept if "/backends/scopert_cupy/" in row.traceback[0].filename)
        assert grown < 2000, kept[:10]


def test_a_run_without_fetches_does_not_wait(device):
    x = tf.placeholder(tf.float32, [3])
    v = tf.get_variable("v", [3], initializer=tf.zeros_initializer())
    step = tf.assign_add(v, x * 2.0).op
    with tf.Session(backend="cupy") as session:
        session.run(v.initializer)
        session.run(step, {x: np.ones(3)})
        session.backend.synchronize()
        waits = device.count("synchronize")
        session.run(step, {x: np.ones(3)})
        session.run(step, {x: np.ones(3)})
        assert waits() == 0
        session.run(step, {x: np.ones(3)})  # the third finds both slabs in use
        assert waits() == 1
        assert session.run(v).tolist() == [8, 8, 8]


def test_what_splits_a_program_is_visible():
    x = tf.placeholder(tf.float32, [3])
    y = tf.exp(tf.cumsum(x))
    z = tf.py_func(lambda a: a + 1, [y], tf.float32)
    z.set_shape([3])
    w = tf.cumsum(tf.reverse(z, [0]))
    with tf.Session(backend="cupy") as session:
        feeds = {x: [1.0, 2.0, 3.0]}
        expected = np.cumsum((np.exp(np.cumsum([1.0, 2.0, 3.0])) + 1)[::-1])
        for _ in range(3):
            np.testing.assert_allclose(session.run(w, feeds), expected, rtol=1e-6)
        executable = session.executable(w, feeds)
        assert [type(action) for action in executable.plan.top.actions] == [Batch, Single, Batch]
        lines = str(executable).splitlines()
    assert "3 segments, 2 of commands" in lines[0]
    assert any("host       PyFunc" in line and "works on host objects" in line for line in lines)
    assert sum("[graph of 2 nodes]" in line for line in lines) == 2


def test_an_uninitialized_variable():
    v = tf.get_variable("v", [3])
    y = tf.cumsum(v)
    with tf.Session(backend="cupy") as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match=r"uninitialized value v .*made at") as info:
            session.run(y)
        assert info.value.op.name == "v/read"
        with pytest.raises(tf.errors.FailedPreconditionError):
            session.run(tf.assign_add(v, [1.0, 1.0, 1.0]))
        # In one run, what assigns it comes first.
        with tf.control_dependencies([tf.assign(v, [1.0, 2.0, 3.0])]):
            z = tf.cumsum(v.read_value() if hasattr(v, "read_value") else tf.identity(v))
        assert session.run(z).tolist() == [1, 3, 6]
        assert session.run(y).tolist() == [1, 3, 6]


def test_a_variable_of_another_shape():
    """A program that was made for one shape is not run for the other."""
    v = tf.get_variable("v", [3], initializer=tf.ones_initializer())
    other = tf.assign(v, [[1.0, 2.0]], validate_shape=False)
    y = v * 2.0
    with tf.Session(backend="cupy") as session:
        session.run(v.initializer)
        assert session.run(y).tolist() == [2, 2, 2]
        session.run(other)
        assert session.run(y).tolist() == [[2, 4]]
        session.run(tf.assign(v, [1.0, 1.0, 1.0], validate_shape=False))
        assert session.run(y).tolist() == [2, 2, 2]


def test_loops_in_a_program_that_gives_a_variable_its_shape():
    """Without a layout steps run eagerly, fused ones too."""
    x = tf.placeholder(tf.float32, [2, 3])
    v = tf.Variable(tf.exp(x) * 2.0 - 1.0, validate_shape=False)
    with tf.Session(backend="cupy") as session:
        for _ in range(2):
            session.run(v.initializer, {x: np.zeros((2, 3))})
            assert session.run(v).tolist() == np.ones((2, 3)).tolist()


@pytest.mark.parametrize("known", [True, False])
def test_an_index_out_of_range(known):
    params = tf.placeholder(tf.float32, [4, 2])
    indices = tf.placeholder(tf.int32, [3])
    rows = tf.gather(params, indices if known else indices * 2)
    with tf.Session(backend="cupy") as session:
        feeds = {params: np.ones((4, 2)), indices: [0, 1, 1]}
        for _ in range(3):
            assert session.run(rows, feeds).tolist() == np.ones((3, 2)).tolist()
        with pytest.raises(tf.errors.InvalidArgumentError, match="indices" if known else "Gather") as info:
            session.run(rows, {params: np.ones((4, 2)), indices: [0, 7, 1]})
        assert info.value.op.type == "GatherV2"
        assert session.run(rows, feeds).tolist() == np.ones((3, 2)).tolist()


def test_an_index_out_of_range_in_a_run_that_nobody_waits_for(device):
    """A later run of the session says so; the update is left out."""
    indices = tf.placeholder(tf.int32, [2])
    v = tf.get_variable("v", [4], initializer=tf.zeros_initializer())
    step = tf.scatter_add(v, indices, tf.ones([2])).op
    with tf.Session(backend="cupy") as session:
        session.run(v.initializer)
        session.run(step, {indices: [0, 1]})
        waits = device.count("synchronize")
        session.run(step, {indices: [2, 9]})
        assert waits() == 0
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"ScatterAdd|indices"):
            session.run(v)
        assert session.run(v).tolist() == [1, 1, 1, 0]
        session.run(step, {indices: [7, 3]})
        with pytest.raises(tf.errors.InvalidArgumentError):
            for _ in range(4):
                session.run(step, {indices: [0, 0]})


def test_an_error_of_a_step_names_it():
    x = tf.placeholder(tf.float32, [2], name="x")
    with tf.name_scope("checks"):
        y = tf.check_numerics(x, "not finite")
    with tf.Session(backend="cupy") as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"not finite[\s\S]*scope: checks") as info:
            session.run(y, {x: [np.inf, 1]})
        assert info.value.op.name == "checks/CheckNumerics"
        assert session.run(y, {x: [2, 1]}).tolist() == [2, 1]


def test_threads_have_frames_of_their_own():
    x = tf.placeholder(tf.float32, [64])
    y = tf.cumsum(tf.exp(-x) * 3.0)
    found, failures = {}, []
    with tf.Session(backend="cupy") as session:

        def work(number):
            try:
                value = np.full(64, number, np.float32)
                found[number] = [session.run(y, {x: value})[-1] for _ in range(10)]
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
    for number, values in found.items():
        assert len(set(values)) == 1
        np.testing.assert_allclose(values[0], 3 * 64 * np.exp(-number), rtol=1e-5)


def test_two_sessions_on_one_store_train_together():
    v = tf.get_variable("v", [4], initializer=tf.zeros_initializer())
    step = tf.assign_add(v, tf.ones([4]))
    with tf.Session(backend="cupy") as first, tf.Session(backend="cupy", store=first.store) as second:
        first.run(v.initializer)

        def work(session):
            for _ in range(25):
                session.run(step.op)

        threads = [threading.Thread(target=work, args=(session,)) for session in (first, second, first)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert first.run(v).tolist() == [75] * 4


def test_a_trace_times_every_step():
    x, labels, loss, train = _model()
    with tf.Session(backend="cupy") as session:
        session.run(tf.global_variables_initializer())
        feeds = dict(zip((x, labels), _batch(), strict=True))
        metadata = tf.RunMetadata()
        session.run([loss, train], feeds, tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), metadata)
        names = [step.name for step in metadata.steps]
        assert any(name.startswith("hidden/") for name in names), names
        assert len(names) > 10 and all(step.seconds > 0 for step in metadata.steps)


def test_feeds_and_fetches_of_all_kinds():
    kinds = {
        "b": tf.bool, "i": tf.int64, "h": tf.bfloat16, "d": tf.float64, "c": tf.complex64, "s": tf.string, "u": tf.uint8,
    }  # fmt: skip
    fed = {name: tf.placeholder(dtype, [2], name=name) for name, dtype in kinds.items()}
    scalar = tf.placeholder(tf.float32, [])
    values = {
        fed["b"]: [True, False], fed["i"]: [1 << 40, -1], fed["h"]: [1.5, 2], fed["d"]: [1e300, 0],
        fed["c"]: [1j, 2], fed["s"]: [b"a", b"bc"], fed["u"]: [255, 0], scalar: 3.5,
    }  # fmt: skip
    constant = tf.constant([1, 2])
    empty = tf.zeros([0, 3])
    with tf.Session(backend="cupy") as session:
        wanted = [*fed.values(), scalar, constant, empty, fed["i"]]
        for _ in range(2):
            found = session.run(wanted, values)
            for tensor, value in zip(wanted, found, strict=True):
                np.testing.assert_array_equal(value, np.asarray(values.get(tensor, value)))
            assert isinstance(found[7], np.float32) and found[9].shape == (0, 3)
            found[1][0] = 0  # the caller's own
            found[8][0] = 9
        assert session.run(constant).tolist() == [1, 2]


def test_partial_runs_and_unoptimized_programs():
    x = tf.placeholder(tf.float32, [2])
    y = tf.placeholder(tf.float32, [2])
    a = tf.cumsum(x)
    b = a * y
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
    with tf.Session(backend="cupy", config=config) as session:
        assert session.run(b, {x: [1, 2], y: [3, 4]}).tolist() == [3, 12]
        handle = session.partial_run_setup([a, b], [x, y])
        assert session.partial_run(handle, a, {x: [1, 2]}).tolist() == [1, 3]
        assert session.partial_run(handle, b, {y: [3, 4]}).tolist() == [3, 12]


def test_a_feed_of_the_wrong_type_on_the_captured_path():
    """Sessions convert what they are fed; an executable that is called itself says what it wants."""
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.cumsum(tf.exp(x))
    with tf.Session(backend="cupy") as session:
        for _ in range(3):
            session.run(y, {x: np.float64([0, 0])})
        executable = session.executable(y, {x: [0, 0]})
        for bad in (np.zeros(2), np.zeros(3, np.float32)):
            with pytest.raises(tf.errors.InvalidArgumentError, match="compiled for float32"):
                executable.run([bad])
        assert executable.run([np.zeros(2, np.float32)])[0].tolist() == [1, 2]


def test_a_run_whose_results_lie_on_the_host_is_checked_too():
    numbers = tf.constant([1.0, float("nan")])
    with tf.Session(backend="cupy") as sess:
        for _ in range(3):  # launched, recorded, replayed
            with pytest.raises(tf.errors.InvalidArgumentError, match="not there : Tensor had NaN"):
                sess.run(tf.verify_tensor_all_finite(numbers, "not there"))
