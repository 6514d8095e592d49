"""A TensorArray or a stack as a block of memory: what was done with each element, then the elements."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from scopert.backend import DType
from scopert.ops.row_memory import RowMemory
from scopert.ops.stack_ops import Stack
from scopert.ops.tensor_array_store import TensorArrayStore

#: The attribute by which a step knows its array.
HELD = "held"
#: What such steps give is the next flow.
FLOWS = frozenset({"TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArraySplitV3"})


@dataclass(frozen=True, slots=True)
class Held:
    """An array, an array of gradients, or a stack, in a block of memory.

    Attributes
    ----------
    kind : str
        ``array`` or ``stack``.
    name : str
        For messages.
    dtype : DType
    shape : tuple of int
        Of an element.
    count : int
        Elements that there is room for.
    adds : bool
        A second write to an element adds to it.
    clears : bool
        An element can be read once.
    identical : bool
        The first element written tells the shape of all.
    declared : tuple or None
        The shape that elements were said to have.
    limit : int
        A stack's largest number of values; negative if there is none.
    parent : Held or None
        Whose gradients it holds.
    head, start : int
        Where in the block the words and the elements begin.
    heads : int
        Bytes of the words of the whole block, which begin as zeros.
    """

    kind: str
    name: str
    dtype: DType
    shape: tuple[int, ...]
    count: int
    adds: bool = False
    clears: bool = True
    identical: bool = False
    declared: tuple[int | None, ...] | None = None
    limit: int = -1
    parent: Held | None = None
    head: int = 0
    start: int = 0
    heads: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of an element."""
        return prod(self.shape) * int(self.dtype.np.itemsize)

    @property
    def width(self) -> int:
        """The bytes of the widest word that an element is made of."""
        return next(size for size in (16, 8, 4, 2, 1) if self.nbytes % size == 0)

    @property
    def words(self) -> int:
        """Bytes that say what was done with the elements."""
        return 4 * (1 + (self.count if self.kind == "array" else 0))

    @property
    def is_declared(self) -> bool:
        """Whether the shape of elements is known without any having been written."""
        return self.declared is not None and None not in self.declared

    def all_places(self) -> Any:
        """The numbers of all elements."""
        return np.arange(self.count, dtype=np.int32)


def refused(held: Held, op: str, code: int) -> None:
    """Raises what the generic kernel says of an element in that state; `code` is what the device left."""
    index, state = (1 << 28) - (code >> 3), code >> 1 & 3
    if held.kind == "stack":
        limit = max(held.limit, 0) if op == "StackPushV2" else -1
        stack = Stack(held.name, limit, RowMemory())
        for _ in range(limit):
            stack.push(None)
        if op == "StackPushV2":
            stack.push(None)
        stack.pop()
        return
    store = TensorArrayStore(
        held.name, held.dtype, held.count, held.declared, held.identical, False, held.clears, held.adds
    )  # fmt: skip
    store.mark(index, held.shape if state & 1 else None, was_read=bool(state & 2))
    if op in FLOWS:
        store.write(np, index, np.zeros(held.shape, held.dtype.np), held.dtype)
    else:
        store.read(np, index, held.dtype)
