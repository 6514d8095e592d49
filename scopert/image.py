"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.image_codec import decode_jpeg as decode_jpeg
from scopert.ops.image_codec import decode_png as decode_png
from scopert.ops.image_codec import encode_png as encode_png
from scopert.ops.image_crop import central_crop as central_crop
from scopert.ops.image_crop import crop_to_bounding_box as crop_to_bounding_box
from scopert.ops.image_crop import flip_left_right as flip_left_right
from scopert.ops.image_crop import flip_up_down as flip_up_down
from scopert.ops.image_crop import pad_to_bounding_box as pad_to_bounding_box
from scopert.ops.image_crop import random_flip_left_right as random_flip_left_right
from scopert.ops.image_crop import random_flip_up_down as random_flip_up_down
from scopert.ops.image_crop import resize_image_with_crop_or_pad as resize_image_with_crop_or_pad
from scopert.ops.image_crop import resize_image_with_crop_or_pad as resize_with_crop_or_pad
from scopert.ops.image_crop import rot90 as rot90
from scopert.ops.image_patches import extract_image_patches as extract_image_patches
from scopert.ops.image_resize import ResizeMethod as ResizeMethod
from scopert.ops.image_resize import resize_area as resize_area
from scopert.ops.image_resize import resize_bicubic as resize_bicubic
from scopert.ops.image_resize import resize_bilinear as resize_bilinear
from scopert.ops.image_resize import resize_images as resize
from scopert.ops.image_resize import resize_images as resize_images
from scopert.ops.image_resize import resize_nearest_neighbor as resize_nearest_neighbor
from scopert.ops.random_crop import random_crop as random_crop

__all__ = [
    "ResizeMethod",
    "central_crop",
    "crop_to_bounding_box",
    "decode_jpeg",
    "decode_png",
    "encode_png",
    "extract_image_patches",
    "flip_left_right",
    "flip_up_down",
    "pad_to_bounding_box",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "resize",
    "resize_area",
    "resize_bicubic",
    "resize_bilinear",
    "resize_image_with_crop_or_pad",
    "resize_images",
    "resize_nearest_neighbor",
    "resize_with_crop_or_pad",
    "rot90",
]
