"""RMSProp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import ones_like
from scopert.public import public
from scopert.scope.initializers import Ones
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


@public("train.RMSPropOptimizer")
class RMSPropOptimizer(Optimizer):
    """RMSProp (Tieleman and Hinton, 2012): gradients divided by the root of a running mean of their squares.

    Slots: ``rms``, ``momentum``, and ``mg`` if centered.

    Parameters
    ----------
    learning_rate : float, Tensor or callable
    decay : float, Tensor or callable
        Of the running means.
    momentum, epsilon : float, Tensor or callable
    use_locking : bool
        Recorded in the operations.
    centered : bool
        Divide by the root of the variance instead (Graves, 2013).
    name : str
    """

    def __init__(
        self, learning_rate: Any, decay: Any = 0.9, momentum: Any = 0.0, epsilon: Any = 1e-10,
        use_locking: bool = False, centered: bool = False, name: str = "RMSProp",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._decay = decay
        self._momentum = momentum
        self._epsilon = epsilon
        self._centered = centered

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for variable in var_list:
            known, dtype = variable.get_shape(), variable.dtype.base
            initializer: Any = Ones(dtype=dtype) if known.is_fully_defined() else ones_like(variable)
            self._get_or_make_slot_with_initializer(variable, initializer, known, dtype, "rms", self._name)
            if self._centered:
                self._zeros_slot(variable, "mg", self._name)
            self._zeros_slot(variable, "momentum", self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = as_hyperparameter(self._learning_rate, "learning_rate")
        self._decay_tensor = as_hyperparameter(self._decay, "decay")
        self._momentum_tensor = as_hyperparameter(self._momentum, "momentum")
        self._epsilon_tensor = as_hyperparameter(self._epsilon, "epsilon")

    def _slots_of(self, variable: Any) -> list[Any]:
        names = ("mg", "rms", "momentum") if self._centered else ("rms", "momentum")
        return [self.get_slot(variable, name) for name in names]

    def _scalars(self, target: Any) -> list[Any]:
        tensors = (self._learning_rate_tensor, self._decay_tensor, self._momentum_tensor, self._epsilon_tensor)
        return [like(item, target) for item in tensors]

    @property
    def _kind(self) -> str:
        return "CenteredRMSProp" if self._centered else "RMSProp"

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        return update(
            "Apply" + self._kind, var, *self._slots_of(var), *self._scalars(var), grad, use_locking=self._use_locking
        )

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        handles = [variable.handle for variable in (handle, *self._slots_of(handle))]
        return update("ResourceApply" + self._kind, *handles, *self._scalars(grad), grad, use_locking=self._use_locking)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        return update(
            "SparseApply" + self._kind, var, *self._slots_of(var), *self._scalars(var), grad.values, grad.indices,
            use_locking=self._use_locking,
        )  # fmt: skip

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        handles = [variable.handle for variable in (handle, *self._slots_of(handle))]
        return update(
            "ResourceSparseApply" + self._kind, *handles, *self._scalars(grad), grad, indices,
            use_locking=self._use_locking,
        )  # fmt: skip
