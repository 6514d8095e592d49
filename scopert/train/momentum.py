"""Gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.tensor import Tensor
from scopert.public import public
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


@public("train.MomentumOptimizer")
class MomentumOptimizer(Optimizer):
    """``accumulation = momentum * accumulation + gradient``, ``variable -= learning_rate * accumulation``.

    Slot: ``momentum``.

    Parameters
    ----------
    learning_rate, momentum : float, Tensor or callable
    use_locking : bool
        Recorded in the operations.
    name : str
    use_nesterov : bool
        Nesterov's momentum (Sutskever et al., 2013); gradients are still taken at the variable.
    """

    def __init__(
        self, learning_rate: Any, momentum: Any, use_locking: bool = False, name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = use_nesterov

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for variable in var_list:
            self._zeros_slot(variable, "momentum", self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = as_hyperparameter(self._learning_rate, "learning_rate")
        self._momentum_tensor = as_hyperparameter(self._momentum, "momentum")

    def _flags(self) -> dict[str, Any]:
        return {"use_locking": self._use_locking, "use_nesterov": self._use_nesterov}

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        slot = self.get_slot(var, "momentum")
        rate, momentum = like(self._learning_rate_tensor, var), like(self._momentum_tensor, var)
        return update("ApplyMomentum", var, slot, rate, grad, momentum, **self._flags())

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        slot = self.get_slot(handle, "momentum")
        rate, momentum = like(self._learning_rate_tensor, grad), like(self._momentum_tensor, grad)
        return update("ResourceApplyMomentum", handle.handle, slot.handle, rate, grad, momentum, **self._flags())

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        slot = self.get_slot(var, "momentum")
        rate, momentum = like(self._learning_rate_tensor, var), like(self._momentum_tensor, var)
        return update("SparseApplyMomentum", var, slot, rate, grad.values, grad.indices, momentum, **self._flags())

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        slot = self.get_slot(handle, "momentum")
        rate, momentum = like(self._learning_rate_tensor, grad), like(self._momentum_tensor, grad)
        return update(
            "ResourceSparseApplyMomentum", handle.handle, slot.handle, rate, grad, indices, momentum, **self._flags()
        )
