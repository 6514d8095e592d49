"""What a TensorArray holds while a graph runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.dtypes import DType, string
from scopert.graph.shape import brackets, is_compatible, is_known
from scopert.graph.tensor import Shape
from scopert.ops.row_memory import CLEARED, READ, WRITTEN, Elements, RowMemory, are_all


def owned(xp: Any, value: Any) -> Any:
    """The value, copied if it is a view: a variable behind it may change."""
    return value if getattr(value, "base", None) is None else xp.array(value)


def _shape_of(xp: Any, value: Any) -> tuple[int, ...]:
    return () if isinstance(value, (bytes, str)) else tuple(xp.shape(value))


class _Slot:
    """One element and what has been done with it."""

    __slots__ = ("cleared", "read", "shape", "value", "written")

    def __init__(self) -> None:
        self.value: Any = None
        self.shape: Shape = None
        self.written = False
        self.read = False
        self.cleared = False


class TensorArrayStore:
    """The elements of a TensorArray.

    Parameters
    ----------
    name : str
        For messages.
    dtype : DType
    size : int
    element_shape : shape
        What each element's shape must fit.
    identical_shapes : bool
        The first one written is the shape of all.
    dynamic : bool
        Writes beyond the end make it larger.
    clear_after_read : bool
        An element can be read once.
    adds : bool
        A second write to an element adds to it: the array of a gradient.
    memory : RowMemory, optional
        Where elements lie that are filled in place.
    """

    def __init__(
        self, name: str, dtype: DType, size: int, element_shape: Shape, identical_shapes: bool = False,
        dynamic: bool = False, clear_after_read: bool = True, adds: bool = False, memory: RowMemory | None = None,
    ) -> None:  # fmt: skip
        if size < 0:
            raise InvalidArgumentError(None, None, f"Size should be >= 0, but got {size}")
        self.name = name
        self.dtype = dtype
        self.element_shape = element_shape
        self.identical_shapes = identical_shapes
        self.dynamic = dynamic
        self.clear_after_read = clear_after_read
        self.adds = adds
        self._memory = memory or RowMemory()
        self._size = size
        # Elements of one shape are rows of one array; each is a thing of its own where they differ.
        self._rows: Elements | None = None
        self._each: list[_Slot] | None = None
        if dynamic or dtype.np.hasobject:
            self._each = [_Slot() for _ in range(size)]
        # The shape of the elements that this array gathers gradients of.
        self._like: Shape = None
        self._gradients: dict[Any, TensorArrayStore] = {}
        self._closed = False
        # What is to be added to elements, once it has been filled in.
        self._pending: list[tuple[int, Any]] = []

    def mark(self, index: int, shape: Shape, was_read: bool) -> None:
        """Makes an element one that was written (if it has a shape) and read: its value is not known here."""
        if 0 <= index < self._size:
            slot = self._apart()[index]
            slot.shape, slot.written = shape, shape is not None
            slot.read, slot.cleared = was_read, was_read and self.clear_after_read

    def _settle(self) -> None:
        for index, value in self._pending:
            if self._each is None:
                assert self._rows is not None
                self._rows.rows[index] += value
            else:
                self._each[index].value = self._each[index].value + value
        self._pending.clear()

    def _apart(self) -> list[_Slot]:
        """The elements one by one."""
        if self._each is None:
            self._each = [_Slot() for _ in range(self._size)]
            for slot in self._each:
                slot.shape = self._like
            if self._rows is not None:
                shape = self._rows.rows.shape[1:]
                for index, (slot, flags) in enumerate(zip(self._each, self._rows.flags.tolist(), strict=True)):
                    if flags & WRITTEN:
                        slot.shape, slot.written = shape, True
                        slot.read, slot.cleared = bool(flags & READ), bool(flags & CLEARED)
                        slot.value = None if slot.cleared else self._row(index)
                self._rows = None
        return self._each

    def _row(self, index: int) -> Any:
        assert self._rows is not None
        rows = self._rows.rows
        return rows[index] if rows.ndim == 1 else rows[index, ...]

    def _together(self, shape: tuple[int, ...], dtype: Any) -> Elements | None:
        """The elements as rows of this shape and type; None if they cannot be."""
        if self._each is not None or dtype != self.dtype.np:
            return None
        rows = self._rows
        if rows is None:
            rows = self._rows = Elements.empty(self._memory, self._size, shape, dtype)
        return rows if rows.fits(shape, dtype) else None

    def _zero_shape(self) -> Shape:
        """The shape of an element that was not written."""
        return self.element_shape if self._like is None else self._like

    def elements(self, shape: tuple[int, ...], dtype: DType, writes: bool) -> tuple[Elements, bool] | None:
        """The elements as rows that the caller reads or writes, with their flags, and whether zeros may be read.

        None if they are no such rows, or may not be touched in this way.
        """
        fits = is_compatible(self.element_shape, shape) and dtype is self.dtype
        if self._closed or not fits:
            return None
        if self._pending:
            self._settle()
        known = self._zero_shape()
        zeroes = is_known(known)
        found = None if zeroes and known != shape else self._together(shape, dtype.np)
        if found is not None and writes and self.identical_shapes and not is_known(self.element_shape):
            self.element_shape = shape
        return None if found is None else (found, zeroes)

    def _fail(self, text: str) -> InvalidArgumentError:
        return InvalidArgumentError(None, None, f"TensorArray {self.name}: {text}")

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidArgumentError(None, None, f"TensorArray {self.name} has already been closed.")

    def _check_dtype(self, dtype: DType, action: str) -> None:
        if dtype is not self.dtype:
            raise InvalidArgumentError(
                None, None,
                f"TensorArray dtype is {self.dtype.name} but Op is trying to {action} dtype {dtype.name}.",
            )  # fmt: skip

    def __len__(self) -> int:
        self._check_open()
        return self._size

    def close(self) -> None:
        """Frees the elements; nothing can be done with the array any more."""
        self._rows, self._each = None, []
        self._gradients.clear()
        self._closed = True

    def write(self, xp: Any, index: int, value: Any, dtype: DType, is_own: bool = False) -> None:
        """Sets an element, or adds to it; its memory is the array's own already, or copied if need be.

        Raises
        ------
        InvalidArgumentError
            If there is no such element, it was written or read before, or its type or shape does not fit.
        """
        shape = _shape_of(xp, value)
        self._check_write(index, shape, dtype)
        rows = self._together(shape, value.dtype) if isinstance(value, (np.ndarray, np.generic)) else None
        if rows is not None:
            flags = int(rows.flags[index])
            self._check_unread(index, flags & READ)
            if flags & WRITTEN:
                self._check_add(index, rows.rows.shape[1:], shape)
                rows.rows[index] += value
            else:
                rows.rows[index] = value
                rows.flags[index] = flags | WRITTEN
            return
        slot = self._apart()[index]
        self._check_unread(index, slot.read)
        if slot.written:
            self._check_add(index, slot.shape, shape)
            slot.value = slot.value + value
            return
        slot.value, slot.shape, slot.written = value if is_own else owned(xp, value), shape, True

    def write_place(self, index: int, shape: tuple[int, ...], dtype: DType) -> Any:
        """Memory for an element (or for what is to be added to it) that the caller fills before the next call.

        Raises
        ------
        InvalidArgumentError
            As `write`.
        """
        self._check_write(index, shape, dtype)
        rows = self._together(shape, dtype.np)
        if rows is not None:
            flags = int(rows.flags[index])
            self._check_unread(index, flags & READ)
            if not flags & WRITTEN:
                rows.flags[index] = flags | WRITTEN
                return rows.rows[index, ...]
            self._check_add(index, rows.rows.shape[1:], shape)
        else:
            slot = self._apart()[index]
            self._check_unread(index, slot.read)
            if not slot.written:
                slot.value, slot.shape, slot.written = np.empty(shape, dtype.np), shape, True
                return slot.value
            self._check_add(index, slot.shape, shape)
        self._pending.append((index, np.empty(shape, dtype.np)))
        return self._pending[-1][1]

    def _check_write(self, index: int, shape: tuple[int, ...], dtype: DType) -> None:
        self._check_open()
        self._check_dtype(dtype, "write")
        if self._pending:
            self._settle()
        self._reach(index)
        if not is_compatible(self.element_shape, shape):
            raise self._fail(
                f"Could not write to TensorArray index {index} because the value shape is {brackets(shape)} which is "
                f"incompatible with the TensorArray's inferred element shape: {brackets(self.element_shape)} (consider "
                "setting infer_shape=False)."
            )
        if self.identical_shapes and not is_known(self.element_shape):
            self.element_shape = shape

    def _check_unread(self, index: int, read: object) -> None:
        if read:
            raise self._fail(f"Could not write to TensorArray index {index} because it has already been read.")

    def _check_add(self, index: int, there: Shape, shape: tuple[int, ...]) -> None:
        if not self.adds:
            raise self._fail(f"Could not write to TensorArray index {index} because it has already been written to.")
        if there != shape:
            raise self._fail(
                f"Could not aggregate to TensorArray index {index} because the existing shape is "
                f"{brackets(there)} but the new input shape is {brackets(shape)}."
            )

    def _reach(self, index: int) -> None:
        if index < 0 or (index >= self._size and not self.dynamic):
            raise self._fail(f"Tried to write to index {index} but array is not resizeable and size is: {self._size}")
        if index >= self._size:
            self._apart().extend([_Slot() for _ in range(index + 1 - self._size)])
            self._size = index + 1

    def read(self, xp: Any, index: int, dtype: DType) -> Any:
        """An element; zeros if it was not written and its shape is known.

        Raises
        ------
        InvalidArgumentError
            If there is no such element, or it was cleared after a read.
        """
        self._check_open()
        self._check_dtype(dtype, "read")
        if self._pending:
            self._settle()
        if not 0 <= index < self._size:
            raise self._fail(f"Tried to read from index {index} but array size is: {self._size}")
        if self._each is None and self._rows is not None:
            rows = self._rows
            flags = int(rows.flags[index])
            if not flags & WRITTEN and self._zero_shape() == rows.rows.shape[1:]:
                rows.rows[index] = 0
                flags |= WRITTEN
            if flags & WRITTEN and not flags & CLEARED:
                rows.flags[index] = flags | READ | (CLEARED if self.clear_after_read else 0)
                return self._row(index)
        slot = self._apart()[index]
        if slot.cleared:
            raise self._fail(
                f"Could not read index {index} twice because it was cleared after a previous read (perhaps try setting "
                "clear_after_read = false?)."
            )
        if not slot.written:
            slot.value = self._zeros(xp, index, slot.shape or self.element_shape)
            slot.written = True
        value = slot.value
        slot.read = True
        if self.clear_after_read:
            slot.value, slot.cleared = None, True
        return value

    def _zeros(self, xp: Any, index: int, shape: Shape) -> Any:
        if not is_known(shape):
            raise self._fail(
                f"Could not read from TensorArray index {index}.  Furthermore, the element shape is not fully defined: "
                f"{'<unknown>' if shape is None else brackets(shape)}.  It is possible you are working with a "
                "resizeable TensorArray and stop_gradients is not allowing the gradients to be written.  If you set "
                "the full element_shape property on the forward TensorArray, the proper all-zeros tensor will be "
                "returned instead of incurring this error."
            )
        if self.dtype is string:
            empty = xp.empty(shape, object)
            empty[...] = b""
            return empty if shape else b""
        return xp.zeros(shape, self.dtype.np)

    def gather(self, xp: Any, indices: Any, dtype: DType, element_shape: Shape) -> Any:
        """Several elements of one shape, stacked.

        Raises
        ------
        InvalidArgumentError
            As `read`, and if shapes differ, or none is known and there are no elements.
        """
        self._check_open()
        self._check_dtype(dtype, "read")
        if not len(indices):
            shape = element_shape if is_known(element_shape) else self.element_shape
            if not is_known(shape):
                raise InvalidArgumentError(
                    None, None,
                    f"TensorArray has size zero, but element shape {brackets(shape)} is not fully defined. Currently "
                    "only static shapes are supported when packing zero-size TensorArrays.",
                )  # fmt: skip
            assert shape is not None
            return xp.zeros((0, *shape), self.dtype.np)
        whole = self._whole(indices)
        if whole is not None:
            return whole
        values = [self.read(xp, int(index), dtype) for index in indices]
        first = _shape_of(xp, values[0])
        for number, value in enumerate(values):
            if _shape_of(xp, value) != first:
                raise InvalidArgumentError(
                    None, None,
                    f"TensorArray has inconsistent shapes.  Index 0 has shape: {brackets(first)} but index {number} "
                    f"has shape: {brackets(_shape_of(xp, value))}",
                )  # fmt: skip
        if self.dtype is string and not first:
            packed = xp.empty(len(values), object)
            packed[:] = values
            return packed
        return xp.stack([xp.asarray(value) for value in values])

    def _whole(self, indices: Any) -> Any:
        """All elements as the array whose rows they are, if these indices ask for that; else None."""
        rows = self._rows
        if self._each is not None or rows is None or not rows.owned or not are_all(indices, self._size):
            return None
        if self._pending:
            self._settle()
        if not rows.all_are(WRITTEN) and ((rows.flags & (WRITTEN | CLEARED)) != WRITTEN).any():
            return None
        rows.flags |= READ | (CLEARED if self.clear_after_read else 0)
        return rows.rows

    def scatter(self, xp: Any, indices: Any, value: Any, dtype: DType) -> None:
        """Writes the rows of a value to elements.

        Raises
        ------
        InvalidArgumentError
            As `write`, and if there are not as many rows as indices.
        """
        self._check_open()
        shape = _shape_of(xp, value)
        if not shape:
            raise InvalidArgumentError(
                None, None, f"Expected value to be at least a vector, but received shape: {brackets(shape)}"
            )
        if len(indices) != shape[0]:
            raise InvalidArgumentError(
                None, None, f"Expected len(indices) == values.shape[0], but saw: {len(indices)} vs. {shape[0]}"
            )
        if self._takes_all(indices, value):
            self._check_write(0, shape[1:], dtype)
            self._rows = Elements.of(self._memory, value, self.adds)
            return
        largest = max((int(index) for index in indices), default=-1)
        if largest >= self._size and not self.dynamic:
            raise InvalidArgumentError(
                None, None, f"Max scatter index must be < array size ({largest} vs. {self._size})"
            )
        # The rows share one copy, if one is needed.
        value = owned(xp, value)
        for number, index in enumerate(indices):
            self.write(xp, int(index), value[number], dtype, is_own=True)

    def _takes_all(self, indices: Any, value: Any) -> bool:
        """Whether these are the values of all elements, of which none has been written."""
        if self._each is not None or self._rows is not None or not self._size or type(value) is not np.ndarray:
            return False
        return bool(value.dtype == self.dtype.np and are_all(indices, self._size))

    def split(self, xp: Any, value: Any, lengths: Any, dtype: DType) -> None:
        """Cuts a value into elements of these lengths.

        Raises
        ------
        InvalidArgumentError
            As `write`, and if the lengths do not add up, or are not as many as the elements.
        """
        self._check_open()
        if xp.ndim(lengths) != 1:
            raise InvalidArgumentError(
                None, None, f"Expected lengths to be a vector, received shape: {brackets(_shape_of(xp, lengths))}"
            )
        shape, total = _shape_of(xp, value), int(lengths.sum())
        if not shape or total != shape[0]:
            raise InvalidArgumentError(
                None, None,
                f"Expected sum of lengths to be equal to values.shape[0], but sum of lengths is {total} and value's "
                f"shape is: {brackets(shape)}",
            )  # fmt: skip
        if len(lengths) != self._size and not self.dynamic:
            raise InvalidArgumentError(
                None, None,
                f"TensorArray's size is not equal to the size of lengths ({self._size} vs. {len(lengths)}), and "
                "the TensorArray is not marked as dynamically resizeable",
            )  # fmt: skip
        start = 0
        value = owned(xp, value)
        for index, length in enumerate(lengths.tolist()):
            self.write(xp, index, value[start : start + length], dtype, is_own=True)
            start += length

    def concat(self, xp: Any, dtype: DType, shape_except_first: Shape) -> tuple[Any, list[int]]:
        """All elements one after the other, and their lengths.

        Raises
        ------
        InvalidArgumentError
            As `read`, and if one is a scalar or shapes differ.
        """
        self._check_open()
        self._check_dtype(dtype, "read")
        if not self._size:
            if not is_known(shape_except_first):
                raise InvalidArgumentError(
                    None, None,
                    f"TensorArray has size zero, but element_shape_except0 {brackets(shape_except_first)} is not fully "
                    "defined. Currently only static shapes are supported when concatenating zero-size TensorArrays.",
                )  # fmt: skip
            assert shape_except_first is not None
            return xp.zeros((0, *shape_except_first), self.dtype.np), []
        values = [self.read(xp, index, dtype) for index in range(self._size)]
        shapes = [_shape_of(xp, value) for value in values]
        for index, shape in enumerate(shapes):
            if not shape:
                raise InvalidArgumentError(
                    None, None,
                    f"Concat saw a scalar shape at index {index} but requires at least vectors.  Did you mean to call "
                    "pack?",
                )  # fmt: skip
            if shape[1:] != shapes[0][1:]:
                raise InvalidArgumentError(
                    None, None,
                    f"TensorArray has inconsistent shapes.  Index 0 has (excepting dimension 0) shape: "
                    f"{brackets(shapes[0][1:])} but index {index} has (excepting dimension 0) shape: "
                    f"{brackets(shape[1:])}",
                )  # fmt: skip
        return xp.concatenate(values), [shape[0] for shape in shapes]

    def gradient(self, source: Any, prepend: tuple[int, ...] = ()) -> TensorArrayStore:
        """The array that gathers the gradients of this one's elements for one call of tf.gradients.

        Raises
        ------
        InvalidArgumentError
            If the array was closed.
        """
        self._check_open()
        made = self._gradients.get(source)
        if made is None:
            shape = None if self.element_shape is None else (*prepend, *self.element_shape)
            made = self._gradients[source] = TensorArrayStore(
                f"{self.name}@{source}",
                self.dtype,
                self._size,
                shape,
                self.identical_shapes,
                adds=True,
                memory=self._memory,
            )
            self.dynamic = False
            rows = self._rows
            if self._each is None and rows is not None and (rows.flags & WRITTEN).all():
                made._like = (*prepend, *rows.rows.shape[1:])
            else:
                for slot, own in zip(made._apart(), self._apart(), strict=True):
                    slot.shape = None if own.shape is None else (*prepend, *own.shape)
        return made
