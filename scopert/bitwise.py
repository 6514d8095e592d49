"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.math_binary import bitwise_and as bitwise_and
from scopert.ops.math_binary import bitwise_or as bitwise_or
from scopert.ops.math_binary import bitwise_xor as bitwise_xor
from scopert.ops.math_binary import left_shift as left_shift
from scopert.ops.math_binary import right_shift as right_shift
from scopert.ops.math_unary import invert as invert

__all__ = [
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "invert",
    "left_shift",
    "right_shift",
]
