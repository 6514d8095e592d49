"""Cropping, padding and flipping images of shape ``[height, width, c]`` or ``[batch, height, width, c]``."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_pad import pad
from scopert.ops.array_reshape import expand_dims, reshape, squeeze
from scopert.ops.array_reverse import reverse
from scopert.ops.array_shape import shape
from scopert.ops.array_slice import slice as slice_
from scopert.ops.array_stack import stack
from scopert.ops.array_transpose import transpose
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import less
from scopert.ops.math_unary import round_ as round_
from scopert.ops.no_op import with_dependencies
from scopert.ops.random_tensors import random_uniform
from scopert.public import public


def checked_image(image: Tensor, ranks: tuple[int, ...] = (3, 4)) -> Tensor:
    """The image behind a control dependency, as TensorFlow builds it.

    Raises
    ------
    ValueError
        If the rank is unknown or not one of `ranks`, or a known side is 0.
    """
    rank = image._rank
    if rank is None or image._shape is None:
        raise ValueError("'image' must have a known rank.")
    if rank not in ranks:
        text = " or ".join(str(n) for n in ranks)
        raise ValueError(f"'image' must have {text} dimensions, got shape {image.shape}.")
    if 0 in image._shape[-3:]:
        raise ValueError(f"inner 3 dims of 'image.shape' must be > 0: {image.shape}")
    return with_dependencies([], image)


def _as_batch(image: Tensor) -> tuple[Tensor, bool]:
    if image._rank == 3:
        return expand_dims(image, 0), True
    return image, False


@public("image.crop_to_bounding_box")
def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """Cuts a box out of an image or of each image of a batch.

    Parameters
    ----------
    image : Tensor
    offset_height, offset_width : int
        The upper left corner of the box.
    target_height, target_width : int
        Its size.

    Raises
    ------
    ValueError
        If the box does not lie in the image.
    """
    with name_scope(None, "crop_to_bounding_box", [image]):
        image, single = _as_batch(convert_to_tensor(image, name="image"))
        image = checked_image(image)
        batch, height, width, depth = image._shape or (None,) * 4
        for value, name in ((offset_width, "offset_width"), (offset_height, "offset_height")):
            if value < 0:
                raise ValueError(f"{name} must be >= 0.")
        for value, name in ((target_width, "target_width"), (target_height, "target_height")):
            if value <= 0:
                raise ValueError(f"{name} must be > 0.")
        if width is not None and width < target_width + offset_width:
            raise ValueError("width must be >= target + offset.")
        if height is not None and height < target_height + offset_height:
            raise ValueError("height must be >= target + offset.")
        begin = stack([0, offset_height, offset_width, 0])
        made = slice_(image, begin, stack([-1, target_height, target_width, -1]))
        made.set_shape((batch, target_height, target_width, depth))
        return squeeze(made, axis=[0]) if single else made


@public("image.pad_to_bounding_box")
def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """Surrounds an image with zeros, so that it lies at an offset in a larger one.

    Parameters and errors as for `crop_to_bounding_box`. The height and width of the image must be known.
    """
    with name_scope(None, "pad_to_bounding_box", [image]):
        image, single = _as_batch(convert_to_tensor(image, name="image"))
        image = checked_image(image)
        batch, height, width, depth = image._shape or (None,) * 4
        if height is None or width is None:
            raise NotImplementedError(
                f"pad_to_bounding_box needs an image whose height and width are known when the graph is built, got "
                f"{image.shape}; set_shape can tell them"
            )
        after_width, after_height = target_width - offset_width - width, target_height - offset_height - height
        if offset_height < 0 or offset_width < 0:
            raise ValueError(f"offset_{'height' if offset_height < 0 else 'width'} must be >= 0")
        if after_width < 0 or after_height < 0:
            raise ValueError(f"{'width' if after_width < 0 else 'height'} must be <= target - offset")
        paddings = reshape(stack([0, 0, offset_height, after_height, offset_width, after_width, 0, 0]), [4, 2])
        made = pad(image, paddings)
        made.set_shape((batch, target_height, target_width, depth))
        return squeeze(made, axis=[0]) if single else made


@public("image.resize_image_with_crop_or_pad", "image.resize_with_crop_or_pad")
def resize_image_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Tensor:
    """Cuts away from, or adds zeros around, the centre until the image has a size."""
    with name_scope(None, "resize_image_with_crop_or_pad", [image]):
        image, single = _as_batch(convert_to_tensor(image, name="image"))
        image = checked_image(image)
        _, height, width, _ = image._shape or (None,) * 4
        if height is None or width is None:
            raise NotImplementedError(
                "resize_image_with_crop_or_pad needs an image whose height and width are known when the graph is "
                f"built, got {image.shape}; set_shape can tell them"
            )
        if target_width <= 0 or target_height <= 0:
            raise ValueError(f"target_{'width' if target_width <= 0 else 'height'} must be > 0.")
        more_width, more_height = target_width - width, target_height - height
        cropped = crop_to_bounding_box(
            image, max(-more_height // 2, 0), max(-more_width // 2, 0),
            min(target_height, height), min(target_width, width),
        )  # fmt: skip
        resized = pad_to_bounding_box(
            cropped, max(more_height // 2, 0), max(more_width // 2, 0), target_height, target_width
        )
        resized = with_dependencies([], resized)
        return squeeze(resized, axis=[0]) if single else resized


@public("image.central_crop")
def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle part of an image, as a fraction of each side.

    Raises
    ------
    ValueError
        If the fraction is not in (0, 1].
    """
    with name_scope(None, "central_crop", [image]):
        image = convert_to_tensor(image, name="image")
        if not 0.0 < central_fraction <= 1.0:
            raise ValueError("central_fraction must be within (0, 1]")
        if central_fraction == 1.0:
            return image
        image = checked_image(image)
        *batch, height, width, depth = image._shape or (None,) * 3
        if height is None or width is None:
            raise NotImplementedError(f"central_crop needs an image of known height and width, got {image.shape}")
        top = int((height - height * central_fraction) / 2)
        left = int((width - width * central_fraction) / 2)
        new_height, new_width = height - 2 * top, width - 2 * left
        zero, everything = [0] * len(batch), [-1] * len(batch)
        made = slice_(image, stack([*zero, top, left, 0]), stack([*everything, new_height, new_width, -1]))
        made.set_shape((*batch, new_height, new_width, depth))
        return made


def _flip(image: Any, axis: int, scope: str) -> Tensor:
    with name_scope(None, scope, [image]):
        image = checked_image(convert_to_tensor(image, name="image"))
        return reverse(image, [axis + (image._rank == 4)])


@public("image.flip_left_right")
def flip_left_right(image: Any) -> Tensor:
    """Mirrors images left to right."""
    return _flip(image, 1, "flip_left_right")


@public("image.flip_up_down")
def flip_up_down(image: Any) -> Tensor:
    """Mirrors images top to bottom."""
    return _flip(image, 0, "flip_up_down")


def _random_flip(image: Any, axis: int, seed: int | None, scope: str) -> Tensor:
    with name_scope(None, scope, [image]) as name:
        image = checked_image(convert_to_tensor(image, name="image"))
        if image._rank == 3:
            one = random_uniform([], 0, 1.0, seed=seed)
            flipped: Tensor = cond(less(one, 0.5), lambda: reverse(image, [axis]), lambda: image, name=name)
            flipped.set_shape(image._shape)
            return flipped
        batch = shape(image)[0]
        draws = random_uniform([batch], 0, 1.0, seed=seed)
        flips = round_(reshape(draws, [batch, 1, 1, 1]))
        flips = cast(flips, image.dtype)
        mirrored = reverse(image, [axis + 1])
        made: Tensor = flips * mirrored + (1 - flips) * image
        return made


@public("image.random_flip_left_right")
def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """Mirrors an image, or each of a batch, left to right with a chance of one half."""
    return _random_flip(image, 1, seed, "random_flip_left_right")


@public("image.random_flip_up_down")
def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """Mirrors an image, or each of a batch, top to bottom with a chance of one half."""
    return _random_flip(image, 0, seed, "random_flip_up_down")


@public("image.rot90")
def rot90(image: Any, k: int = 1, name: str | None = None) -> Tensor:
    """Turns images counter-clockwise by `k` quarter turns.

    Raises
    ------
    NotImplementedError
        If `k` is a tensor.
    """
    if isinstance(k, Tensor):
        raise NotImplementedError("rot90 takes a Python int as k; for a tensor use tf.switch_case over the four turns")
    with name_scope(name, "rot90", [image]) as scope:
        image = checked_image(convert_to_tensor(image, name="image"))
        turns = k % 4
        vertical = int(image._rank == 4)
        order = [0, 2, 1, 3] if vertical else [1, 0, 2]
        if turns == 0:
            return with_dependencies([], image, name=scope)
        if turns == 1:
            return reverse(transpose(image, order), [vertical], name=scope)
        if turns == 2:
            return reverse(image, [vertical, vertical + 1], name=scope)
        return transpose(reverse(image, [vertical]), order, name=scope)
