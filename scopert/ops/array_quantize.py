"""Numbers as small integers, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.dtypes import DType
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Tensor
from scopert.public import public

_QUANTIZED = "{qint8, quint8, qint32, qint16, quint16}"
_MODES = 'mode: {"MIN_COMBINED", "MIN_FIRST", "SCALED"} = "MIN_COMBINED"'
_FLOATS = "{bfloat16, float16, float32, float64}"
_F = np.float32


def _away_from_zero(xp: Any, x: Any) -> Any:
    return xp.trunc(x + xp.where(x < 0, _F(-0.5), _F(0.5)))


def _largest_scale(low: Any, high: Any, first: float, last: float) -> Any:
    """The factor with which both limits stay among the integers from `first` to `last`."""
    most = np.finfo(np.float32).max
    from_low = _F(first) / low if first * low > 0 else most
    from_high = _F(last) / high if last * high > 0 else most
    return min(from_low, from_high)


def _quantize_kernel(
    xp: Any, x: Any, min_range: Any, max_range: Any, *, T: DType, mode: Any, round_mode: Any
) -> tuple[Any, Any, Any]:
    info = np.iinfo(T.np)
    low = min(_F(0), _F(min_range))
    margin = max(_F(1), max(abs(_F(min_range)), abs(_F(max_range)))) / _F(100)
    high = max(_F(0), max(_F(max_range), low + margin))
    if mode == "MIN_COMBINED":
        scale = _F((_F(info.max) - _F(info.min)) / (high - low))
        half = _F(0) if info.min == 0 else (_F(info.max) - _F(info.min) + _F(1)) / _F(2)
        steps = (xp.clip(x, low, high) - low) * scale - half
        return _away_from_zero(xp, steps).astype(T.np), low, high
    if mode == "MIN_FIRST":
        count = 2.0 ** (info.bits)
        factor = count / ((float(high) - float(low)) * (count / (count - 1)))
        offset = np.floor(float(low) * factor + 0.5) - info.min
        steps = _away_from_zero(xp, x.astype(np.float64) * factor) - offset
        return xp.clip(steps, info.min, info.max).astype(T.np), low, high
    scale = _largest_scale(low, high, float(info.min), float(info.max))
    low, high = _F(info.min) / scale, _F(info.max) / scale
    steps = xp.clip(x, low, high) * scale
    to_even = round_mode == "HALF_TO_EVEN"
    return (xp.rint(steps) if to_even else _away_from_zero(xp, steps)).astype(T.np), _F(low), _F(high)


QUANTIZE_V2 = define_op(
    "QuantizeV2",
    inputs="input: float32, min_range: float32, max_range: float32",
    outputs="output: T, output_min: float32, output_max: float32",
    attrs=f'T: {_QUANTIZED}; {_MODES}; round_mode: {{"HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"}} = "HALF_AWAY_FROM_ZERO"',
    shape=lambda op: [op.inputs[0]._shape, (), ()],
    kernel=_quantize_kernel,
)


class QuantizeOutput(NamedTuple):
    """What `quantize` makes."""

    output: Tensor
    output_min: Tensor
    output_max: Tensor


@public("quantization.quantize", "quantize")
def quantize(
    input: Any, min_range: Any, max_range: Any, T: Any, mode: str = "MIN_COMBINED",
    round_mode: str = "HALF_AWAY_FROM_ZERO", name: str | None = None,
) -> QuantizeOutput:  # fmt: skip
    """`input` as integers of a quantized type, and the range that these stand for.

    Parameters
    ----------
    input : Tensor
        float32.
    min_range, max_range : Tensor
        The range of `input`: scalars.
    T : DType
        A quantized type.
    mode : {"MIN_COMBINED", "MIN_FIRST", "SCALED"}, optional
        How numbers correspond to integers.
    round_mode : {"HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"}, optional
        How ties are rounded, in mode ``SCALED``.
    name : str, optional
        The operation's name.
    """
    return QuantizeOutput(
        *apply(QUANTIZE_V2, input, min_range, max_range, T=T, mode=mode, round_mode=round_mode, name=name)
    )


@public("quantize_v2")
def quantize_v2(
    input: Any, min_range: Any, max_range: Any, T: Any, mode: str = "MIN_COMBINED", name: str | None = None,
    round_mode: str = "HALF_AWAY_FROM_ZERO",
) -> QuantizeOutput:  # fmt: skip
    """See `quantize`."""
    return quantize(input, min_range, max_range, T, mode, round_mode, name)


def _dequantize_kernel(xp: Any, x: Any, min_range: Any, max_range: Any, *, mode: Any) -> Any:
    info = np.iinfo(x.dtype)
    low, high = _F(min_range), _F(max_range)
    if mode == "MIN_COMBINED":
        scale = (high - low) / (_F(info.max) - _F(info.min))
        half = _F(0) if info.min == 0 else (_F(info.max) - _F(info.min) + _F(1)) / _F(2)
        return (x.astype(np.float32) + half) * scale + low
    if mode == "MIN_FIRST":
        count = 2.0**info.bits
        step = (float(high) - float(low)) * (count / (count - 1)) / count
        base = float(low) if high == low else np.floor(float(low) / step + 0.5) * step
        return (base + (x.astype(np.float64) - info.min) * step).astype(np.float32)
    from_high = high / _F(info.max)
    return x.astype(np.float32) * (from_high if info.min == 0 else max(low / _F(info.min), from_high))


DEQUANTIZE = define_op(
    "Dequantize",
    inputs="input: T, min_range: float32, max_range: float32",
    outputs="output: float32",
    attrs=f"T: {_QUANTIZED}; {_MODES}",
    shape=same_as_first,
    kernel=_dequantize_kernel,
)


@public("dequantize", "quantization.dequantize")
def dequantize(
    input: Any, min_range: Any, max_range: Any, mode: str = "MIN_COMBINED", name: str | None = None
) -> Tensor:
    """The numbers that integers of a quantized type stand for: the inverse of `quantize`."""
    return apply(DEQUANTIZE, input, min_range, max_range, mode=mode, name=name)


def _round_trip(
    xp: Any, x: Any, low: Any, high: Any, signed: bool, bits: int, given: bool, narrow: bool, round_mode: str
) -> Any:
    kind = x.dtype.type
    if not (1 if not signed else 2) <= bits < 63:
        raise InvalidArgumentError(None, None, f"num_bits is out of range: {bits} with signed_input {signed}")
    if given and low > high:
        raise InvalidArgumentError(None, None, f"Invalid range: input_min {low} > input_max {high}")
    if not given:
        low, high = (x.min(), x.max()) if x.size else (kind(0), kind(0))
    first = (-(2 ** (bits - 1)) + narrow) if signed else 0
    last = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    most = np.finfo(np.float32).max if x.dtype.itemsize < 8 else np.finfo(np.float64).max
    from_low = kind(first) / low if first * float(low) > 0 else most
    from_high = kind(last) / high if last * float(high) > 0 else most
    if from_low < from_high:
        scale, back = from_low, low / kind(first)
        high = kind(last) * back
    else:
        scale, back = from_high, high / kind(last)
        low = kind(first) * back
    steps = (xp.clip(x, low, high) if given else x) * scale
    rounded = xp.floor(steps + kind(0.5)) if round_mode == "HALF_UP" else xp.rint(steps)
    return (rounded * back + kind(0)).astype(x.dtype)  # no negative zeros


def _v2_kernel(
    xp: Any, x: Any, input_min: Any, input_max: Any, *, signed_input: bool, num_bits: int, range_given: bool,
    round_mode: Any, narrow_range: bool,
) -> Any:  # fmt: skip
    return _round_trip(xp, x, input_min, input_max, signed_input, num_bits, range_given, narrow_range, round_mode)


def _v3_kernel(
    xp: Any, x: Any, input_min: Any, input_max: Any, num_bits: Any, *, signed_input: bool, range_given: bool,
    narrow_range: bool,
) -> Any:  # fmt: skip
    bits = int(num_bits)
    return _round_trip(xp, x, input_min, input_max, signed_input, bits, range_given, narrow_range, "HALF_TO_EVEN")


QUANTIZE_AND_DEQUANTIZE_V2 = define_op(
    "QuantizeAndDequantizeV2",
    inputs="input: T, input_min: T, input_max: T",
    outputs="output: T",
    attrs=f"signed_input: bool = true; num_bits: int = 8; range_given: bool = false; T: {_FLOATS}; "
    'round_mode: {"HALF_TO_EVEN", "HALF_UP"} = "HALF_TO_EVEN"; narrow_range: bool = false',
    shape=same_as_first,
    kernel=_v2_kernel,
)
QUANTIZE_AND_DEQUANTIZE_V3 = define_op(
    "QuantizeAndDequantizeV3",
    inputs="input: T, input_min: T, input_max: T, num_bits: int32",
    outputs="output: T",
    attrs=f"signed_input: bool = true; range_given: bool = true; T: {_FLOATS}; narrow_range: bool = false",
    shape=same_as_first,
    kernel=_v3_kernel,
)


@gradient("QuantizeAndDequantizeV2")
def _v2_grad(op: Operation, grad: Any) -> Any:
    return [grad, None, None]


@gradient("QuantizeAndDequantizeV3")
def _v3_grad(op: Operation, grad: Any) -> Any:
    return [grad, None, None, None]


@public("quantization.quantize_and_dequantize")
def quantize_and_dequantize(
    input: Any, input_min: Any, input_max: Any, signed_input: bool = True, num_bits: int = 8,
    range_given: bool = False, round_mode: str = "HALF_TO_EVEN", name: str | None = None, narrow_range: bool = False,
) -> Tensor:  # fmt: skip
    """`input` with the precision that it would have after quantization.

    Parameters
    ----------
    input : Tensor
        Of a floating-point type.
    input_min, input_max : Tensor
        Its range, used if `range_given`; what is outside is clipped.
    signed_input : bool, optional
        Whether half the integers are negative.
    num_bits : int, optional
        How many bits an integer has.
    range_given : bool, optional
        Whether the range is given; else it is that of the values.
    round_mode : {"HALF_TO_EVEN", "HALF_UP"}, optional
        How ties are rounded.
    name : str, optional
        The operation's name.
    narrow_range : bool, optional
        Whether the lowest integer is left out.

    Notes
    -----
    The gradient is passed on as it is.
    """
    return apply(
        QUANTIZE_AND_DEQUANTIZE_V2, input, input_min, input_max, signed_input=signed_input, num_bits=num_bits,
        range_given=range_given, round_mode=round_mode, narrow_range=narrow_range, name=name,
    )  # fmt: skip
