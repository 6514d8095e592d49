"""Sessions: structures of fetches and feeds, callables, defaults, what a second run costs."""

import collections
import gc
import threading
import weakref

import numpy as np
import pytest

import scopert as tf
from scopert.runtime import base_session

Pair = collections.namedtuple("Pair", ["left", "right"])


@pytest.fixture
def sess():
    with tf.Session() as sess:
        yield sess


def test_structures(sess):
    a, b = tf.constant(1.0, name="a"), tf.constant([2, 3], name="b")
    op = tf.no_op(name="op")
    ordered = collections.OrderedDict([("z", a), ("y", [b, op])])
    found = sess.run({"list": [a, "b:0"], "pair": Pair(a, (b,)), "op": op, "ordered": ordered, "empty": [], "again": a})
    assert found["list"][0] == 1.0 and type(found["list"][0]) is np.float32
    assert type(found["pair"]) is Pair and found["pair"].right[0].tolist() == [2, 3]
    assert found["op"] is None and found["empty"] == [] and found["again"] == 1.0
    assert list(found["ordered"]) == ["z", "y"] and found["ordered"]["y"][1] is None
    assert type(found["ordered"]) is collections.OrderedDict


def test_a_named_tuple_and_a_tuple_of_the_same_tensors_differ(sess):
    a, b = tf.constant(1), tf.constant(2)
    assert type(sess.run((a, b))) is tuple
    assert type(sess.run(Pair(a, b))) is Pair
    assert type(sess.run([a, b])) is list


def test_scalars_are_numpy_scalars_and_strings_bytes(sess):
    assert type(sess.run(tf.constant(1, tf.int64))) is np.int64
    assert type(sess.run(tf.constant(True))) is np.bool_
    assert sess.run(tf.constant("text")) == b"text"
    assert sess.run(tf.constant(["a", "b"])).tolist() == [b"a", b"b"]


def test_indexed_slices(sess):
    slices = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([3]), tf.constant([5, 1]))
    found = sess.run(slices)
    assert (found.values.tolist(), found.indices.tolist(), found.dense_shape.tolist()) == ([[1.0]], [3], [5, 1])
    values, indices = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    key = tf.IndexedSlices(values, indices)
    assert sess.run(tf.identity(values), {key: (np.ones(2), np.zeros(2))}).tolist() == [1.0, 1.0]


def test_feeds_of_all_kinds(sess):
    x = tf.placeholder(tf.float32, [None])
    hidden = tf.identity(x, name="hidden")
    y = hidden * 2.0
    assert sess.run(y, {x: [1]}).tolist() == [2.0]
    assert sess.run(y, {"hidden:0": np.array([3], np.float64)}).tolist() == [6.0]
    assert sess.run(hidden, {hidden: [5]}).tolist() == [5.0]
    text = tf.placeholder(tf.string)
    for given, expected in (("a", b"a"), (b"a\0b", b"a\0b"), (np.str_("ä"), "ä".encode())):
        assert sess.run(tf.identity(text), {text: given}) == expected
    pair = (tf.placeholder(tf.int32), tf.placeholder(tf.int32))
    assert sess.run(pair[0] - pair[1], {pair: (5, 3)}) == 2


def test_what_a_caller_holds_is_its_own(sess):
    x = tf.placeholder(tf.float32, [2])
    c = tf.constant([1.0, 2.0])
    v = tf.get_variable("v", initializer=c)
    sess.run(v.initializer)
    fed = np.array([1.0, 2.0], np.float32)
    fetches = [tf.identity(x), tf.reshape(c, [2, 1]), c, v, v.read_value(), tf.reshape(v, [1, 2])]
    for found in sess.run(fetches, {x: fed}):
        found += 10.0
    assert fed.tolist() == [1.0, 2.0]
    assert sess.run(c).tolist() == [1.0, 2.0] and sess.run(v).tolist() == [1.0, 2.0]
    held = sess.run(v)
    sess.run(tf.assign_add(v, [1.0, 1.0]))
    assert held.tolist() == [1.0, 2.0]


def test_a_second_run_does_no_graph_work(sess, monkeypatch):
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.add(x, 1.0, name="y")
    v = tf.get_variable("v", [], initializer=tf.ones_initializer())
    sess.run(v.initializer)
    shapes = [y, [y, v], (v, y), Pair(y, [v]), {"a": y, "b": {"c": (v,)}}, "y:0", [y.op, "y:0"]]
    first = [sess.run(fetches, {x: 1.0}) for fetches in shapes]
    assert [type(found) for found in first[1:5]] == [list, tuple, Pair, dict]

    def forbidden(*args):
        raise AssertionError("graph work")

    for name in ("lower", "FetchPlan", "feed_tensor"):
        monkeypatch.setattr(base_session, name, forbidden)
    assert [sess.run(fetches, {x: 1.0}) for fetches in shapes] == first
    with pytest.raises(AssertionError, match="graph work"):
        sess.run({"b": y, "a": v}, {x: 1.0})


def test_a_changed_operation_is_compiled_again(sess):
    a, b = tf.constant(1.0), tf.constant(2.0)
    y = tf.identity(a)
    assert sess.run(y) == 1.0
    y.op._update_input(0, b)
    assert sess.run(y) == 2.0


def test_the_cache_is_bounded(sess, monkeypatch):
    monkeypatch.setattr(base_session, "_LARGEST_CACHE", 3)
    for number in range(6):
        assert sess.run(tf.constant(number)) == number
    assert len(sess._executables) == len(sess._runs) == 3


def test_callables(sess):
    x, z = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    call = sess.make_callable({"sum": x + z, "op": tf.no_op()}, [x, z])
    assert call(1, 2) == {"sum": 3.0, "op": None}
    traced = sess.make_callable(x * 2.0, [x], accept_options=True)
    metadata = tf.RunMetadata()
    assert traced(4, options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), run_metadata=metadata) == 8.0
    assert [step.op for step in metadata.steps] == ["Mul"]
    assert metadata.HasField("step_stats") and metadata.step_stats.dev_stats[0].node_stats[0].node_name == "mul"


def test_default_sessions():
    a = tf.constant(3.0)
    outer, inner = tf.Session(), tf.Session()
    assert tf.get_default_session() is None
    with outer.as_default():
        assert tf.get_default_session() is outer
        with inner.as_default():
            assert tf.get_default_session() is inner and a.eval() == 3.0
        assert tf.get_default_session() is outer
    graph = tf.Graph()
    with tf.Session(graph=graph):
        assert tf.get_default_graph() is graph


def test_interactive_sessions():
    sess = tf.InteractiveSession()
    assert tf.get_default_session() is sess and tf.constant(1).eval() == 1
    with pytest.warns(UserWarning, match="already active"):
        second = tf.InteractiveSession()
    sess.close()
    assert tf.get_default_session() is second
    second.close()
    assert tf.get_default_session() is None


def test_several_threads_use_one_session(sess):
    x = tf.placeholder(tf.float32, [100])
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    total, grow = tf.reduce_sum(x * 2.0), tf.assign_add(v, 1.0)
    sess.run(v.initializer)
    wrong = []

    def work(number):
        for _ in range(50):
            found, _ = sess.run([total, grow.op], {x: np.full(100, number)})
            if found != 200.0 * number:
                wrong.append((number, found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and sess.run(v) == 400.0


def test_reset_drops_variables_and_closes_sessions():
    v = tf.get_variable("v", [], initializer=tf.ones_initializer())
    sess = tf.Session()
    sess.run(v.initializer)
    store = sess.store
    tf.Session.reset("")
    with pytest.raises(RuntimeError, match="closed Session"):
        sess.run(v)
    with tf.Session(store=store) as again, pytest.raises(tf.errors.FailedPreconditionError):
        again.run(v)


def test_a_session_that_nobody_holds_is_freed():
    v = tf.get_variable("v", [10], initializer=tf.ones_initializer())
    sess = tf.Session()
    sess.run(v.initializer)
    store = weakref.ref(sess.store)
    del sess
    gc.collect()
    assert store() is None


def test_handles_keep_values(sess):
    product = tf.constant(6) * 7
    handle = sess.run(tf.get_session_handle(product))
    assert handle.eval() == 42
    holder, value = tf.get_session_tensor(handle.handle, tf.int32)
    assert sess.run(value + 1, {holder: handle.handle}) == 43
    assert sess.run(tf.identity(product), {product: handle}) == 42
    raw = handle.get_raw_handle()
    holder, deleter = tf.delete_session_tensor(raw)
    sess.run(deleter, {holder: raw})
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in the session store"):
        sess.run(value, {holder: raw, value.op.inputs[0]: raw})
    with pytest.raises(TypeError, match="may have already been deleted"):
        handle.eval()


def test_own_types_can_be_fetched_and_fed(sess):
    class Squared:
        def __init__(self, tensor):
            self.tensor = tensor

    from scopert.runtime.fetches import register_session_run_conversion_functions

    register_session_run_conversion_functions(
        Squared,
        lambda s: ([s.tensor], lambda values: values[0] ** 2),
        lambda s, value: [(s.tensor, value)],
        lambda s: [s.tensor],
    )
    with pytest.raises(ValueError, match="already been registered"):
        register_session_run_conversion_functions(Squared, lambda s: ([s.tensor], lambda values: values[0]))
    x = tf.placeholder(tf.float32)
    squared = Squared(x * 3.0)
    assert sess.run(squared, {x: 2.0}) == 36.0
    assert sess.run(squared, {squared: 4.0}) == 16.0
    handle = sess.partial_run_setup([squared.tensor], [squared])
    assert sess.partial_run(handle, squared.tensor, {squared: 5.0}) == 5.0


def test_devices(sess):
    assert [device.name for device in sess.list_devices()] == ["/job:localhost/replica:0/task:0/device:CPU:0"]
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as two:
        assert len(two.list_devices()) == 2
        with tf.device("/cpu:1"):
            assert two.run(tf.constant(1)) == 1
    assert tf.devices()[0].device_type == "CPU"
    assert tf.test.is_gpu_available() is False and tf.test.gpu_device_name() == ""
