"""From an operation to a callable over arrays: its kernel with the attributes bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from scopert.graph import source
from scopert.graph.dtypes import DType
from scopert.graph.opdef import find_op
from scopert.graph.operation import Operation


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The operation that a step came from: all that a kernel, an error or a profile may know of it."""

    name: str
    type: str
    attrs: dict[str, Any]
    input_dtypes: tuple[DType, ...]
    output_dtypes: tuple[DType, ...]
    location: source.Location | None

    @property
    def scope(self) -> str:
        """The name scope, without final slash."""
        return self.name.rpartition("/")[0]

    @property
    def where(self) -> str:
        """The user's ``file:line``."""
        return source.text(self.location)


def origin_of(op: Operation) -> Origin:
    """The facts of an operation that outlive its graph."""
    return Origin(
        op.name,
        op.type,
        op.attrs,
        tuple(tensor.dtype for tensor in op.inputs),
        tuple(tensor.dtype for tensor in op.outputs),
        op._location,
    )


def bind(
    function: Callable[..., Any], keywords: tuple[str, ...], xp: Any, origin: Origin, context: Any = None
) -> Callable[..., Any]:
    """``kernel(*inputs)`` from ``kernel(xp, *inputs, *, attrs)``.

    Parameters
    ----------
    function : callable
    keywords : tuple of str
        Its keyword-only parameters: names of attributes, ``op`` and ``context``.
    xp : module
        The array namespace.
    origin : Origin
    context : object
        What `context` is bound to.
    """
    special = {"op": origin, "context": context}
    bound = {key: special[key] if key in special else origin.attrs[key] for key in keywords}
    whole = partial(function, xp, **bound)
    return _only_element(whole) if _is_list_of_one(origin) else whole


def _is_list_of_one(origin: Origin) -> bool:
    opdef = find_op(origin.type)
    return opdef is not None and len(origin.output_dtypes) == 1 and opdef.outputs[0].is_list


def _only_element(function: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that gives a list, for an operation whose list has one entry: its one output."""

    def run(*inputs: Any) -> Any:
        made = function(*inputs)
        return made[0] if isinstance(made, tuple | list) else made

    return run
