"""One variable of a session: what kernels get as a `VariableRef`."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from scopert.backend import Backend
from scopert.errors import FailedPreconditionError, InvalidArgumentError
from scopert.graph.dtypes import DType, string
from scopert.graph.kernel import Origin
from scopert.graph.shape import brackets, is_compatible


class Moves:
    """Counts how often memory of variables got another address."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Cell:
    """A view of the store's buffer, or an array beside it where the shape is not known.

    Attributes
    ----------
    name : str
    dtype : DType
    origin : Origin
        The operation that made the variable.
    initialized : bool
    placed : bool
        It stands in the store's buffer.
    """

    __slots__ = ("_array", "_backend", "_lock", "_moves", "dtype", "initialized", "name", "origin", "placed")

    def __init__(self, origin: Origin, backend: Backend, lock: threading.RLock, moves: Moves) -> None:
        self.name = origin.name
        self.origin = origin
        self.dtype: DType = origin.attrs["dtype"]
        self.initialized = False
        self.placed = False
        self._backend = backend
        self._lock = lock
        self._moves = moves
        self._array: Any = None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the value, or of the place for it; None if neither is known."""
        return None if self._array is None else self._array.shape

    def read(self) -> Any:
        """A view of the value; FailedPreconditionError if there is none yet."""
        if not self.initialized:
            raise FailedPreconditionError(
                None, None,
                f"Attempting to use uninitialized value {self.name} (the variable was made at {self.origin.where}; "
                "run its initializer first, such as tf.global_variables_initializer())",
            )  # fmt: skip
        array = self._array
        if self.dtype is string and not array.ndim:
            return array[()]
        return array

    def write_view(self) -> Any:
        """The value, to be changed in place; call it with the context's `write_lock` held."""
        self.read()
        return self._array

    def assign(self, value: Any, validate_shape: bool = True) -> None:
        """Copies an array into the variable.

        Raises
        ------
        InvalidArgumentError
            If `validate_shape` and the shape is not the variable's.
        """
        shape = value.shape if hasattr(value, "shape") else np.shape(value)
        with self._lock:
            array = self._array
            if array is None or array.shape != shape:
                self._check_shape(shape, validate_shape)
                # It has another shape than its place: it stands beside the buffer from now on.
                array = self._stand_beside(shape)
            array[...] = value
            self.initialized = True

    def reserve(self, shape: tuple[int, ...]) -> None:
        """Gives it memory of this shape, if it has none, without a value."""
        with self._lock:
            if self._array is None:
                self._stand_beside(shape)

    def mark_initialized(self) -> None:
        """Its memory has been filled."""
        self.initialized = True

    def _stand_beside(self, shape: tuple[int, ...]) -> Any:
        backend = self._backend
        if backend.capabilities.device_memory and not self.dtype.np.hasobject:
            nbytes = math.prod(shape) * int(self.dtype.np.itemsize)
            self._array = backend.view(backend.allocate(max(nbytes, 1)), 0, shape, self.dtype)
        else:
            self._array = np.empty(shape, self.dtype.np) if self.dtype.np.hasobject else backend.xp.empty(
                shape, self.dtype.np
            )
        self.placed = False
        self._moves.count += 1
        return self._array

    def _check_shape(self, shape: tuple[int, ...], validate_shape: bool) -> None:
        mine = self.origin.attrs.get("shape") if self._array is None else self._array.shape
        if validate_shape and not is_compatible(mine, shape):
            raise InvalidArgumentError(
                None, None,
                f"Assign requires shapes of both tensors to match. lhs shape= {brackets(mine)} rhs shape= "
                f"{brackets(shape)} (variable {self.name}, made at {self.origin.where})",
            )  # fmt: skip

    def place(self, view: Any) -> None:
        """Makes `view`, which holds the value already, the variable's memory."""
        self._array = view
        self.placed = True
        self._moves.count += 1

    def array(self) -> Any:
        """The memory itself, or None."""
        return self._array

    def clear(self) -> None:
        """Forgets the value."""
        self.initialized = False
        if not self.placed:
            self._array = None
            self._moves.count += 1
