"""Rounding to a grid of so many bits, as quantized inference will do it, with gradients for training.

The grid: `min` and `max` are moved a little so that 0 is one of its points (Jacob et al. 2018, "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 3.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.public import public

_BITS = "num_bits: int = 8; narrow_range: bool = false"
_F = np.float32


def _grid(xp: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> tuple[Any, Any, Any]:
    """The lowest and the highest point of the grid, and the distance of its points."""
    if not 2 <= num_bits <= 16:
        raise InvalidArgumentError(None, None, f"num_bits must be between 2 and 16, inclusive, got {num_bits}")
    first, last = _F(1 if narrow_range else 0), _F(2**num_bits - 1)
    scale = (high - low) / (last - first)
    zero = first - low / scale
    zero = xp.where(zero < first, first, xp.where(zero > last, last, xp.floor(zero + _F(0.5))))
    return (first - zero) * scale, (last - zero) * scale, scale


def _rounded(xp: Any, inputs: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> Any:
    bottom, top, scale = _grid(xp, low, high, num_bits, narrow_range)
    steps = (xp.minimum(xp.maximum(inputs, bottom), top) - bottom) * (_F(1) / scale)
    return (xp.floor(steps + _F(0.5)) * scale + bottom).astype(np.float32)


def _args_kernel(xp: Any, inputs: Any, *, min: float, max: float, num_bits: int, narrow_range: bool) -> Any:
    if not min < max:
        raise InvalidArgumentError(None, None, f"min has to be smaller than max, was: {min} >= {max}")
    return _rounded(xp, inputs, _F(min), _F(max), num_bits, narrow_range)


def _args_grad_kernel(
    xp: Any, gradients: Any, inputs: Any, *, min: float, max: float, num_bits: int, narrow_range: bool
) -> Any:
    bottom, top, _ = _grid(xp, _F(min), _F(max), num_bits, narrow_range)
    return xp.where((inputs >= bottom) & (inputs <= top), gradients, _F(0))


FAKE_QUANT_ARGS = define_op(
    "FakeQuantWithMinMaxArgs",
    inputs="inputs: float32",
    outputs="outputs: float32",
    attrs=f"min: float = -6.0; max: float = 6.0; {_BITS}",
    shape=same_as_first,
    kernel=_args_kernel,
)
FAKE_QUANT_ARGS_GRADIENT = define_op(
    "FakeQuantWithMinMaxArgsGradient",
    inputs="gradients: float32, inputs: float32",
    outputs="backprops: float32",
    attrs=f"min: float = -6.0; max: float = 6.0; {_BITS}",
    shape=same_as_first,
    kernel=_args_grad_kernel,
)


def _is_nothing(low: Any, high: Any) -> bool:
    return bool((low == 0).all()) and bool((high == 0).all())


def _vars_kernel(xp: Any, inputs: Any, low: Any, high: Any, *, num_bits: int, narrow_range: bool) -> Any:
    if _is_nothing(low, high):
        return xp.zeros_like(inputs)
    return _rounded(xp, inputs, low, high, num_bits, narrow_range)


def _vars_grad_kernel(
    xp: Any, gradients: Any, inputs: Any, low: Any, high: Any, *, num_bits: int, narrow_range: bool
) -> tuple[Any, Any, Any]:
    if _is_nothing(low, high):
        return xp.array(gradients), xp.zeros_like(low), xp.zeros_like(high)
    bottom, top, _ = _grid(xp, low, high, num_bits, narrow_range)
    inside = (inputs >= bottom) & (inputs <= top)
    # Each channel, if there are several, has limits of its own: all axes but that of the limits are added up.
    axes = tuple(range(inputs.ndim - low.ndim))
    below = xp.where(inputs < bottom, gradients, _F(0)).sum(axis=axes, dtype=np.float32)
    above = xp.where(inputs > top, gradients, _F(0)).sum(axis=axes, dtype=np.float32)
    return xp.where(inside, gradients, _F(0)), below, above


def _limits(op: Operation, position: int, rank: int) -> None:
    for tensor in op.inputs[position:]:
        if tensor._shape is not None and len(tensor._shape) != rank:
            raise ValueError(f"Shape must be rank {rank} but is rank {len(tensor._shape)}")


def _vars_rule(rank: int) -> Any:
    def rule(op: Operation) -> list[Shape]:
        _limits(op, 1, rank)
        return [op.inputs[0]._shape]

    return rule


def _vars_grad_rule(rank: int) -> Any:
    def rule(op: Operation) -> list[Shape]:
        _limits(op, 2, rank)
        return [op.inputs[0]._shape, op.inputs[2]._shape, op.inputs[3]._shape]

    return rule


def _define_vars(name: str, rank: int) -> tuple[Any, Any]:
    forward = define_op(
        name,
        inputs="inputs: float32, min: float32, max: float32",
        outputs="outputs: float32",
        attrs=_BITS,
        shape=_vars_rule(rank),
        kernel=_vars_kernel,
    )
    backward = define_op(
        name + "Gradient",
        inputs="gradients: float32, inputs: float32, min: float32, max: float32",
        outputs="backprops_wrt_input: float32, backprop_wrt_min: float32, backprop_wrt_max: float32",
        attrs=_BITS,
        shape=_vars_grad_rule(rank),
        kernel=_vars_grad_kernel,
    )
    return forward, backward


FAKE_QUANT_VARS, FAKE_QUANT_VARS_GRADIENT = _define_vars("FakeQuantWithMinMaxVars", 0)
FAKE_QUANT_CHANNELS, FAKE_QUANT_CHANNELS_GRADIENT = _define_vars("FakeQuantWithMinMaxVarsPerChannel", 1)


def _attrs(op: Operation, *names: str) -> dict[str, Any]:
    return {name: op.get_attr(name) for name in (*names, "num_bits", "narrow_range")}


@gradient("FakeQuantWithMinMaxArgs")
def _args_grad(op: Operation, grad: Any) -> Any:
    return apply(FAKE_QUANT_ARGS_GRADIENT, grad, op.inputs[0], **_attrs(op, "min", "max"))


@gradient("FakeQuantWithMinMaxVars")
def _vars_grad(op: Operation, grad: Any) -> Any:
    return apply(FAKE_QUANT_VARS_GRADIENT, grad, *op.inputs, **_attrs(op))


@gradient("FakeQuantWithMinMaxVarsPerChannel")
def _channels_grad(op: Operation, grad: Any) -> Any:
    return apply(FAKE_QUANT_CHANNELS_GRADIENT, grad, *op.inputs, **_attrs(op))


@public("fake_quant_with_min_max_args", "quantization.fake_quant_with_min_max_args")
def fake_quant_with_min_max_args(
    inputs: Any, min: float = -6, max: float = 6, num_bits: int = 8, narrow_range: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """`inputs` rounded to a grid of ``2 ** num_bits`` points from `min` to `max`.

    Parameters
    ----------
    inputs : Tensor
        float32.
    min, max : float, optional
        The range, which is moved a little so that 0 lies on the grid.
    num_bits : int, optional
        From 2 to 16.
    narrow_range : bool, optional
        Whether the lowest point is left out.
    name : str, optional
        The operation's name.
    """
    return apply(FAKE_QUANT_ARGS, inputs, min=min, max=max, num_bits=num_bits, narrow_range=narrow_range, name=name)


@public("fake_quant_with_min_max_args_gradient", "quantization.fake_quant_with_min_max_args_gradient")
def fake_quant_with_min_max_args_gradient(
    gradients: Any, inputs: Any, min: float = -6, max: float = 6, num_bits: int = 8, narrow_range: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The gradient of `fake_quant_with_min_max_args`: 0 for inputs outside the range."""
    return apply(
        FAKE_QUANT_ARGS_GRADIENT, gradients, inputs, min=min, max=max, num_bits=num_bits, narrow_range=narrow_range,
        name=name,
    )  # fmt: skip


@public("fake_quant_with_min_max_vars", "quantization.fake_quant_with_min_max_vars")
def fake_quant_with_min_max_vars(
    inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False, name: str | None = None
) -> Tensor:
    """Like `fake_quant_with_min_max_args`, with scalar tensors as limits, which can be learnt."""
    return apply(FAKE_QUANT_VARS, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name)


@public("fake_quant_with_min_max_vars_gradient", "quantization.fake_quant_with_min_max_vars_gradient")
def fake_quant_with_min_max_vars_gradient(
    gradients: Any, inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False,
    name: str | None = None,
) -> list[Tensor]:  # fmt: skip
    """The gradients of `fake_quant_with_min_max_vars` with respect to its inputs and limits."""
    return apply(
        FAKE_QUANT_VARS_GRADIENT, gradients, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name
    )


@public("fake_quant_with_min_max_vars_per_channel", "quantization.fake_quant_with_min_max_vars_per_channel")
def fake_quant_with_min_max_vars_per_channel(
    inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False, name: str | None = None
) -> Tensor:
    """Like `fake_quant_with_min_max_vars`, with limits of its own for each place of the last axis."""
    return apply(FAKE_QUANT_CHANNELS, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name)


@public(
    "fake_quant_with_min_max_vars_per_channel_gradient",
    "quantization.fake_quant_with_min_max_vars_per_channel_gradient",
)
def fake_quant_with_min_max_vars_per_channel_gradient(
    gradients: Any, inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False,
    name: str | None = None,
) -> list[Tensor]:  # fmt: skip
    """The gradients of `fake_quant_with_min_max_vars_per_channel` with respect to its inputs and limits."""
    return apply(
        FAKE_QUANT_CHANNELS_GRADIENT, gradients, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range,
        name=name,
    )  # fmt: skip
