"""From names and objects to elements of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor

if TYPE_CHECKING:
    from scopert.graph.graph import Graph


def element_of(item: Any) -> Tensor | Operation | None:
    """The tensor or operation that an object is or stands for, or None."""
    if isinstance(item, (Tensor, Operation)):
        return item
    convert = getattr(item, "_as_graph_element", None)
    return None if convert is None else convert()


def _allowed(tensor: bool, operation: bool) -> tuple[type, ...]:
    return (Tensor,) * tensor + (Operation,) * operation


def as_graph_element(graph: Graph, obj: Any, allow_tensor: bool, allow_operation: bool) -> Tensor | Operation:
    """See ``Graph.as_graph_element``."""
    if not (allow_tensor or allow_operation):
        raise ValueError("allow_tensor and allow_operation can't both be False.")
    types = " or ".join(
        word for word, allowed in (("Tensor", allow_tensor), ("Operation", allow_operation)) if allowed
    )
    element = element_of(obj)
    if element is None and isinstance(obj, (str, bytes)):
        return _by_name(graph, obj.decode() if isinstance(obj, bytes) else obj, allow_tensor, allow_operation)
    if element is None or not isinstance(element, _allowed(allow_tensor, allow_operation)):
        raise TypeError(f"Can not convert a {type(obj).__name__} into a {types}.")
    if element.graph is not graph:
        kind = "Tensor" if isinstance(element, Tensor) else "Operation"
        raise ValueError(f"{kind} {element} is not an element of this graph.")
    return element


def _by_name(graph: Graph, name: str, allow_tensor: bool, allow_operation: bool) -> Tensor | Operation:
    if ":" in name and allow_tensor:
        return _tensor_by_name(graph, name)
    if ":" in name:
        raise ValueError(f"Name {name!r} appears to refer to a Tensor, not a Operation.")
    op = graph._ops.get(name)
    if allow_operation:
        if op is None:
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
        return op
    form = 'Tensor names must be of the form "<op_name>:<output_index>".'
    if op is None:
        raise ValueError(f"The name {name!r} looks like an (invalid) Operation name, not a Tensor. {form}")
    raise ValueError(f"The name {name!r} refers to an Operation, not a Tensor. {form}")


def _tensor_by_name(graph: Graph, name: str) -> Tensor:
    op_name, _, index_text = name.partition(":")
    if not index_text.isdigit():
        raise ValueError(
            f"The name {name!r} looks a like a Tensor name, but is not a valid one. "
            'Tensor names must be of the form "<op_name>:<output_index>".'
        )
    op = graph._ops.get(op_name)
    if op is None:
        raise KeyError(
            f"The name {name!r} refers to a Tensor which does not exist. "
            f"The operation, {op_name!r}, does not exist in the graph."
        )
    index = int(index_text)
    if index >= len(op.outputs):
        raise KeyError(
            f"The name {name!r} refers to a Tensor which does not exist. "
            f"The operation, {op_name!r}, exists but only has {len(op.outputs)} outputs."
        )
    return op.outputs[index]
