"""The version that programs ask for: scopert's own, and the TensorFlow that it behaves like."""

from __future__ import annotations

from scopert.public import export

__version__ = "0.1.0"
#: The TensorFlow whose names and numbers are reproduced.
VERSION = "1.15.5"
GIT_VERSION = f"scopert-{__version__}"

#: The version of the GraphDef format that TensorFlow 1.15 writes, and the oldest that it reads and writes for.
GRAPH_DEF_VERSION = 134
GRAPH_DEF_VERSION_MIN_CONSUMER = 0
GRAPH_DEF_VERSION_MIN_PRODUCER = 0

for _name in ("GRAPH_DEF_VERSION", "GRAPH_DEF_VERSION_MIN_CONSUMER", "GRAPH_DEF_VERSION_MIN_PRODUCER"):
    export(__name__, _name, _name, f"version.{_name}")
export(__name__, "VERSION", "VERSION", "version.VERSION")
export(__name__, "GIT_VERSION", "GIT_VERSION", "version.GIT_VERSION")
