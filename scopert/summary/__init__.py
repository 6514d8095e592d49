"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.summary_ops import histogram as histogram
from scopert.ops.summary_ops import image as image
from scopert.ops.summary_ops import merge as merge
from scopert.ops.summary_ops import merge_all as merge_all
from scopert.ops.summary_ops import scalar as scalar
from scopert.ops.summary_ops import tensor_summary as tensor_summary
from scopert.ops.summary_ops import text as text
from scopert.summary.messages import Event as Event
from scopert.summary.messages import SessionLog as SessionLog
from scopert.summary.messages import Summary as Summary
from scopert.summary.messages import SummaryMetadata as SummaryDescription
from scopert.summary.writer import FileWriter as FileWriter
from scopert.summary.writer import FileWriterCache as FileWriterCache

__all__ = [
    "Event",
    "FileWriter",
    "FileWriterCache",
    "SessionLog",
    "Summary",
    "SummaryDescription",
    "histogram",
    "image",
    "merge",
    "merge_all",
    "scalar",
    "tensor_summary",
    "text",
]
