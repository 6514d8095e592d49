"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.image_boxes import crop_and_resize as crop_and_resize
from scopert.ops.image_boxes import non_max_suppression as non_max_suppression
from scopert.ops.image_boxes import total_variation as total_variation
from scopert.ops.image_codec import decode_jpeg as decode_jpeg
from scopert.ops.image_codec import decode_png as decode_png
from scopert.ops.image_codec import encode_png as encode_png
from scopert.ops.image_color import adjust_brightness as adjust_brightness
from scopert.ops.image_color import adjust_contrast as adjust_contrast
from scopert.ops.image_color import adjust_gamma as adjust_gamma
from scopert.ops.image_color import adjust_hue as adjust_hue
from scopert.ops.image_color import adjust_saturation as adjust_saturation
from scopert.ops.image_color import convert_image_dtype as convert_image_dtype
from scopert.ops.image_color import grayscale_to_rgb as grayscale_to_rgb
from scopert.ops.image_color import hsv_to_rgb as hsv_to_rgb
from scopert.ops.image_color import per_image_standardization as per_image_standardization
from scopert.ops.image_color import random_brightness as random_brightness
from scopert.ops.image_color import random_contrast as random_contrast
from scopert.ops.image_color import random_hue as random_hue
from scopert.ops.image_color import random_saturation as random_saturation
from scopert.ops.image_color import rgb_to_grayscale as rgb_to_grayscale
from scopert.ops.image_color import rgb_to_hsv as rgb_to_hsv
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
from scopert.ops.image_jpeg import encode_jpeg as encode_jpeg
from scopert.ops.image_jpeg import extract_jpeg_shape as extract_jpeg_shape
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
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "central_crop",
    "convert_image_dtype",
    "crop_and_resize",
    "crop_to_bounding_box",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "extract_image_patches",
    "extract_jpeg_shape",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "non_max_suppression",
    "pad_to_bounding_box",
    "per_image_standardization",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_saturation",
    "resize",
    "resize_area",
    "resize_bicubic",
    "resize_bilinear",
    "resize_image_with_crop_or_pad",
    "resize_images",
    "resize_nearest_neighbor",
    "resize_with_crop_or_pad",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rot90",
    "total_variation",
]
