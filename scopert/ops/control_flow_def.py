"""Contexts of control flow as the messages that a MetaGraphDef holds: CondContextDef and WhileContextDef.

Whoever reads a graph back needs them to differentiate its loops. The messages are few and small, so their wire
format is written and read here: numbered fields, each a varint or bytes with their length in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.control_flow_branch import CondContext
from scopert.ops.control_flow_context import ControlFlowContext
from scopert.ops.control_flow_loop import WhileContext
from scopert.ops.control_flow_ops import ENTERS


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(int(value)) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode()) if value else b""


def _values(context: ControlFlowContext) -> bytes:
    made = b"".join(_text(1, name) for name in sorted(tensor.name for tensor in context._values))
    for outside, inside in sorted((a.name, b.name) for a, b in context._external_values.items()):
        made += _bytes(2, _text(1, outside) + _text(2, inside))
    return made


def encode(context: ControlFlowContext) -> bytes:
    """The CondContextDef or WhileContextDef of a context, with the contexts inside it.

    Raises
    ------
    TypeError
        If it is of another kind.
    """
    nested = b""
    field = 6 if isinstance(context, CondContext) else 12
    for inner in context._nested_contexts:
        nested += _bytes(field, _bytes(1 if isinstance(inner, CondContext) else 2, encode(inner)))
    if isinstance(context, CondContext):
        return (
            _text(1, context.name) + _text(2, context.pred.name) + _text(3, context.pivot.name)
            + _number(4, context.branch) + _bytes(5, _values(context)) + nested
        )  # fmt: skip
    if not isinstance(context, WhileContext):
        raise TypeError(f"no message holds a {type(context).__name__}")
    most = context.maximum_iterations
    return b"".join(
        (
            _text(1, context.name), _number(2, context.parallel_iterations), _number(3, context.back_prop),
            _number(4, context.swap_memory), _text(5, context.pivot.name), _text(6, _name(context._pivot_for_pred)),
            _text(7, _name(context._pivot_for_body)), *(_text(8, tensor.name) for tensor in context.loop_exits),
            _bytes(9, _values(context)), *(_text(10, tensor.name) for tensor in context.loop_enters),
            _text(11, "" if most is None else most.name), nested,
        )
    )  # fmt: skip


def _name(tensor: Tensor | None) -> str:
    return "" if tensor is None else tensor.name


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        elif tag & 7 == 2:
            length = varint()
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"not a context of control flow: wire type {tag & 7} of field {tag >> 3}")


class _Message:
    """The fields of a message by number."""

    def __init__(self, data: bytes) -> None:
        self._found: dict[int, list[Any]] = {}
        for number, value in _fields(data):
            self._found.setdefault(number, []).append(value)

    def all(self, number: int) -> list[Any]:
        return self._found.get(number, [])

    def text(self, number: int) -> str:
        found = self.all(number)
        return found[-1].decode() if found else ""

    def number(self, number: int) -> int:
        found = self.all(number)
        return int(found[-1]) if found else 0


def decode(data: bytes, kind: str, import_scope: str | None = None) -> ControlFlowContext:
    """Makes the context that a message describes, in the default graph, which holds its operations.

    Parameters
    ----------
    data : bytes
    kind : str
        ``"cond"`` or ``"while"``.
    import_scope : str, optional
        The name scope that the operations were imported into.

    Raises
    ------
    ValueError
        If it is no such message.
    KeyError
        If an operation is not in the graph.
    """
    message = _Message(data)
    graph = get_default_graph()

    def named(name: str) -> str:
        return f"{import_scope}/{name}" if import_scope else name

    def tensor(name: str) -> Tensor:
        return graph.get_tensor_by_name(named(name))

    context: CondContext | WhileContext
    if kind == "cond":
        context = CondContext.__new__(CondContext)
        ControlFlowContext.__init__(context)
        context._pred, context._pivot = tensor(message.text(2)), tensor(message.text(3))
        context._branch = message.number(4)
        _read_values(context, message.all(5), tensor)
        inner = message.all(6)
    elif kind == "while":
        context = WhileContext.__new__(WhileContext)
        ControlFlowContext.__init__(context)
        context._graph, context._grad_state = graph, None
        context._parallel_iterations = message.number(2)
        context._back_prop, context._swap_memory = bool(message.number(3)), bool(message.number(4))
        context._pivot, context._pivot_for_pred = tensor(message.text(5)), tensor(message.text(6))
        context._pivot_for_body = tensor(message.text(7))
        context._loop_exits = [tensor(name.decode()) for name in message.all(8)]
        context._loop_enters = [tensor(name.decode()) for name in message.all(10)]
        most = message.text(11)
        context._maximum_iterations = tensor(most) if most else None
        _read_values(context, message.all(9), tensor)
        inner = message.all(12)
    else:
        raise ValueError(f"a context of control flow is 'cond' or 'while', not {kind!r}")
    context._name = named(message.text(1))
    if import_scope and isinstance(context, WhileContext):
        for item in context._values:
            if item.op.type in ENTERS:
                item.op._set_attr("frame_name", context.name)
    context.Enter()
    for nested in inner:
        for number, content in _fields(nested):
            decode(content, "cond" if number == 1 else "while", import_scope)
    context.Exit()
    return context


def _read_values(context: ControlFlowContext, messages: list[bytes], tensor: Any) -> None:
    outside: set[Tensor] = set()
    for data in messages:
        message = _Message(data)
        context._values.update(tensor(name.decode()) for name in message.all(1))
        for entry in message.all(2):
            pair = _Message(entry)
            outer = tensor(pair.text(1))
            outside.add(outer)
            context._external_values[outer] = tensor(pair.text(2))
    for item in context._values - outside:
        item.op._control_flow_context = context


#: Collections of contexts, and the kind of each.
COLLECTIONS = {GraphKeys.COND_CONTEXT: "cond", GraphKeys.WHILE_CONTEXT: "while"}
