"""TensorArrays and stacks in the arena: the same numbers and errors as on NumPy, and loops that are one segment."""

import numpy as np
import pytest
from scopert_cupy import nvrtc, repeated
from scopert_cupy.actions import Batch, LoopAction, Repeated, Single
from scopert_cupy.command import Launch

import scopert as tf


def _both(build, feeds=((),) * 3):
    """What NumPy and the device give; the executable."""
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            tf.set_random_seed(3)
            tensors, fed = build()
            with tf.Session(backend=backend) as session:
                if tf.global_variables():
                    session.run(tf.global_variables_initializer())
                runs = [dict(zip(fed, values, strict=True)) for values in feeds]
                found[backend] = [session.run(tensors, run) for run in runs]
                executable = session.executable(tensors, runs[0])
    for one, other in zip(found["cupy"], found["numpy"], strict=True):
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            if b is not None:
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
                assert np.asarray(a).dtype == np.asarray(b).dtype and np.shape(a) == np.shape(b)
    return executable


def _fails(build, words):
    """The same error on both, and the session can be used afterwards."""
    texts = []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            tensors, index = build()
            with tf.Session(backend=backend) as session:
                session.run(tensors, {index: 0})
                with pytest.raises(tf.errors.InvalidArgumentError, match=words) as caught:
                    session.run(tensors, {index: 1})
                texts.append(str(caught.value).partition("\n")[0].partition(" (")[0])
                session.run(tensors, {index: 0})
    assert texts[0] == texts[1]


def _all_actions(executable):
    waiting = list(executable.plan.top.actions)
    while waiting:
        action = waiting.pop()
        yield action
        if isinstance(action, LoopAction):
            waiting += [inner for part in action.parts for inner in part]


def _alone(executable):
    """Operations that run by themselves."""
    return {action.step.op for action in _all_actions(executable) if isinstance(action, Single)}


def _recurrent(cell, lengths=None, **keywords):
    def build():
        x = tf.placeholder(tf.float32, [None, None, 3])
        outputs, state = tf.nn.dynamic_rnn(cell(), x, lengths, dtype=tf.float32, **keywords)
        loss = tf.reduce_sum(tf.square(outputs[:, -1])) + tf.reduce_sum(tf.nest.flatten(state)[0])
        return [loss, outputs, tf.train.GradientDescentOptimizer(0.05).minimize(loss)], [x]

    x = np.random.RandomState(0).randn(2, 4, 3).astype(np.float32)
    return _both(build, [(x,), (x * 2,), (x,)])


@pytest.mark.parametrize("cell", [tf.nn.rnn_cell.BasicLSTMCell, tf.nn.rnn_cell.GRUCell, tf.nn.rnn_cell.BasicRNNCell])
def test_a_recurrent_layer_trains_without_a_step_by_itself(cell):
    """It is one segment: the loops are recorded as often as they repeat."""
    executable = _recurrent(lambda: cell(5))
    (batch,) = executable.plan.top.actions
    assert isinstance(batch, Batch) and len([work for work in batch.works if isinstance(work, Repeated)]) == 2


def test_pushes_and_pops_are_one_launch_each():
    """For each size of words: the states' rows have 16 bytes, those of the product's input 8, step numbers 4."""
    executable = _recurrent(lambda: tf.nn.rnn_cell.BasicLSTMCell(4))
    ops = [work.step.op for work in executable.plan.works()]
    assert ops.count("pushes") == ops.count("pops") == 1
    assert ops.count("StackPushV2") == ops.count("StackPopV2") == 2 and ops.count("StackV2") == 8


def test_a_stack_that_nobody_looks_at_goes():
    """What concatenations push is asked for its shape alone."""
    executable = _recurrent(lambda: tf.nn.rnn_cell.BasicLSTMCell(4))
    made = [work.step.origin.name for work in executable.plan.works() if work.step.op == "StackV2"]
    assert made and not any("concat_grad" in name for name in made)


def test_a_long_recurrent_layer_is_one_segment_for_each_loop(monkeypatch):
    monkeypatch.setattr(repeated, "LARGEST", 20)
    executable = _recurrent(lambda: tf.nn.rnn_cell.GRUCell(5))
    assert not _alone(executable)
    loops = [action for action in executable.plan.top.actions if isinstance(action, LoopAction)]
    assert len(loops) == 2
    for loop in loops:
        assert [[type(inner) for inner in part] for part in loop.parts] == [[Batch], [Batch], []]


def test_sequences_of_several_lengths():
    executable = _recurrent(lambda: tf.nn.rnn_cell.GRUCell(5), [4, 2])
    assert not {op for op in _alone(executable) if op.startswith("TensorArray")}


def test_scan_and_map_with_gradients():
    def build():
        x = tf.placeholder(tf.float32, [None, 4])
        y = tf.map_fn(lambda row: tf.tanh(row) * 2.0, x)
        z = tf.scan(lambda a, row: a * 0.5 + row, x, initializer=tf.ones([4]))
        w = tf.foldl(lambda a, row: a * row + 1.0, x)
        return [y, z, w, *tf.gradients(tf.reduce_sum(y * z) + tf.reduce_sum(w), x)], [x]

    x = np.random.RandomState(0).randn(6, 4)
    executable = _both(build, [(x,), (x + 1.0,)])
    assert not _alone(executable)


def test_gradients_of_gradients():
    def build():
        x = tf.placeholder(tf.float64, [3])
        array = tf.TensorArray(tf.float64, 3, clear_after_read=False).unstack(x)

        def body(i, total):
            return i + 1, total * array.read(i) + array.read(0)

        _, y = tf.while_loop(lambda i, y: i < 3, body, [0, tf.constant(2.0, tf.float64)])
        (first,) = tf.gradients(y, x)
        return [y, first], [x]

    _both(build, [([0.1, 0.2, 0.3],), ([3.0, 2.0, 1.0],)])


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.float16, tf.int32, tf.int64, tf.uint8, tf.bool])
@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_types_and_shapes(dtype, shape):
    def build():
        x = tf.placeholder(dtype, [4, *shape])
        array = tf.TensorArray(dtype, 4).unstack(x)
        made = tf.TensorArray(dtype, 4, element_shape=shape)
        _, made = tf.while_loop(
            lambda i, _: i < 4, lambda i, made: (i + 1, made.write(3 - i, array.read(i))), [0, made]
        )
        return made.stack(), [x]

    x = (np.arange(4 * int(np.prod(shape))).reshape(4, *shape) % 5).astype(dtype.as_numpy_dtype)
    assert not _alone(_both(build, [(x,)] * 2))


def test_elements_that_one_block_does_not_copy():
    def build():
        x = tf.placeholder(tf.float32, [3, 20000])
        array = tf.TensorArray(tf.float32, 3).unstack(x)

        def body(i, total, made):
            total = tf.sin(total) * tf.cos(total) + array.read(i)
            return i + 1, total, made.write(i, total)

        made = tf.TensorArray(tf.float32, 3)
        _, total, made = tf.while_loop(lambda i, *_: i < 3, body, [0, tf.zeros([20000]), made])
        return [made.stack(), *tf.gradients(total, x)], [x]

    x = np.random.RandomState(0).randn(3, 20000)
    assert not _alone(_both(build, [(x,)] * 2))


def test_what_is_not_written_is_zeros_where_the_shape_is_known():
    def build():
        index = tf.placeholder(tf.int32, [])
        declared = tf.TensorArray(tf.float32, 3, element_shape=[2])
        written = tf.TensorArray(tf.float32, 3).write(index, [1.0, 2.0])
        return [declared.read(index), written.stack(), written.concat() if index is None else written.size()], [index]

    assert not _alone(_both(build, [(0,), (2,)]))


def test_elements_one_after_the_other():
    def build():
        x = tf.placeholder(tf.float32, [3, 2, 4])
        array = tf.TensorArray(tf.float32, 3).unstack(x)
        joined = array.concat()
        parts = tf.TensorArray(tf.float32, 3).split(joined * 2.0, [2, 2, 2])
        made = tf.TensorArray(tf.float32, 3)
        body = lambda i, made: (i + 1, made.write(i, parts.read(2 - i)))  # noqa: E731
        y = tf.while_loop(lambda i, _: i < 3, body, [0, made])[1].concat()
        return [joined, y, *tf.gradients(tf.square(joined), x), *tf.gradients(y * y, x)], [x]

    assert not _alone(_both(build, [(np.arange(24.0).reshape(3, 2, 4),)] * 2))


def test_elements_of_several_lengths_stay_objects():
    def build():
        x = tf.placeholder(tf.float32, [5])
        parts = tf.TensorArray(tf.float32, 2, infer_shape=False).split(x, [2, 3])
        return [parts.read(1), parts.read(0)], [x]

    assert _alone(_both(build, [([1.0, 2.0, 3.0, 4.0, 5.0],)] * 2)) >= {"TensorArraySplitV3", "TensorArrayReadV3"}


def test_an_array_of_a_loop_in_a_loop():
    def build():
        x = tf.placeholder(tf.float32, [3, 4])

        def row(i, made):
            _, total = tf.while_loop(lambda j, t: j < 4, lambda j, t: (j + 1, t * 0.5 + x[i, j]), [0, 0.0])
            return i + 1, made.write(i, tf.stack([total, tf.reduce_sum(tf.map_fn(tf.square, x[i]))]))

        _, made = tf.while_loop(lambda i, _: i < 3, row, [0, tf.TensorArray(tf.float32, 3)])
        return made.stack(), [x]

    executable = _both(build, [(np.arange(12.0).reshape(3, 4),)] * 2)
    assert not {op for op in _alone(executable) if op.startswith("TensorArray")}


def test_an_array_that_grows_stays_an_object():
    def build():
        n = tf.placeholder(tf.int32, [])
        made = tf.TensorArray(tf.int32, 0, dynamic_size=True)
        _, made = tf.while_loop(lambda i, _: i < n, lambda i, made: (i + 1, made.write(i, i * i)), [0, made])
        return made.stack(), [n]

    assert "TensorArrayWriteV3" in _alone(_both(build, [(3,), (5,)]))


def _loop_array(body, size=2, **keywords):
    """A loop of two rounds over an array; `body` is given the array, the round, and what is fed."""

    def build():
        index = tf.placeholder(tf.int32, [])
        array = tf.TensorArray(tf.float32, size, **keywords)
        _, array = tf.while_loop(lambda i, _: i < 2, lambda i, array: (i + 1, body(array, i, index)), [0, array])
        return array.flow, index

    return build


def test_a_second_write_is_refused():
    build = _loop_array(lambda array, i, index: array.write(tf.maximum(i - index, 0), [1.0, 2.0]))
    _fails(build, "Could not write to TensorArray index 0 because it has already been written to")


@pytest.mark.parametrize("away", [3, -3])
def test_a_write_out_of_range_is_refused(away):
    build = _loop_array(lambda array, i, index: array.write(i + away * index, [1.0, 2.0]))
    _fails(build, f"Tried to write to index {min(away, away + 1) if away > 0 else away} but array is not resizeable")


def _read_array(read, **keywords):
    def build():
        index = tf.placeholder(tf.int32, [])
        array = tf.TensorArray(tf.float32, 3, **keywords)
        array = array.write(0, [1.0, 2.0]).write(1, [3.0, 4.0])
        return read(array, index), index

    return build


def test_a_second_read_is_refused():
    def read(array, index):
        first = array.read(0)
        with tf.control_dependencies([first]):
            return array.read(1 - index)

    _fails(_read_array(read), "Could not read index 0 twice because it was cleared after a previous read")


def test_a_read_out_of_range_is_refused():
    _fails(_read_array(lambda array, index: array.read(index * 7)), "Tried to read from index 7 but array size is: 3")


def test_a_write_behind_a_read_is_refused():
    def read(array, index):
        value = array.read(index)
        with tf.control_dependencies([value]):
            return [value, array.write(2 - index, value).flow]

    build = _read_array(read, clear_after_read=False)
    _fails(build, "Could not write to TensorArray index 1 because it has already been (read|written to)")


def test_what_nobody_told_the_shape_of_is_refused():
    def build():
        index = tf.placeholder(tf.int32, [])
        array = tf.TensorArray(tf.float32, 3, infer_shape=False).write(0, [1.0, 2.0])
        return array.read(index), index

    _fails(build, "Could not read from TensorArray index 1")


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_120"])
def test_kernels_do_not_spill_and_are_as_wide_as_they_claim(architecture):
    functions = {}
    for width in (4, 20000):  # one block copies an element, or many
        with tf.Graph().as_default(), tf.Session(backend="cupy") as session:
            x = tf.placeholder(tf.float32, [3, 1, width])
            outputs = tf.scan(lambda a, row: tf.sin(a) * tf.exp(row), x)
            executable = session.executable(tf.gradients(outputs, x), {x: np.zeros([3, 1, width])})
        for work in executable.plan.works():
            for command in work.emitted.commands:
                if isinstance(command, Launch) and command.function.name.startswith("held"):
                    functions[command.function.name] = command.function
    kinds = {"held", "held_rows", "held_marks", "held_stacks", "held_stacks_rows", "held_stacks_marks"}
    assert {name.rsplit("_", 1)[0] for name in functions} == kinds
    source = "\n".join([function.source for function in functions.values()])
    resources = nvrtc.compile_cubin(source, architecture).resources
    assert not any(found.spills for found in resources.values())
    ptx = nvrtc.compile_ptx(source, architecture)
    wide = [function for function in functions.values() if function.width]
    assert 16 in {function.width for function in wide}
    assert all(max(nvrtc.access_width(ptx, function.name)) >= function.width for function in wide)
