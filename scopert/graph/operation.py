"""Operations: the nodes of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from scopert.graph import source
from scopert.graph.device import canonical_name
from scopert.graph.opdef import OpDef
from scopert.graph.tensor import Tensor
from scopert.public import public

if TYPE_CHECKING:
    from scopert.graph.graph import Graph

_NO_OPS: tuple[Operation, ...] = ()


@public("Operation")
class Operation:
    """A node: an op type, attributes, inputs and outputs. Made by ``Graph.create_op`` only.

    Attributes
    ----------
    name : str
        Unique in its graph.
    type : str
        The op's type, ``MatMul``.
    inputs : list of Tensor
    outputs : list of Tensor
    control_inputs : list of Operation
        What must run before it.
    attrs : dict
        Attribute values as Python objects (`get_attr` is the public way).
    user_frame : (str, int) or None
        The user's file and line that made it.
    """

    __slots__ = (
        "__weakref__", "_control_flow_context", "_control_inputs", "_control_outputs", "_device", "_graph", "_id",
        "_inputs", "_location", "_name", "_original_op", "attrs", "opdef", "outputs", "type",
    )  # fmt: skip

    def __init__(
        self, graph: Graph, number: int, name: str, opdef: OpDef, inputs: list[Tensor], attrs: dict[str, Any],
        control_inputs: Sequence[Operation], device: str, location: source.Location | None,
    ) -> None:  # fmt: skip
        self._graph = graph
        self._id = number
        self._name = name
        self.opdef = opdef
        self.type = opdef.name
        self._inputs = inputs
        self.attrs = attrs
        self._control_inputs: list[Operation] | tuple[Operation, ...] = control_inputs or _NO_OPS  # type: ignore[assignment]
        self._control_outputs: list[Operation] | None = None
        self._device = device
        self._location = location
        self._original_op: Operation | None = None
        self._control_flow_context: Any = None
        self.outputs: list[Tensor] = []

    def _connect(self) -> None:
        """Makes its inputs know it; done once it is certain to exist."""
        for tensor in self._inputs:
            if tensor._consumers is None:
                tensor._consumers = [self]
            else:
                tensor._consumers.append(self)
        for other in self._control_inputs:
            other._note_control_output(self)

    def _note_control_output(self, op: Operation) -> None:
        if self._control_outputs is None:
            self._control_outputs = [op]
        else:
            self._control_outputs.append(op)

    @property
    def name(self) -> str:
        return self._name

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def inputs(self) -> list[Tensor]:
        return self._inputs

    @property
    def control_inputs(self) -> list[Operation]:
        return list(self._control_inputs)

    @property
    def device(self) -> str:
        return self._device

    @property
    def op_def(self) -> OpDef:
        return self.opdef

    @property
    def user_frame(self) -> tuple[str, int] | None:
        found = source.resolve(self._location)
        return None if found is None else found[:2]

    @property
    def traceback(self) -> list[tuple[str, int, str, str]]:
        """The user's frame that made it, as ``(file, line, function, source line)``."""
        found = source.resolve(self._location)
        if found is None:
            return []
        return [(*found, source.excerpt(self._location).rpartition("\n")[2].strip())]

    @property
    def node_def(self) -> Any:
        """The operation as a NodeDef message (needs the extra ``tensorboard``)."""
        from scopert.graph.graph_def import node_def  # it imports this module

        return node_def(self)

    def get_attr(self, name: str) -> Any:
        """The value of an attribute.

        Raises
        ------
        ValueError
            If the operation has none of this name.
        """
        try:
            return self.attrs[name]
        except KeyError:
            raise ValueError(f"Operation '{self._name}' has no attr named '{name}'.") from None

    def _set_attr(self, name: str, value: Any) -> None:
        self.attrs = {**self.attrs, name: value}

    def colocation_groups(self) -> list[bytes]:
        """``loc:@NAME`` of the operations that it is placed with; its own without any."""
        found: list[bytes] | None = self.attrs.get("_class")
        if found is None:
            return [b"loc:@" + self._name.encode()]
        groups = [item for item in found if item.startswith(b"loc:@")]
        return groups or [b"loc:@" + self._name.encode()]

    def values(self) -> tuple[Tensor, ...]:
        """Its outputs."""
        return tuple(self.outputs)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Runs the operation in `session`, or in the default session."""
        from scopert.graph.stack import default_session  # the stack knows operations' graphs

        default_session(session, self._graph, "execute operation", "run").run(self, feed_dict)

    # Changing an operation after it was made: control flow only.

    def _set_device(self, device: Any) -> None:
        self._device = "" if device is None else canonical_name(device)
        self._graph._note_change()

    def _update_input(self, index: int, tensor: Tensor) -> None:
        if tensor.graph is not self._graph:
            raise ValueError(f"{tensor} must be from the same graph as {self._name}.")
        old = self._inputs[index]
        if old._consumers is not None:
            old._consumers.remove(self)
        self._inputs[index] = tensor
        if tensor._consumers is None:
            tensor._consumers = []
        tensor._consumers.append(self)
        self._graph._note_change()

    def _add_control_inputs(self, ops: Iterable[Operation]) -> None:
        have = list(self._control_inputs)
        for op in ops:
            if op not in have:
                have.append(op)
                op._note_control_output(self)
        self._control_inputs = have
        self._graph._note_change()

    def _add_control_input(self, op: Operation) -> None:
        self._add_control_inputs([op])

    def _remove_all_control_inputs(self) -> None:
        for op in self._control_inputs:
            if op._control_outputs:
                op._control_outputs.remove(self)
        self._control_inputs = []
        self._graph._note_change()

    def _get_control_flow_context(self) -> Any:
        return self._control_flow_context

    def _set_control_flow_context(self, context: Any) -> None:
        self._control_flow_context = context

    def _as_graph_element(self) -> Operation:
        return self

    def __repr__(self) -> str:
        return f"<tf.Operation '{self._name}' type={self.type}>"

    def __str__(self) -> str:
        lines = [f"name: {self._name!r}".replace("'", '"'), f'op: "{self.type}"']
        lines += [f'input: "{t.op.name if t.index == 0 else t.name}"' for t in self._inputs]
        lines += [f'input: "^{op.name}"' for op in self._control_inputs]
        if self._device:
            lines.append(f'device: "{self._device}"')
        return "\n".join(lines) + "\n"
