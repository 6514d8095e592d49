"""Dilation by rearrangement: run an op on interleaved parts of the image, then weave the results together.

A dilated window sees every ``rate``-th element. Moving the elements of each residue class into an example
of its own turns it into a plain window, which is how TensorFlow 1 builds dilated convolutions and poolings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.shape_rules import at_least_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_space import batch_to_space_nd, required_space_to_batch_paddings, space_to_batch_nd
from scopert.ops.array_stack import stack
from scopert.public import public

WindowOp = Callable[[Tensor, Any], Tensor]


class SpaceToBatch:
    """An op over windows, prepared for one dilation rate.

    Parameters
    ----------
    input_shape : tuple or None
    dilation_rate : tensor-like
        A vector of positive int32, one per spatial axis.
    padding : str
        ``SAME`` or ``VALID``.
    build : callable
        ``build(padding)`` gives ``op(input, filter)``.
    filter_shape : tensor-like, optional
        The window's extent, in its leading entries. SAME needs it.
    spatial_dims : list of int, optional
        Which axes are spatial. Default: by `data_format`.
    data_format : str, optional

    Raises
    ------
    ValueError
        If the rates are not a vector of known length or not positive, axes are not rising, or `input_shape`
        has too few axes.
    """

    def __init__(
        self,
        input_shape: Shape,
        dilation_rate: Any,
        padding: str,
        build: Callable[[str], WindowOp],
        filter_shape: Any = None,
        spatial_dims: Sequence[int] | None = None,
        data_format: str | None = None,
    ) -> None:
        rate = convert_to_tensor(dilation_rate, dtype="int32", name="dilation_rate")
        if rate._shape is None or len(rate._shape) != 1:
            raise ValueError("rate must be rank 1")
        count = rate._shape[0]
        if count is None:
            raise ValueError("rate must have known shape")
        first = 2 if data_format is not None and data_format.startswith("NC") else 1
        axes = list(range(first, count + first)) if spatial_dims is None else [int(axis) for axis in spatial_dims]
        if axes != sorted(set(axes)) or any(axis < 1 for axis in axes):
            raise ValueError("spatial_dims must be a monotonically increasing sequence of positive integers")
        at_least_rank(input_shape, axes[-1] + (1 if first == 2 else 2))
        self._data_format = data_format
        self._axes = axes
        self._rate = rate
        self._pads: Any = None
        known = constant_value(rate)
        if known is not None:
            if (known < 1).any():
                raise ValueError("dilation_rate must be positive")
            if (known == 1).all():
                self._op = build(padding)
                self._plain = True
                return
        self._plain = False
        if padding == "SAME":
            if filter_shape is None:
                raise ValueError("filter_shape must be specified for SAME padding")
            extent = convert_to_tensor(filter_shape, name="filter_shape")
            fixed = constant_value(extent)
            self._pads = _same_pads(extent if fixed is None else fixed, count, rate if known is None else known)
        elif padding == "VALID":
            self._pads = np.zeros([count, 2], np.int32)
        else:
            raise ValueError(f"Invalid padding method '{padding}'")
        self._op = build("VALID")

    def __call__(self, inputs: Tensor, filters: Any = None) -> Tensor:
        """The op applied with the dilation."""
        if self._plain:
            return self._op(inputs, filters)
        sizes: Any = None
        if inputs._shape is not None:
            sizes = [inputs._shape[axis] for axis in self._axes]
        if sizes is None or None in sizes:
            full = shape_of(inputs)
            sizes = stack([full[axis] for axis in self._axes])
        paddings, crops = required_space_to_batch_paddings(
            input_shape=sizes, base_paddings=self._pads, block_shape=self._rate
        )
        rate = _fill_gaps(self._rate, 1, self._axes)
        paddings = _fill_gaps(paddings, 0, self._axes)
        crops = _fill_gaps(crops, 0, self._axes)
        parts = space_to_batch_nd(inputs, block_shape=rate, paddings=paddings)
        result = batch_to_space_nd(self._op(parts, filters), block_shape=rate, crops=crops)
        if self._data_format is not None and self._data_format.startswith("NC"):
            shape = result._shape
            if shape is not None and not shape[1] and filters is not None and filters._shape is not None:
                result.set_shape((shape[0], filters._shape[-1], *shape[2:]))
        return result


def _same_pads(extent: Any, count: int, rate: Any) -> Tensor:
    """Padding of SAME for a dilated window, as a ``(count, 2)`` matrix."""
    total = (extent[:count] - 1) * rate
    before = total // 2
    after = total - before
    return stack([[before[axis], after[axis]] for axis in range(count)])


def _fill_gaps(original: Tensor, fill: int, axes: Sequence[int]) -> Any:
    """Rows for every axis from 1 on, where ``original`` has them for the spatial ones alone."""
    assert original._shape is not None
    known = constant_value(original)
    source = original if known is None else known
    parts: list[Any] = []
    previous = start = 0
    while start < len(axes):
        end = start
        while end + 1 < len(axes) and axes[end + 1] == axes[end] + 1:
            end += 1
        if axes[start] > 1:
            rows = [axes[start] - 1 - previous, *original._shape[1:]]
            parts.append(np.full(rows, fill, original.dtype.np))
        parts.append(source[start : end + 1])
        previous = axes[end]
        start = end + 1
    return np.concatenate(parts) if known is not None else concat(parts, 0)


@public("nn.with_space_to_batch")
def with_space_to_batch(
    input: Any,
    dilation_rate: Any,
    padding: str,
    op: Callable[..., Tensor],
    filter_shape: Any = None,
    spatial_dims: Sequence[int] | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Run ``op(input, num_spatial_dims, padding)`` as if its windows were dilated.

    Parameters
    ----------
    input : tensor-like
        The spatial axes follow the batch, or the channels if `data_format` starts with ``NC``.
    dilation_rate : vector of int32
        One positive rate per spatial axis.
    padding : str
        ``SAME`` or ``VALID``; where a rate exceeds 1, `op` is called with ``VALID``.
    op : callable
    filter_shape : vector of int, optional
        Needed for ``SAME``.
    spatial_dims : list of int, optional
    data_format : str, optional

    Raises
    ------
    ValueError
        If rates, axes or padding are not valid, or `input` has too few axes.
    """
    tensor = convert_to_tensor(input, name="input")

    def build(chosen: str) -> WindowOp:
        def call(parts: Tensor, _: Any) -> Tensor:
            return op(parts, len(prepared._axes), chosen)

        return call

    prepared = SpaceToBatch(tensor._shape, dilation_rate, padding, build, filter_shape, spatial_dims, data_format)
    return prepared(tensor)
