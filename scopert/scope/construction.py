"""Where the operations of a new variable are made: outside control dependencies, in its own scope."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.graph import Graph, graph_of
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor


@contextmanager
def variable_name_scope(name: str | None, initial_value: Any) -> Iterator[tuple[Graph, str]]:
    """The scope of a new variable: the graph, and its name with a final slash.

    Control dependencies and control flow around do not apply inside (TensorFlow's `init_scope`).
    """
    default = get_default_graph()
    graph = default if callable(initial_value) else graph_of([initial_value])
    local = graph._local
    control, flow = local.control, local.flow
    local.control, local.flow = [], None
    try:
        old, scope = graph._open_scope("Variable" if name is None else name)
        try:
            if graph is default:
                yield graph, scope
            else:
                with graph.as_default():
                    yield graph, scope
        finally:
            local.name = old
    finally:
        local.control, local.flow = control, flow


def initial_tensor(graph: Graph, initial_value: Any, dtype: Any, own_class: list[bytes] | None) -> Tensor:
    """The initial value as a tensor; a function is called below ``Initializer/``, placed with the variable."""
    kind = None if dtype is None else as_dtype(dtype)
    if own_class is None:
        return to_tensor(initial_value, kind, "initial_value")
    local = graph._local
    attrs, devices = local.attrs, local.devices
    local.attrs = {**attrs, "_class": own_class}
    if devices:
        local.devices = [*devices, None]
    old, _ = graph._open_scope("Initializer")
    try:
        value = initial_value() if callable(initial_value) else initial_value
        return to_tensor(value, kind, "initial_value")
    finally:
        local.name = old
        local.attrs, local.devices = attrs, devices


def refuse_control_flow(scope: str, initial_value: Tensor) -> None:
    """A value made inside a loop or branch does not exist where variables are initialized.

    Raises
    ------
    ValueError
    """
    if initial_value._op._control_flow_context is not None:
        raise ValueError(
            f"Initializer for variable {scope} is from inside a control-flow construct, such as a loop or "
            "conditional. When creating a variable inside a loop or conditional, use a lambda as the initializer."
        )


def add_beside(
    graph: Graph, other: Operation, opdef: Any, inputs: list[Tensor], attrs: dict[str, Any], dtypes: tuple[DType, ...],
    name: str,
) -> Operation:  # fmt: skip
    """Makes an operation where `other` is: in its colocation group and on its device."""
    local = graph._local
    attrs["_class"] = other.attrs.get("_class") or [b"loc:@" + other._name.encode()]
    if not local.devices:
        return graph._add(opdef, inputs, attrs, dtypes, name)
    devices, local.devices = local.devices, []
    try:
        op = graph._add(opdef, inputs, attrs, dtypes, name)
    finally:
        local.devices = devices
    op._device = other._device
    return op


def collect(graph: Graph, variable: Any, collections: Any, trainable: bool) -> None:
    """Adds a new variable to its collections."""
    names = [GraphKeys.GLOBAL_VARIABLES] if collections is None else collections
    if trainable and GraphKeys.TRAINABLE_VARIABLES not in names:
        names = [*names, GraphKeys.TRAINABLE_VARIABLES]
    graph.add_to_collections(names, variable)
