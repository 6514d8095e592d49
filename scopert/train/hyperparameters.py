"""Hyperparameters as tensors: made once in the optimizer's scope, cast where they are used."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.ops.math_cast import cast
from scopert.ops.training_ops import TRAINING_OPS


def as_hyperparameter(value: Any, name: str) -> Tensor:
    """A value, tensor, variable, or function without arguments that returns one, as a tensor."""
    return convert_to_tensor(value() if callable(value) else value, name=name)


def like(value: Any, target: Any) -> Any:
    """`value` in the type of the elements of a variable or gradient."""
    return cast(value, target.dtype.base)


def update(op_type: str, *inputs: Any, **attrs: Any) -> Operation:
    """Makes a training operation; its inputs are variables and tensors in the order of the op's signature.

    For the ops by resource pass handles.
    """
    made = apply(TRAINING_OPS[op_type], *inputs, **attrs)
    operation: Operation = made if isinstance(made, Operation) else made.op
    return operation


__all__ = ["as_hyperparameter", "like", "update"]
