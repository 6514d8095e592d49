"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.tensor import Tensor
from scopert.public import public
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


@public("train.AdadeltaOptimizer")
class AdadeltaOptimizer(Optimizer):
    """Adadelta (Zeiler, 2012): steps in the unit of the variable, from running means of steps and gradients.

    Slots: ``accum``, ``accum_update``.

    Parameters
    ----------
    learning_rate : float, Tensor or callable
        1.0 gives the formula of the text.
    rho : float, Tensor or callable
        Decay of the running means.
    epsilon : float, Tensor or callable
    use_locking : bool
        Recorded in the operations.
    name : str
    """

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-8, use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._rho = rho
        self._epsilon = epsilon

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for variable in var_list:
            self._zeros_slot(variable, "accum", self._name)
            self._zeros_slot(variable, "accum_update", self._name)

    def _prepare(self) -> None:
        self._lr_t = as_hyperparameter(self._lr, "lr")
        self._rho_t = as_hyperparameter(self._rho, "rho")
        self._epsilon_t = as_hyperparameter(self._epsilon, "epsilon")

    def _slots_of(self, variable: Any) -> list[Any]:
        return [self.get_slot(variable, name) for name in ("accum", "accum_update")]

    def _scalars(self, target: Any) -> list[Any]:
        return [like(item, target) for item in (self._lr_t, self._rho_t, self._epsilon_t)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        return update(
            "ApplyAdadelta", var, *self._slots_of(var), *self._scalars(var), grad, use_locking=self._use_locking
        )

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        handles = [variable.handle for variable in (handle, *self._slots_of(handle))]
        return update("ResourceApplyAdadelta", *handles, *self._scalars(grad), grad, use_locking=self._use_locking)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        return update(
            "SparseApplyAdadelta", var, *self._slots_of(var), *self._scalars(var), grad.values, grad.indices,
            use_locking=self._use_locking,
        )  # fmt: skip

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        handles = [variable.handle for variable in (handle, *self._slots_of(handle))]
        return update(
            "ResourceSparseApplyAdadelta", *handles, *self._scalars(grad), grad, indices,
            use_locking=self._use_locking,
        )  # fmt: skip
