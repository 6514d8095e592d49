"""Bad input: TensorFlow's exception type, a message that helps, and a session that is usable afterwards."""

import os
import re

import numpy as np
import pytest

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.opdef import define_op, find_op
from scopert.graph.shape_rules import same_as_first

HERE = os.path.basename(__file__)


class World:
    """A small graph and a session on it."""

    def __init__(self):
        with tf.name_scope("net"):
            self.x = tf.placeholder(tf.float32, [None, 2], name="x")
            self.n = tf.placeholder(tf.int32, [], name="n")
            self.s = tf.placeholder(tf.string, [], name="s")
            self.y = tf.multiply(self.x, 2.0, name="y")
            self.shaped = tf.reshape(self.x, [2, 2], name="shaped")
            self.row = tf.gather(tf.constant([1.0, 2.0]), self.n, name="row")
        self.v = tf.get_variable("v", [2], initializer=tf.ones_initializer(), use_resource=False)
        self.r = tf.get_variable("r", [2], initializer=tf.ones_initializer(), use_resource=True)
        self.free = tf.placeholder(tf.float32, None, name="free")
        self.assign = tf.assign(self.v, self.free, name="assign", validate_shape=True)
        self.nan = tf.check_numerics(self.y, "a NaN was found", name="checked")
        self.init = tf.global_variables_initializer()
        self.known = tf.constant([1, 2])
        with tf.Graph().as_default():
            self.other = tf.constant(1.0, name="other")
            self.other_x = tf.placeholder(tf.float32, name="other_x")
        self.sess = tf.Session()

    def check_usable(self):
        assert self.sess.run(self.y, {self.x: [[1, 2]]}).tolist() == [[2.0, 4.0]]


# What is done, the exception, what its message says.
FETCHES = {
    "none": (lambda w: w.sess.run(None), TypeError, r"Fetch argument None has invalid type"),
    "a number": (lambda w: w.sess.run(3), TypeError, r"Fetch argument 3 has invalid type .*int.*, must be a string or Tensor"),
    "none in a list": (lambda w: w.sess.run([w.y, None]), TypeError, r"Fetch argument None has invalid type"),
    "an array": (lambda w: w.sess.run(np.zeros(2)), TypeError, r"has invalid type .*ndarray"),
    "an unknown name": (lambda w: w.sess.run("nope:0"), ValueError, r"Fetch argument 'nope:0' cannot be interpreted as a Tensor.*'nope'"),
    "an unknown output": (lambda w: w.sess.run("net/y:7"), ValueError, r"'net/y', exists but only has 1 outputs"),
    "a malformed name": (lambda w: w.sess.run("net/y:"), ValueError, r"cannot be interpreted as a Tensor"),
    "another graph's tensor": (lambda w: w.sess.run(w.other), ValueError, r"other.*is not an element of this graph"),
    "another graph's operation": (lambda w: w.sess.run([w.y, w.other.op]), ValueError, r"is not an element of this graph"),
}  # fmt: skip

FEEDS = {
    "a wrong shape": (lambda w: w.sess.run(w.y, {w.x: [1, 2, 3]}), ValueError, r"Cannot feed value of shape \(3,\) for Tensor 'net/x:0', which has shape '\(\?, 2\)'"),
    "a wrong rank": (lambda w: w.sess.run(w.row, {w.n: [1]}), ValueError, r"Cannot feed value of shape \(1,\) for Tensor 'net/n:0'"),
    "a ragged list": (lambda w: w.sess.run(w.y, {w.x: [[1], [1, 2]]}), ValueError, r"."),
    "text for numbers": (lambda w: w.sess.run(w.y, {w.x: "abc"}), ValueError, r"could not convert string to float"),
    "a number for text": (lambda w: w.sess.run(w.s, {w.s: 1}), TypeError, r"Type of feed value 1 with type <class 'int'> is not compatible"),
    "too large an integer": (lambda w: w.sess.run(w.row, {w.n: 2**40}), TypeError, r"Type of feed value 1099511627776 .* is not compatible with Tensor type .*int32"),
    "a tensor": (lambda w: w.sess.run(w.y, {w.x: w.known}), TypeError, r"The value of a feed cannot be a tf.Tensor object.*net/x"),
    "none": (lambda w: w.sess.run(w.y, {w.x: None}), (TypeError, ValueError), r"."),
    "an unknown name": (lambda w: w.sess.run(w.y, {"nope:0": 1}), TypeError, r"Cannot interpret feed_dict key as Tensor: .*nope"),
    "an operation": (lambda w: w.sess.run(w.y, {w.y.op: 1}), TypeError, r"Cannot interpret feed_dict key as Tensor: Can not convert a Operation into a Tensor"),
    "a number as key": (lambda w: w.sess.run(w.y, {5: 1}), TypeError, r"Cannot interpret feed_dict key as Tensor: Can not convert a int into a Tensor"),
    "another graph's tensor": (lambda w: w.sess.run(w.y, {w.other_x: 1}), TypeError, r"Cannot interpret feed_dict key as Tensor: .*is not an element of this graph"),
    "no dictionary": (lambda w: w.sess.run(w.y, [1]), TypeError, r"must be a dictionary"),
    "what may not be fed": (lambda w: (tf.get_static_value(w.known), w.sess.run(w.known, {w.known: [3, 4]})), ValueError, r"may not be fed"),
    "a variable that is written": (lambda w: w.sess.run(w.assign, {w.v: [1, 2], w.free: [3, 4]}), tf.errors.InvalidArgumentError, r"assign.*needs the variable v:0 itself"),
}  # fmt: skip

RUNS = {
    "a placeholder is not fed": (lambda w: w.sess.run(w.y), tf.errors.InvalidArgumentError, "net/x", r"You must feed a value for placeholder tensor 'net/x' with dtype float and shape \[\?,2\]"),
    "a reshape to another size": (lambda w: w.sess.run(w.shaped, {w.x: [[1, 2]]}), tf.errors.InvalidArgumentError, "net/shaped", r"2 values, but the requested shape has 4"),
    "an index out of range": (lambda w: w.sess.run(w.row, {w.n: 7}), tf.errors.InvalidArgumentError, "net/row", r"7"),
    "an uninitialized variable": (lambda w: w.sess.run(w.v.read_value()), tf.errors.FailedPreconditionError, None, r"Attempting to use uninitialized value v \(the variable was made at .*" + HERE),
    "an uninitialized resource": (lambda w: w.sess.run(w.r.read_value()), tf.errors.FailedPreconditionError, None, r"uninitialized value r"),
    "an assignment of another shape": (lambda w: w.sess.run(w.assign, {w.free: [1, 2, 3]}), tf.errors.InvalidArgumentError, "assign", r"Assign requires shapes of both tensors to match. lhs shape= \[2\] rhs shape= \[3\]"),
}  # fmt: skip


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("name", FETCHES)
def test_fetches(world, name):
    do, error, message = FETCHES[name]
    with pytest.raises(error, match=message):
        do(world)
    world.check_usable()


@pytest.mark.parametrize("name", FEEDS)
def test_feeds(world, name):
    do, error, message = FEEDS[name]
    with pytest.raises(error, match=message):
        do(world)
    world.check_usable()


@pytest.mark.parametrize("name", RUNS)
def test_runs(world, name):
    do, error, op, message = RUNS[name]
    with pytest.raises(error, match=message) as caught:
        do(world)
    text = str(caught.value)
    assert re.search(rf"{HERE}:\d+", text), text
    assert caught.value.op is not None and caught.value.op.name in text
    if op is not None:
        assert caught.value.op.name == op
    if "/" in caught.value.op.name:
        assert f"scope: {caught.value.op.name.rpartition('/')[0]}" in text
    world.check_usable()


def test_a_nan_check(world):
    with pytest.raises(tf.errors.InvalidArgumentError, match="a NaN was found") as caught:
        world.sess.run(world.nan, {world.x: [[np.nan, 1.0]]})
    assert caught.value.op.name == "checked"
    world.check_usable()


def test_input_shapes_are_named(world):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"input shapes: \[1,2\] float32, \[2\] int32"):
        world.sess.run(world.shaped, {world.x: [[1, 2]]})


def test_a_closed_session(world):
    world.sess.close()
    for do in (lambda: world.sess.run(world.known), lambda: world.sess.partial_run_setup(world.known)):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            do()


def test_an_empty_graph():
    with tf.Graph().as_default(), tf.Session() as sess, pytest.raises(RuntimeError, match="The Session graph is empty"):
        sess.run([])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": "grpc://nowhere"}, tf.errors.NotFoundError, "No session factory registered"),
        ({"target": 5}, TypeError, "target must be a string"),
        ({"graph": 5}, TypeError, "graph must be a tf.Graph"),
        ({"config": 5}, TypeError, "config must be a tf.ConfigProto"),
        ({"backend": "nope"}, tf.errors.NotFoundError, "no backend is called 'nope'; there are: .*numpy"),
    ],
)
def test_sessions_that_cannot_be_made(arguments, error, message):
    with pytest.raises(error, match=message):
        tf.Session(**arguments)


def test_entering_a_session_twice():
    tf.constant(1)
    with tf.Session() as sess, pytest.raises(RuntimeError, match="not re-entrant"):
        sess.__enter__()


def test_eval_without_a_session(world):
    with pytest.raises(ValueError, match="Cannot evaluate tensor using `eval\\(\\)`: No default session"):
        world.y.eval()
    with pytest.raises(ValueError, match="Cannot execute operation using `run\\(\\)`: No default session"):
        world.init.run()
    with world.sess.as_default(), pytest.raises(ValueError, match="the tensor's graph is different"):
        world.other.eval()


def test_options(world):
    with pytest.raises(TypeError, match="options must be a tf"):
        world.sess.run(world.known, options=5)
    with pytest.raises(TypeError, match="run_metadata must be a tf"):
        world.sess.run(world.known, run_metadata=5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid inter_op_thread_pool: 3"):
        world.sess.run(world.known, options=tf.RunOptions(inter_op_thread_pool=3))
    with pytest.raises(NotImplementedError, match="output_partition_graphs"):
        world.sess.run(world.known, options=tf.RunOptions(output_partition_graphs=True))
    config = tf.ConfigProto()
    config.cluster_def.job.add(name="worker")
    with pytest.raises(NotImplementedError, match="cluster_def"):
        tf.Session(config=config)
    world.check_usable()


def test_a_device_that_does_not_exist():
    with tf.device("/gpu:3"):
        a = tf.constant(1.0, name="far")
    b = tf.constant(2.0)
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError, match=f"Cannot assign a device.*far.*{HERE}") as caught:
        sess.run(b)
    assert caught.value.op is a.op
    with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as sess:
        assert sess.run(a) == 1.0
    pruned = tf.ConfigProto()
    pruned.graph_options.place_pruned_graph = True
    with tf.Session(config=pruned) as sess:
        assert sess.run(b) == 2.0
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(a)


def test_a_ring_of_operations():
    a = tf.constant(1.0)
    b = tf.identity(a, name="b")
    c = tf.identity(b, name="c")
    with tf.Session() as sess:
        b.op._update_input(0, c)
        with pytest.raises(tf.errors.InvalidArgumentError, match="cycle with 2 nodes, including: b, c"):
            sess.run(c)
        assert sess.run(a) == 1.0


def test_callables(world):
    with pytest.raises(TypeError, match="must be a list"):
        world.sess.make_callable(world.y, feed_list=world.x)
    with pytest.raises(ValueError, match="is not an element of this graph"):
        world.sess.make_callable(world.other)
    call = world.sess.make_callable(world.y, feed_list=[world.x])
    with pytest.raises(TypeError, match="takes 1 values for its feeds, got 0"):
        call()
    with pytest.raises(TypeError, match="does not take the keywords"):
        call([[1, 2]], options=None)
    assert call([[1, 2]]).tolist() == [[2.0, 4.0]]


def _interrupt(xp, x):
    raise KeyboardInterrupt


def _allocate(xp, x):
    raise MemoryError("no room")


for _name, _kernel in (("TestInterrupt", _interrupt), ("TestMemory", _allocate)):
    define_op(_name, inputs="x: float32", outputs="y: float32", shape=same_as_first, kernel=_kernel)


def test_an_op_without_a_kernel(world):
    define_op("TestNoKernel", inputs="x: float32", outputs="y: float32", shape=same_as_first)
    made = apply(find_op("TestNoKernel"), world.y, name="made")
    with pytest.raises(tf.errors.UnimplementedError, match="no kernel for operations of type") as caught:
        world.sess.run(made, {world.x: [[1, 2]]})
    assert caught.value.op is made.op
    world.check_usable()


def test_ctrl_c_leaves_the_session_usable(world):
    stop = apply(find_op("TestInterrupt"), world.y)
    with pytest.raises(KeyboardInterrupt):
        world.sess.run(stop, {world.x: [[1, 2]]})
    world.check_usable()


def test_a_lack_of_memory(world):
    large = apply(find_op("TestMemory"), world.y, name="large")
    with pytest.raises(tf.errors.ResourceExhaustedError, match="no room") as caught:
        world.sess.run(large, {world.x: [[1, 2]]})
    assert caught.value.op is large.op
    world.check_usable()
