"""Updates of parts of a variable, as methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from scopert.graph.build import apply
from scopert.graph.convert import to_tensor
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.tensor import Tensor
from scopert.ops.array_getitem import slice_helper
from scopert.ops.array_strided import Masks
from scopert.ops.state_batch_scatter import batch_scatter_update
from scopert.ops.state_scatter import (
    scatter_add,
    scatter_div,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_nd_add,
    scatter_nd_sub,
    scatter_nd_update,
    scatter_sub,
    scatter_update,
)
from scopert.ops.state_slice_assign import RESOURCE_STRIDED_SLICE_ASSIGN, STRIDED_SLICE_ASSIGN


class SparseUpdates:
    """What a variable inherits: `scatter_*`, and reading and assigning parts by ``v[...]``."""

    def _scatter(
        self, function: Callable[..., Any], sparse_delta: Any, use_locking: bool | None, name: str | None
    ) -> Any:
        if not isinstance(sparse_delta, IndexedSlices):
            raise TypeError(f"sparse_delta is not IndexedSlices: {sparse_delta}")
        return function(self, sparse_delta.indices, sparse_delta.values, use_locking, name)

    def scatter_update(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Replaces the rows that an `IndexedSlices` names; TypeError if it is none. See `tf.scatter_update`."""
        return self._scatter(scatter_update, sparse_delta, use_locking, name)

    def scatter_add(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Adds an `IndexedSlices`."""
        return self._scatter(scatter_add, sparse_delta, use_locking, name)

    def scatter_sub(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Subtracts an `IndexedSlices`."""
        return self._scatter(scatter_sub, sparse_delta, use_locking, name)

    def scatter_mul(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Multiplies rows by those of an `IndexedSlices`."""
        return self._scatter(scatter_mul, sparse_delta, use_locking, name)

    def scatter_div(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Divides rows by those of an `IndexedSlices`."""
        return self._scatter(scatter_div, sparse_delta, use_locking, name)

    def scatter_min(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Takes the minimum with an `IndexedSlices`."""
        return self._scatter(scatter_min, sparse_delta, use_locking, name)

    def scatter_max(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Takes the maximum with an `IndexedSlices`."""
        return self._scatter(scatter_max, sparse_delta, use_locking, name)

    def batch_scatter_update(self, sparse_delta: Any, use_locking: bool | None = False, name: str | None = None) -> Any:
        """Replaces rows batch by batch; see `tf.batch_scatter_update`."""
        return self._scatter(batch_scatter_update, sparse_delta, use_locking, name)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Replaces slices at index vectors; see `tf.scatter_nd_update`."""
        return scatter_nd_update(self, indices, updates, use_locking=True, name=name)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Adds to slices at index vectors."""
        return scatter_nd_add(self, indices, updates, use_locking=True, name=name)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtracts from slices at index vectors."""
        return scatter_nd_sub(self, indices, updates, use_locking=True, name=name)

    def __getitem__(self, spec: Any) -> Tensor:
        part = slice_helper(self.value(), spec, var=self)  # type: ignore[attr-defined]
        if part.op.type == "StridedSlice":
            part.__class__ = VariableSlice
            _variables[part] = self
        return part


_variables: WeakKeyDictionary[Tensor, Any] = WeakKeyDictionary()


class VariableSlice(Tensor):
    """A part of a variable, read by ``v[...]``: it can be assigned to."""

    __slots__ = ()

    def assign(self, value: Any, name: str | None = None) -> Any:
        """Assigns to this part of the variable.

        Parameters
        ----------
        value : tensor-like
            Of the part's shape.
        name : str, optional

        Returns
        -------
        Tensor or variable-like
            The whole variable after the assignment.

        Raises
        ------
        InvalidArgumentError
            In a run, if the value has another shape.
        """
        variable = _variables[self]
        op = self.op
        masks = {mask: op.attrs[mask] for mask in Masks.__slots__}
        bounds = op.inputs[1:4]
        if name is None:
            name = f"{op.name}/_assign"
        if variable.dtype.is_ref:
            return apply(STRIDED_SLICE_ASSIGN, variable._ref(), *bounds, value, name=name, **masks)
        with variable._assign_dependencies():
            tensor = to_tensor(value, variable.dtype)
            made = apply(RESOURCE_STRIDED_SLICE_ASSIGN, variable.handle, *bounds, tensor, name=name, **masks)
        return variable._lazy_read(made)
