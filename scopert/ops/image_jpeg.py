"""Writing JPEG files, and reading only their size."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.dtypes import DType, int32
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.image_codec import pillow
from scopert.public import public


def _encode_kernel(
    xp: Any, image: Any, *, format: str, quality: int, progressive: bool, optimize_size: bool,
    chroma_downsampling: bool, density_unit: str, x_density: int, y_density: int,
) -> bytes:  # fmt: skip
    channels = {"grayscale": (1,), "rgb": (3,)}.get(format, (1, 3))
    if image.shape[-1] not in channels:
        raise InvalidArgumentError(
            None, None, f"image must have {' or '.join(map(str, channels))} channels, got {list(image.shape)}"
        )
    if not 0 <= quality <= 100:
        raise InvalidArgumentError(None, None, f"quality must be in [0,100], got {quality}")
    # Pillow counts dots per inch.
    scale = 1 if density_unit == "in" else 2.54
    buffer = io.BytesIO()
    array = np.asarray(image)
    pillow().fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(
        buffer, "JPEG", quality=quality, progressive=progressive, optimize=optimize_size,
        subsampling=2 if chroma_downsampling else 0, dpi=(round(x_density * scale), round(y_density * scale)),
    )  # fmt: skip
    return buffer.getvalue()


def _encode_shape(op: Operation) -> list[Shape]:
    with_rank(op.inputs[0]._shape, 3)
    return [()]


ENCODE_JPEG = define_op(
    "EncodeJpeg", inputs="image: uint8", outputs="contents: string",
    attrs='format: {"", "grayscale", "rgb"} = ""; quality: int = 95; progressive: bool = false; '
    "optimize_size: bool = false; chroma_downsampling: bool = true; "
    'density_unit: {"in", "cm"} = "in"; x_density: int = 300; y_density: int = 300; xmp_metadata: string = ""',
    shape=_encode_shape, kernel=_encode_kernel, traits=HOST, differentiable=False,
)  # fmt: skip


@public("image.encode_jpeg", "io.encode_jpeg")
def encode_jpeg(
    image: Any, format: str = "", quality: int = 95, progressive: bool = False, optimize_size: bool = False,
    chroma_downsampling: bool = True, density_unit: str = "in", x_density: int = 300, y_density: int = 300,
    xmp_metadata: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """A JPEG file of pixels ``[height, width, 1 or 3]``, written by Pillow (extra ``tensorboard``).

    Parameters
    ----------
    image : Tensor
        uint8.
    format : str
        ``grayscale``, ``rgb``, or empty for what the channels say.
    quality : int
        From 0 to 100.
    progressive, optimize_size, chroma_downsampling : bool
        How it is compressed.
    density_unit : str
        ``in`` or ``cm``.
    x_density, y_density : int
        Pixels per unit.
    xmp_metadata : str
        Must be empty.
    name : str, optional

    Raises
    ------
    NotImplementedError
        If there are metadata.
    InvalidArgumentError
        In the run, if the channels or the quality are wrong.
    """
    if xmp_metadata:
        raise NotImplementedError("encode_jpeg(xmp_metadata=...) is not supported; leave it out")
    return apply(
        ENCODE_JPEG, image, format=format, quality=quality, progressive=progressive, optimize_size=optimize_size,
        chroma_downsampling=chroma_downsampling, density_unit=density_unit, x_density=x_density, y_density=y_density,
        xmp_metadata=xmp_metadata, name=name,
    )  # fmt: skip


def _shape_kernel(xp: Any, contents: Any, *, output_type: DType) -> Any:
    try:
        image = pillow().open(io.BytesIO(contents))
    except OSError as error:
        raise InvalidArgumentError(None, None, f"Invalid JPEG data, size {len(contents)}") from error
    return np.array([image.height, image.width, len(image.getbands())], output_type.np)


EXTRACT_JPEG_SHAPE = define_op(
    "ExtractJpegShape", inputs="contents: string", outputs="image_shape: output_type",
    attrs="output_type: {int32, int64} = int32", shape=lambda op: [(3,)], kernel=_shape_kernel, traits=HOST,
    differentiable=False,
)  # fmt: skip


@public("image.extract_jpeg_shape", "io.extract_jpeg_shape")
def extract_jpeg_shape(contents: Any, output_type: Any = int32, name: str | None = None) -> Tensor:
    """Height, width and channels of a JPEG file, without decoding it.

    Raises
    ------
    InvalidArgumentError
        In the run, if it is no JPEG.
    """
    return apply(EXTRACT_JPEG_SHAPE, contents, output_type=output_type, name=name)
