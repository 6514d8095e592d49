"""`tf.GradientTape`, which there is not."""

from __future__ import annotations

from typing import Any

from scopert.public import public


@public("GradientTape")
class GradientTape:
    """Not supported: graphs are differentiated by `tf.gradients`, which needs no recording.

    Raises
    ------
    NotImplementedError
        Always.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "tf.GradientTape records eager operations, and scopert builds graphs: use tf.gradients(ys, xs) instead."
        )
