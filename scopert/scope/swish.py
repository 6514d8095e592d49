"""The swish activation, with a derivative that keeps only its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.ops.math_unary import sigmoid
from scopert.public import public
from scopert.scope.custom_gradient import custom_gradient


def _swish(features: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    features = convert_to_tensor(features, name="features")

    def slope(dy: Tensor) -> Tensor:
        # The sigmoid is computed again rather than kept from the forward pass; after dy, so that it is not early.
        with control_dependencies([dy]):
            share = sigmoid(features)
        return dy * (share * (1.0 + features * (1.0 - share)))

    return features * sigmoid(features), slope


_with_slope = custom_gradient(_swish)


@public("nn.swish")
def swish(features: Any) -> Tensor:
    """``features * sigmoid(features)``.

    Ramachandran et al., "Searching for Activation Functions", 2017.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     session.run(tf.nn.swish([0.0])).tolist()
    [0.0]
    """
    made: Tensor = _with_slope(features)
    return made
