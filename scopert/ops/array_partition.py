"""Rows dealt out to several tensors by number, and gathered again: dynamic_partition and dynamic_stitch."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.dtypes import int32
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import is_compatible, merge
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_gather import check_indices, gather
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape, tensor_array
from scopert.ops.raw import raw
from scopert.public import public


def _partition_rule(op: Operation) -> list[Shape]:
    data, partitions = op.inputs[0]._shape, op.inputs[1]._shape
    count = op.attrs["num_partitions"]
    if data is None or partitions is None:
        return [None] * count
    if not is_compatible(data[: len(partitions)], partitions):
        raise ValueError(f"partitions' shape {partitions} must be how data's shape {data} begins")
    return [(None, *data[len(partitions) :])] * count


def _partition_kernel(xp: Any, data: Any, partitions: Any, *, num_partitions: int) -> tuple[Any, ...]:
    array, numbers = tensor_array(xp, data), xp.asarray(partitions)
    if array.shape[: numbers.ndim] != numbers.shape:
        raise InvalidArgumentError(
            None,
            None,
            f"data.shape must start with partitions.shape, got data.shape = {list(array.shape)}, "
            f"partitions.shape = {list(numbers.shape)}",
        )
    wrong = (numbers < 0) | (numbers >= num_partitions)
    if bool(wrong.any()):
        where = [int(i) for i in xp.argwhere(wrong)[0].tolist()]
        place = "[" + ",".join(str(i) for i in where) + "]" if where else ""
        raise InvalidArgumentError(
            None, None, f"partitions{place} = {numbers[wrong].tolist()[0]} is not in [0, {num_partitions})"
        )
    flat = numbers.reshape(-1)
    order = xp.argsort(flat, kind="stable")
    rows = array.reshape(flat.size, *array.shape[numbers.ndim :])[order]
    ends = xp.cumsum(xp.bincount(flat, minlength=num_partitions)).tolist()
    return tuple(rows[start:end] for start, end in zip([0, *ends], ends, strict=False))


DYNAMIC_PARTITION = define_op(
    "DynamicPartition",
    inputs="data: T, partitions: int32",
    outputs="outputs: num_partitions * T",
    attrs="num_partitions: int >= 1; T: type",
    shape=_partition_rule,
    kernel=_partition_kernel,
)


@gradient("DynamicPartition")
def _partition_grad(op: Operation, *grads: Any) -> Any:
    from scopert.ops.math_reduction import reduce_prod

    data, numbers = op.inputs
    prefix = shape(numbers)
    original = reshape(range_of(reduce_prod(prefix)), prefix)
    places = dynamic_partition(original, numbers, op.get_attr("num_partitions"))
    return [reshape(dynamic_stitch(places, grads), shape(data)), None]


@public("dynamic_partition")
def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """The slices of a tensor dealt out to several tensors.

    Parameters
    ----------
    data : Tensor
        What is dealt out.
    partitions : Tensor
        int32: for each slice the number of the tensor that it goes to. Its shape is how that of `data` begins.
    num_partitions : int
        How many tensors there are.
    name : str, optional
        The operation's name.

    Raises
    ------
    InvalidArgumentError
        In a run, if a number is out of range.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.dynamic_partition([1, 2, 3], [0, 1, 0], 2)[0]))
    [1 3]
    """
    return list(apply(DYNAMIC_PARTITION, data, partitions, num_partitions=num_partitions, name=name))


def _stitch_rule(op: Operation) -> list[Shape]:
    count = op.attrs["N"]
    extra: Shape = None
    highest: int | None = -1
    for indices, data in zip(op.inputs[:count], op.inputs[count:], strict=True):
        value = known_value(indices)
        highest = None if value is None or highest is None else max(highest, int(value.max(initial=-1)))
        if indices._shape is None or data._shape is None:
            continue
        depth = len(indices._shape)
        if not is_compatible(data._shape[:depth], indices._shape):
            raise ValueError(f"the shape of data {data._shape} must begin with that of its indices {indices._shape}")
        extra = merge(extra, data._shape[depth:])
    if extra is None:
        return [None]
    return [(None if highest is None else highest + 1, *extra)]


def _stitch_kernel(xp: Any, *args: Any, N: int) -> Any:
    indices = [xp.asarray(value) for value in args[:N]]
    data = [tensor_array(xp, value) for value in args[N:]]
    length = max((int(index.max()) + 1 for index in indices if index.size), default=0)
    rest = data[0].shape[indices[0].ndim :]
    result: Any
    if data[0].dtype == object:
        result = np.empty((length, *rest), object)
        result[...] = b""
    else:
        result = xp.zeros((length, *rest), data[0].dtype)
    for index, values in zip(indices, data, strict=True):
        if values.shape != index.shape + rest:
            raise InvalidArgumentError(
                None, None, f"data of shape {list(values.shape)} does not fit indices of shape {list(index.shape)}"
            )
        check_indices(index, length)
        result[index.reshape(-1)] = values.reshape(-1, *rest)
    return result


DYNAMIC_STITCH = define_op(
    "DynamicStitch",
    inputs="indices: N * int32, data: N * T",
    outputs="merged: T",
    attrs="N: int >= 1; T: type",
    shape=_stitch_rule,
    kernel=_stitch_kernel,
)
PARALLEL_DYNAMIC_STITCH = define_op(
    "ParallelDynamicStitch",
    inputs="indices: N * int32, data: N * T",
    outputs="merged: T",
    attrs="N: int >= 1; T: type",
    shape=_stitch_rule,
    kernel=_stitch_kernel,
)


@gradient("DynamicStitch", "ParallelDynamicStitch")
def _stitch_grad(op: Operation, grad: Any) -> Any:
    count = len(op.inputs) // 2
    indices = [
        tensor if op.inputs[0].dtype == int32 else raw("Cast", tensor, DstT=int32) for tensor in op.inputs[:count]
    ]
    if isinstance(grad, IndexedSlices):
        rows = shape(op.outputs[0])[0]
        grad = raw("UnsortedSegmentSum", grad.values, grad.indices, rows)
    return [None] * count + [gather(grad, index) for index in indices]


@public("dynamic_stitch")
def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Slices of several tensors put into one, each in the place that its index gives.

    Parameters
    ----------
    indices : list of Tensor
        int32: the place of each slice. Where one occurs more than once, the last slice counts.
    data : list of Tensor
        The slices: the shape of each begins with that of its indices.
    name : str, optional
        The operation's name.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.dynamic_stitch([[0, 2], [1]], [[10, 30], [20]])))
    [10 20 30]
    """
    return apply(DYNAMIC_STITCH, list(indices), list(data), name=name)
