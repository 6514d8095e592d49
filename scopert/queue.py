"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.queues import FIFOQueue as FIFOQueue
from scopert.ops.queues import PaddingFIFOQueue as PaddingFIFOQueue
from scopert.ops.queues import PriorityQueue as PriorityQueue
from scopert.ops.queues import QueueBase as QueueBase
from scopert.ops.queues import RandomShuffleQueue as RandomShuffleQueue

__all__ = [
    "FIFOQueue",
    "PaddingFIFOQueue",
    "PriorityQueue",
    "QueueBase",
    "RandomShuffleQueue",
]
