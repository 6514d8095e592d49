"""FusedBatchNorm in its three versions, their gradients, and the public function."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import OpDef, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import merge
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import normalization_kernels as kernels
from scopert.ops.array_transpose import transpose
from scopert.ops.run_checks import require, require_rank, require_vector
from scopert.ops.window import channel_axis
from scopert.public import public

Array = Any

ATTRS = 'epsilon: float = 9.999999747378752e-05; data_format: {"NHWC", "NCHW"} = "NHWC"; is_training: bool = true'
ONE_TYPE = "T: {float32}; " + ATTRS
TWO_TYPES = "T: {float16, bfloat16, float32}; U: {float32}; " + ATTRS

# TensorFlow raises a smaller epsilon to this, the least that cuDNN accepts.
LEAST_EPSILON = 1.001e-5


def _shapes(op: Operation) -> list[Shape]:
    x = with_rank(op.inputs[0]._shape, 4)
    axis = channel_axis(op.attrs["data_format"], 4)
    channels: Shape = (x[axis],)
    given = op.inputs[1:3] if op.attrs["is_training"] else op.inputs[1:5]
    for tensor in given:
        channels = merge(channels, with_rank(tensor._shape, 1))
    assert channels is not None
    y = (*x[:axis], *channels, *x[axis + 1 :])
    return [y, channels, channels, channels, channels, None][: len(op.opdef.outputs)]


def _grad_shapes(op: Operation) -> list[Shape]:
    axis = channel_axis(op.attrs["data_format"], 4)
    x = with_rank(merge(op.inputs[0]._shape, op.inputs[1]._shape), 4)
    channels: Shape = (x[axis],)
    for tensor in op.inputs[2:5]:
        channels = merge(channels, with_rank(tensor._shape, 1))
    assert channels is not None
    rest = (0,) if op.attrs["is_training"] else channels
    return [(*x[:axis], *channels, *x[axis + 1 :]), channels, channels, rest, rest]


def _last(xp: Any, x: Array, data_format: str) -> Array:
    return xp.moveaxis(x, 1, -1) if data_format == "NCHW" else x


def _back(xp: Any, x: Array, data_format: str) -> Array:
    return xp.ascontiguousarray(xp.moveaxis(x, -1, 1)) if data_format == "NCHW" else x


def _forward(
    xp: Any, x: Array, scale: Array, offset: Array, mean: Array, variance: Array, *,
    epsilon: float, data_format: str, is_training: bool, op: Any,
) -> tuple[Array, ...]:  # fmt: skip
    require_rank(x, 4, "input")
    x = _last(xp, x, data_format)
    for name, vector in (("scale", scale), ("offset", offset)):
        require_vector(vector, x.shape[-1], name)
    if not is_training:
        for name, vector in (("mean", mean), ("variance", variance)):
            require_vector(vector, x.shape[-1], name)
    if is_training:
        y, mean, unbiased, variance = kernels.batch_norm_training(xp, x, scale, offset, epsilon)
        statistics = (mean, unbiased, mean.copy(), variance)
    else:
        y = kernels.batch_norm_inference(xp, x, scale, offset, mean, variance, epsilon)
        statistics = tuple(array.copy() for array in (mean, variance, mean, variance))
    found = (_back(xp, y, data_format), *statistics)
    # The sixth output is a workspace of cuDNN's; its value means nothing here.
    return found if len(op.output_dtypes) == 5 else (*found, xp.zeros((), dtype=scale.dtype))


def _backward(
    xp: Any, dy: Array, x: Array, scale: Array, mean: Array, variance: Array, *rest: Array,
    epsilon: float, data_format: str, is_training: bool,
) -> tuple[Array, ...]:  # fmt: skip
    require(dy.shape == x.shape, f"x and y backprop must have same shape: {list(x.shape)} vs {list(dy.shape)}")
    dy, x = _last(xp, dy, data_format), _last(xp, x, data_format)
    for name, vector in (("scale", scale), ("mean", mean), ("variance", variance)):
        require_vector(vector, x.shape[-1], name)
    dx, d_scale, d_offset = kernels.batch_norm_grad(xp, dy, x, scale, mean, variance, epsilon, is_training)
    # Places for gradients to mean and variance, which are not computed.
    nothing = xp.zeros(0 if is_training else scale.shape, dtype=scale.dtype)
    return _back(xp, dx, data_format), d_scale, d_offset, nothing, nothing.copy()


_RESERVED = "y: T, batch_mean: {0}, batch_variance: {0}, reserve_space_1: {0}, reserve_space_2: {0}"

FUSED = define_op(
    "FusedBatchNorm", "x: T, scale: T, offset: T, mean: T, variance: T", _RESERVED.format("T"), ONE_TYPE,
    shape=_shapes, kernel=_forward,
)  # fmt: skip
FUSED_V2 = define_op(
    "FusedBatchNormV2", "x: T, scale: U, offset: U, mean: U, variance: U", _RESERVED.format("U"), TWO_TYPES,
    shape=_shapes, kernel=_forward,
)  # fmt: skip
FUSED_V3 = define_op(
    "FusedBatchNormV3", "x: T, scale: U, offset: U, mean: U, variance: U",
    _RESERVED.format("U") + ", reserve_space_3: U", TWO_TYPES, shape=_shapes, kernel=_forward,
)  # fmt: skip
FUSED_GRAD = define_op(
    "FusedBatchNormGrad", "y_backprop: T, x: T, scale: T, reserve_space_1: T, reserve_space_2: T",
    "x_backprop: T, scale_backprop: T, offset_backprop: T, reserve_space_3: T, reserve_space_4: T", ONE_TYPE,
    shape=_grad_shapes, kernel=_backward,
)  # fmt: skip
FUSED_GRAD_V2 = define_op(
    "FusedBatchNormGradV2", "y_backprop: T, x: T, scale: float32, reserve_space_1: U, reserve_space_2: U",
    "x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_3: U, reserve_space_4: U", TWO_TYPES,
    shape=_grad_shapes, kernel=_backward,
)  # fmt: skip
FUSED_GRAD_V3 = define_op(
    "FusedBatchNormGradV3",
    "y_backprop: T, x: T, scale: float32, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U",
    "x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_4: U, reserve_space_5: U", TWO_TYPES,
    shape=_grad_shapes, kernel=_backward,
)  # fmt: skip


def _rule(backward: OpDef) -> Any:
    def rule(op: Operation, grad: Tensor, *_: Any) -> Any:
        x, scale, _offset, mean, variance = op.inputs
        reserved = [op.outputs[5]] if backward is FUSED_GRAD_V3 else []
        attrs = {"epsilon": op.attrs["epsilon"], "is_training": op.attrs["is_training"]}
        data_format = op.attrs["data_format"]
        if op.attrs["is_training"]:
            found = apply(
                backward, grad, x, scale, op.outputs[3], op.outputs[4], *reserved,
                data_format=data_format, **attrs,
            )  # fmt: skip
            return *found[:3], None, None
        # The population's moments are constants here. TensorFlow knows this gradient in NHWC only.
        if data_format == "NCHW":
            x, grad = transpose(x, [0, 2, 3, 1]), transpose(grad, [0, 2, 3, 1])
        dx, d_scale, d_offset, *_ = apply(
            backward, grad, x, scale, mean, variance, *reserved, data_format="NHWC", **attrs
        )
        if data_format == "NCHW":
            dx = transpose(dx, [0, 3, 1, 2])
        return dx, d_scale, d_offset, None, None

    return rule


gradient("FusedBatchNorm")(_rule(FUSED_GRAD))
gradient("FusedBatchNormV2")(_rule(FUSED_GRAD_V2))
gradient("FusedBatchNormV3")(_rule(FUSED_GRAD_V3))


@public("nn.fused_batch_norm")
def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise images by the mean and variance of each channel, then scale and shift.

    Ioffe and Szegedy, "Batch Normalization", 2015.

    Parameters
    ----------
    x : tensor-like of float16 or float32
        Four axes, laid out as `data_format` says.
    scale, offset : tensor-like
        Vectors, one element per channel.
    mean, variance : tensor-like, optional
        The moments to use where `is_training` is false; not allowed where it is true.
    epsilon : float
        Added to the variance; at least 1.001e-5 is taken.

    Returns
    -------
    y, batch_mean, batch_variance : Tensor
        The variance is the unbiased one of the batch.

    Raises
    ------
    ValueError
        If moments are given in training or missing in inference.
    """
    x = convert_to_tensor(x, name="input")
    scale = convert_to_tensor(scale, name="scale")
    offset = convert_to_tensor(offset, name="offset")
    if is_training:
        if mean is not None or variance is not None:
            raise ValueError("Both 'mean' and 'variance' must be None if is_training is True.")
    elif mean is None or variance is None:
        raise ValueError("Both 'mean' and 'variance' must be given if is_training is False.")
    if mean is None:
        mean = constant([], dtype="float32")
    if variance is None:
        variance = constant([], dtype="float32")
    y, batch_mean, batch_variance, *_ = apply(
        FUSED_V3, x, scale, offset, mean, variance,
        epsilon=max(epsilon, LEAST_EPSILON), data_format=data_format, is_training=is_training, name=name,
    )  # fmt: skip
    return y, batch_mean, batch_variance
