"""A graph as a MetaGraphDef: what a Saver writes beside a checkpoint."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.graph import Graph
from scopert.graph.graph_def import graph_def, protos
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.control_flow_def import COLLECTIONS, encode
from scopert.public import public
from scopert.scope.resource_variable import BaseResourceVariable
from scopert.scope.variable import Variable
from scopert.train.saver_graph import SaverDef

_log = logging.getLogger("scopert")
_TENSORFLOW_VERSION = "1.15.5"


def _messages() -> Any:
    protos()  # explains what to install
    from tensorboard.compat.proto import meta_graph_pb2, variable_pb2

    return meta_graph_pb2, variable_pb2


def _variable_def(variable: Variable) -> bytes:
    made = _messages()[1].VariableDef(
        variable_name=variable.name,
        initializer_name=variable.initializer.name,
        trainable=variable.trainable,
        is_resource=isinstance(variable, BaseResourceVariable),
    )
    made.snapshot_name = variable._as_graph_element().name if made.is_resource else variable.value().name
    if variable.initial_value is not None:
        made.initial_value_name = variable.initial_value.name
    part = variable._get_save_slice_info()
    if part is not None:
        info = made.save_slice_info_def
        info.full_name = part.full_name or ""
        info.full_shape.extend(part.full_shape or ())
        info.var_offset.extend(part.var_offset or ())
        info.var_shape.extend(part.var_shape or ())
    content: bytes = made.SerializeToString()
    return content


def _saver_proto(saver_def: SaverDef) -> Any:
    protos()  # explains what to install
    from tensorboard.compat.proto import saver_pb2

    return saver_pb2.SaverDef(**asdict(saver_def))


def _add_collection(made: Any, key: str, items: list[Any]) -> None:
    """One collection; items that no message can hold are left out, and said so."""
    target = made.collection_def[key]
    if items and all(hasattr(item, "as_saver_def") for item in items):
        target.bytes_list.value.extend(_saver_proto(item.as_saver_def()).SerializeToString() for item in items)
    elif items and all(isinstance(item, Variable) for item in items):
        target.bytes_list.value.extend(_variable_def(item) for item in items)
    elif items and key in COLLECTIONS:
        target.bytes_list.value.extend(encode(item) for item in items)
    elif items and all(isinstance(item, (Tensor, Operation)) for item in items):
        target.node_list.value.extend(item.name for item in items)
    elif items and all(isinstance(item, int) and not isinstance(item, bool) for item in items):
        target.int64_list.value.extend(items)
    elif items and all(isinstance(item, float) for item in items):
        target.float_list.value.extend(items)
    elif items and all(isinstance(item, (str, bytes)) for item in items):
        target.bytes_list.value.extend(item.encode() if isinstance(item, str) else item for item in items)
    else:
        del made.collection_def[key]
        if items:
            _log.warning("The collection %r holds objects that a MetaGraphDef cannot: it is left out.", key)


def meta_graph_def(graph: Graph, saver_def: SaverDef | None = None) -> Any:
    """A MetaGraphDef of a graph, its collections and a Saver.

    Raises
    ------
    ImportError
        If the ``tensorboard`` package is not installed.
    """
    made = _messages()[0].MetaGraphDef()
    made.meta_info_def.tensorflow_version = _TENSORFLOW_VERSION
    made.graph_def.CopyFrom(graph_def(graph, add_shapes=True))
    if saver_def is not None:
        made.saver_def.CopyFrom(_saver_proto(saver_def))
    for key in graph.get_all_collection_keys():
        _add_collection(made, key, graph.get_collection(key))
    return made


@public("train.export_meta_graph")
def export_meta_graph(
    filename: str | None = None, graph: Graph | None = None, saver_def: SaverDef | None = None, as_text: bool = False,
    collection_list: Sequence[str] | None = None, clear_devices: bool = False, clear_extraneous_savers: bool = False,
    export_scope: str | None = None, strip_default_attrs: bool = False,
) -> Any:  # fmt: skip
    """A MetaGraphDef of a graph, and writes it to a file.

    Parameters
    ----------
    filename : str, optional
    graph : Graph, optional
        Default: the current one.
    saver_def : SaverDef, optional
    as_text : bool
        Write the text form.
    collection_list : list of str, optional
        Default: all collections.
    clear_devices : bool
        Leave out where operations are placed.
    clear_extraneous_savers : bool
        Leave out Savers.
    export_scope, strip_default_attrs
        Not supported.

    Raises
    ------
    ImportError
        If the ``tensorboard`` package is not installed.
    """
    if export_scope is not None or strip_default_attrs:
        raise NotImplementedError("export_meta_graph: export_scope and strip_default_attrs are not supported")
    made = meta_graph_def(get_default_graph() if graph is None else graph, saver_def)
    for key in list(made.collection_def):
        if (collection_list is not None and key not in collection_list) or (
            clear_extraneous_savers and key == GraphKeys.SAVERS
        ):
            del made.collection_def[key]
    if clear_devices:
        for node in made.graph_def.node:
            node.device = ""
    if filename is not None:
        content: bytes
        if as_text:
            from google.protobuf import text_format

            content = text_format.MessageToString(made).encode()
        else:
            content = made.SerializeToString()
        with open(filename, "wb") as file:
            file.write(content)
    return made


def write_graph_text(graph: Graph, folder: str) -> None:
    """Writes ``graph.pbtxt``; without the ``tensorboard`` package a warning says that it is not written."""
    path = os.path.join(folder, "graph.pbtxt")
    try:
        text = str(graph_def(graph, add_shapes=True))
    except ImportError as error:
        _log.warning("The graph is not written to %s: %s", path, error)
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def add_meta_graph(writer: Any, graph: Graph, saver_def: SaverDef | None) -> None:
    """Adds a graph with its collections and Saver to an event file."""
    content = meta_graph_def(graph, saver_def).SerializeToString()
    writer.add_event(protos().event_pb2.Event(wall_time=time.time(), meta_graph_def=content))
