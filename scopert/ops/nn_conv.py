"""The convolution ops in two and three dimensions, and their gradients: thin layers over the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import convolution_kernels as kernels
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import shape_n
from scopert.ops.run_checks import require, require_rank, require_windows
from scopert.ops.window import channel_axis, output_size, pair_up, spatial_axes, window_pads

Array = Any

FLOATING = "T: {float16, bfloat16, float32, float64}"
CONV2D = (
    FLOATING + '; strides: list(int); use_cudnn_on_gpu: bool = true; padding: {"SAME", "VALID", "EXPLICIT"}; '
    'explicit_paddings: list(int) = []; data_format: {"NHWC", "NCHW"} = "NHWC"; '
    "dilations: list(int) = [1, 1, 1, 1]"
)
CONV3D = (
    FLOATING + '; strides: list(int) >= 5; padding: {"SAME", "VALID"}; '
    'data_format: {"NDHWC", "NCDHW"} = "NDHWC"; dilations: list(int) = [1, 1, 1, 1, 1]'
)


def spatial_attr(values: Sequence[int], data_format: str, what: str) -> list[int]:
    """The spatial entries of ``strides`` or ``dilations``, in order.

    Raises
    ------
    ValueError
        If there are too few or too many, one is not positive, or batch or channels have another than 1.
    """
    rank = len(values)
    axes = spatial_axes(data_format, rank)
    if rank != len(data_format):
        raise ValueError(f"{what} needs {len(data_format)} entries, one for each of {data_format}, got {list(values)}")
    if values[0] != 1 or values[channel_axis(data_format, rank)] != 1:
        raise ValueError(
            f"Current implementation does not yet support {what} in the batch and depth dimensions: {list(values)}"
        )
    if min(values) < 1:
        raise ValueError(f"{what} must be positive, got {list(values)}")
    return [values[axis] for axis in axes]


def explicit_pads(op_attrs: dict[str, Any], data_format: str) -> list[tuple[int, int]] | None:
    """The spatial pairs of ``explicit_paddings``; None where padding is not explicit.

    Raises
    ------
    ValueError
        If they are given without need or do not fit the layout.
    """
    flat = op_attrs.get("explicit_paddings") or []
    if op_attrs["padding"] != "EXPLICIT":
        if flat:
            raise ValueError("explicit_paddings must be empty if the padding attribute is not EXPLICIT")
        return None
    if len(flat) != 2 * len(data_format):
        raise ValueError(f"explicit_paddings attribute must contain {2 * len(data_format)} values, got {len(flat)}")
    if min(flat) < 0:
        raise ValueError(f"All elements of explicit_paddings must be nonnegative, got {flat}")
    pairs = pair_up(flat)
    if any(pairs[0]) or any(pairs[channel_axis(data_format, len(pairs))]):
        raise ValueError("explicit padding of the batch or the depth dimension is not supported")
    return [pairs[axis] for axis in spatial_axes(data_format, len(pairs))]


def check_depths(depth: int | None, filter_depth: int | None, filters: int | None) -> None:
    """The channels must be those of the filter, or a multiple for a grouped convolution."""
    if depth is None or filter_depth is None:
        return
    if filter_depth == 0:
        raise ValueError("depth of filter must not be 0")
    if depth % filter_depth:
        raise ValueError(f"Dimensions must be equal, but are {depth} and {filter_depth}")
    groups = depth // filter_depth
    if filters is not None and filters % groups:
        raise ValueError(f"Depth of output ({filters}) is not a multiple of the number of groups ({groups})")


def conv_shape(op: Operation) -> list[Shape]:
    """Shape of a convolution in any number of dimensions."""
    attrs = op.attrs
    data_format = attrs["data_format"]
    rank = len(data_format)
    x = with_rank(op.inputs[0]._shape, rank)
    w = with_rank(op.inputs[1]._shape, rank)
    strides = spatial_attr(attrs["strides"], data_format, "strides")
    dilations = spatial_attr(attrs["dilations"], data_format, "dilations")
    explicit = explicit_pads(attrs, data_format) or [(0, 0)] * len(strides)
    channels = channel_axis(data_format, rank)
    check_depths(x[channels], w[-2], w[-1])
    out: list[int | None] = [x[0], *([None] * (rank - 1))]
    out[channels] = w[-1]
    for k, axis in enumerate(spatial_axes(data_format, rank)):
        out[axis] = output_size(x[axis], w[k], strides[k], attrs["padding"], dilations[k], explicit[k])
    return [tuple(out)]


def grad_input_shape(op: Operation) -> list[Shape]:
    """The shape that the first input holds."""
    rank = len(op.attrs["data_format"])
    with_rank(op.inputs[2]._shape, rank)
    filters = with_rank(op.inputs[1]._shape, rank)
    shape = known_shape(op.inputs[0])
    if shape is not None and len(shape) == rank - 2:
        return [(None,) * rank]  # TensorFlow also takes the spatial sizes alone
    shape = with_rank(shape, rank)
    check_depths(shape[channel_axis(op.attrs["data_format"], rank)], filters[-2], filters[-1])
    return [shape]


def grad_filter_shape(op: Operation) -> list[Shape]:
    """The shape that the second input holds."""
    rank = len(op.attrs["data_format"])
    with_rank(op.inputs[0]._shape, rank)
    with_rank(op.inputs[2]._shape, rank)
    return [with_rank(known_shape(op.inputs[1]), rank)]


class Geometry:
    """Strides, dilations and padding of one call, and the way to and from channels-last.

    Raises
    ------
    ValueError
        If they do not fit the data format.
    """

    __slots__ = ("data_format", "dilations", "explicit", "padding", "strides")

    def __init__(
        self,
        strides: Sequence[int],
        padding: str,
        data_format: str,
        dilations: Sequence[int],
        explicit_paddings: Sequence[int] = (),
    ) -> None:
        self.data_format = data_format
        self.padding = padding
        self.strides = spatial_attr(strides, data_format, "strides")
        self.dilations = spatial_attr(dilations, data_format, "dilations")
        attrs = {"padding": padding, "explicit_paddings": explicit_paddings}
        self.explicit = explicit_pads(attrs, data_format)

    def check(self, x: Array, w: Array) -> None:
        """Both operands must have as many axes as the data format."""
        require_rank(x, len(self.data_format), "input")
        require_rank(w, len(self.data_format), "filter")

    def last(self, xp: Any, x: Array) -> Array:
        """A view with the channels last."""
        return xp.moveaxis(x, 1, -1) if self.data_format.startswith("NC") else x

    def back(self, xp: Any, x: Array) -> Array:
        """The layout of the data format again."""
        if self.data_format.startswith("NC"):
            return xp.ascontiguousarray(xp.moveaxis(x, -1, 1))
        return x

    def last_sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The same for a shape."""
        found = tuple(int(n) for n in sizes)
        return (found[0], *found[2:], found[1]) if self.data_format.startswith("NC") else found

    def arguments(self, sizes: Sequence[int], kernel: Sequence[int]) -> tuple[Any, Any, Any]:
        """What the kernels take, for an input with these spatial sizes.

        Raises
        ------
        ValueError
            If there are not as many sizes as strides.
        InvalidArgumentError
            If a window does not fit.
        """
        explicit = self.explicit or [(0, 0)] * len(kernel)
        pads = [
            window_pads(n, k, s, self.padding, d, e)
            for n, k, s, d, e in zip(sizes, kernel, self.strides, self.dilations, explicit, strict=True)
        ]
        require_windows(sizes, kernel, self.strides, self.dilations, pads)
        return self.strides, self.dilations, pads


def forward(xp: Any, x: Array, w: Array, geometry: Geometry, kernels: Any = kernels) -> Array:
    """A convolution in the layout of its data format; `kernels` may hold quicker functions of the same names."""
    geometry.check(x, w)
    x = geometry.last(xp, x)
    depth, filter_depth, filters = x.shape[-1], w.shape[-2], w.shape[-1]
    require(
        filter_depth > 0 and depth % filter_depth == 0,
        f"input depth must be evenly divisible by filter depth: {depth} vs {filter_depth}",
    )
    groups = max(depth // filter_depth, 1)
    require(filters % groups == 0, f"{filters} filters cannot be dealt to {groups} groups of channels")
    y = kernels.convolve(xp, x, w, *geometry.arguments(x.shape[1:-1], w.shape[:-2]))
    return geometry.back(xp, y)


def backward_input(
    xp: Any, sizes: Array, w: Array, dy: Array, geometry: Geometry, kernels: Any = kernels
) -> Array:
    """Its gradient to the input; sizes of the spatial axes alone take the rest from filter and gradient."""
    geometry.check(w, dy)
    dy = geometry.last(xp, dy)
    shape = tuple(int(n) for n in sizes)
    if len(shape) == w.ndim - 2:
        full: tuple[int, ...] = (dy.shape[0], *shape, w.shape[-2])
    else:
        full = geometry.last_sizes(shape)
    arguments = geometry.arguments(full[1:-1], w.shape[:-2])
    _check_output(full[1:-1], w.shape[:-2], dy.shape[1:-1], arguments)
    return geometry.back(xp, kernels.convolve_grad_input(xp, full, w, dy, *arguments))


def backward_filter(
    xp: Any, x: Array, sizes: Array, dy: Array, geometry: Geometry, kernels: Any = kernels
) -> Array:
    """Its gradient to the filter."""
    geometry.check(x, dy)
    x, dy = geometry.last(xp, x), geometry.last(xp, dy)
    shape = tuple(int(n) for n in sizes)
    require(len(shape) == x.ndim, f"filter_sizes must have {x.ndim} elements, got {list(shape)}")
    arguments = geometry.arguments(x.shape[1:-1], shape[:-2])
    _check_output(x.shape[1:-1], shape[:-2], dy.shape[1:-1], arguments)
    return kernels.convolve_grad_filter(xp, x, shape, dy, *arguments)


def _check_output(sizes: Any, kernel: Any, found: Any, arguments: tuple[Any, Any, Any]) -> None:
    strides, dilations, pads = arguments
    expected = kernels.count_windows(sizes, kernel, strides, dilations, pads)
    require(
        tuple(found) == expected,
        f"Size of out_backprop doesn't match computed: actual = {tuple(found)}, computed = {expected} "
        f"spatial_dim: input {tuple(sizes)} filter {tuple(kernel)} stride {strides} dilation {dilations}",
    )


def _conv2d(
    xp: Any, x: Array, w: Array, *,
    strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any,
) -> Array:  # fmt: skip
    return forward(xp, x, w, Geometry(strides, padding, data_format, dilations, explicit_paddings))


def _conv2d_input(
    xp: Any, sizes: Array, w: Array, dy: Array, *,
    strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any,
) -> Array:  # fmt: skip
    geometry = Geometry(strides, padding, data_format, dilations, explicit_paddings)
    return backward_input(xp, sizes, w, dy, geometry)


def _conv2d_filter(
    xp: Any, x: Array, sizes: Array, dy: Array, *,
    strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any,
) -> Array:  # fmt: skip
    geometry = Geometry(strides, padding, data_format, dilations, explicit_paddings)
    return backward_filter(xp, x, sizes, dy, geometry)


def _conv3d(xp: Any, x: Array, w: Array, *, strides: Any, padding: str, data_format: str, dilations: Any) -> Array:
    return forward(xp, x, w, Geometry(strides, padding, data_format, dilations))


def _conv3d_input(
    xp: Any, sizes: Array, w: Array, dy: Array, *, strides: Any, padding: str, data_format: str, dilations: Any
) -> Array:
    return backward_input(xp, sizes, w, dy, Geometry(strides, padding, data_format, dilations))


def _conv3d_filter(
    xp: Any, x: Array, sizes: Array, dy: Array, *, strides: Any, padding: str, data_format: str, dilations: Any
) -> Array:
    return backward_filter(xp, x, sizes, dy, Geometry(strides, padding, data_format, dilations))


CONV_2D = define_op("Conv2D", "input: T, filter: T", "output: T", CONV2D, shape=conv_shape, kernel=_conv2d)
CONV_2D_INPUT = define_op(
    "Conv2DBackpropInput", "input_sizes: int32, filter: T, out_backprop: T", "output: T", CONV2D,
    shape=grad_input_shape, kernel=_conv2d_input,
)  # fmt: skip
CONV_2D_FILTER = define_op(
    "Conv2DBackpropFilter", "input: T, filter_sizes: int32, out_backprop: T", "output: T", CONV2D,
    shape=grad_filter_shape, kernel=_conv2d_filter,
)  # fmt: skip
CONV_3D = define_op("Conv3D", "input: T, filter: T", "output: T", CONV3D, shape=conv_shape, kernel=_conv3d)
CONV_3D_INPUT = define_op(
    "Conv3DBackpropInputV2", "input_sizes: Tshape, filter: T, out_backprop: T", "output: T",
    CONV3D + "; Tshape: {int32, int64} = int32", shape=grad_input_shape, kernel=_conv3d_input,
)  # fmt: skip
CONV_3D_FILTER = define_op(
    "Conv3DBackpropFilterV2", "input: T, filter_sizes: int32, out_backprop: T", "output: T", CONV3D,
    shape=grad_filter_shape, kernel=_conv3d_filter,
)  # fmt: skip

_TWO = ("strides", "padding", "explicit_paddings", "use_cudnn_on_gpu", "data_format", "dilations")
_THREE = ("strides", "padding", "data_format", "dilations")


def _attrs(op: Operation, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: op.attrs[name] for name in names}


# A convolution and its two gradients are one bilinear form seen from three sides, so the gradients of any of
# them are the other two.


@gradient("Conv2D")
def _conv2d_rule(op: Operation, grad: Tensor) -> Any:
    x, w = op.inputs
    x_shape, w_shape = shape_n([x, w])
    attrs = _attrs(op, _TWO)
    return apply(CONV_2D_INPUT, x_shape, w, grad, **attrs), apply(CONV_2D_FILTER, x, w_shape, grad, **attrs)


@gradient("Conv2DBackpropInput")
def _conv2d_input_rule(op: Operation, grad: Tensor) -> Any:
    _, w, dy = op.inputs
    attrs = _attrs(op, _TWO)
    return (
        None,
        apply(CONV_2D_FILTER, grad, shape_of(w), dy, **attrs),
        apply(CONV_2D, grad, w, **attrs),
    )


@gradient("Conv2DBackpropFilter")
def _conv2d_filter_rule(op: Operation, grad: Tensor) -> Any:
    x, _, dy = op.inputs
    attrs = _attrs(op, _TWO)
    return (
        apply(CONV_2D_INPUT, shape_of(x), grad, dy, **attrs),
        None,
        apply(CONV_2D, x, grad, **attrs),
    )


@gradient("Conv3D")
def _conv3d_rule(op: Operation, grad: Tensor) -> Any:
    x, w = op.inputs
    x_shape, w_shape = shape_n([x, w])
    attrs = _attrs(op, _THREE)
    return apply(CONV_3D_INPUT, x_shape, w, grad, **attrs), apply(CONV_3D_FILTER, x, w_shape, grad, **attrs)


@gradient("Conv3DBackpropInputV2")
def _conv3d_input_rule(op: Operation, grad: Tensor) -> Any:
    _, w, dy = op.inputs
    attrs = _attrs(op, _THREE)
    return (
        None,
        apply(CONV_3D_FILTER, grad, shape_of(w), dy, **attrs),
        apply(CONV_3D, grad, w, **attrs),
    )


@gradient("Conv3DBackpropFilterV2")
def _conv3d_filter_rule(op: Operation, grad: Tensor) -> Any:
    x, _, dy = op.inputs
    attrs = _attrs(op, _THREE)
    return (
        apply(CONV_3D_INPUT, shape_of(x), grad, dy, **attrs),
        None,
        apply(CONV_3D, x, grad, **attrs),
    )
