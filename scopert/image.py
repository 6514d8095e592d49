"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.image_resize import ResizeMethod as ResizeMethod
from scopert.ops.image_resize import resize_area as resize_area
from scopert.ops.image_resize import resize_bicubic as resize_bicubic
from scopert.ops.image_resize import resize_bilinear as resize_bilinear
from scopert.ops.image_resize import resize_images as resize
from scopert.ops.image_resize import resize_images as resize_images
from scopert.ops.image_resize import resize_nearest_neighbor as resize_nearest_neighbor

__all__ = [
    "ResizeMethod",
    "resize",
    "resize_area",
    "resize_bicubic",
    "resize_bilinear",
    "resize_images",
    "resize_nearest_neighbor",
]
