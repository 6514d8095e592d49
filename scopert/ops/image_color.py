"""Types and colours of images: conversion, grey, brightness, contrast, hue, saturation."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import is_known
from scopert.graph.shape_rules import at_least_rank, same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import expand_dims
from scopert.ops.array_shape import rank, shape
from scopert.ops.array_stack import stack, unstack
from scopert.ops.array_tile import tile
from scopert.ops.assert_op import assert_
from scopert.ops.check_comparisons import assert_equal, assert_greater_equal, assert_positive
from scopert.ops.math_binary import add, div, div_no_nan, floordiv, maximum, minimum, multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, logical_and, logical_not, logical_or
from scopert.ops.math_reduction import reduce_mean, reduce_prod
from scopert.ops.math_statistics import reduce_std, saturate_cast
from scopert.ops.math_tensordot import tensordot
from scopert.ops.math_unary import rsqrt
from scopert.ops.no_op import with_dependencies
from scopert.ops.random_tensors import random_uniform
from scopert.public import public


@public("image.convert_image_dtype")
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Tensor:
    """Changes the type of an image and scales its values: floats in [0, 1), integers over their whole range.

    Parameters
    ----------
    image : Tensor
    dtype : DType
    saturate : bool
        Clip what does not fit.
    name : str, optional
    """
    image = convert_to_tensor(image, name="image")
    dtype = as_dtype(dtype)
    source = image.dtype.base
    if dtype is source:
        return identity(image, name=name)
    convert = saturate_cast if saturate else cast
    with name_scope(name, "convert_image", [image]) as scope:
        made: Tensor
        if source.is_integer and dtype.is_integer:
            if source.max > dtype.max:
                scaled = floordiv(image, (source.max + 1) // (dtype.max + 1))
                made = convert(scaled, dtype, name=scope)
                return made
            wide = convert(image, dtype)
            return multiply(wide, (dtype.max + 1) // (source.max + 1), name=scope)
        if source.is_floating and dtype.is_floating:
            made = cast(image, dtype, name=scope)
            return made
        if source.is_integer:
            return multiply(cast(image, dtype), 1.0 / source.max, name=scope)
        made = convert(multiply(image, dtype.max + 0.5), dtype, name=scope)
        return made


@public("image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """The luma of colour images (weights of ITU-R BT.601), with one channel."""
    with name_scope(name, "rgb_to_grayscale", [images]) as scope:
        images = convert_to_tensor(images, name="images")
        source = images.dtype
        gray = tensordot(convert_image_dtype(images, dtypes.float32), [0.2989, 0.5870, 0.1140], [-1, -1])
        return convert_image_dtype(expand_dims(gray, -1), source, name=scope)


@public("image.grayscale_to_rgb")
def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Colour images of images with one channel."""
    with name_scope(name, "grayscale_to_rgb", [images]) as scope:
        images = _with_one_channel(convert_to_tensor(images, name="images"))
        others = expand_dims(rank(images) - 1, 0)
        multiples = concat([ones(others, dtypes.int32), expand_dims(3, 0)], 0)
        made = tile(images, multiples, name=scope)
        if images._shape is not None:
            made.set_shape((*images._shape[:-1], 3))
        return made


@public("image.per_image_standardization")
def per_image_standardization(image: Any) -> Tensor:
    """Each image with mean 0 and variance 1; flat ones are divided by ``1 / sqrt(number of values)``."""
    with name_scope(None, "per_image_standardization", [image]) as scope:
        image = _with_three_axes(convert_to_tensor(image, name="image"))
        source = image.dtype
        image = _as_float(image)
        count = reduce_prod(shape(image)[-3:])
        axes = [-1, -2, -3]
        mean = reduce_mean(image, axis=axes, keepdims=True)
        deviation = reduce_std(image, axis=axes, keepdims=True)
        least = rsqrt(cast(count, image.dtype))
        scale = maximum(deviation, least)
        made = div(image - mean, scale, name=scope)
        return convert_image_dtype(made, source, saturate=True)


def _with_three_axes(image: Tensor) -> Tensor:
    """An image or a batch of any rank, checked now if its shape is known, else in each run."""
    sizes = image._shape
    if sizes is not None and len(sizes) < 3:
        raise ValueError(f"'image' must be at least three-dimensional, got shape {image.shape}.")
    if sizes is not None and 0 in sizes[-3:]:
        raise ValueError(f"inner 3 dims of 'image.shape' must be > 0: {image.shape}")
    if is_known(sizes):
        return with_dependencies([], image)
    checks = [
        assert_positive(shape(image), ["all dims of 'image.shape' must be > 0."]),
        assert_greater_equal(rank(image), 3, message="'image' must be at least three-dimensional."),
    ]
    return with_dependencies(checks, image)


def _with_one_channel(image: Tensor) -> Tensor:
    """A grey image, checked now if its shape is known, else in each run."""
    sizes = image._shape
    if sizes and sizes[-1] not in (None, 1):
        raise ValueError("Last dimension of a grayscale image should be size 1.")
    if sizes is not None and len(sizes) < 2:
        raise ValueError("A grayscale image must be at least two-dimensional.")
    if is_known(sizes):
        return with_dependencies([], image)
    checks = [
        assert_equal(shape(image)[-1], 1, message="Last dimension of a grayscale image should be size 1."),
        assert_greater_equal(rank(image), 3, message="A grayscale image must be at least two-dimensional."),
    ]
    return with_dependencies(checks, image)


def _as_float(image: Tensor) -> Tensor:
    if image.dtype.base in (dtypes.float16, dtypes.float32):
        return image
    return convert_image_dtype(image, dtypes.float32)


@public("image.adjust_brightness")
def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """Adds `delta` (of the range [0, 1)) to every value."""
    with name_scope(None, "adjust_brightness", [image, delta]) as scope:
        image = convert_to_tensor(image, name="image")
        values = _as_float(image)
        made = add(values, cast(delta, values.dtype), name=scope)
        return convert_image_dtype(made, image.dtype, saturate=True)


@public("image.adjust_gamma")
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """``gain * image ** gamma``, for values in [0, 1).

    Raises
    ------
    ValueError
        If `gamma` is a negative number; a negative tensor fails in the run.
    """
    with name_scope(None, "adjust_gamma", [image, gamma, gain]):
        image = convert_to_tensor(image, name="image")
        values = _as_float(image)
        wrong = "Gamma should be a non-negative real number."
        if isinstance(gamma, Tensor):
            gamma = with_dependencies([assert_(gamma >= 0, [wrong])], gamma)
        elif gamma < 0:
            raise ValueError(wrong)
        return convert_image_dtype(gain * values**gamma, image.dtype, saturate=True)


def _image_rule(op: Operation) -> list[Shape]:
    return [at_least_rank(op.inputs[0]._shape, 3)]


def _contrast_kernel(xp: Any, images: Any, factor: Any) -> Any:
    wide = images.astype(np.float32)
    mean = wide.mean(axis=(-3, -2), keepdims=True, dtype=np.float32)
    return ((wide - mean) * np.float32(factor) + mean).astype(images.dtype)


ADJUST_CONTRAST = define_op(
    "AdjustContrastv2",
    inputs="images: T, contrast_factor: float32",
    outputs="output: T",
    attrs="T: {float16, float32} = float32",
    shape=_image_rule,
    kernel=_contrast_kernel,
)


@public("image.adjust_contrast")
def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Moves every value away from (or towards) the mean of its channel by a factor."""
    with name_scope(None, "adjust_contrast", [images, contrast_factor]) as scope:
        images = convert_to_tensor(images, name="images")
        made = apply(ADJUST_CONTRAST, _as_float(images), contrast_factor, name=scope)
        return convert_image_dtype(made, images.dtype, saturate=True)


def _to_hsv(xp: Any, rgb: Any) -> Any:
    """Hue, saturation and value, all in [0, 1] (A. R. Smith 1978)."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    value = rgb.max(axis=-1)
    spread = value - rgb.min(axis=-1)
    safe = xp.where(spread > 0, spread, 1)
    saturation = xp.where(value > 0, spread / xp.where(value > 0, value, 1), 0)
    sixth = rgb.dtype.type(1 / 6)
    hue = xp.where(
        red == value,
        sixth * (green - blue) / safe,
        xp.where(green == value, sixth * (blue - red) / safe + 2 * sixth, sixth * (red - green) / safe + 4 * sixth),
    )
    hue = xp.where(spread > 0, hue, 0)
    return xp.stack([xp.where(hue < 0, hue + 1, hue), saturation, value], axis=-1).astype(rgb.dtype)


def _to_rgb(xp: Any, hsv: Any) -> Any:
    hue, saturation, value = hsv[..., 0] * 6, hsv[..., 1], hsv[..., 2]
    channels = [xp.abs(hue - 3) - 1, 2 - xp.abs(hue - 2), 2 - xp.abs(hue - 4)]
    rgb = [(1 - saturation + saturation * xp.clip(channel, 0, 1)) * value for channel in channels]
    return xp.stack(rgb, axis=-1).astype(hsv.dtype)


_COLOR = "T: {float16, bfloat16, float32, float64} = float32"

RGB_TO_HSV = define_op(
    "RGBToHSV", inputs="images: T", outputs="output: T", attrs=_COLOR, shape=same_as_first,
    kernel=lambda xp, images: _to_hsv(xp, images),
)  # fmt: skip

HSV_TO_RGB = define_op(
    "HSVToRGB", inputs="images: T", outputs="output: T", attrs=_COLOR, shape=same_as_first,
    kernel=lambda xp, images: _to_rgb(xp, images), differentiable=False,
)  # fmt: skip


@gradient("RGBToHSV")
def _rgb_to_hsv_grad(op: Operation, grad: Tensor) -> Tensor:
    """Value, saturation = spread / value, and hue = difference / (6 spread) + constant, by the quotient rule."""
    red, green, blue = unstack(op.inputs[0], 3, axis=-1)
    hue_grad, saturation_grad, value_grad = unstack(grad, 3, axis=-1)
    kind = grad.dtype.base
    greatest, least = maximum(maximum(red, green), blue), minimum(minimum(red, green), blue)
    spread = greatest - least

    def first(matches: list[Tensor]) -> list[Tensor]:
        one, two, _ = matches
        second = logical_and(two, logical_not(one))
        third = logical_not(logical_or(one, two))
        return [cast(part, kind) for part in (one, second, third)]

    channels = [red, green, blue]
    tops = first([equal(channel, greatest) for channel in channels])
    bottoms = first([equal(channel, least) for channel in channels])
    difference = tops[0] * (green - blue) + tops[1] * (blue - red) + tops[2] * (red - green)
    slopes = [tops[2] - tops[1], tops[0] - tops[2], tops[1] - tops[0]]
    sixfold = 6.0 * spread
    made = []
    for slope, top, bottom in zip(slopes, tops, bottoms, strict=True):
        of_spread = top - bottom
        of_hue = div_no_nan(slope, sixfold) - div_no_nan(difference * of_spread, sixfold * spread)
        of_saturation = div_no_nan(of_spread, greatest) - div_no_nan(spread * top, greatest * greatest)
        made.append(hue_grad * of_hue + saturation_grad * of_saturation + value_grad * top)
    return stack(made, axis=-1)


@public("image.rgb_to_hsv")
def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Hue, saturation and value in [0, 1] of colours in [0, 1]."""
    return apply(RGB_TO_HSV, images, name=name)


@public("image.hsv_to_rgb")
def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Colours in [0, 1] of hue, saturation and value in [0, 1]."""
    return apply(HSV_TO_RGB, images, name=name)


def _hue_kernel(xp: Any, images: Any, delta: Any) -> Any:
    hsv = _to_hsv(xp, images.astype(np.float32))
    hsv[..., 0] = (hsv[..., 0] + np.float32(delta)) % 1
    return _to_rgb(xp, hsv).astype(images.dtype)


def _saturation_kernel(xp: Any, images: Any, scale: Any) -> Any:
    hsv = _to_hsv(xp, images.astype(np.float32))
    hsv[..., 1] = xp.clip(hsv[..., 1] * np.float32(scale), 0, 1)
    return _to_rgb(xp, hsv).astype(images.dtype)


ADJUST_HUE = define_op(
    "AdjustHue", inputs="images: T, delta: float32", outputs="output: T", attrs="T: {float16, float32} = float32",
    shape=_image_rule, kernel=_hue_kernel,
)  # fmt: skip

ADJUST_SATURATION = define_op(
    "AdjustSaturation", inputs="images: T, scale: float32", outputs="output: T",
    attrs="T: {float16, float32} = float32", shape=_image_rule, kernel=_saturation_kernel,
)  # fmt: skip


@public("image.adjust_hue")
def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """Turns the hue by `delta`, in [-1, 1] full circles."""
    with name_scope(name, "adjust_hue", [image]):
        image = convert_to_tensor(image, name="image")
        return convert_image_dtype(apply(ADJUST_HUE, _as_float(image), delta), image.dtype)


@public("image.adjust_saturation")
def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """Multiplies the saturation by a factor."""
    with name_scope(name, "adjust_saturation", [image]):
        image = convert_to_tensor(image, name="image")
        return convert_image_dtype(apply(ADJUST_SATURATION, _as_float(image), saturation_factor), image.dtype)


@public("image.random_brightness")
def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_brightness` by a draw from [-max_delta, max_delta).

    Raises
    ------
    ValueError
        If `max_delta` is negative.
    """
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def _check_range(lower: float, upper: float) -> None:
    if upper <= lower:
        raise ValueError("upper must be > lower.")
    if lower < 0:
        raise ValueError("lower must be non-negative.")


@public("image.random_contrast")
def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_contrast` by a draw from [lower, upper)."""
    _check_range(lower, upper)
    return adjust_contrast(image, random_uniform([], lower, upper, seed=seed))


@public("image.random_saturation")
def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_saturation` by a draw from [lower, upper)."""
    _check_range(lower, upper)
    return adjust_saturation(image, random_uniform([], lower, upper, seed=seed))


@public("image.random_hue")
def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_hue` by a draw from [-max_delta, max_delta).

    Raises
    ------
    ValueError
        If `max_delta` is not in [0, 0.5].
    """
    if max_delta > 0.5:
        raise ValueError("max_delta must be <= 0.5.")
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_hue(image, random_uniform([], -max_delta, max_delta, seed=seed))
