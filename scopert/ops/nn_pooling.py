"""The public poolings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import OpDef
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Tensor
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.nn_arguments import one_of, spatial_sequence, strides_and_rates
from scopert.ops.nn_pool import AVG_POOL, AVG_POOL_3D, MAX_POOL, MAX_POOL_3D, MAX_POOL_WITH_ARGMAX
from scopert.ops.nn_space_to_batch import with_space_to_batch
from scopert.public import public


def _pool(
    opdef: OpDef, value: Any, ksize: Any, strides: Any, padding: str, data_format: str | None, name: str
) -> Tensor:
    spatial = 3 if opdef.name.endswith("3D") else 2
    layout = data_format or ("NHWC" if spatial == 2 else "NDHWC")
    channel = 1 if layout.startswith("NC") else spatial + 1
    sizes = spatial_sequence(ksize, spatial, channel, "ksize")
    if any(isinstance(n, int) and n == 0 for n in sizes):
        raise ValueError("ksize cannot be zero.")
    return apply(
        opdef,
        value,
        ksize=sizes,
        strides=spatial_sequence(strides, spatial, channel, "strides"),
        padding=padding,
        data_format=layout,
        name=name,
    )


@public("nn.max_pool")
def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The largest element of each window.

    Parameters
    ----------
    value, input : tensor-like
        ``(batch, height, width, channels)``, or channels second if `data_format` is ``NCHW``.
    ksize, strides : int or list of 1, 2 or 4 int
        Size of the window and distance between windows.
    padding : str
        ``SAME`` or ``VALID``.

    Raises
    ------
    ValueError
        If a size is zero, or shapes do not fit.
    """
    value = one_of("input", input, "value", value)
    with name_scope(name, "MaxPool", [value]) as scope:
        return _pool(MAX_POOL, value, ksize, strides, padding, data_format, scope)


@public("nn.max_pool2d")
def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NHWC", name: str | None = None
) -> Tensor:
    """The same as `max_pool`."""
    with name_scope(name, "MaxPool2d", [input]) as scope:
        return _pool(MAX_POOL, input, ksize, strides, padding, data_format, scope)


@public("nn.avg_pool", "nn.avg_pool2d")
def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The mean of each window; what padding adds does not count. See `max_pool`."""
    value = one_of("input", input, "value", value)
    with name_scope(name, "AvgPool", [value]) as scope:
        return _pool(AVG_POOL, value, ksize, strides, padding, data_format, scope)


@public("nn.max_pool3d")
def max_pool3d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NDHWC", name: str | None = None
) -> Tensor:
    """`max_pool` in three dimensions."""
    with name_scope(name, "MaxPool3D", [input]) as scope:
        return _pool(MAX_POOL_3D, input, ksize, strides, padding, data_format, scope)


@public("nn.avg_pool3d")
def avg_pool3d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NDHWC", name: str | None = None
) -> Tensor:
    """`avg_pool` in three dimensions."""
    with name_scope(name, "AvgPool3D", [input]) as scope:
        return _pool(AVG_POOL_3D, input, ksize, strides, padding, data_format, scope)


def _pool1d(
    opdef: OpDef, input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None, name: str
) -> Tensor:
    layout = data_format or "NWC"
    if layout not in ("NWC", "NCW"):
        raise ValueError(f'data_format must be "NWC" or "NCW", got {layout!r}')
    channel, axis = (1, 2) if layout == "NCW" else (2, 1)
    sizes = [1, *spatial_sequence(ksize, 1, channel, "ksize")]
    steps = [1, *spatial_sequence(strides, 1, channel, "strides")]
    image = expand_dims(input, axis)
    result = apply(
        opdef, image,
        ksize=sizes, strides=steps, padding=padding, data_format="NCHW" if axis == 2 else "NHWC", name=name,
    )  # fmt: skip
    return squeeze(result, axis)


@public("nn.max_pool1d")
def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NWC", name: str | None = None
) -> Tensor:
    """`max_pool` over one spatial axis: ``(batch, width, channels)`` or ``NCW``."""
    with name_scope(name, "MaxPool1d", [input]) as scope:
        return _pool1d(MAX_POOL, input, ksize, strides, padding, data_format, scope)


@public("nn.avg_pool1d")
def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NWC", name: str | None = None
) -> Tensor:
    """`avg_pool` over one spatial axis: ``(batch, width, channels)`` or ``NCW``."""
    with name_scope(name, "AvgPool1D", [input]) as scope:
        return _pool1d(AVG_POOL, input, ksize, strides, padding, data_format, scope)


def _by_rank(
    kind: str, input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None, name: str | None
) -> Tensor:
    shape = getattr(input, "_shape", None) if isinstance(input, Tensor) else np.shape(input)
    if shape is not None:
        spatial = len(shape) - 2
    elif data_format is not None:
        spatial = len(data_format) - 2
    else:
        raise ValueError("The input must have a rank or a data format must be given.")
    if not 1 <= spatial <= 3:
        raise ValueError(f"Input tensor must be of rank 3, 4 or 5 but was {spatial + 2}.")
    if spatial == 1:
        call = max_pool1d if kind == "MAX" else avg_pool1d
        return call(input, ksize, strides, padding, data_format or "NWC", name)
    opdef = {
        ("MAX", 2): MAX_POOL, ("MAX", 3): MAX_POOL_3D, ("AVG", 2): AVG_POOL, ("AVG", 3): AVG_POOL_3D
    }[kind, spatial]  # fmt: skip
    return _pool(opdef, input, ksize, strides, padding, data_format, opdef.name if name is None else name)


@public("nn.max_pool_v2")
def max_pool_v2(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """`max_pool1d`, `max_pool2d` or `max_pool3d`, by the rank of `input`."""
    return _by_rank("MAX", input, ksize, strides, padding, data_format, name)


@public("nn.avg_pool_v2")
def avg_pool_v2(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """`avg_pool1d`, `avg_pool2d` or `avg_pool3d`, by the rank of `input`."""
    return _by_rank("AVG", input, ksize, strides, padding, data_format, name)


@public("nn.max_pool_with_argmax")
def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    Targmax: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool` and where each maximum came from.

    Returns
    -------
    output, argmax : Tensor
        `argmax` counts the elements of an example in row-major order, or those of the whole input with
        `include_batch_in_index`; its type is `output_dtype` (int64).

    Raises
    ------
    ValueError
        If `data_format` is not ``NHWC``.
    """
    if data_format != "NHWC":
        raise ValueError("Data formats other than 'NHWC' are not yet supported")
    output, argmax = apply(
        MAX_POOL_WITH_ARGMAX,
        input,
        ksize=list(ksize),
        strides=list(strides),
        padding=padding,
        Targmax=one_of("output_dtype", output_dtype, "Targmax", Targmax),
        include_batch_in_index=include_batch_in_index,
        name=name,
    )
    return output, argmax


@public("nn.pool")
def pool(
    input: Any,
    window_shape: Sequence[int],
    pooling_type: str,
    padding: str,
    dilation_rate: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Sequence[int] | None = None,
) -> Tensor:
    """A pooling over one to three spatial axes, possibly dilated.

    Parameters
    ----------
    input : tensor-like
        ``(batch, *spatial, channels)``, or channels second if `data_format` starts with ``NC``.
    window_shape : list of int
        One per spatial axis.
    pooling_type : str
        ``MAX`` or ``AVG``.
    padding : str
        ``SAME`` or ``VALID``; dilation needs ``VALID``.
    dilation_rate, dilations, strides : list of int, optional

    Raises
    ------
    ValueError
        If arguments do not fit together.
    """
    rates = one_of("dilations", dilations, "dilation_rate", dilation_rate)
    with name_scope(name, f"{pooling_type.lower()}_pool", [input]) as scope:
        x = convert_to_tensor(input, name="input")
        spatial = len(window_shape)
        if not 1 <= spatial <= 3:
            raise ValueError("It is required that 1 <= num_spatial_dims <= 3.")
        with_rank(x._shape, spatial + 2)
        steps, rate = strides_and_rates(spatial, strides, rates)
        if padding == "SAME" and (rate > 1).any():
            raise ValueError("pooling with SAME padding is not implemented for dilation_rate > 1")
        if (steps > np.asarray(window_shape)).any():
            raise ValueError(
                "strides > window_shape not supported due to inconsistency between CPU and GPU implementations"
            )
        ops = {("MAX", 2): MAX_POOL, ("MAX", 3): MAX_POOL_3D, ("AVG", 2): AVG_POOL, ("AVG", 3): AVG_POOL_3D}
        opdef = ops.get((pooling_type, max(spatial, 2)))
        if opdef is None:
            raise ValueError(f"{spatial}-D {pooling_type} pooling is not supported.")
        first_channels = data_format is not None and data_format.startswith("NC")
        lead, tail = ([1, 1], []) if first_channels else ([1], [1])
        sizes = [*lead, *window_shape, *tail]
        around = [*lead, *(int(n) for n in steps), *tail]
        axes = list(range(len(lead), len(lead) + spatial))
        layout = data_format
        if spatial == 1:
            if data_format not in (None, "NWC", "NCW"):
                raise ValueError('data_format must be either "NWC" or "NCW".')
            layout = "NCHW" if first_channels else "NHWC"
            sizes, around = [1, *sizes], [1, *around]

        def op(parts: Tensor, _: int, chosen: str) -> Tensor:
            if spatial == 1:
                parts = expand_dims(parts, axes[0])
            result = _pool(opdef, parts, sizes, around, chosen, layout, scope)
            return squeeze(result, [axes[0]]) if spatial == 1 else result

        return with_space_to_batch(
            x, dilation_rate=rate, padding=padding, op=op, spatial_dims=axes, filter_shape=window_shape
        )
