"""Graphs as files."""

from __future__ import annotations

import os
from typing import Any

from scopert.graph.graph import Graph
from scopert.graph.graph_def import graph_def
from scopert.public import public


@public("train.write_graph", "io.write_graph")
def write_graph(graph_or_graph_def: Any, logdir: str, name: str, as_text: bool = True) -> str:
    """Writes a graph as a GraphDef, and returns the path of the file.

    Parameters
    ----------
    graph_or_graph_def : Graph or GraphDef
    logdir : str
        Made if it is not there.
    name : str
        Of the file.
    as_text : bool
        Write the text form.

    Raises
    ------
    ImportError
        If the ``tensorboard`` package is not installed.
    """
    made = graph_def(graph_or_graph_def) if isinstance(graph_or_graph_def, Graph) else graph_or_graph_def
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    with open(path, "wb") as file:
        file.write(str(made).encode() if as_text else made.SerializeToString())
    return path
