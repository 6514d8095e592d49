"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.math_sparse_segment import sparse_segment_mean as segment_mean
from scopert.ops.math_sparse_segment import sparse_segment_sqrt_n as segment_sqrt_n
from scopert.ops.math_sparse_segment import sparse_segment_sum as segment_sum

__all__ = [
    "segment_mean",
    "segment_sqrt_n",
    "segment_sum",
]
