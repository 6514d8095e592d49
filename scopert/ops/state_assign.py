"""``tf.assign`` and its kin: for reference tensors the op itself, for anything else its own method."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.opdef import OpDef
from scopert.graph.tensor import Tensor
from scopert.ops.state_resource import RESOURCE_COUNT_UP_TO
from scopert.ops.state_variables import ASSIGN, ASSIGN_ADD, ASSIGN_SUB, COUNT_UP_TO, IS_VARIABLE_INITIALIZED
from scopert.public import public


@public("assign")
def assign(
    ref: Any, value: Any, validate_shape: bool | None = None, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Replaces the value of a variable.

    Parameters
    ----------
    ref : Variable or reference tensor
    value : tensor-like
        Of the variable's type, and of its shape unless `validate_shape` is False.
    use_locking : bool, optional
        Accepted; a run applies updates one after the other anyway.
    name : str, optional

    Returns
    -------
    Tensor
        The new value, once it is assigned.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable([1.0, 2.0])
    ...     new = tf.assign(v, [3.0, 4.0])
    >>> new.name
    'Assign:0'
    """
    if ref.dtype.is_ref:
        return apply(ASSIGN, ref, value, validate_shape=validate_shape, use_locking=use_locking, name=name)
    return ref.assign(value, name=name)


def _update(opdef: OpDef, ref: Any, value: Any, use_locking: bool | None, name: str | None) -> Tensor:
    made: Tensor = apply(opdef, ref, value, use_locking=use_locking, name=name)
    return made


@public("assign_add")
def assign_add(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Adds `value` to a variable; see `assign`. For a resource variable `name` has no effect, as in TensorFlow."""
    if ref.dtype.is_ref:
        return _update(ASSIGN_ADD, ref, value, use_locking, name)
    return ref.assign_add(value)


@public("assign_sub")
def assign_sub(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Subtracts `value` from a variable; see `assign_add`."""
    if ref.dtype.is_ref:
        return _update(ASSIGN_SUB, ref, value, use_locking, name)
    return ref.assign_sub(value)


@public("count_up_to")
def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """Increases a scalar integer variable by one and returns what it was before.

    A run fails with OutOfRangeError once the variable has reached `limit`.
    """
    if ref.dtype.is_ref:
        made: Tensor = apply(COUNT_UP_TO, ref, limit=limit, name=name)
    else:
        made = apply(RESOURCE_COUNT_UP_TO, ref.handle, limit=limit, T=ref.dtype, name=name)
    return made


@public("is_variable_initialized")
def is_variable_initialized(ref: Any, name: str | None = None) -> Tensor:
    """Whether a variable has a value, as a boolean tensor."""
    if ref.dtype.is_ref:
        made: Tensor = apply(IS_VARIABLE_INITIALIZED, ref, name=name)
        return made
    initialized: Tensor = ref.is_initialized(name=name)
    return initialized
