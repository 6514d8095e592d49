"""FTRL-proximal."""

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


def _check(
    initial_accumulator_value: float, learning_rate_power: float, l1: float, l2: float, l2_shrinkage: float
) -> None:
    if initial_accumulator_value < 0.0:
        raise ValueError(f"initial_accumulator_value {initial_accumulator_value} needs to be be positive or zero")
    if learning_rate_power > 0.0:
        raise ValueError(f"learning_rate_power {learning_rate_power} needs to be negative or zero")
    strengths = (
        ("l1_regularization_strength", l1),
        ("l2_regularization_strength", l2),
        ("l2_shrinkage_regularization_strength", l2_shrinkage),
    )
    for name, value in strengths:
        if value < 0.0:
            raise ValueError(f"{name} {value} needs to be positive or zero")


@public("train.FtrlOptimizer")
class FtrlOptimizer(Optimizer):
    """FTRL-proximal (McMahan et al., 2013), with an optional L2 penalty on the magnitude ("shrinkage").

    Slots: ``accum``, ``linear``.

    Parameters
    ----------
    learning_rate : float, Tensor or callable
    learning_rate_power : float
        At most zero: how the rate falls; zero keeps it.
    initial_accumulator_value : float
        At least zero.
    l1_regularization_strength, l2_regularization_strength : float
        At least zero.
    use_locking : bool
        Recorded in the operations.
    name : str
    accum_name, linear_name : str, optional
        Names of the slots. Default: that of the optimizer.
    l2_shrinkage_regularization_strength : float
        At least zero.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    def __init__(
        self, learning_rate: Any, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0, use_locking: bool = False,
        name: str = "Ftrl", accum_name: str | None = None, linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        _check(
            initial_accumulator_value, learning_rate_power, l1_regularization_strength, l2_regularization_strength,
            l2_shrinkage_regularization_strength,
        )  # fmt: skip
        self._learning_rate = learning_rate
        self._learning_rate_power = learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1 = l1_regularization_strength
        self._l2 = l2_regularization_strength
        self._l2_shrinkage = l2_shrinkage_regularization_strength
        self._accum_name = accum_name
        self._linear_name = linear_name

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for variable in var_list:
            with colocate_with(variable):
                initial = constant(
                    self._initial_accumulator_value, dtype=variable.dtype.base, shape=variable.get_shape()
                )
                self._get_or_make_slot(variable, initial, "accum", self._accum_name or self._name)
                self._zeros_slot(variable, "linear", self._linear_name or self._name)

    def _prepare(self) -> None:
        self._rate_tensor = as_hyperparameter(self._learning_rate, "learning_rate")
        self._l1_tensor = as_hyperparameter(self._l1, "l1_regularization_strength")
        self._l2_tensor = as_hyperparameter(self._l2, "l2_regularization_strength")
        self._shrinkage_tensor = as_hyperparameter(self._l2_shrinkage, "l2_shrinkage_regularization_strength")
        self._power_tensor = as_hyperparameter(self._learning_rate_power, "learning_rate_power")

    def _slots_of(self, variable: Any) -> list[Any]:
        return [self.get_slot(variable, name) for name in ("accum", "linear")]

    def _scalars(self, variable: Any) -> list[Any]:
        shrinkage = [self._shrinkage_tensor] if self._shrinks else []
        tensors = [self._rate_tensor, self._l1_tensor, self._l2_tensor, *shrinkage, self._power_tensor]
        return [like(item, variable) for item in tensors]

    @property
    def _shrinks(self) -> bool:
        return self._l2_shrinkage > 0.0

    def _kind(self, start: str) -> str:
        return f"{start}Ftrl{'V2' if self._shrinks else ''}"

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        return update(
            self._kind("Apply"), var, *self._slots_of(var), grad, *self._scalars(var), use_locking=self._use_locking
        )

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        handles = [variable.handle for variable in (handle, *self._slots_of(handle))]
        return update(
            self._kind("ResourceApply"), *handles, grad, *self._scalars(handle), use_locking=self._use_locking
        )

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        return update(
            self._kind("SparseApply"), var, *self._slots_of(var), grad.values, grad.indices, *self._scalars(var),
            use_locking=self._use_locking,
        )  # fmt: skip

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        handles = [variable.handle for variable in (handle, *self._slots_of(handle))]
        return update(
            self._kind("ResourceSparseApply"), *handles, grad, indices, *self._scalars(handle),
            use_locking=self._use_locking,
        )  # fmt: skip
