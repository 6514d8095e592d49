"""Layers as functions: make one, call it, forget it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from scopert.graph.tensor import Tensor
from scopert.layers.layer import Layer


def functional(layer: type[Layer], name: str, shares: bool = True) -> Callable[..., Tensor]:
    """The function ``name(inputs, <what the layer takes>, reuse=None)``.

    Parameters
    ----------
    layer : type of Layer
    name : str
    shares : bool
        Whether it has variables, and so takes `reuse`.
    """
    parameter = inspect.Parameter
    taken = [p for p in inspect.signature(layer).parameters.values() if p.kind is not parameter.VAR_KEYWORD]
    signature = inspect.Signature(
        [
            parameter("inputs", parameter.POSITIONAL_OR_KEYWORD),
            *taken,
            *([parameter("reuse", parameter.POSITIONAL_OR_KEYWORD, default=None)] if shares else []),
        ]
    )

    def call(*args: Any, **kwargs: Any) -> Tensor:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        inputs = given.pop("inputs")
        reuse = given.pop("reuse", None)
        scope = {"_scope": given["name"], "_reuse": reuse} if shares else {}
        made: Tensor = layer(**given, **scope).apply(inputs)
        return made

    call.__name__ = call.__qualname__ = name
    call.__module__ = layer.__module__
    call.__doc__ = (
        f"A `{layer.__name__}` layer applied to `inputs`; see there for the arguments.\n\n"
        "    Without a name its variable scope is numbered; with one it is a scope of that name"
        f"{', which reuses if `reuse` is true' if shares else ''}.\n    "
    )
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call
