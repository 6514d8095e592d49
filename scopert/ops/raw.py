"""Ops by their type, without a wrapper.

A gradient or wrapper uses it for a single op of a family that is built upon its own, so that the
families need not import each other in a circle.
"""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.opdef import find_op


def raw(op_type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
    """Makes one operation of this type; see :func:`scopert.graph.build.apply`.

    Raises
    ------
    NotImplementedError
        If there is no such op.
    """
    opdef = find_op(op_type)
    if opdef is None:
        raise NotImplementedError(f"there is no op '{op_type}'")
    return apply(opdef, *inputs, name=name, **attrs)
