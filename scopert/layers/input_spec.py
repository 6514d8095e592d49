"""What a layer demands of its inputs."""

from __future__ import annotations

from typing import Any

from scopert import nest
from scopert.graph.dtypes import as_dtype
from scopert.graph.shape import as_tuple
from scopert.public import public


@public("layers.InputSpec", "keras.layers.InputSpec")
class InputSpec:
    """Type, rank and shape that one input of a layer must have; None demands nothing.

    Parameters
    ----------
    dtype : DType or str, optional
    shape : shape, optional
        None entries fit any size.
    ndim, max_ndim, min_ndim : int, optional
    axes : dict of int to int, optional
        Sizes of single axes.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.layers.InputSpec(ndim=4, axes={-1: 3}).ndim
    4
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
    ) -> None:
        self.dtype = None if dtype is None else as_dtype(dtype).name
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(tuple(shape))
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}

    def __repr__(self) -> str:
        given = {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes or None,
        }
        return f"InputSpec({', '.join(f'{name}={value}' for name, value in given.items() if value is not None)})"


def check_inputs(specs: Any, inputs: Any, layer_name: str) -> None:
    """Whether inputs are what a layer demands.

    Raises
    ------
    ValueError
        If they are not, saying which input, what was expected and what was found.
    """
    if not specs:
        return
    tensors = nest.flatten(inputs)
    wanted = nest.flatten(specs)
    if len(tensors) != len(wanted):
        raise ValueError(
            f"Layer {layer_name} expects {len(wanted)} inputs, but it received {len(tensors)} input tensors. "
            f"Inputs received: {tensors}"
        )
    for index, (tensor, spec) in enumerate(zip(tensors, wanted, strict=True)):
        if spec is not None:
            problem = _problem(spec, tensor)
            if problem:
                raise ValueError(f"Input {index} of layer {layer_name} is incompatible with the layer: {problem}")


def _problem(spec: InputSpec, tensor: Any) -> str | None:
    shape = as_tuple(tensor.shape)
    if (spec.ndim, spec.min_ndim, spec.max_ndim) != (None, None, None) and shape is None:
        return "its rank is undefined, but the layer requires a defined rank."
    found = "" if shape is None else f"Full shape received: {list(shape)}"
    if shape is not None:
        if spec.ndim is not None and len(shape) != spec.ndim:
            return f"expected ndim={spec.ndim}, found ndim={len(shape)}. {found}"
        if spec.max_ndim is not None and len(shape) > spec.max_ndim:
            return f"expected max_ndim={spec.max_ndim}, found ndim={len(shape)}"
        if spec.min_ndim is not None and len(shape) < spec.min_ndim:
            return f"expected min_ndim={spec.min_ndim}, found ndim={len(shape)}. {found}"
    if spec.dtype is not None and tensor.dtype.base.name != spec.dtype:
        return f"expected dtype={spec.dtype}, found dtype={tensor.dtype.base.name}"
    if shape is None:
        return None
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            return (
                f"expected axis {axis} of input shape to have value {size} but received input with shape {list(shape)}"
            )
    if spec.shape is not None:
        for wanted, size in zip(spec.shape, shape, strict=False):
            if wanted is not None and size is not None and wanted != size:
                return f"expected shape={spec.shape}, found shape={list(shape)}"
    return None
