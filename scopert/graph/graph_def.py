"""A graph as TensorFlow's GraphDef message, for TensorBoard, Netron and exchange.

The messages are those of the ``tensorboard`` package (extra ``tensorboard``); nothing here is
imported before somebody asks for a GraphDef.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.dtypes import DType
from scopert.graph.graph import Graph
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape

#: The producer version that TensorFlow 1.15 writes.
PRODUCER = 134


def protos() -> Any:
    """The modules of TensorFlow's messages.

    Raises
    ------
    ImportError
        If the ``tensorboard`` package is not installed; the message says how to get it.
    """
    try:
        from tensorboard.compat import proto
        from tensorboard.compat.proto import (  # noqa: F401 (they become attributes of `proto`)
            attr_value_pb2,
            event_pb2,
            graph_pb2,
            histogram_pb2,
            node_def_pb2,
            summary_pb2,
            tensor_pb2,
            tensor_shape_pb2,
            types_pb2,
        )
    except ImportError as error:
        raise ImportError(
            "TensorFlow's messages (GraphDef, Summary) come from the tensorboard package, which is not "
            "installed. Install it with: pip install 'scopert[tensorboard]'"
        ) from error
    return proto


def shape_proto(shape: Shape) -> Any:
    """A TensorShapeProto."""
    kind = protos().tensor_shape_pb2.TensorShapeProto
    if shape is None:
        return kind(unknown_rank=True)
    return kind(dim=[kind.Dim(size=-1 if n is None else n) for n in shape])


def tensor_proto(array: Any, dtype: DType) -> Any:
    """A TensorProto that holds an array."""
    array = np.asarray(array)
    made = protos().tensor_pb2.TensorProto(dtype=dtype.base.as_datatype_enum, tensor_shape=shape_proto(array.shape))
    if dtype.base is dtypes.string:
        made.string_val.extend(item if isinstance(item, bytes) else str(item).encode() for item in array.reshape(-1))
    else:
        made.tensor_content = np.ascontiguousarray(array).tobytes()
    return made


def _attr_proto(kind: str, value: Any, dtype: DType | None) -> Any:
    made = protos().attr_value_pb2.AttrValue()
    if kind.startswith("list("):
        _fill_list(made.list, kind[5:-1], value)
        made.list.SetInParent()
    elif kind == "type":
        made.type = value.as_datatype_enum
    elif kind == "shape":
        made.shape.CopyFrom(shape_proto(value))
    elif kind == "tensor":
        made.tensor.CopyFrom(tensor_proto(value, dtypes.as_dtype(value.dtype) if dtype is None else dtype))
    elif kind == "string":
        made.s = value if isinstance(value, bytes) else str(value).encode()
    elif kind == "func":
        made.func.name = str(value)
    else:
        setattr(made, {"int": "i", "float": "f", "bool": "b"}[kind], value)
    return made


def _fill_list(target: Any, kind: str, values: Any) -> None:
    if kind == "type":
        target.type.extend(value.as_datatype_enum for value in values)
    elif kind == "shape":
        target.shape.extend(shape_proto(value) for value in values)
    elif kind == "string":
        target.s.extend(value if isinstance(value, bytes) else str(value).encode() for value in values)
    else:
        getattr(target, {"int": "i", "float": "f", "bool": "b"}[kind]).extend(values)


def _guess_kind(value: Any) -> str:
    """The kind of an attribute that is not part of the op's signature."""
    if isinstance(value, (list, tuple)):
        return f"list({_guess_kind(value[0]) if value else 'string'})"
    for kind, types in (("bool", bool), ("int", int), ("float", float), ("type", DType), ("tensor", np.ndarray)):
        if isinstance(value, types):
            return kind
    return "string"


def node_def(op: Operation, add_shapes: bool = False) -> Any:
    """A NodeDef of an operation."""
    made = protos().node_def_pb2.NodeDef(name=op.name, op=op.type, device=op.device)
    made.input.extend(t.op.name if t.value_index == 0 else t.name for t in op.inputs)
    made.input.extend(sorted(f"^{other.name}" for other in op.control_inputs))
    for name, value in op.attrs.items():
        attr = op.opdef.attr_by_name.get(name)
        if callable(value) and not isinstance(value, DType):
            continue  # Python objects that only this process understands
        kind = attr.kind if attr is not None else _guess_kind(value)
        made.attr[name].CopyFrom(_attr_proto(kind, value, op.attrs.get("dtype")))
    if add_shapes:
        made.attr["_output_shapes"].list.shape.extend(shape_proto(t._shape) for t in op.outputs)
    return made


def graph_def(graph: Graph, from_version: int | None = None, add_shapes: bool = False) -> Any:
    """A GraphDef of all operations made after `from_version`."""
    made = protos().graph_pb2.GraphDef()
    made.versions.producer = PRODUCER
    for op in graph.get_operations():
        if from_version is None or op._id > from_version:
            made.node.append(node_def(op, add_shapes))
    return made
