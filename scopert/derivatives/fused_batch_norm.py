"""The gradient of FusedBatchNorm's gradient: that of the same formula written out in plain ops."""

from __future__ import annotations

from typing import Any

from scopert.derivatives.backprop import gradients
from scopert.graph.dtypes import bfloat16, float16, float32
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import stop_gradient
from scopert.ops.array_reshape import reshape, squeeze
from scopert.ops.math_binary import squared_difference
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_mean, reduce_sum
from scopert.ops.math_unary import reciprocal, rsqrt


def _written_out(
    dy: Tensor, x: Tensor, scale: Tensor, mean: Tensor, variance: Tensor, epsilon: float, first: bool, training: bool
) -> list[Tensor]:
    """The gradients to input, scale and offset; `first` says that channels come first."""
    axes = [0, 2, 3] if first else [0, 1, 2]
    if x.dtype.base in (float16, bfloat16):
        x, dy = cast(x, float32), cast(dy, float32)
    wide = [1, -1, 1, 1]
    if training:
        if first:
            scale = reshape(scale, wide)
        mean_dy = reduce_mean(dy, axes, keepdims=True)
        mean_x = reduce_mean(x, axes, keepdims=True)
        spread = reduce_mean(squared_difference(x, stop_gradient(mean_x)), axes, keepdims=True)
        dy_offset = dy - mean_dy
        x_offset = x - mean_x
        along = reduce_mean(dy * x_offset, axes, keepdims=True)
        dx = scale * rsqrt(spread + epsilon) * (dy_offset - reciprocal(spread + epsilon) * along * x_offset)
        d_scale = squeeze(rsqrt(spread + epsilon) * reduce_sum(dy * x_offset, axes, keepdims=True), axes)
        return [dx, d_scale, reduce_sum(dy, axes)]
    if first:
        mean, spread, scale = reshape(mean, wide), reshape(variance, wide), reshape(scale, wide)
    else:
        spread = variance
    inverse = rsqrt(spread + epsilon)
    d_scale = reduce_sum(dy * (x - mean) * inverse, axes)
    return [dy * scale * inverse, d_scale, reduce_sum(dy, axes)]


@gradient("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3")
def _rule(op: Operation, *grads: Any) -> Any:
    dy, x, scale, mean, variance, *rest = op.inputs
    first = op.attrs["data_format"] == "NCHW"
    made = _written_out(dy, x, scale, mean, variance, op.attrs["epsilon"], first, op.attrs["is_training"])
    # The outputs may be 16-bit floats where the formula is float32.
    starts = [cast(grad, part.dtype) for grad, part in zip(grads[:3], made, strict=True)]
    # Partial derivatives: what these depend on among themselves is not this rule's business.
    wanted = [dy, x, scale]
    found = gradients(made, wanted, starts, stop_gradients=wanted)
    return *found, None, None, *([None] * len(rest))
