"""Encoded images and the files that hold them. PNG and JPEG are Pillow's business (extra ``tensorboard``)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from scopert import errors
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.dtypes import DType
from scopert.graph.opdef import HOST, STATEFUL, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import no_outputs, scalar, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.public import public

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Decoding images needs Pillow: pip install 'scopert[tensorboard]'") from error
    return Image


def _decode(contents: Any, channels: int, kind: str) -> Any:
    image_module = pillow()
    try:
        image = image_module.open(io.BytesIO(contents))
        image.load()
    except OSError as error:
        raise ValueError(f"Invalid {kind} data, size {len(contents)}: {error}") from error
    if image.mode in ("I;16", "I;16B", "I"):
        return np.asarray(image).astype(np.uint16)[..., None]
    if channels:
        image = image.convert(_MODES[channels])
    elif image.mode not in _MODES.values():
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def _decode_png_kernel(xp: Any, contents: Any, *, channels: int, dtype: DType) -> Any:
    array = _decode(contents, channels, "PNG")
    if dtype is dtypes.uint8:
        return (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else np.array(array)
    return array if array.dtype == np.uint16 else array.astype(np.uint16) * 257


def _decoded_shape(op: Operation) -> list[Shape]:
    channels = op.attrs["channels"]
    if channels not in (0, 1, 3, 4):
        raise ValueError(f"channels must be 0, 1, 3, or 4, got {channels}")
    return [(None, None, channels or None)]


DECODE_PNG = define_op(
    "DecodePng",
    inputs="contents: string",
    outputs="image: dtype",
    attrs="channels: int = 0; dtype: {uint8, uint16} = uint8",
    shape=_decoded_shape,
    kernel=_decode_png_kernel,
    traits=HOST,
    differentiable=False,
)


@public("image.decode_png", "io.decode_png")
def decode_png(contents: Any, channels: int = 0, dtype: Any = dtypes.uint8, name: str | None = None) -> Tensor:
    """The pixels of a PNG file, shape ``[height, width, channels]``.

    Parameters
    ----------
    contents : Tensor
        The file, a scalar string.
    channels : int
        1 grey, 3 colour, 4 with transparency; 0 as in the file.
    dtype : DType
        uint8 or uint16.

    Raises
    ------
    InvalidArgumentError
        During a run, if it is no PNG.
    """
    return apply(DECODE_PNG, contents, channels=channels, dtype=dtype, name=name)


def _decode_jpeg_kernel(xp: Any, contents: Any, *, channels: int, ratio: int) -> Any:
    array = np.array(_decode(contents, channels, "JPEG"))
    if ratio != 1:
        if ratio not in (2, 4, 8):
            raise ValueError(f"ratio must be 1, 2, 4, 8, got {ratio}")
        raise NotImplementedError("decode_jpeg with a ratio other than 1 is not supported; resize the image")
    return array


DECODE_JPEG = define_op(
    "DecodeJpeg",
    inputs="contents: string",
    outputs="image: uint8",
    attrs="channels: int = 0; ratio: int = 1; fancy_upscaling: bool = true; try_recover_truncated: bool = false; "
    'acceptable_fraction: float = 1.0; dct_method: string = ""',
    shape=_decoded_shape,
    kernel=_decode_jpeg_kernel,
    traits=HOST,
    differentiable=False,
)


@public("image.decode_jpeg", "io.decode_jpeg")
def decode_jpeg(
    contents: Any, channels: int = 0, ratio: int = 1, fancy_upscaling: bool = True,
    try_recover_truncated: bool = False, acceptable_fraction: float = 1, dct_method: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """The pixels of a JPEG file as uint8, shape ``[height, width, channels]``; see `decode_png`.

    Raises
    ------
    NotImplementedError
        For plain upscaling, recovery of broken files, and other DCTs than the default, which Pillow lacks.
    """
    if not fancy_upscaling or try_recover_truncated or dct_method not in ("", "INTEGER_ACCURATE"):
        raise NotImplementedError(
            "decode_jpeg supports fancy_upscaling=True, try_recover_truncated=False and the default dct_method only"
        )
    return apply(DECODE_JPEG, contents, channels=channels, ratio=ratio, name=name,
                 acceptable_fraction=float(acceptable_fraction), dct_method=dct_method)  # fmt: skip


def _encode(image: Any, form: str, **options: Any) -> bytes:
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[-1] not in (1, 2, 3, 4):
        raise ValueError(f"image must have shape [height, width, 1..4], got {list(array.shape)}")
    buffer = io.BytesIO()
    pillow().fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(buffer, form, **options)
    return buffer.getvalue()


def _encode_png_kernel(xp: Any, image: Any, *, compression: int) -> bytes:
    if image.dtype == np.uint16 and image.shape[-1] != 1:
        raise NotImplementedError("encode_png of uint16 supports one channel only")
    return _encode(image, "PNG", **({} if compression < 0 else {"compress_level": compression}))


def _image_rank(op: Operation) -> list[Shape]:
    with_rank(op.inputs[0]._shape, 3)
    return [()]


ENCODE_PNG = define_op(
    "EncodePng",
    inputs="image: T",
    outputs="contents: string",
    attrs="compression: int = -1; T: {uint8, uint16} = uint8",
    shape=_image_rank,
    kernel=_encode_png_kernel,
    traits=HOST,
    differentiable=False,
)


@public("image.encode_png")
def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Tensor:
    """A PNG file of pixels ``[height, width, channels]``; `compression` from 0 to 9, -1 is the default."""
    return apply(ENCODE_PNG, image, compression=compression, name=name)


def _read_kernel(xp: Any, filename: Any) -> bytes:
    path = filename.decode() if isinstance(filename, bytes) else str(filename)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise errors.NotFoundError(None, None, f"{path}; No such file or directory") from error


READ_FILE = define_op(
    "ReadFile", inputs="filename: string", outputs="contents: string", shape=scalar, kernel=_read_kernel,
    traits=HOST, differentiable=False,
)  # fmt: skip


@public("read_file", "io.read_file")
def read_file(filename: Any, name: str | None = None) -> Tensor:
    """The contents of a file, a scalar string; NotFoundError during a run if there is none."""
    return apply(READ_FILE, filename, name=name)


def _write_kernel(xp: Any, filename: Any, contents: Any) -> tuple[()]:
    path = Path(filename.decode() if isinstance(filename, bytes) else str(filename))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return ()


WRITE_FILE = define_op(
    "WriteFile", inputs="filename: string, contents: string", shape=no_outputs, kernel=_write_kernel,
    traits=(HOST, STATEFUL), differentiable=False,
)  # fmt: skip


@public("write_file", "io.write_file")
def write_file(filename: Any, contents: Any, name: str | None = None) -> Operation:
    """Writes a scalar string to a file; folders above it are made."""
    return apply(WRITE_FILE, filename, contents, name=name)
