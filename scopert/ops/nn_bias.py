"""BiasAdd: a vector along the channels, and the two layers built on it."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import ELEMENTWISE, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.shape_rules import at_least_rank, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones_like
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import rank
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_tile import tile
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.nn_activation import relu
from scopert.ops.run_checks import require
from scopert.public import public

Array = Any

NUMBER = (
    "T: {float32, float64, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, "
    "uint16, complex128, float16, uint32, uint64}"
)
LAYOUT = '; data_format: {"NHWC", "NCHW"} = "NHWC"'


def _channels(rank: int, data_format: str) -> int:
    """Where the bias goes: the axis three from the end in NCHW, if there are so many."""
    return max(rank - 3, 1) if data_format == "NCHW" else rank - 1


def _bias_add_shape(op: Operation) -> list[Shape]:
    value, bias = op.inputs[0]._shape, with_rank(op.inputs[1]._shape, 1)
    if at_least_rank(value, 2) is None:
        return [None]
    assert value is not None
    axis = _channels(len(value), op.attrs.get("data_format", "NHWC"))
    if value[axis] is not None and bias[0] is not None and value[axis] != bias[0]:
        raise ValueError(f"Dimensions must be equal, but are {value[axis]} and {bias[0]}")
    merged = merge((value[axis],), bias)
    assert merged is not None
    return [(*value[:axis], *merged, *value[axis + 1 :])]


def _bias_add(xp: Any, value: Array, bias: Array, *, data_format: str) -> Array:
    require(value.ndim >= 2, f"Input tensor must be at least 2D: {list(value.shape)}")
    axis = _channels(value.ndim, data_format)
    require(
        bias.shape == (value.shape[axis],),
        f"Must provide as many biases as the channels of the input tensor: {list(bias.shape)} vs. {list(value.shape)}",
    )
    behind = value.ndim - 1 - axis
    return value + bias.reshape(bias.shape + (1,) * behind)


def _bias_grad_shape(op: Operation) -> list[Shape]:
    shape = at_least_rank(op.inputs[0]._shape, 2)
    return [(None,) if shape is None else (shape[_channels(len(shape), op.attrs["data_format"])],)]


def _bias_add_grad(xp: Any, grad: Array, *, data_format: str) -> Array:
    axis = _channels(grad.ndim, data_format)
    total = grad.sum(axis=tuple(a for a in range(grad.ndim) if a != axis), dtype=_sum_dtype(xp, grad.dtype))
    return total.astype(grad.dtype, copy=False)


def _sum_dtype(xp: Any, dtype: Any) -> Any:
    """Sums of 16-bit floats are built in float32; other types keep their own, as TensorFlow's do."""
    return xp.dtype(xp.float32) if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


BIAS_ADD = define_op(
    "BiasAdd", "value: T, bias: T", "output: T", NUMBER + LAYOUT, shape=_bias_add_shape, kernel=_bias_add,
)  # fmt: skip
BIAS_ADD_V1 = define_op(
    "BiasAddV1", "value: T, bias: T", "output: T", NUMBER, shape=_bias_add_shape, traits=ELEMENTWISE,
    kernel=lambda xp, value, bias: value + bias,
)  # fmt: skip
BIAS_ADD_GRAD = define_op(
    "BiasAddGrad", "out_backprop: T", "output: T", NUMBER + LAYOUT, shape=_bias_grad_shape,
    kernel=_bias_add_grad,
)  # fmt: skip


@gradient("BiasAdd")
def _bias_add_rule(op: Operation, grad: Tensor) -> Any:
    return grad, apply(BIAS_ADD_GRAD, grad, data_format=op.attrs["data_format"])


@gradient("BiasAddV1")
def _bias_add_v1_rule(op: Operation, grad: Tensor) -> Any:
    return grad, reduce_sum(grad, range_of(rank(grad) - 1))


@gradient("BiasAddGrad")
def _bias_add_grad_rule(op: Operation, grad: Tensor) -> Any:
    # Every element of the input went into one channel's sum: spread the channel's gradient over them.
    full, bias = shape_of(op.inputs[0]), shape_of(grad)
    if op.attrs["data_format"] == "NCHW":
        expanded = concat([ones_like(full[:-3]), bias, ones_like(full[-2:])], 0)
        copies = concat([full[:-3], [1], full[-2:]], 0)
    else:
        expanded = concat([ones_like(full[:-1]), bias], 0)
        copies = concat([full[:-1], [1]], 0)
    return tile(reshape(grad, expanded), copies)


def layout(data_format: str | None) -> str | None:
    """``NHWC`` or ``NCHW`` for the data formats of any number of spatial axes.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if data_format is None:
        return None
    if data_format.startswith("NC"):
        return "NCHW"
    if data_format.startswith("N") and data_format.endswith("C"):
        return "NHWC"
    raise ValueError("data_format must be of the form `N...C` or `NC...`")


@public("nn.bias_add")
def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """``value`` plus the vector ``bias`` along its channels.

    Parameters
    ----------
    value : tensor-like
        Rank 2 or more.
    bias : tensor-like
        A vector as long as the channels of `value`, of its type.
    data_format : str, optional
        ``N...C`` (the default) or ``NC...``.

    Raises
    ------
    ValueError
        If `data_format` is neither, or the lengths differ.
    """
    data_format = layout(data_format)
    with name_scope(name, "BiasAdd", [value, bias]) as scope:
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, dtype=value.dtype, name="bias")
        return apply(BIAS_ADD, value, bias, data_format=data_format, name=scope)


@public("nn.xw_plus_b")
def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """``matmul(x, weights) + biases``."""
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return bias_add(matmul(x, weights), biases, name=scope)


@public("nn.relu_layer")
def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """``relu(matmul(x, weights) + biases)``."""
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return relu(bias_add(matmul(x, weights), biases), name=scope)
