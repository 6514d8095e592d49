"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.metrics.averages import mean as streaming_mean
from scopert.metrics.averages import streaming_accuracy as streaming_accuracy

__all__ = [
    "streaming_accuracy",
    "streaming_mean",
]
