"""Public registration of gradient rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.opdef import GradientRule, gradient_rule, register_gradient
from scopert.graph.operation import Operation
from scopert.public import public


@public("RegisterGradient")
class RegisterGradient:
    """Decorator that registers a gradient rule for an op type, or for an override name.

    The rule gets the operation and one gradient per output, and returns one per input.

    Parameters
    ----------
    op_type : str

    Raises
    ------
    TypeError
        If `op_type` is no string.
    KeyError
        If a rule of this name is registered already.

    Examples
    --------
    >>> import scopert as tf
    >>> @tf.RegisterGradient("TwiceTheGradientDoc")
    ... def twice(op, grad):
    ...     return 2.0 * grad
    >>> with tf.Graph().as_default() as graph:
    ...     x = tf.placeholder(tf.float32, [])
    ...     with graph.gradient_override_map({"Identity": "TwiceTheGradientDoc"}):
    ...         y = tf.identity(x)
    ...     tf.gradients(y, x)[0].op.name
    'gradients/Identity_grad/mul'
    """

    __slots__ = ("_op_type",)

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        register_gradient(self._op_type, function)
        return function


@public("NoGradient", "NotDifferentiable", "no_gradient")
def not_differentiable(op_type: str) -> None:
    """Declares that operations of a type have no gradient, so that `tf.gradients` gives None there.

    Raises
    ------
    TypeError
        If `op_type` is no string.
    KeyError
        If a gradient is registered already.
    """
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")
    register_gradient(op_type, None)


def rule_of(op: Operation) -> GradientRule | None:
    """The gradient rule of an operation, its override first; None if it has none by nature.

    Raises
    ------
    LookupError
        If nothing is registered.
    """
    if not op._inputs:
        return None
    override = op.attrs.get("_gradient_op_type")
    if override is None:
        return gradient_rule(op.type)
    return gradient_rule(override.decode() if isinstance(override, bytes) else override)
