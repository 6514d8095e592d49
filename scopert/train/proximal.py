"""Forward-backward splitting: gradient steps followed by shrinking towards zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import colocate_with
from scopert.graph.tensor import Tensor
from scopert.public import public
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


class _Proximal(Optimizer):
    """What the two have in common: a rate, an L1 and an L2 strength, and perhaps a slot."""

    _kind: str

    def __init__(self, learning_rate: Any, l1: float, l2: float, use_locking: bool, name: str) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1 = l1
        self._l2 = l2

    def _prepare(self) -> None:
        self._rate_tensor = as_hyperparameter(self._learning_rate, "learning_rate")
        self._l1_tensor = as_hyperparameter(self._l1, "l1_regularization_strength")
        self._l2_tensor = as_hyperparameter(self._l2, "l2_regularization_strength")

    def _states(self, variable: Any) -> list[Any]:
        return [variable]

    def _scalars(self, target: Any) -> list[Any]:
        return [like(item, target) for item in (self._rate_tensor, self._l1_tensor, self._l2_tensor)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        return update(
            "Apply" + self._kind, *self._states(var), *self._scalars(var), grad, use_locking=self._use_locking
        )

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        handles = [variable.handle for variable in self._states(handle)]
        return update("ResourceApply" + self._kind, *handles, *self._scalars(grad), grad, use_locking=self._use_locking)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        return update(
            "SparseApply" + self._kind, *self._states(var), *self._scalars(var), grad.values, grad.indices,
            use_locking=self._use_locking,
        )  # fmt: skip

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        handles = [variable.handle for variable in self._states(handle)]
        return update(
            "ResourceSparseApply" + self._kind, *handles, *self._scalars(grad), grad, indices,
            use_locking=self._use_locking,
        )  # fmt: skip


@public("train.ProximalGradientDescentOptimizer")
class ProximalGradientDescentOptimizer(_Proximal):
    """Gradient descent followed by shrinking (Duchi and Singer, 2009).

    Parameters
    ----------
    learning_rate : float, Tensor or callable
    l1_regularization_strength, l2_regularization_strength : float
        At least zero.
    use_locking : bool
        Recorded in the operations.
    name : str
    """

    _kind = "ProximalGradientDescent"

    def __init__(
        self, learning_rate: Any, l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
        use_locking: bool = False, name: str = "ProximalGradientDescent",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, l1_regularization_strength, l2_regularization_strength, use_locking, name)


@public("train.ProximalAdagradOptimizer")
class ProximalAdagradOptimizer(_Proximal):
    """The same with Adagrad's rates.

    Slot: ``accumulator``.

    Parameters
    ----------
    learning_rate : float, Tensor or callable
    initial_accumulator_value : float
    l1_regularization_strength, l2_regularization_strength : float
        At least zero.
    use_locking : bool
        Recorded in the operations.
    name : str

    Raises
    ------
    ValueError
        If `initial_accumulator_value` is not positive.
    """

    _kind = "ProximalAdagrad"

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, use_locking: bool = False, name: str = "ProximalAdagrad",
    ) -> None:  # fmt: skip
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(learning_rate, l1_regularization_strength, l2_regularization_strength, use_locking, name)
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for variable in var_list:
            with colocate_with(variable):
                initial = constant(
                    self._initial_accumulator_value, shape=variable.get_shape(), dtype=variable.dtype.base
                )
            self._get_or_make_slot(variable, initial, "accumulator", self._name)

    def _states(self, variable: Any) -> list[Any]:
        return [variable, self.get_slot(variable, "accumulator")]
