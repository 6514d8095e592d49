"""Rows of stacks, TensorArrays, queues, checks, printing and Python functions."""

import numpy as np
from ops.conformance import Case

import scopert as tf
from scopert.graph.build import apply
from scopert.ops import control_flow_ops, stack_ops, tensor_array_ops


def _after(op, tensor):
    with tf.control_dependencies([op]):
        return tf.identity(tensor)


def _pushed(*values):
    handle = stack_ops.stack(-1, values[0].dtype)
    for value in values:
        push = stack_ops.stack_push(handle, value)
        handle = _after(push.op, handle)
    return handle, push


def _pop_two(a, b):
    handle, _ = _pushed(a, b)
    last = stack_ops.stack_pop(handle, a.dtype)
    return last, stack_ops.stack_pop(_after(last.op, handle), a.dtype)


def _pop_closed(a):
    handle, _ = _pushed(a)
    return stack_ops.stack_pop(_after(stack_ops.stack_close(handle), handle), a.dtype)


def _array(x, **options):
    return tf.TensorArray(x.dtype, size=tf.shape(x)[0], **options).unstack(x)


def _read_twice(x):
    array = _array(x)
    flow = _after(array.read(1).op, array.flow)
    return tf.TensorArray(x.dtype, handle=array.handle, flow=flow).read(1)


def _written(*values):
    array = tf.TensorArray(values[0].dtype, size=len(values), infer_shape=False)
    for index, value in enumerate(values):
        array = array.write(index, value)
    return array


def _prepended_gradient(x):
    array = tf.TensorArray(x.dtype, size=1, element_shape=[2], clear_after_read=False)
    handle, _ = apply(tensor_array_ops.TENSOR_ARRAY_GRAD_WITH_SHAPE, array.handle, array.flow, [3], source="s")
    return tf.TensorArray(x.dtype, handle=handle, flow=array.flow).read(0) + x


def _grad_array(x):
    array = _written(x)
    return array.grad("gradients").write(0, x).read(0)


def _closed_size(x):
    array = _array(x)
    return tf.TensorArray(x.dtype, handle=_after(array.close(), array.handle), flow=array.flow).size()


def _queue(kind, x, *arguments, **options):
    queue = kind(10, *arguments, x.dtype, shapes=[()], **options)
    return queue, queue.enqueue_many([x])


def _fifo(x):
    queue, put = _queue(tf.FIFOQueue, x)
    with tf.control_dependencies([put]):
        return queue.dequeue_many(2)


def _fifo_one(x):
    queue = tf.FIFOQueue(10, x.dtype, shapes=[[3]])
    with tf.control_dependencies([queue.enqueue([x])]):
        return queue.dequeue()


def _rest(x):
    queue, put = _queue(tf.FIFOQueue, x)
    with tf.control_dependencies([put]), tf.control_dependencies([queue.close()]):
        return queue.dequeue_up_to(10)


def _sizes(x):
    queue, put = _queue(tf.FIFOQueue, x)
    with tf.control_dependencies([put]):
        return queue.size()


def _is_closed(x):
    queue, _ = _queue(tf.FIFOQueue, x)
    with tf.control_dependencies([queue.close()]):
        return queue.is_closed()


def _padded(x):
    queue = tf.PaddingFIFOQueue(10, x.dtype, shapes=[[None]])
    with tf.control_dependencies([queue.enqueue([x])]), tf.control_dependencies([queue.enqueue([x[:1]])]):
        return queue.dequeue_many(2)


def _shuffled(x):
    queue, put = _queue(tf.RandomShuffleQueue, x, 0, seed=3)
    with tf.control_dependencies([put]):
        return tf.reduce_sum(queue.dequeue_many(3))


def _by_priority(x):
    queue = tf.PriorityQueue(10, x.dtype, shapes=[()])
    with tf.control_dependencies([queue.enqueue_many([tf.constant([3, 1, 2], tf.int64), x])]):
        return queue.dequeue_many(3)[1]


def _checked(x):
    return _after(tf.Assert(tf.reduce_all(x > 0.0), ["positive", x]), x)


def _trigger(x):
    # It runs although what it waits for is dead.
    _, dead = control_flow_ops.switch(x, False)
    with tf.control_dependencies([dead.op]):
        trigger = control_flow_ops.control_trigger()
    return _after(trigger, x)


_X = np.array([3.0, 1.0, 2.0])

ROWS = [
    Case("StackV2", [_X, _X * 2], lambda a, b: (b, a), run=_pop_two),
    Case("StackPushV2", [_X], lambda a: a, run=lambda a: _pushed(a)[1], gradient=False),
    Case("StackPopV2", [_X], label="empty", run=_pop_closed, error="is empty when calling Pop"),
    Case("StackCloseV2", [_X], run=_pop_closed, error="is empty when calling Pop"),
    Case("TensorArrayV3", [_X], lambda x: np.int32(3), run=lambda x: _array(x).size(), gradient=False),
    Case("TensorArrayWriteV3", [_X], lambda x: x * 2, run=lambda x: _written(x, x * 2.0).read(1)),
    Case("TensorArrayReadV3", [_X], lambda x: x[1], run=lambda x: _array(x).read(1)),
    Case("TensorArrayReadV3", [_X], label="twice", run=_read_twice, error="twice"),
    Case("TensorArrayScatterV3", [_X], lambda x: x[::-1], run=lambda x: _array(x).gather([2, 1, 0])),
    Case("TensorArrayGatherV3", [_X], lambda x: x[[2, 0]], run=lambda x: _array(x).gather([2, 0])),
    Case("TensorArrayConcatV3", [_X], lambda x: np.concatenate([x, x * 2]), run=lambda x: _written(x, x * 2.0).concat()),
    Case(
        "TensorArraySplitV3", [_X], lambda x: x[1:],
        run=lambda x: tf.TensorArray(x.dtype, size=2, infer_shape=False).split(x, [1, 2]).read(1),
    ),
    Case("TensorArraySizeV3", [_X], lambda x: np.int32(3), run=lambda x: _array(x).size(), gradient=False),
    Case("TensorArrayCloseV3", [_X], run=_closed_size, error="already been closed"),
    Case("TensorArrayGradV3", [_X], lambda x: x, run=_grad_array, gradient=False),
    Case("TensorArrayGradWithShape", [_X[:2]], lambda x: np.zeros((3, 2)) + x, run=_prepended_gradient, gradient=False),
    Case("FIFOQueueV2", [_X], lambda x: x[:2], run=_fifo),
    Case("QueueEnqueueManyV2", [_X], lambda x: x[:2], run=_fifo),
    Case("QueueDequeueManyV2", [_X], lambda x: x[:2], run=_fifo),
    Case("QueueEnqueueV2", [_X], lambda x: x, run=_fifo_one),
    Case("QueueDequeueV2", [_X], lambda x: x, run=_fifo_one),
    Case("QueueDequeueUpToV2", [_X], lambda x: x, run=_rest),
    Case("QueueCloseV2", [_X], lambda x: x, run=_rest),
    Case("QueueSizeV2", [_X], lambda x: np.int32(3), run=_sizes),
    Case("QueueIsClosedV2", [_X], lambda x: np.bool_(True), run=_is_closed),
    Case("PaddingFIFOQueueV2", [_X], lambda x: np.array([x, [x[0], 0, 0]]), run=_padded),
    Case("RandomShuffleQueueV2", [_X], lambda x: x.sum(), run=_shuffled),
    Case("PriorityQueueV2", [_X], lambda x: x[[1, 2, 0]], run=_by_priority),
    Case("Assert", [_X], lambda x: x, run=_checked),
    Case("Assert", [-_X], label="fails", run=_checked, error=r"assertion failed: \[positive\] \[-3 -1 -2\]"),
    Case("Print", [_X], lambda x: x, run=lambda x: tf.Print(x, [x], message="row: ")),
    Case("PrintV2", [_X], lambda x: x, run=lambda x: _after(tf.print("row:", x), x)),
    Case(
        "StringFormat", [np.array([1, 2], np.int32)], lambda x: np.array(b"x=[1 2]", dtype=object),
        run=lambda x: tf.strings.format("x={}", x),
    ),
    Case("PyFunc", [_X], lambda x: x * 2, run=lambda x: tf.py_func(lambda v: v * 2, [x], x.dtype)),
    Case(
        "PyFunc", [_X], label="type", run=lambda x: tf.py_func(lambda v: v, [x], tf.int32), error="but expects int32"
    ),
    Case(
        "PyFuncStateless", [_X], lambda x: x + 1, run=lambda x: tf.py_func(lambda v: v + 1, [x], x.dtype, stateful=False)
    ),
    Case("EagerPyFunc", [_X], lambda x: x * x, run=lambda x: tf.py_function(lambda v: v * v, [x], x.dtype)),
    Case("ControlTrigger", [_X], lambda x: x, run=_trigger),
]  # fmt: skip
