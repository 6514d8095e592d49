"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_fake_quant import fake_quant_with_min_max_args as fake_quant_with_min_max_args
from scopert.ops.array_fake_quant import fake_quant_with_min_max_args_gradient as fake_quant_with_min_max_args_gradient
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars_gradient as fake_quant_with_min_max_vars_gradient
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars_per_channel as fake_quant_with_min_max_vars_per_channel
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars_per_channel_gradient as fake_quant_with_min_max_vars_per_channel_gradient
from scopert.ops.array_quantize import dequantize as dequantize
from scopert.ops.array_quantize import quantize as quantize
from scopert.ops.array_quantize import quantize_and_dequantize as quantize_and_dequantize

__all__ = [
    "dequantize",
    "fake_quant_with_min_max_args",
    "fake_quant_with_min_max_args_gradient",
    "fake_quant_with_min_max_vars",
    "fake_quant_with_min_max_vars_gradient",
    "fake_quant_with_min_max_vars_per_channel",
    "fake_quant_with_min_max_vars_per_channel_gradient",
    "quantize",
    "quantize_and_dequantize",
]
