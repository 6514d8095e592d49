"""tf.FIFOQueue and its kin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype, int64
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import Dimension, TensorShape, as_shape
from scopert.graph.tensor import Tensor
from scopert.ops import queue_ops as ops
from scopert.ops.random_seed import get_seed
from scopert.public import public


def _types(dtypes: Any) -> list[DType]:
    return [as_dtype(kind) for kind in (dtypes if isinstance(dtypes, (list, tuple)) else [dtypes])]


def _shapes(shapes: Any, partial: bool = False) -> list[TensorShape] | None:
    if partial and (
        not isinstance(shapes, Sequence) or not shapes or any(s is None or isinstance(s, int) for s in shapes)
    ):
        raise ValueError("When providing partial shapes, a list of shapes must be provided.")
    if shapes is None:
        return None
    if isinstance(shapes, TensorShape):
        shapes = [shapes]
    if not isinstance(shapes, (tuple, list)):
        raise TypeError("shapes must be a TensorShape or a list or tuple of TensorShapes.")
    if all(shape is None or isinstance(shape, int) for shape in shapes):
        shapes = [shapes]
    found = [as_shape(shape) for shape in shapes]
    if not partial and any(not shape.is_fully_defined() for shape in found):
        raise ValueError(f"All shapes must be fully defined: {found}")
    if any(shape.ndims is None for shape in found):
        raise ValueError(f"All shapes must have a defined rank: {found}")
    return found


def _names(names: Any, dtypes: list[DType]) -> list[str] | None:
    if names is None:
        return None
    found = list(names) if isinstance(names, (list, tuple)) else [names]
    if len(found) != len(dtypes):
        raise ValueError("List of names must have the same length as the list of dtypes")
    return found


@public("QueueBase", "queue.QueueBase", "io.QueueBase")
class QueueBase:
    """What all queues have in common. Elements are tuples of tensors, or dicts of them if there are names.

    Parameters
    ----------
    dtypes : list of DType
        Of the components of an element.
    shapes : list of TensorShape, or None
    names : list of str, or None
    queue_ref : Tensor
        The handle.

    Raises
    ------
    ValueError
        If the lists differ in length.
    """

    def __init__(
        self, dtypes: Sequence[DType], shapes: Sequence[Any] | None, names: Sequence[str] | None, queue_ref: Tensor
    ) -> None:
        self._dtypes = list(dtypes)
        if shapes is not None and len(shapes) != len(dtypes):
            raise ValueError("Queue shapes must have the same length as dtypes")
        self._shapes = [TensorShape(shape) for shape in (shapes if shapes is not None else [None] * len(dtypes))]
        if names is not None and len(names) != len(dtypes):
            raise ValueError("Queue names must have the same length as dtypes")
        self._names = names
        self._queue_ref = queue_ref
        self._name = queue_ref.op.name.rpartition("/")[2]

    @property
    def queue_ref(self) -> Tensor:
        """The handle."""
        return self._queue_ref

    @property
    def name(self) -> str:
        return self._queue_ref.op.name

    @property
    def dtypes(self) -> list[DType]:
        """The types of the components."""
        return self._dtypes

    @property
    def shapes(self) -> list[TensorShape]:
        """The shapes of the components."""
        return self._shapes

    @property
    def names(self) -> Sequence[str] | None:
        """The names of the components, if they have any."""
        return self._names

    @staticmethod
    def from_list(index: Any, queues: Any) -> QueueBase:
        """Not available: a tensor of handles cannot be indexed here.

        Raises
        ------
        NotImplementedError
            Always, if `queues` is a list of queues.
        TypeError
            If it is not.
        """
        if not queues or not isinstance(queues, list) or not all(isinstance(item, QueueBase) for item in queues):
            raise TypeError("A list of queues expected")
        raise NotImplementedError("QueueBase.from_list: choose among queues with tf.case instead")

    def _components(self, values: Any) -> list[Tensor]:
        if isinstance(values, dict):
            if not self._names:
                raise ValueError("Queue must have names to enqueue a dictionary")
            if sorted(self._names, key=str) != sorted(values, key=str):
                raise ValueError(
                    "Keys in dictionary to enqueue do not match names of Queue.  Dictionary: "
                    f"({sorted(values)}), Queue: ({sorted(self._names)})"
                )
            values = [values[name] for name in self._names]
        elif self._names:
            raise ValueError("You must enqueue a dictionary in a Queue with names")
        elif not isinstance(values, (list, tuple)):
            values = [values]
        return [
            convert_to_tensor(value, dtype=kind, name=f"component_{index}")
            for index, (value, kind) in enumerate(zip(values, self._dtypes, strict=False))
        ]

    @staticmethod
    def _flat(values: Any) -> Any:
        if isinstance(values, (list, tuple)):
            return values
        return list(values.values()) if isinstance(values, dict) else [values]

    def enqueue(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds an element; it waits while the queue is full.

        Raises
        ------
        ValueError
            If the components do not fit.
        CancelledError
            In a run, if the queue is closed.
        """
        with name_scope(name, f"{self._name}_enqueue", self._flat(vals)) as scope:
            values = self._components(vals)
            for value, shape in zip(values, self._shapes, strict=False):
                value.shape.assert_is_compatible_with(shape)
            made: Operation = apply(ops.QUEUE_ENQUEUE, self._queue_ref, values, name=scope)
            return made

    def enqueue_many(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds the rows of tensors as elements.

        Raises
        ------
        ValueError
            If the components do not fit.
        CancelledError
            In a run, if the queue is closed.
        """
        with name_scope(name, f"{self._name}_EnqueueMany", self._flat(vals)) as scope:
            values = self._components(vals)
            length = values[0].shape.with_rank_at_least(1)[0]
            length = Dimension(getattr(length, "value", length))
            for value, shape in zip(values, self._shapes, strict=False):
                rows = value.shape.with_rank_at_least(1)[0]
                length = length.merge_with(Dimension(getattr(rows, "value", rows)))
                value.shape[1:].assert_is_compatible_with(shape)
            made: Operation = apply(ops.QUEUE_ENQUEUE_MANY, self._queue_ref, values, name=scope)
            return made

    def _result(self, tensors: list[Tensor], prefix: list[int | None] | None) -> Any:
        for tensor, shape in zip(tensors, self._shapes, strict=True):
            tensor.set_shape(shape if prefix is None else TensorShape(prefix).concatenate(shape))
        if self._names:
            return dict(zip(self._names, tensors, strict=True))
        return tensors[0] if len(tensors) == 1 else tensors

    def dequeue(self, name: str | None = None) -> Any:
        """The components of an element, which is taken out; waits while the queue is empty.

        Raises
        ------
        OutOfRangeError
            In a run, if the queue is closed and empty.
        """
        tensors = apply(
            ops.QUEUE_DEQUEUE, self._queue_ref, component_types=self._dtypes, name=name or f"{self._name}_Dequeue"
        )
        return self._result(tensors, None)

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """The components of `n` elements, stacked; waits until there are so many.

        Raises
        ------
        OutOfRangeError
            In a run, if the queue is closed and has fewer.
        """
        tensors = apply(
            ops.QUEUE_DEQUEUE_MANY, self._queue_ref, n, component_types=self._dtypes,
            name=name or f"{self._name}_DequeueMany",
        )  # fmt: skip
        count = constant_value(tensors[0].op.inputs[1])
        return self._result(tensors, [None if count is None else int(count)])

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """As `dequeue_many`, but fewer if the queue is closed and has fewer, but at least one."""
        tensors = apply(
            ops.QUEUE_DEQUEUE_UP_TO, self._queue_ref, n, component_types=self._dtypes,
            name=name or f"{self._name}_DequeueUpTo",
        )  # fmt: skip
        return self._result(tensors, [None])

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """An operation after which nothing can be added any more."""
        made: Operation = apply(
            ops.QUEUE_CLOSE, self._queue_ref, cancel_pending_enqueues=cancel_pending_enqueues,
            name=name or f"{self._name}_Close",
        )  # fmt: skip
        return made

    def is_closed(self, name: str | None = None) -> Tensor:
        """Whether it was closed."""
        made: Tensor = apply(ops.QUEUE_IS_CLOSED, self._queue_ref, name=name or f"{self._name}_Is_Closed")
        return made

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are."""
        made: Tensor = apply(ops.QUEUE_SIZE, self._queue_ref, name=name or f"{self._name}_Size")
        return made


@public("FIFOQueue", "queue.FIFOQueue")
class FIFOQueue(QueueBase):
    """A queue of tuples of tensors, first in, first out.

    Parameters
    ----------
    capacity : int
        The most elements; who puts waits while it is full.
    dtypes : DType or list of DType
    shapes : list of shape, optional
        All known; batches need them.
    names : list of str, optional
        Elements are dicts with these keys.
    shared_name : str, optional
        Queues with the same shared name are one queue in a session.
    name : str

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     queue = tf.FIFOQueue(3, tf.int32, shapes=[()])
    ...     session.run(queue.enqueue_many([[1, 2, 3]]))
    ...     print(session.run(queue.dequeue_many(2)))
    [1 2]
    """

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any = None, names: Any = None, shared_name: str | None = None,
        name: str = "fifo_queue",
    ) -> None:  # fmt: skip
        kinds, sizes = _types(dtypes), _shapes(shapes)
        handle = apply(
            ops.FIFO_QUEUE, component_types=kinds, shapes=sizes, capacity=capacity, shared_name=shared_name, name=name
        )
        super().__init__(kinds, sizes, _names(names, kinds), handle)


@public("PaddingFIFOQueue", "queue.PaddingFIFOQueue", "io.PaddingFIFOQueue")
class PaddingFIFOQueue(QueueBase):
    """A `FIFOQueue` whose shapes may be known in part: batches are filled up with zeros."""

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any, names: Any = None, shared_name: str | None = None,
        name: str = "padding_fifo_queue",
    ) -> None:  # fmt: skip
        kinds, sizes = _types(dtypes), _shapes(shapes, partial=True) or []
        if len(kinds) != len(sizes):
            raise ValueError(
                f"Shapes must be provided for all components, but received {len(kinds)} dtypes and {len(sizes)} shapes."
            )
        handle = apply(
            ops.PADDING_FIFO_QUEUE, component_types=kinds, shapes=sizes, capacity=capacity, shared_name=shared_name,
            name=name,
        )  # fmt: skip
        super().__init__(kinds, sizes, _names(names, kinds), handle)


@public("RandomShuffleQueue", "queue.RandomShuffleQueue", "io.RandomShuffleQueue")
class RandomShuffleQueue(QueueBase):
    """A queue that gives its elements in random order.

    Parameters
    ----------
    capacity, dtypes, shapes, names, shared_name, name
        See `FIFOQueue`.
    min_after_dequeue : int
        While the queue is open, so many elements stay in it: the more, the better the mix.
    seed : int, optional
    """

    def __init__(
        self, capacity: int, min_after_dequeue: int, dtypes: Any, shapes: Any = None, names: Any = None,
        seed: int | None = None, shared_name: str | None = None, name: str = "random_shuffle_queue",
    ) -> None:  # fmt: skip
        kinds, sizes = _types(dtypes), _shapes(shapes)
        first, second = get_seed(seed)
        if first is None and second is None:
            first, second = 0, 0
        elif seed is None and shared_name is not None:
            # The same for all that share the queue, whatever they built before.
            digest = hashlib.md5(f"{first}{shared_name}".encode(), usedforsecurity=False).hexdigest()
            second = int(digest[:8], 16) & 0x7FFFFFFF
        handle = apply(
            ops.RANDOM_SHUFFLE_QUEUE, component_types=kinds, shapes=sizes, capacity=capacity,
            min_after_dequeue=min_after_dequeue, seed=first, seed2=second, shared_name=shared_name, name=name,
        )  # fmt: skip
        super().__init__(kinds, sizes, _names(names, kinds), handle)


@public("PriorityQueue", "queue.PriorityQueue", "io.PriorityQueue")
class PriorityQueue(QueueBase):
    """A queue that gives the element with the lowest priority first.

    Elements are put and taken with their priority, an int64 scalar, in front.

    Parameters
    ----------
    capacity, shapes, names, shared_name, name
        See `FIFOQueue`; shapes and names without the priority's.
    types : DType or list of DType
        Without the priority's.
    """

    def __init__(
        self, capacity: int, types: Any, shapes: Any = None, names: Any = None, shared_name: str | None = None,
        name: str = "priority_queue",
    ) -> None:  # fmt: skip
        kinds, sizes = _types(types), _shapes(shapes)
        handle = apply(
            ops.PRIORITY_QUEUE, component_types=kinds, shapes=sizes or [], capacity=capacity, shared_name=shared_name,
            name=name,
        )  # fmt: skip
        all_sizes = [TensorShape([]), *sizes] if sizes else None
        super().__init__([int64, *kinds], all_sizes, names, handle)
