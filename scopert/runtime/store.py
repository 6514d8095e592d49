"""The values of a session's variables."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from scopert.errors import FailedPreconditionError, InvalidArgumentError
from scopert.graph.dtypes import DType
from scopert.graph.kernel import Origin
from scopert.graph.shape import brackets


class Cell:
    """One variable: what kernels get as a `VariableRef`."""

    __slots__ = ("_array", "dtype", "name", "origin")

    def __init__(self, origin: Origin) -> None:
        self.name = origin.name
        self.origin = origin
        self.dtype: DType = origin.attrs["dtype"]
        self._array: Any = None

    @property
    def initialized(self) -> bool:
        return self._array is not None

    def read(self) -> Any:
        """A view of the value."""
        if self._array is None:
            raise FailedPreconditionError(
                None, None,
                f"Attempting to use uninitialized value {self.name} (the variable was made at {self.origin.where})",
            )  # fmt: skip
        return self._array

    write_view = read

    def assign(self, value: Any, validate_shape: bool = True) -> None:
        """Copies `value` into the variable."""
        array = self._array
        if array is not None and array.shape == np.shape(value):
            array[...] = value
            return
        if array is not None and validate_shape:
            raise InvalidArgumentError(
                None, None,
                f"Assign requires shapes of both tensors to match. lhs shape= {brackets(array.shape)} "
                f"rhs shape= {brackets(np.shape(value))}",
            )  # fmt: skip
        self._array = np.array(value, self.dtype.np)


class VariableStore:
    """Variables by name."""

    def __init__(self) -> None:
        self._cells: dict[object, Cell] = {}
        self._lock = threading.Lock()

    def cell(self, key: object, origin: Origin) -> Cell:
        """The variable of this key, made if it is not there."""
        with self._lock:
            found = self._cells.get(key)
            if found is None:
                found = self._cells[key] = Cell(origin)
            return found
