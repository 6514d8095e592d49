"""Resizing images: bilinear, nearest neighbour, bicubic, area."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value, constant_value_as_shape, known_shape
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import image_sampling
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.array_shape import shape
from scopert.public import public

_ANY = "{int8, uint8, int16, uint16, int32, int64, float16, float32, float64}"
_ANY_BF16 = "{int8, uint8, int16, uint16, int32, int64, bfloat16, float16, float32, float64}"
_CENTERS = "align_corners: bool = false; half_pixel_centers: bool = false"


def _resized_shape(op: Operation) -> list[Shape]:
    batch, _, _, channels = with_rank(op.inputs[0]._shape, 4)
    size = known_shape(op.inputs[1])
    if size is not None and len(size) != 2:
        raise ValueError(f"Dimension must be 2 but is {len(size)}")
    height, width = (None, None) if size is None else size
    return [(batch, height, width, channels)]


def _image_size(images: Any, size: Any) -> tuple[int, int]:
    height, width = (int(n) for n in np.asarray(size).reshape(-1))
    if height <= 0 or width <= 0:
        raise ValueError(f"output dimensions must be positive, got {height} x {width}")
    if images.ndim != 4:
        raise ValueError(f"input must be 4-dimensional, got shape {list(images.shape)}")
    if not images.shape[1] or not images.shape[2]:
        raise ValueError(f"input image must be of non-zero size, got shape {list(images.shape)}")
    return height, width


def _centers(align_corners: bool, half_pixel_centers: bool) -> None:
    if align_corners and half_pixel_centers:
        raise ValueError("If half_pixel_centers is True, align_corners must be False.")


def _bilinear_kernel(xp: Any, images: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    _centers(align_corners, half_pixel_centers)
    height, width = _image_size(images, size)
    if (height, width) == images.shape[1:3]:
        return images.astype(np.float32)
    rows = image_sampling.bilinear(images.shape[1], height, align_corners, half_pixel_centers)
    columns = image_sampling.bilinear(images.shape[2], width, align_corners, half_pixel_centers)
    images = images.astype(np.float32)
    x = xp.asarray(columns.weights[:, 1])[:, None]
    left = images[:, :, xp.asarray(columns.indices[:, 0])]
    right = images[:, :, xp.asarray(columns.indices[:, 1])]
    lines = left + (right - left) * x
    y = xp.asarray(rows.weights[:, 1])[:, None, None]
    top, bottom = lines[:, xp.asarray(rows.indices[:, 0])], lines[:, xp.asarray(rows.indices[:, 1])]
    return top + (bottom - top) * y


def _separable(xp: Any, images: Any, rows: Any, columns: Any) -> Any:
    """``rows @ image @ columns.T`` for each channel."""
    lines = xp.tensordot(xp.asarray(rows), images, axes=(1, 1))  # [h, batch, in_w, c]
    made = xp.tensordot(xp.asarray(columns), lines, axes=(1, 2))  # [w, h, batch, c]
    return xp.ascontiguousarray(made.transpose(2, 1, 0, 3))


RESIZE_BILINEAR = define_op(
    "ResizeBilinear",
    inputs="images: T, size: int32",
    outputs="resized_images: float32",
    attrs=f"T: {_ANY_BF16}; {_CENTERS}",
    shape=_resized_shape,
    kernel=_bilinear_kernel,
)


def _grad_shape(op: Operation) -> list[Shape]:
    return [op.inputs[1]._shape]


def _matrices(kind: Any, small: tuple[int, ...], large: tuple[int, ...], align: bool, half: bool) -> tuple[Any, Any]:
    rows, columns = kind(small[1], large[1], align, half), kind(small[2], large[2], align, half)
    return image_sampling.matrix(rows, small[1]), image_sampling.matrix(columns, small[2])


def _bilinear_grad_kernel(xp: Any, grads: Any, original: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    rows, columns = _matrices(
        image_sampling.bilinear, original.shape, grads.shape, align_corners, half_pixel_centers
    )
    return _separable(xp, grads, rows.T, columns.T).astype(original.dtype)


RESIZE_BILINEAR_GRAD = define_op(
    "ResizeBilinearGrad",
    inputs="grads: float32, original_image: T",
    outputs="output: T",
    attrs=f"T: {{float32, bfloat16, float16, float64}}; {_CENTERS}",
    shape=_grad_shape,
    kernel=_bilinear_grad_kernel,
)


def _how(op: Operation) -> dict[str, Any]:
    return {key: op.attrs[key] for key in ("align_corners", "half_pixel_centers")}


@gradient("ResizeBilinear")
def _resize_bilinear_gradient(op: Operation, grad: Tensor) -> list[Tensor | None]:
    return [apply(RESIZE_BILINEAR_GRAD, grad, op.inputs[0], **_how(op)), None]


@public("image.resize_bilinear")
def resize_bilinear(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """Resizes images by linear interpolation between the four nearest pixels.

    Parameters
    ----------
    images : Tensor
        Shape ``[batch, height, width, channels]``.
    size : Tensor
        int32 ``[new_height, new_width]``.
    align_corners : bool
        Corners of input and output fall together.
    name : str, optional
    half_pixel_centers : bool
        Pixels are squares with their value at the centre.

    Returns
    -------
    Tensor
        float32.
    """
    return apply(RESIZE_BILINEAR, images, size, align_corners=align_corners, name=name,
                 half_pixel_centers=half_pixel_centers)  # fmt: skip


def _nearest_kernel(xp: Any, images: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    _centers(align_corners, half_pixel_centers)
    height, width = _image_size(images, size)
    rows = image_sampling.nearest(images.shape[1], height, align_corners, half_pixel_centers)
    columns = image_sampling.nearest(images.shape[2], width, align_corners, half_pixel_centers)
    return images[:, xp.asarray(rows)][:, :, xp.asarray(columns)]


RESIZE_NEAREST = define_op(
    "ResizeNearestNeighbor",
    inputs="images: T, size: int32",
    outputs="resized_images: T",
    attrs=f"T: {_ANY}; {_CENTERS}",
    shape=_resized_shape,
    kernel=_nearest_kernel,
)


def _one_hot(indices: Any, depth: int) -> Any:
    made = np.zeros((len(indices), depth), np.float32)
    made[np.arange(len(indices)), indices] = 1
    return made


def _nearest_grad_kernel(xp: Any, grads: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    height, width = (int(n) for n in np.asarray(size))
    rows = image_sampling.nearest(height, grads.shape[1], align_corners, half_pixel_centers)
    columns = image_sampling.nearest(width, grads.shape[2], align_corners, half_pixel_centers)
    wide = np.float64 if grads.dtype.kind in "iu" else np.promote_types(grads.dtype, np.float32)
    back = [_one_hot(rows, height).T.astype(wide), _one_hot(columns, width).T.astype(wide)]
    made = _separable(xp, grads.astype(wide), *back)
    return made.astype(grads.dtype)


RESIZE_NEAREST_GRAD = define_op(
    "ResizeNearestNeighborGrad",
    inputs="grads: T, size: int32",
    outputs="output: T",
    attrs=f"T: {{uint8, int8, int32, float16, float32, float64}}; {_CENTERS}",
    shape=_resized_shape,
    kernel=_nearest_grad_kernel,
)


@gradient("ResizeNearestNeighbor")
def _resize_nearest_gradient(op: Operation, grad: Tensor) -> list[Tensor | None]:
    image = op.inputs[0]
    known = image._shape
    size = shape(image)[1:3] if known is None or None in known[1:3] else list(known[1:3])
    return [apply(RESIZE_NEAREST_GRAD, grad, size, **_how(op)), None]


@public("image.resize_nearest_neighbor")
def resize_nearest_neighbor(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """Resizes images by copying the nearest pixel; see `resize_bilinear`. The type stays."""
    return apply(RESIZE_NEAREST, images, size, align_corners=align_corners, name=name,
                 half_pixel_centers=half_pixel_centers)  # fmt: skip


def _bicubic_kernel(xp: Any, images: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    _centers(align_corners, half_pixel_centers)
    height, width = _image_size(images, size)
    if (height, width) == images.shape[1:3]:
        return images.astype(np.float32)
    rows, columns = _matrices(
        image_sampling.bicubic, images.shape, (0, height, width), align_corners, half_pixel_centers
    )
    return _separable(xp, images.astype(np.float32), rows, columns)


RESIZE_BICUBIC = define_op(
    "ResizeBicubic",
    inputs="images: T, size: int32",
    outputs="resized_images: float32",
    attrs=f"T: {_ANY}; {_CENTERS}",
    shape=_resized_shape,
    kernel=_bicubic_kernel,
)


def _bicubic_grad_kernel(xp: Any, grads: Any, original: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    rows, columns = _matrices(
        image_sampling.bicubic, original.shape, grads.shape, align_corners, half_pixel_centers
    )
    return _separable(xp, grads, rows.T, columns.T).astype(original.dtype)


RESIZE_BICUBIC_GRAD = define_op(
    "ResizeBicubicGrad",
    inputs="grads: float32, original_image: T",
    outputs="output: T",
    attrs=f"T: {{float32, float64}}; {_CENTERS}",
    shape=_grad_shape,
    kernel=_bicubic_grad_kernel,
)


@gradient("ResizeBicubic")
def _resize_bicubic_gradient(op: Operation, grad: Tensor) -> list[Tensor | None]:
    if op.inputs[0].dtype.base not in (dtypes.float32, dtypes.float64):
        return [None, None]
    return [apply(RESIZE_BICUBIC_GRAD, grad, op.inputs[0], **_how(op)), None]


@public("image.resize_bicubic")
def resize_bicubic(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """Resizes images by cubic convolution over 4 x 4 pixels; see `resize_bilinear`."""
    return apply(RESIZE_BICUBIC, images, size, align_corners=align_corners, name=name,
                 half_pixel_centers=half_pixel_centers)  # fmt: skip


def _area_kernel(xp: Any, images: Any, size: Any, *, align_corners: bool) -> Any:
    height, width = _image_size(images, size)
    rows = image_sampling.area(images.shape[1], height, align_corners)
    columns = image_sampling.area(images.shape[2], width, align_corners)
    return _separable(xp, images.astype(np.float32), rows, columns)


RESIZE_AREA = define_op(
    "ResizeArea",
    inputs="images: T, size: int32",
    outputs="resized_images: float32",
    attrs=f"T: {_ANY}; align_corners: bool = false",
    shape=_resized_shape,
    kernel=_area_kernel,
)


@public("image.resize_area")
def resize_area(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Tensor:
    """Resizes images by averaging the box of each new pixel; see `resize_bilinear`. It has no gradient."""
    return apply(RESIZE_AREA, images, size, align_corners=align_corners, name=name)


@public("image.ResizeMethod")
class ResizeMethod:
    """How `tf.image.resize_images` resizes."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


_RESIZERS = {
    ResizeMethod.BILINEAR: resize_bilinear,
    ResizeMethod.NEAREST_NEIGHBOR: resize_nearest_neighbor,
    ResizeMethod.BICUBIC: resize_bicubic,
    ResizeMethod.AREA: resize_area,
}


@public("image.resize_images", "image.resize")
def resize_images(
    images: Any, size: Any, method: int = ResizeMethod.BILINEAR, align_corners: bool = False,
    preserve_aspect_ratio: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Resizes one image or a batch.

    Parameters
    ----------
    images : Tensor
        Shape ``[height, width, channels]`` or ``[batch, height, width, channels]``.
    size : Tensor
        int32 ``[new_height, new_width]``.
    method : int
        Of `ResizeMethod`.
    align_corners : bool
    preserve_aspect_ratio : bool
        Make it as large as fits into `size`.
    name : str, optional

    Returns
    -------
    Tensor
        float32, or the type of `images` for nearest neighbours and where the size is the same already.

    Raises
    ------
    ValueError
        If the ranks are wrong or the method is unknown.
    """
    if method not in _RESIZERS:
        raise ValueError("Resize method is not implemented.")
    with name_scope(name, "resize", [images, size]):
        images = convert_to_tensor(images, name="images")
        rank = images._rank
        if rank is None:
            raise ValueError("'images' contains no shape.")
        if rank not in (3, 4):
            raise ValueError("'images' must have either 3 or 4 dimensions.")
        if rank == 3:
            images = expand_dims(images, 0)
        size = convert_to_tensor(size, dtypes.int32, name="size")
        if size._shape is not None and size._shape != (2,):
            raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
        if preserve_aspect_ratio:
            size = _fitting_size(images, size)
        assert images._shape is not None
        batch, height, width, channels = images._shape
        constant_value(size)
        wanted = constant_value_as_shape(size) or (None, None)
        if None not in wanted and (height, width) == tuple(wanted):
            return squeeze(images, axis=[0]) if rank == 3 else images
        made = _RESIZERS[method](images, size, align_corners=align_corners)
        made.set_shape((batch, *wanted, channels))
        return squeeze(made, axis=[0]) if rank == 3 else made


def _fitting_size(images: Tensor, size: Tensor) -> Tensor:
    known, wanted = images._shape, constant_value_as_shape(size)
    if known is None or wanted is None or None in known[1:3] or None in wanted:
        raise NotImplementedError(
            "resize_images(preserve_aspect_ratio=True) needs an image size and a size that are known when the graph is "
            f"built, got images {images.shape} and size {size}"
        )
    height, width = known[1:3]
    new_height, new_width = wanted
    assert height and width and new_height and new_width
    scale = min(np.float32(new_height) / np.float32(height), np.float32(new_width) / np.float32(width))
    return convert_to_tensor([int(np.rint(scale * height)), int(np.rint(scale * width))], dtypes.int32, name="size")


