"""What queues hold while graphs run, and who waits for whom.

Those who put and those who take stand in line: only the first of each may act. All waiting goes through the
run's context, so that a closed session or a deadline ends it.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np

from scopert.errors import CancelledError, InvalidArgumentError, OutOfRangeError, UnimplementedError
from scopert.graph.dtypes import DType, string
from scopert.graph.shape import brackets, is_compatible, is_known
from scopert.graph.tensor import Shape
from scopert.ops.philox import Philox
from scopert.ops.tensor_array_store import owned

Element = tuple[Any, ...]


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of a value; strings are scalars."""
    return () if isinstance(value, (bytes, str)) else tuple(np.shape(value))


class QueueStore:
    """A queue, first in, first out.

    Parameters
    ----------
    name : str
    types : sequence of DType
        Of the components of an element.
    shapes : sequence of shape, or None
        Of the components.
    capacity : int
        The most elements; no limit if negative.
    """

    kind = "FIFOQueue"

    def __init__(
        self, name: str, types: Sequence[DType], shapes: Sequence[Shape] | None, capacity: int
    ) -> None:
        self.name = name
        self.types = tuple(types)
        self.shapes = None if not shapes else tuple(shapes)
        self.capacity = capacity
        self.closed = False
        self._condition = threading.Condition()
        self._elements: Any = deque()
        self._putters: deque[_Ticket] = deque()
        self._takers: deque[_Ticket] = deque()

    # What kinds of queues differ in.

    def _size(self) -> int:
        return len(self._elements)

    def _append(self, element: Element) -> None:
        self._elements.append(element)

    def _pop(self) -> Element:
        element: Element = self._elements.popleft()
        return element

    def _put_back(self, elements: list[Element]) -> None:
        self._elements.extendleft(reversed(elements))

    def _available(self) -> int:
        """How many elements may be taken now."""
        return self._size()

    def _check_element(self, element: Element) -> None:
        for number, (value, shape) in enumerate(zip(element, self.shapes or (), strict=False)):
            if shape_of(value) != shape:
                raise InvalidArgumentError(
                    None, None,
                    f"Shape mismatch in tuple component {number}. Expected {brackets(shape)}, got "
                    f"{brackets(shape_of(value))}",
                )  # fmt: skip

    def _batch(self, xp: Any, values: list[Any], number: int) -> Any:
        """The values of one component, stacked."""
        shape = None if self.shapes is None else self.shapes[number]
        if not values:
            assert shape is not None
            return xp.zeros((0, *shape), self.types[number].np)
        if self.types[number] is string and not shape_of(values[0]):
            packed = xp.empty(len(values), object)
            packed[:] = values
            return packed
        return xp.stack([xp.asarray(value) for value in values])

    def _check_batches(self) -> None:
        if self.shapes is None or not all(is_known(shape) for shape in self.shapes):
            raise InvalidArgumentError(
                None, None,
                f"{self.kind}'s DequeueMany and DequeueUpTo require the components to have specified shapes.",
            )  # fmt: skip

    # What they have in common.

    def _check_types(self, types: Sequence[DType]) -> None:
        if len(types) != len(self.types):
            raise InvalidArgumentError(
                None, None,
                f"Wrong number of components in tuple. Expected {len(self.types)}, got {len(types)}",
            )  # fmt: skip
        for number, (found, expected) in enumerate(zip(types, self.types, strict=True)):
            if found is not expected:
                raise InvalidArgumentError(
                    None, None,
                    f"Type mismatch in tuple component {number}. Expected {expected.name}, got {found.name}",
                )  # fmt: skip

    def size(self) -> int:
        """How many elements there are."""
        with self._condition:
            return self._size()

    def close(self, cancel_pending: bool) -> None:
        """Nothing can be put any more; who waits to put is cancelled, or still may."""
        with self._condition:
            self.closed = True
            if cancel_pending:
                for ticket in self._putters:
                    ticket.cancelled = True
            self._condition.notify_all()

    def put(self, xp: Any, element: Element, types: Sequence[DType], context: Any) -> None:
        """Adds an element; waits while the queue is full.

        Raises
        ------
        InvalidArgumentError
            If types or shapes do not fit.
        CancelledError
            If the queue is closed, or was while it waited.
        """
        self._check_types(types)
        self._check_element(element)
        self._put_all([tuple(owned(xp, value) for value in element)], context)

    def put_many(self, xp: Any, columns: Sequence[Any], types: Sequence[DType], context: Any) -> None:
        """Adds the rows of `columns` as elements, each when there is room.

        Raises
        ------
        InvalidArgumentError
            If types or shapes do not fit, or the columns are not of one length.
        CancelledError
            If the queue is closed, or was while it waited.
        """
        self._check_types(types)
        for number, column in enumerate(columns):
            if not shape_of(column):
                raise InvalidArgumentError(None, None, f"The batch component {number} must be at least a vector")
        length = shape_of(columns[0])[0]
        for number, column in enumerate(columns):
            if shape_of(column)[0] != length:
                raise InvalidArgumentError(
                    None, None,
                    f"All input tensors must have the same size in the 0th dimension. Component {number} has "
                    f"{shape_of(column)[0]}, and should have {length}",
                )  # fmt: skip
        columns = [owned(xp, column) for column in columns]
        elements = [tuple(column[index] for column in columns) for index in range(length)]
        for element in elements:
            self._check_element(element)
        self._put_all(elements, context)

    def _put_all(self, elements: list[Element], context: Any) -> None:
        with self._condition:
            if self.closed:
                raise CancelledError(None, None, f"{self.kind} '{self.name}' is closed.")
            ticket = _Ticket()
            self._putters.append(ticket)
            try:
                for element in elements:
                    context.wait_for(self._condition, lambda: ticket.cancelled or self._may_put(ticket))
                    if ticket.cancelled:
                        raise CancelledError(None, None, f"Enqueue operation was cancelled: {self.kind} '{self.name}'")
                    self._append(element)
                    self._condition.notify_all()
            finally:
                self._putters.remove(ticket)
                self._condition.notify_all()

    def _may_put(self, ticket: _Ticket) -> bool:
        return self._putters[0] is ticket and (self.capacity < 0 or self._size() < self.capacity)

    def take(self, context: Any) -> Element:
        """Takes an element; waits while there is none.

        Raises
        ------
        OutOfRangeError
            If the queue is closed and empty.
        """
        return self._take(1, context)[0]

    def take_many(self, xp: Any, number: int, context: Any, or_fewer: bool = False) -> list[Any]:
        """Takes so many elements, their components stacked; waits until there are enough.

        Raises
        ------
        InvalidArgumentError
            If the number is negative, or shapes are not known.
        OutOfRangeError
            If the queue is closed and there are not enough, or none at all with `or_fewer`.
        """
        if number < 0:
            raise InvalidArgumentError(None, None, f"DequeueManyOp requested {number} < 0 elements")
        self._check_batches()
        elements = self._take(number, context, or_fewer) if number else []
        columns = list(zip(*elements, strict=True)) if elements else [()] * len(self.types)
        return [self._batch(xp, list(column), index) for index, column in enumerate(columns)]

    def _take(self, number: int, context: Any, or_fewer: bool = False) -> list[Element]:
        taken: list[Element] = []
        with self._condition:
            ticket = _Ticket()
            self._takers.append(ticket)
            try:
                while len(taken) < number:
                    context.wait_for(self._condition, lambda: self._takers[0] is ticket and self._may_take())
                    if not self._available():
                        break
                    taken.append(self._pop())
                    self._condition.notify_all()
                if len(taken) < number and not (or_fewer and taken):
                    raise OutOfRangeError(
                        None, None,
                        f"{self.kind} '{self.name}' is closed and has insufficient elements (requested {number}, "
                        f"current size {self._size() + len(taken)})",
                    )  # fmt: skip
                done, taken = taken, []
                return done
            finally:
                # Who gives up leaves what it took to the next.
                self._put_back(taken)
                self._takers.remove(ticket)
                self._condition.notify_all()

    def _may_take(self) -> bool:
        return self._available() > 0 or (self.closed and not self._putters)


class _Ticket:
    """A place in a line."""

    __slots__ = ("cancelled",)

    def __init__(self) -> None:
        self.cancelled = False


class PaddingQueueStore(QueueStore):
    """A queue whose elements may differ in size: batches are filled up with zeros."""

    kind = "PaddingFIFOQueue"

    def _check_element(self, element: Element) -> None:
        for number, (value, shape) in enumerate(zip(element, self.shapes or (), strict=False)):
            if not is_compatible(shape, shape_of(value)):
                raise InvalidArgumentError(
                    None, None,
                    f"Shape mismatch in tuple component {number}. Expected {brackets(shape)}, got "
                    f"{brackets(shape_of(value))}",
                )  # fmt: skip

    def _check_batches(self) -> None:
        """Partial shapes will do."""

    def _batch(self, xp: Any, values: list[Any], number: int) -> Any:
        kind = self.types[number]
        if not values:
            shape = self.shapes[number] if self.shapes is not None else ()
            return xp.zeros((0, *(size or 0 for size in shape or ())), kind.np)
        shapes = [shape_of(value) for value in values]
        if len(set(map(len, shapes))) != 1:
            raise UnimplementedError(None, None, "elements of several ranks cannot be padded to one shape")
        largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        batch = xp.zeros((len(values), *largest), kind.np)
        if kind is string:
            batch[...] = b""
        for index, (value, shape) in enumerate(zip(values, shapes, strict=True)):
            batch[(index, *(slice(size) for size in shape))] = value
        return batch


class ShuffleQueueStore(QueueStore):
    """A queue from which random elements are taken, while enough stay in it.

    The draws are TensorFlow's: words of the Philox stream of the two seeds, modulo the size; the last element
    takes the place of the one drawn.
    """

    kind = "RandomShuffleQueue"

    def __init__(
        self, name: str, types: Sequence[DType], shapes: Sequence[Shape] | None, capacity: int,
        min_after_dequeue: int, seed: int, seed2: int,
    ) -> None:  # fmt: skip
        super().__init__(name, types, shapes, capacity)
        self._elements = []
        self._least = min_after_dequeue
        if not seed and not seed2:
            seed, seed2 = (int(word) for word in np.random.SeedSequence().generate_state(2, np.uint64))
        self._stream = Philox.from_seeds(seed, seed2)
        self._words: list[int] = []

    def _draw(self) -> int:
        if not self._words:
            self._words = [int(word) for word in self._stream.reserve(1).blocks(np, 1)[0]][::-1]
        return self._words.pop()

    def _available(self) -> int:
        return self._size() if self.closed else max(0, self._size() - self._least)

    def _pop(self) -> Element:
        elements: list[Element] = self._elements
        index = self._draw() % len(elements)
        chosen = elements[index]
        elements[index] = elements[-1]
        elements.pop()
        return chosen

    def _put_back(self, elements: list[Element]) -> None:
        self._elements.extend(elements)


class PriorityQueueStore(QueueStore):
    """A queue from which the element with the lowest priority, an int64 in front, is taken."""

    kind = "PriorityQueue"

    def __init__(
        self, name: str, types: Sequence[DType], shapes: Sequence[Shape] | None, capacity: int
    ) -> None:
        super().__init__(name, types, shapes, capacity)
        self._elements = []
        self._arrivals = count()

    def _append(self, element: Element) -> None:
        if shape_of(element[0]):
            raise InvalidArgumentError(
                None, None, f"Expected the priority element to be a scalar, but received shape: {shape_of(element[0])}"
            )
        heapq.heappush(self._elements, (int(element[0]), next(self._arrivals), element))

    def _pop(self) -> Element:
        element: Element = heapq.heappop(self._elements)[2]
        return element

    def _put_back(self, elements: list[Element]) -> None:
        for element in elements:
            self._append(element)


def shared_queue(context: Any, op: Any, make: Callable[[str], QueueStore]) -> QueueStore:
    """The queue of an operation in a session: one for all that share a name."""
    shared = op.attrs["shared_name"]
    shared = shared.decode() if isinstance(shared, bytes) else shared
    name = shared or op.name
    queues: dict[tuple[Any, str], QueueStore] = context.op_state(_Queues, dict)
    key = (op.attrs.get("container"), name)
    wanted = make(name)
    found = queues.setdefault(key, wanted)
    if found is wanted:
        return found
    for what, has, needs in (
        ("type", found.kind, wanted.kind), ("capacity", found.capacity, wanted.capacity),
        ("component types", found.types, wanted.types), ("component shapes", found.shapes, wanted.shapes),
    ):  # fmt: skip
        if has != needs:
            raise InvalidArgumentError(
                None, None, f"Shared queue '{name}' has {what} {has} but requested {what} was {needs}"
            )
    return found


class _Queues:
    """Where a session keeps its queues."""

    name = "queues of the session"
