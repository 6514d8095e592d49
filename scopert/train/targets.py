"""What an optimizer can update: variables by reference, resource variables, and (by an error) tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.scope.ref_variable import RefVariable
from scopert.scope.resource_variable import BaseResourceVariable

if TYPE_CHECKING:
    from scopert.train.optimizer import Optimizer


class Target(Protocol):
    """A variable as an optimizer sees it."""

    def derive_from(self) -> Any:
        """What the loss is differentiated with respect to."""
        ...

    def update(self, optimizer: Optimizer, grad: Any) -> Any:
        """Makes the operations that update it."""
        ...


class _RefTarget:
    def __init__(self, variable: RefVariable) -> None:
        self._variable = variable

    def derive_from(self) -> Any:
        return self._variable._ref()

    def update(self, optimizer: Optimizer, grad: Any) -> Any:
        variable = self._variable
        if isinstance(grad, IndexedSlices):
            _refuse_constraint(variable)
            return optimizer._apply_sparse_duplicate_indices(grad, variable)
        return _constrained(variable, optimizer._apply_dense(grad, variable))


class _ResourceTarget:
    def __init__(self, variable: BaseResourceVariable) -> None:
        self._variable = variable

    def derive_from(self) -> Any:
        return self._variable

    def update(self, optimizer: Optimizer, grad: Any) -> Any:
        variable = self._variable
        if isinstance(grad, IndexedSlices):
            _refuse_constraint(variable)
            return optimizer._resource_apply_sparse_duplicate_indices(grad.values, variable, grad.indices)
        return _constrained(variable, optimizer._resource_apply_dense(grad, variable))


class _TensorTarget:
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def derive_from(self) -> Any:
        return self._tensor

    def update(self, optimizer: Optimizer, grad: Any) -> Any:
        raise NotImplementedError("Trying to update a Tensor ", self._tensor)


def _refuse_constraint(variable: Any) -> None:
    if variable.constraint is not None:
        raise RuntimeError("Cannot use a constraint function on a sparse variable.")


def _constrained(variable: Any, update: Any) -> Any:
    if variable.constraint is None:
        return update
    # The value once it is updated: not the read that was made with a reference variable, which may come first.
    value = variable._ref() if isinstance(variable, RefVariable) else variable
    with control_dependencies([update]):
        return variable.assign(variable.constraint(value))


def target_of(variable: Any) -> Target:
    """How a variable is updated.

    Raises
    ------
    NotImplementedError
        If it is none that an optimizer knows.
    """
    if isinstance(variable, BaseResourceVariable):
        return _ResourceTarget(variable)
    if isinstance(variable, RefVariable):
        return _RefTarget(variable)
    if isinstance(variable, Tensor):
        return _TensorTarget(variable)
    raise NotImplementedError("Trying to optimize unsupported type ", variable)
