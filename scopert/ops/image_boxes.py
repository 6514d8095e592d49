"""Boxes in images: which of those that overlap to keep, and cutting them out."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, float32
from scopert.graph.opdef import HOST, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import is_known
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import abs_
from scopert.public import public


def _overlaps(boxes: Any, one: Any) -> Any:
    """Intersection over union of each box with one box; 0 for boxes without area."""
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    low_one, high_one = np.minimum(one[:2], one[2:]), np.maximum(one[:2], one[2:])
    areas, area = np.prod(high - low, axis=1), np.prod(high_one - low_one)
    common = np.prod(np.maximum(np.minimum(high, high_one) - np.maximum(low, low_one), 0), axis=1)
    valid = (areas > 0) & (area > 0)
    return np.where(valid, common / np.where(valid, areas + area - common, 1), 0)


def _suppression_kernel(
    xp: Any, boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any, score_threshold: Any
) -> Any:
    if not 0 <= float(iou_threshold) <= 1:
        raise InvalidArgumentError(None, None, "iou_threshold must be in [0, 1]")
    if len(boxes) != len(scores):
        raise InvalidArgumentError(None, None, "scores has incompatible shape")
    wide = np.asarray(boxes, np.float32)
    # The best first; of equal scores the first.
    left = np.argsort(-np.asarray(scores, np.float32), kind="stable")
    left = left[np.asarray(scores)[left] > score_threshold]
    kept: list[int] = []
    while len(left) and len(kept) < int(max_output_size):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[_overlaps(wide[left], wide[best]) <= np.float32(iou_threshold)]
    return np.array(kept, np.int32)


def _suppression_shape(op: Operation) -> list[Shape]:
    with_rank(op.inputs[0]._shape, 2)
    with_rank(op.inputs[1]._shape, 1)
    return [(None,)]


NON_MAX_SUPPRESSION = define_op(
    "NonMaxSuppressionV3",
    inputs="boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: T_threshold",
    outputs="selected_indices: int32",
    attrs="T: {float16, float32} = float32; T_threshold: {float16, float32} = float32",
    shape=_suppression_shape, kernel=_suppression_kernel, traits=HOST, differentiable=False,
)  # fmt: skip


@public("image.non_max_suppression")
def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5, score_threshold: Any = -np.inf,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The indices of the best boxes that do not overlap much with better ones.

    Parameters
    ----------
    boxes : Tensor
        Two opposite corners ``[y1, x1, y2, x2]`` each, of shape ``[n, 4]``.
    scores : Tensor
        Of shape ``[n]``.
    max_output_size : int or Tensor
        How many to keep at most.
    iou_threshold : float or Tensor
        Boxes whose intersection over union with a kept one is larger are dropped.
    score_threshold : float or Tensor
        Boxes that do not score more are dropped.
    name : str, optional

    Returns
    -------
    Tensor
        int32, in the order of falling scores.
    """
    with name_scope(name, "non_max_suppression"):
        iou_threshold = convert_to_tensor(iou_threshold, name="iou_threshold", preferred_dtype=float32)
        score_threshold = convert_to_tensor(score_threshold, name="score_threshold", preferred_dtype=float32)
        return apply(NON_MAX_SUPPRESSION, boxes, scores, max_output_size, iou_threshold, score_threshold)


def _positions(first: Any, last: Any, size: int, count: int) -> Any:
    """Where samples between two relative places lie, in pixels: one row for each box."""
    first, last = first[:, None], last[:, None]
    if count == 1:
        return np.float32(0.5) * (first + last) * np.float32(size - 1)
    step = (last - first) * np.float32(size - 1) / np.float32(count - 1)
    return first * np.float32(size - 1) + np.arange(count, dtype=np.float32) * step


class _Samples:
    """The pixels around each sample of each box, and their weights."""

    def __init__(self, boxes: Any, box_ind: Any, batch: int, size: tuple[int, int], crop: tuple[int, int]) -> None:
        if len(box_ind) != len(boxes):
            raise InvalidArgumentError(None, None, "box_ind has incompatible shape")
        if len(box_ind) and (box_ind.min() < 0 or box_ind.max() >= batch):
            raise InvalidArgumentError(None, None, f"box_ind has values outside [0, {batch})")
        self.image = box_ind[:, None, None]
        self.y = _positions(boxes[:, 0], boxes[:, 2], size[0], crop[0])
        self.x = _positions(boxes[:, 1], boxes[:, 3], size[1], crop[1])
        self.inside_y = (self.y >= 0) & (self.y <= size[0] - 1)
        self.inside_x = (self.x >= 0) & (self.x <= size[1] - 1)
        self.inside = self.inside_y[:, :, None] & self.inside_x[:, None, :]
        y, x = np.where(self.inside_y, self.y, 0), np.where(self.inside_x, self.x, 0)
        self.top, self.bottom = np.floor(y).astype(int)[:, :, None], np.ceil(y).astype(int)[:, :, None]
        self.left, self.right = np.floor(x).astype(int)[:, None, :], np.ceil(x).astype(int)[:, None, :]
        self.near_y = np.floor(y + 0.5).astype(int)[:, :, None]
        self.near_x = np.floor(x + 0.5).astype(int)[:, None, :]
        self.part_y = (y[:, :, None] - self.top).astype(np.float32)[..., None]
        self.part_x = (x[:, None, :] - self.left).astype(np.float32)[..., None]

    def corners(self) -> list[tuple[Any, Any, Any]]:
        """Row, column and weight of the four pixels around."""
        y, x = self.part_y, self.part_x
        return [
            (self.top, self.left, (1 - y) * (1 - x)), (self.top, self.right, (1 - y) * x),
            (self.bottom, self.left, y * (1 - x)), (self.bottom, self.right, y * x),
        ]  # fmt: skip


def _crop_kernel(
    xp: Any, image: Any, boxes: Any, box_ind: Any, crop_size: Any, *, method: str, extrapolation_value: float
) -> Any:
    height, width = int(crop_size[0]), int(crop_size[1])
    if height <= 0 or width <= 0:
        raise InvalidArgumentError(None, None, f"crop dimensions must be positive, got {height}, {width}")
    at = _Samples(boxes, box_ind, len(image), image.shape[1:3], (height, width))
    if method == "nearest":
        crops = image[at.image, at.near_y, at.near_x].astype(np.float32)
    else:
        crops = sum(image[at.image, row, column].astype(np.float32) * part for row, column, part in at.corners())
    return np.where(at.inside[..., None], crops, np.float32(extrapolation_value)).astype(np.float32)


def _crop_shape(op: Operation) -> list[Shape]:
    image = with_rank(op.inputs[0]._shape, 4)
    boxes = with_rank(op.inputs[1]._shape, 2)
    size = known_value(op.inputs[3])
    height, width = (None, None) if size is None else (int(size[0]), int(size[1]))
    return [(None if boxes is None else boxes[0], height, width, None if image is None else image[3])]


CROP_AND_RESIZE = define_op(
    "CropAndResize", inputs="image: T, boxes: float32, box_ind: int32, crop_size: int32", outputs="crops: float32",
    attrs='T: {uint8, uint16, int8, int16, int32, int64, float16, float32, float64}; '
    'method: {"bilinear", "nearest"} = "bilinear"; extrapolation_value: float = 0.0',
    shape=_crop_shape, kernel=_crop_kernel, traits=HOST,
)  # fmt: skip


def _image_grad_kernel(xp: Any, grads: Any, boxes: Any, box_ind: Any, image_size: Any, *, method: str, T: DType) -> Any:
    sizes = [int(size) for size in image_size]
    at = _Samples(boxes, box_ind, sizes[0], (sizes[1], sizes[2]), grads.shape[1:3])
    made = np.zeros(sizes, T.np)
    inner = np.where(at.inside[..., None], grads, 0)
    corners = [(at.near_y, at.near_x, 1)] if method == "nearest" else at.corners()
    for row, column, part in corners:
        np.add.at(made, (at.image, row, column), (inner * part).astype(T.np))
    return made


def _image_grad_shape(op: Operation) -> list[Shape]:
    size = known_value(op.inputs[3])
    return [(None,) * 4 if size is None else tuple(int(n) for n in size)]


CROP_AND_RESIZE_GRAD_IMAGE = define_op(
    "CropAndResizeGradImage", inputs="grads: float32, boxes: float32, box_ind: int32, image_size: int32",
    outputs="output: T", attrs='T: {float32, float16, float64}; method: {"bilinear", "nearest"} = "bilinear"',
    shape=_image_grad_shape, kernel=_image_grad_kernel, traits=HOST, differentiable=False,
)  # fmt: skip


def _boxes_grad_kernel(xp: Any, grads: Any, image: Any, boxes: Any, box_ind: Any) -> Any:
    size, crop = image.shape[1:3], grads.shape[1:3]
    at = _Samples(boxes, box_ind, len(image), size, crop)
    wide = image.astype(np.float32)
    corners = [wide[at.image, row, column] for row, column, _ in at.corners()]
    top_left, top_right, bottom_left, bottom_right = corners
    inner = np.where(at.inside[..., None], grads, np.float32(0))
    by_y = ((1 - at.part_x) * (bottom_left - top_left) + at.part_x * (bottom_right - top_right)) * inner
    by_x = ((1 - at.part_y) * (top_right - top_left) + at.part_y * (bottom_right - bottom_left)) * inner
    made = np.zeros(boxes.shape, np.float32)
    for axis, slopes in ((0, by_y.sum(axis=(2, 3))), (1, by_x.sum(axis=(1, 3)))):
        count, scale = crop[axis], np.float32(size[axis] - 1)
        later = np.full(1, 0.5) if count == 1 else np.arange(count) / (count - 1)
        made[:, axis] = (slopes * (1 - later)).sum(axis=1) * scale
        made[:, axis + 2] = (slopes * later).sum(axis=1) * scale
    return made


CROP_AND_RESIZE_GRAD_BOXES = define_op(
    "CropAndResizeGradBoxes", inputs="grads: float32, image: T, boxes: float32, box_ind: int32",
    outputs="output: float32",
    attrs='T: {uint8, uint16, int8, int16, int32, int64, float16, float32, float64}; '
    'method: {"bilinear"} = "bilinear"',
    shape=lambda op: [op.inputs[2]._shape], kernel=_boxes_grad_kernel, traits=HOST, differentiable=False,
)  # fmt: skip


@gradient("CropAndResize")
def _crop_grad(op: Operation, grad: Tensor) -> Any:
    image, boxes, box_ind, _ = op.inputs
    size: Any = list(image._shape or ()) if is_known(image._shape) else shape_of(image)
    by_image = None
    if image.dtype.is_floating:
        by_image = apply(
            CROP_AND_RESIZE_GRAD_IMAGE, grad, boxes, box_ind, size, T=image.dtype, method=op.attrs["method"]
        )
    by_boxes = apply(CROP_AND_RESIZE_GRAD_BOXES, grad, image, boxes, box_ind)
    return [by_image, by_boxes, None, None]


@public("image.crop_and_resize")
def crop_and_resize(
    image: Any, boxes: Any, box_ind: Any = None, crop_size: Any = None, method: str = "bilinear",
    extrapolation_value: float = 0, name: str | None = None, box_indices: Any = None,
) -> Tensor:  # fmt: skip
    """Cuts boxes out of images and resizes them all to one size.

    Parameters
    ----------
    image : Tensor
        Of shape ``[batch, height, width, depth]``.
    boxes : Tensor
        ``[y1, x1, y2, x2]`` relative to the image (0 the first pixel, 1 the last), of shape ``[n, 4]``.
    box_ind, box_indices : Tensor
        Of which image each box is; two names of one parameter.
    crop_size : Tensor
        Height and width of the results.
    method : str
        ``bilinear`` or ``nearest``.
    extrapolation_value : float
        What is put outside of the image.
    name : str, optional

    Returns
    -------
    Tensor
        float32, of shape ``[n, crop_height, crop_width, depth]``.

    Raises
    ------
    ValueError
        If both names of the parameter are used.
    """
    if box_ind is not None and box_indices is not None:
        raise ValueError("Cannot specify both 'box_ind' and 'box_indices'")
    indices = box_indices if box_ind is None else box_ind
    return apply(
        CROP_AND_RESIZE, image, boxes, indices, crop_size, method=method, name=name,
        extrapolation_value=float(extrapolation_value),
    )  # fmt: skip


@public("image.total_variation")
def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of the absolute differences of neighbouring pixels, one number for each image.

    Raises
    ------
    ValueError
        If `images` has neither 3 nor 4 axes.
    """
    with name_scope(name, "total_variation"):
        rank = images.get_shape().ndims
        if rank == 3:
            rows, columns, axes = images[1:, :, :] - images[:-1, :, :], images[:, 1:, :] - images[:, :-1, :], None
        elif rank == 4:
            rows = images[:, 1:, :, :] - images[:, :-1, :, :]
            columns = images[:, :, 1:, :] - images[:, :, :-1, :]
            axes = [1, 2, 3]
        else:
            raise ValueError("'images' must be either 3 or 4-dimensional.")
        made: Tensor = reduce_sum(abs_(rows), axis=axes) + reduce_sum(abs_(columns), axis=axes)
        return made
