"""Adagrad by dual averaging, for sparse linear models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import colocate_with, device
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity
from scopert.ops.math_cast import cast
from scopert.public import public
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


@public("train.AdagradDAOptimizer")
class AdagradDAOptimizer(Optimizer):
    """Adagrad by dual averaging (Duchi et al., 2011): regularizes also entries that have no gradient.

    Slots: ``gradient_accumulator``, ``gradient_squared_accumulator``.

    Parameters
    ----------
    learning_rate : float, Tensor or callable
    global_step : Variable
        The number of steps done, which weighs the regularization.
    initial_gradient_squared_accumulator_value : float
    l1_regularization_strength, l2_regularization_strength : float
    use_locking : bool
        Recorded in the operations.
    name : str

    Raises
    ------
    ValueError
        If `initial_gradient_squared_accumulator_value` is not positive.
    """

    def __init__(
        self, learning_rate: Any, global_step: Any, initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0, use_locking: bool = False,
        name: str = "AdagradDA",
    ) -> None:  # fmt: skip
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError(
                "initial_gradient_squared_accumulator_value must be positive: "
                f"{initial_gradient_squared_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_squares = initial_gradient_squared_accumulator_value
        self._global_step = global_step
        self._l1 = l1_regularization_strength
        self._l2 = l2_regularization_strength

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for variable in var_list:
            dtype = variable.dtype.base
            with colocate_with(variable):
                total = constant(0.0, shape=variable.get_shape(), dtype=dtype)
                squares = constant(self._initial_squares, shape=variable.get_shape(), dtype=dtype)
            self._get_or_make_slot(variable, total, "gradient_accumulator", self._name)
            self._get_or_make_slot(variable, squares, "gradient_squared_accumulator", self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = as_hyperparameter(self._learning_rate, "learning_rate")
        with colocate_with(self._learning_rate_tensor):
            self._step_here = identity(self._global_step) + 1

    def _inputs(self, variable: Any, grad: Tensor) -> tuple[Any, ...]:
        """Slots and the other inputs of an update."""
        with device(grad.device or None):
            step = identity(self._step_here)
        return (
            self.get_slot(variable, "gradient_accumulator"),
            self.get_slot(variable, "gradient_squared_accumulator"),
            like(self._learning_rate_tensor, variable),
            cast(self._l1, variable.dtype.base),
            cast(self._l2, variable.dtype.base),
            step,
        )

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        total, squares, *others = self._inputs(var, grad)
        return update("ApplyAdagradDA", var, total, squares, grad, *others, use_locking=self._use_locking)

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        total, squares, *others = self._inputs(handle, grad)
        return update(
            "ResourceApplyAdagradDA", handle.handle, total.handle, squares.handle, grad, *others,
            use_locking=self._use_locking,
        )  # fmt: skip

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        total, squares, *others = self._inputs(var, grad.values)
        return update(
            "SparseApplyAdagradDA", var, total, squares, grad.values, grad.indices, *others,
            use_locking=self._use_locking,
        )  # fmt: skip

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        total, squares, *others = self._inputs(handle, grad)
        return update(
            "ResourceSparseApplyAdagradDA", handle.handle, total.handle, squares.handle, grad, indices, *others,
            use_locking=self._use_locking,
        )  # fmt: skip
