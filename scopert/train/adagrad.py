"""Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.build import apply
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import FILL
from scopert.ops.array_shape import shape
from scopert.ops.math_cast import cast
from scopert.public import public
from scopert.scope.initializers import Constant
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


@public("train.AdagradOptimizer")
class AdagradOptimizer(Optimizer):
    """Adagrad (Duchi et al., 2011): each entry's rate falls with the sum of its squared gradients.

    Slot: ``accumulator``.

    Parameters
    ----------
    learning_rate : float, Tensor or callable
    initial_accumulator_value : float
    use_locking : bool
        Recorded in the operations.
    name : str

    Raises
    ------
    ValueError
        If `initial_accumulator_value` is not positive.
    """

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:  # fmt: skip
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for variable in var_list:
            dtype = variable.dtype.base
            known = variable.get_shape()
            initializer: Any = Constant(self._initial_accumulator_value, dtype=dtype)
            if not known.is_fully_defined():
                initializer = self._filled_like(variable, dtype)
            self._get_or_make_slot_with_initializer(variable, initializer, known, dtype, "accumulator", self._name)

    def _filled_like(self, variable: Any, dtype: Any) -> Any:
        return lambda: cast(apply(FILL, shape(variable), self._initial_accumulator_value), dtype)

    def _prepare(self) -> None:
        self._learning_rate_tensor = as_hyperparameter(self._learning_rate, "learning_rate")

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        slot, rate = self.get_slot(var, "accumulator"), like(self._learning_rate_tensor, var)
        return update("ApplyAdagrad", var, slot, rate, grad, use_locking=self._use_locking)

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        slot, rate = self.get_slot(handle, "accumulator"), like(self._learning_rate_tensor, grad)
        return update("ResourceApplyAdagrad", handle.handle, slot.handle, rate, grad, use_locking=self._use_locking)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        slot, rate = self.get_slot(var, "accumulator"), like(self._learning_rate_tensor, var)
        return update("SparseApplyAdagrad", var, slot, rate, grad.values, grad.indices, use_locking=self._use_locking)

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        slot, rate = self.get_slot(handle, "accumulator"), like(self._learning_rate_tensor, grad)
        return update(
            "ResourceSparseApplyAdagrad", handle.handle, slot.handle, rate, grad, indices,
            use_locking=self._use_locking,
        )  # fmt: skip
