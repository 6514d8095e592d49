"""Pooling layers in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.tensor import Tensor
from scopert.layers.arguments import check_data_format, check_padding, int_tuple, op_format, window_length
from scopert.layers.functional import functional
from scopert.layers.input_spec import InputSpec
from scopert.layers.layer import Layer
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.nn_pooling import avg_pool, avg_pool3d, max_pool, max_pool3d
from scopert.public import export, public


class PoolingLayer(Layer):
    """A pooling over the spatial axes.

    Parameters
    ----------
    rank : int
    op : callable
        The pooling of images, or of volumes for rank 3.
    pool_size, strides : int or tuple of `rank` int
    padding : str
        ``valid`` or ``same``.
    data_format : str
        ``channels_last`` or ``channels_first``.
    name : str, optional

    Raises
    ------
    ValueError
        If sizes, padding or layout are not valid.
    """

    def __init__(
        self, rank: int, op: Callable[..., Tensor], pool_size: Any, strides: Any, padding: str, data_format: str,
        name: Any, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, **kwargs)
        self.rank = rank
        self.pool_function = op
        self.pool_size = int_tuple(pool_size, rank, "pool_size")
        self.strides = int_tuple(pool_size if strides is None else strides, rank, "strides")
        self.padding = check_padding(padding)
        self.data_format = check_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _around(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (1, *sizes, 1) if self.data_format == "channels_last" else (1, 1, *sizes)

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        sizes, strides = self.pool_size, self.strides
        axis = 2 if self.data_format == "channels_last" else 3
        if self.rank == 1:
            inputs = expand_dims(inputs, axis)
            sizes, strides = (*sizes, 1), (*strides, 1)
        outputs = self.pool_function(
            inputs,
            self._around(sizes),
            self._around(strides),
            self.padding.upper(),
            data_format=op_format(self.data_format, max(self.rank, 2)),
        )
        return squeeze(outputs, [axis]) if self.rank == 1 else outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        shape = list(as_tuple(input_shape) or ())
        first = 1 if self.data_format == "channels_last" else 2
        for k, (size, stride) in enumerate(zip(self.pool_size, self.strides, strict=True)):
            shape[first + k] = window_length(shape[first + k], size, self.padding, stride)
        return TensorShape(shape)


@public("layers.MaxPooling1D")
class MaxPooling1D(PoolingLayer):
    """The largest element of each window of ``(batch, width, channels)``; see `PoolingLayer`."""

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(1, max_pool, pool_size, strides, padding, data_format, name, **kwargs)


@public("layers.AveragePooling1D")
class AveragePooling1D(PoolingLayer):
    """The mean of each window of ``(batch, width, channels)``; see `PoolingLayer`."""

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(1, avg_pool, pool_size, strides, padding, data_format, name, **kwargs)


@public("layers.MaxPooling2D")
class MaxPooling2D(PoolingLayer):
    """The largest element of each window of ``(batch, height, width, channels)``; see `PoolingLayer`."""

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(2, max_pool, pool_size, strides, padding, data_format, name, **kwargs)


@public("layers.AveragePooling2D")
class AveragePooling2D(PoolingLayer):
    """The mean of each window of ``(batch, height, width, channels)``; see `PoolingLayer`."""

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(2, avg_pool, pool_size, strides, padding, data_format, name, **kwargs)


@public("layers.MaxPooling3D")
class MaxPooling3D(PoolingLayer):
    """The largest element of each window of ``(batch, depth, height, width, channels)``; see `PoolingLayer`."""

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(3, max_pool3d, pool_size, strides, padding, data_format, name, **kwargs)


@public("layers.AveragePooling3D")
class AveragePooling3D(PoolingLayer):
    """The mean of each window of ``(batch, depth, height, width, channels)``; see `PoolingLayer`."""

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(3, avg_pool3d, pool_size, strides, padding, data_format, name, **kwargs)


max_pooling1d = functional(MaxPooling1D, "max_pooling1d", shares=False)
average_pooling1d = functional(AveragePooling1D, "average_pooling1d", shares=False)
max_pooling2d = functional(MaxPooling2D, "max_pooling2d", shares=False)
average_pooling2d = functional(AveragePooling2D, "average_pooling2d", shares=False)
max_pooling3d = functional(MaxPooling3D, "max_pooling3d", shares=False)
average_pooling3d = functional(AveragePooling3D, "average_pooling3d", shares=False)

for _kind in ("max_pooling", "average_pooling"):
    for _rank in ("1d", "2d", "3d"):
        export(__name__, _kind + _rank, f"layers.{_kind}{_rank}")
