"""TensorFlow's messages under their public names, resolved when they are first used.

``tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1.0)])`` needs the ``tensorboard``
package; ``import scopert`` must not load it.
"""

from __future__ import annotations

from typing import Any

from scopert.graph.graph_def import protos
from scopert.public import public


class LazyMessage(type):
    """A class that stands for a message type of the ``tensorboard`` package."""

    path: str

    def _message(cls) -> Any:
        found = protos()
        for part in cls.path.split("."):
            found = getattr(found, part)
        return found

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._message()(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._message(), name)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls._message())


@public("Summary", "summary.Summary")
class Summary(metaclass=LazyMessage):
    """The Summary message."""

    path = "summary_pb2.Summary"


@public("SummaryMetadata", "summary.SummaryDescription")
class SummaryMetadata(metaclass=LazyMessage):
    """The SummaryMetadata message."""

    path = "summary_pb2.SummaryMetadata"


@public("Event", "summary.Event")
class Event(metaclass=LazyMessage):
    """The Event message."""

    path = "event_pb2.Event"


@public("SessionLog", "summary.SessionLog")
class SessionLog(metaclass=LazyMessage):
    """The SessionLog message."""

    path = "event_pb2.SessionLog"


@public("HistogramProto")
class HistogramProto(metaclass=LazyMessage):
    """The HistogramProto message."""

    path = "histogram_pb2.HistogramProto"


@public("GraphDef")
class GraphDef(metaclass=LazyMessage):
    """The GraphDef message."""

    path = "graph_pb2.GraphDef"


@public("NodeDef")
class NodeDef(metaclass=LazyMessage):
    """The NodeDef message."""

    path = "node_def_pb2.NodeDef"


@public("AttrValue")
class AttrValue(metaclass=LazyMessage):
    """The AttrValue message."""

    path = "attr_value_pb2.AttrValue"
