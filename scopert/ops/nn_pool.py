"""The pooling ops in two and three dimensions, and their gradients of first and second order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape, known_value
from scopert.graph.opdef import OpDef, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import same_as_first, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import pooling_kernels as kernels
from scopert.ops.array_fill import zeros
from scopert.ops.array_identity import stop_gradient
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.window import output_size

Array = Any

WINDOW = 'ksize: list(int) >= 4; strides: list(int) >= 4; padding: {"SAME", "VALID"}'
WINDOW_3D = (
    'ksize: list(int) >= 5; strides: list(int) >= 5; padding: {"SAME", "VALID"}; '
    'data_format: {"NDHWC", "NCDHW"} = "NDHWC"'
)
PADDING = 'padding: {"SAME", "VALID"}'
LAYOUT = '; data_format: {"NHWC", "NCHW"} = "NHWC"'
LAYOUT_VECT = '; data_format: {"NHWC", "NCHW", "NCHW_VECT_C"} = "NHWC"'
FLOATING = "; T: {float16, bfloat16, float32, float64}"
REAL = "; T: {float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}"
MAX_TYPES = "T: {float16, bfloat16, float32, float64, int32, int64, uint8, int16, int8, uint16, qint8} = float32; "
SMALL = "{float16, bfloat16, float32}"
ARGMAX = "; Targmax: {int32, int64} = int64"


def _check(op: Operation, ksize: Sequence[int], strides: Sequence[int], rank: int) -> None:
    if op.attrs.get("data_format") == "NCHW_VECT_C":
        raise NotImplementedError(
            f"{op.type} {op.name!r} asks for data_format NCHW_VECT_C, which holds quantised values; use NHWC or NCHW"
        )
    for what, values in (("ksize", ksize), ("strides", strides)):
        if len(values) != rank:
            raise ValueError(
                f"{op.type} requires the {what} attribute to contain {rank} values, but got: {len(values)}"
            )
        if min(values) < 1:
            raise ValueError(f"{op.type} needs positive {what}, got {list(values)}")


def _pooled(op: Operation, ksize: Sequence[int], strides: Sequence[int]) -> Shape:
    rank = 5 if op.type.endswith(("3D", "3DGradGrad")) else 4
    x = with_rank(op.inputs[0]._shape, rank)
    _check(op, ksize, strides, rank)
    padding = op.attrs["padding"]
    return tuple(output_size(n, k, s, padding) for n, k, s in zip(x, ksize, strides, strict=True))


def _pool_shape(op: Operation) -> list[Shape]:
    return [_pooled(op, op.attrs["ksize"], op.attrs["strides"])]


def _pool_v2_shape(op: Operation) -> list[Shape]:
    ksize, strides = (known_value(tensor) for tensor in op.inputs[-2:])
    if ksize is None or strides is None:
        return [(None,) * 4]
    return [_pooled(op, ksize.tolist(), strides.tolist())]


def _argmax_shape(op: Operation) -> list[Shape]:
    return _pool_shape(op) * 2


def _held_shape(op: Operation) -> list[Shape]:
    rank = 5 if op.type == "AvgPool3DGrad" else 4
    return [with_rank(known_shape(op.inputs[0]), rank)]


def _max_pool(xp: Any, x: Array, *, ksize: Any, strides: Any, padding: str) -> Array:
    return kernels.max_pool(xp, x, ksize, strides, padding)


def _avg_pool(xp: Any, x: Array, *, ksize: Any, strides: Any, padding: str) -> Array:
    return kernels.avg_pool(xp, x, ksize, strides, padding)


def _avg_pool_grad(xp: Any, shape: Array, dy: Array, *, ksize: Any, strides: Any, padding: str) -> Array:
    return kernels.avg_pool_grad(xp, shape, dy, ksize, strides, padding)


def _max_pool_grad(xp: Any, x: Array, y: Array, dy: Array, *, ksize: Any, strides: Any, padding: str) -> Array:
    return kernels.max_pool_grad(xp, x, y, dy, ksize, strides, padding)


def _max_pool_grad_grad(xp: Any, x: Array, y: Array, ddx: Array, *, ksize: Any, strides: Any, padding: str) -> Array:
    return kernels.max_pool_grad_grad(xp, x, y, ddx, ksize, strides, padding)


def _numbers(values: Array) -> list[int]:
    return [int(n) for n in values]


def _max_pool_v2(xp: Any, x: Array, ksize: Array, strides: Array, *, padding: str) -> Array:
    return kernels.max_pool(xp, x, _numbers(ksize), _numbers(strides), padding)


def _max_pool_grad_v2(xp: Any, x: Array, y: Array, dy: Array, ksize: Array, strides: Array, *, padding: str) -> Array:
    return kernels.max_pool_grad(xp, x, y, dy, _numbers(ksize), _numbers(strides), padding)


def _max_pool_grad_grad_v2(
    xp: Any, x: Array, y: Array, ddx: Array, ksize: Array, strides: Array, *, padding: str
) -> Array:
    return kernels.max_pool_grad_grad(xp, x, y, ddx, _numbers(ksize), _numbers(strides), padding)


def _with_argmax(
    xp: Any, x: Array, *, ksize: Any, strides: Any, padding: str, include_batch_in_index: bool, Targmax: Any
) -> tuple[Array, Array]:
    return kernels.max_pool_with_argmax(xp, x, ksize, strides, padding, include_batch_in_index, Targmax.np)


def _grad_with_argmax(xp: Any, x: Array, dy: Array, argmax: Array, *, include_batch_in_index: bool) -> Array:
    return kernels.max_pool_grad_with_argmax(xp, x, dy, argmax, include_batch_in_index)


def _grad_grad_with_argmax(xp: Any, x: Array, ddx: Array, argmax: Array, *, include_batch_in_index: bool) -> Array:
    return kernels.max_pool_grad_grad_with_argmax(xp, x, ddx, argmax, include_batch_in_index)


MAX_POOL = define_op(
    "MaxPool", "input: T", "output: T", MAX_TYPES + WINDOW + LAYOUT_VECT, shape=_pool_shape, kernel=_max_pool
)
MAX_POOL_GRAD = define_op(
    "MaxPoolGrad", "orig_input: T, orig_output: T, grad: T", "output: T", WINDOW + LAYOUT + REAL + " = float32",
    shape=same_as_first, kernel=_max_pool_grad,
)  # fmt: skip
MAX_POOL_GRAD_GRAD = define_op(
    "MaxPoolGradGrad", "orig_input: T, orig_output: T, grad: T", "output: T", WINDOW + LAYOUT + REAL,
    shape=_pool_shape, kernel=_max_pool_grad_grad,
)  # fmt: skip
MAX_POOL_V2 = define_op(
    "MaxPoolV2", "input: T, ksize: int32, strides: int32", "output: T", MAX_TYPES + PADDING + LAYOUT_VECT,
    shape=_pool_v2_shape, kernel=_max_pool_v2,
)  # fmt: skip
MAX_POOL_GRAD_V2 = define_op(
    "MaxPoolGradV2", "orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32", "output: T",
    PADDING + LAYOUT + REAL + " = float32", shape=same_as_first, kernel=_max_pool_grad_v2,
)  # fmt: skip
MAX_POOL_GRAD_GRAD_V2 = define_op(
    "MaxPoolGradGradV2", "orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32", "output: T",
    PADDING + LAYOUT + REAL, shape=_pool_v2_shape, kernel=_max_pool_grad_grad_v2,
)  # fmt: skip
MAX_POOL_WITH_ARGMAX = define_op(
    "MaxPoolWithArgmax", "input: T", "output: T, argmax: Targmax",
    WINDOW + ARGMAX + "; include_batch_in_index: bool = false" + REAL, shape=_argmax_shape, kernel=_with_argmax,
)  # fmt: skip
MAX_POOL_GRAD_WITH_ARGMAX = define_op(
    "MaxPoolGradWithArgmax", "input: T, grad: T, argmax: Targmax", "output: T",
    WINDOW + "; include_batch_in_index: bool = false; Targmax: {int32, int64}" + REAL, shape=same_as_first,
    kernel=_grad_with_argmax,
)  # fmt: skip
MAX_POOL_GRAD_GRAD_WITH_ARGMAX = define_op(
    "MaxPoolGradGradWithArgmax", "input: T, grad: T, argmax: Targmax", "output: T",
    WINDOW + "; include_batch_in_index: bool = false; Targmax: {int32, int64}" + REAL, shape=_pool_shape,
    kernel=_grad_grad_with_argmax,
)  # fmt: skip
AVG_POOL = define_op(
    "AvgPool", "value: T", "output: T", WINDOW + LAYOUT + FLOATING, shape=_pool_shape, kernel=_avg_pool
)
AVG_POOL_GRAD = define_op(
    "AvgPoolGrad", "orig_input_shape: int32, grad: T", "output: T", WINDOW + LAYOUT + FLOATING,
    shape=_held_shape, kernel=_avg_pool_grad,
)  # fmt: skip
MAX_POOL_3D = define_op(
    "MaxPool3D", "input: T", "output: T", WINDOW_3D + "; T: " + SMALL, shape=_pool_shape, kernel=_max_pool
)
MAX_POOL_3D_GRAD = define_op(
    "MaxPool3DGrad", "orig_input: TInput, orig_output: TInput, grad: T", "output: T",
    f"{WINDOW_3D}; T: {SMALL} = float32; TInput: {SMALL} = float32", shape=same_as_first, kernel=_max_pool_grad,
)  # fmt: skip
MAX_POOL_3D_GRAD_GRAD = define_op(
    "MaxPool3DGradGrad", "orig_input: T, orig_output: T, grad: T", "output: T", WINDOW_3D + REAL,
    shape=_pool_shape, kernel=_max_pool_grad_grad,
)  # fmt: skip
AVG_POOL_3D = define_op("AvgPool3D", "input: T", "output: T", WINDOW_3D + FLOATING, shape=_pool_shape, kernel=_avg_pool)
AVG_POOL_3D_GRAD = define_op(
    "AvgPool3DGrad", "orig_input_shape: int32, grad: T", "output: T", WINDOW_3D + FLOATING,
    shape=_held_shape, kernel=_avg_pool_grad,
)  # fmt: skip


def _attrs(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in ("ksize", "strides", "padding", "data_format")}


def _no_slope(tensor: Tensor) -> Tensor:
    """Which element is the maximum does not change within a small step: no gradient goes there."""
    return zeros(shape_of(tensor), tensor.dtype)


def _max_rules(forward: OpDef, backward: OpDef, backward2: OpDef) -> None:
    @gradient(forward.name)
    def rule(op: Operation, grad: Tensor) -> Any:
        return apply(backward, op.inputs[0], op.outputs[0], grad, **_attrs(op))

    @gradient(backward.name)
    def grad_rule(op: Operation, grad: Tensor) -> Any:
        x, y, _ = op.inputs
        return _no_slope(x), _no_slope(y), apply(backward2, x, y, grad, **_attrs(op))

    @gradient(backward2.name)
    def grad_grad_rule(op: Operation, grad: Tensor) -> Any:
        x, y, _ = op.inputs
        return _no_slope(x), _no_slope(y), apply(backward, x, y, grad, **_attrs(op))


def _avg_rules(forward: OpDef, backward: OpDef) -> None:
    @gradient(forward.name)
    def rule(op: Operation, grad: Tensor) -> Any:
        return apply(backward, shape_of(op.inputs[0]), grad, **_attrs(op))

    @gradient(backward.name)
    def grad_rule(op: Operation, grad: Tensor) -> Any:
        return stop_gradient(op.inputs[0]), apply(forward, grad, **_attrs(op))


_max_rules(MAX_POOL, MAX_POOL_GRAD, MAX_POOL_GRAD_GRAD)
_max_rules(MAX_POOL_3D, MAX_POOL_3D_GRAD, MAX_POOL_3D_GRAD_GRAD)
_avg_rules(AVG_POOL, AVG_POOL_GRAD)
_avg_rules(AVG_POOL_3D, AVG_POOL_3D_GRAD)


def _layout(op: Operation) -> dict[str, Any]:
    return {"padding": op.attrs["padding"], "data_format": op.attrs["data_format"]}


@gradient("MaxPoolV2")
def _max_pool_v2_rule(op: Operation, grad: Tensor) -> Any:
    x, ksize, strides = op.inputs
    return apply(MAX_POOL_GRAD_V2, x, op.outputs[0], grad, ksize, strides, **_layout(op)), None, None


@gradient("MaxPoolGradV2")
def _max_pool_grad_v2_rule(op: Operation, grad: Tensor) -> Any:
    x, y, _, ksize, strides = op.inputs
    second = apply(MAX_POOL_GRAD_GRAD_V2, x, y, grad, ksize, strides, **_layout(op))
    return _no_slope(x), _no_slope(y), second, None, None


@gradient("MaxPoolGradGradV2")
def _max_pool_grad_grad_v2_rule(op: Operation, grad: Tensor) -> Any:
    x, y, _, ksize, strides = op.inputs
    second = apply(MAX_POOL_GRAD_V2, x, y, grad, ksize, strides, **_layout(op))
    return _no_slope(x), _no_slope(y), second, None, None


def _argmax_attrs(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in ("ksize", "strides", "padding", "include_batch_in_index")}


@gradient("MaxPoolWithArgmax")
def _with_argmax_rule(op: Operation, grad: Tensor, _: Any) -> Any:
    return apply(MAX_POOL_GRAD_WITH_ARGMAX, op.inputs[0], grad, op.outputs[1], **_argmax_attrs(op))


@gradient("MaxPoolGradWithArgmax")
def _grad_with_argmax_rule(op: Operation, grad: Tensor) -> Any:
    x, _, argmax = op.inputs
    second = apply(MAX_POOL_GRAD_GRAD_WITH_ARGMAX, x, grad, argmax, **_argmax_attrs(op))
    return _no_slope(x), second, None
