"""Summaries: operations that turn values into serialized Summary messages for TensorBoard."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.graph_def import protos, tensor_proto
from scopert.graph.kernel import Origin
from scopert.graph.opdef import HOST, define_op
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import scalar as scalar_shape
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.public import public

_REAL = "{float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}"


def clean_tag(name: str) -> str:
    """A name with every character that no operation name can have replaced by ``_``."""
    return re.sub(r"[^-/\w.]", "_", name).lstrip("/")


@contextmanager
def summary_scope(name: str, family: str | None, values: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Opens the name scope of a summary; gives its tag and the scope."""
    name = clean_tag(name)
    family = None if family is None else clean_tag(family)
    with name_scope(name if family is None else f"{family}/{name}", None, values) as scope:
        tag = scope.rstrip("/")
        yield (tag if family is None else f"{family}/{tag}"), scope


def collect(summary: Tensor, collections: Any, default: Sequence[str]) -> Tensor:
    """Adds a summary to its collections."""
    get_default_graph().add_to_collections(default if collections is None else collections, summary)
    return summary


def _message() -> Any:
    return protos().summary_pb2.Summary()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _scalar_kernel(xp: Any, tags: Any, values: Any, *, op: Origin) -> bytes:
    tags, values = np.asarray(tags), np.asarray(values)
    if tags.shape != values.shape:
        raise ValueError(f"tags and values are not the same shape: {list(tags.shape)} != {list(values.shape)}")
    made = _message()
    for tag, value in zip(tags.reshape(-1), values.reshape(-1), strict=True):
        made.value.add(tag=_text(tag), simple_value=float(value))
    data: bytes = made.SerializeToString()
    return data


SCALAR_SUMMARY = define_op(
    "ScalarSummary",
    inputs="tags: string, values: T",
    outputs="summary: string",
    attrs=f"T: {_REAL}",
    shape=scalar_shape,
    kernel=_scalar_kernel,
    traits=HOST,
    differentiable=False,
)


@public("summary.scalar")
def scalar(name: str, tensor: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """A serialized Summary of one number.

    Parameters
    ----------
    name : str
        Below the current name scope it is the tag.
    tensor : Tensor
        One real number.
    collections : list of str, optional
        Default: ``GraphKeys.SUMMARIES``, from which `merge_all` takes them.
    family : str, optional
        A prefix of the tag that groups summaries in TensorBoard.

    Returns
    -------
    Tensor
        A scalar of type string.
    """
    with summary_scope(name, family, [tensor]) as (tag, scope):
        return collect(apply(SCALAR_SUMMARY, tag, tensor, name=scope), collections, [GraphKeys.SUMMARIES])


def _histogram_limits() -> np.ndarray[Any, Any]:
    """Upper limits of the buckets: a geometric series with factor 1.1, mirrored at zero."""
    positive = []
    value = 1e-12
    while value < 1e20:
        positive.append(value)
        value *= 1.1
    positive.append(np.finfo(np.float64).max)
    return np.array([-limit for limit in reversed(positive)] + [0.0] + positive)


_LIMITS = _histogram_limits()


def fill_histogram(message: Any, values: Any) -> None:
    """Fills a HistogramProto; empty buckets beside one another are merged."""
    data = np.asarray(values, np.float64).reshape(-1)
    counts = np.bincount(np.searchsorted(_LIMITS, data, side="right"), minlength=len(_LIMITS))
    message.min = float(data.min()) if data.size else float(np.finfo(np.float64).max)
    message.max = float(data.max()) if data.size else float(np.finfo(np.float64).min)
    message.num, message.sum = float(data.size), float(data.sum())
    message.sum_squares = float(np.square(data).sum())
    index = 0
    while index < len(_LIMITS):
        end, count = _LIMITS[index], counts[index]
        index += 1
        if count <= 0:
            while index < len(_LIMITS) and counts[index] <= 0:
                end, count = _LIMITS[index], counts[index]
                index += 1
        message.bucket_limit.append(float(end))
        message.bucket.append(float(count))


def _histogram_kernel(xp: Any, tag: Any, values: Any, *, op: Origin) -> bytes:
    if not np.all(np.isfinite(np.asarray(values, np.float64))):
        raise ValueError(f"Nan in summary histogram for: {op.name}")
    made = _message()
    fill_histogram(made.value.add(tag=_text(tag)).histo, values)
    data: bytes = made.SerializeToString()
    return data


HISTOGRAM_SUMMARY = define_op(
    "HistogramSummary",
    inputs="tag: string, values: T",
    outputs="summary: string",
    attrs=f"T: {_REAL} = float32",
    shape=scalar_shape,
    kernel=_histogram_kernel,
    traits=HOST,
    differentiable=False,
)


@public("summary.histogram")
def histogram(name: str, values: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """A serialized Summary of the distribution of a tensor's elements; see `scalar`."""
    with summary_scope(name, family, [values]) as (tag, scope):
        return collect(apply(HISTOGRAM_SUMMARY, tag, values, name=scope), collections, [GraphKeys.SUMMARIES])


def _to_uint8(images: Any, bad_color: Any) -> Any:
    """Scales float images so that their range fills 0..255; bad values get a colour of their own."""
    if images.dtype == np.uint8:
        return images
    made = np.empty(images.shape, np.uint8)
    for index, image in enumerate(np.asarray(images, np.float32)):
        finite = np.isfinite(image).all(axis=-1)
        good = image[finite]
        low = float(good.min()) if good.size else 0.0
        high = float(good.max()) if good.size else 0.0
        if low < 0:
            largest = max(abs(low), abs(high))
            scale, offset = (0.0 if largest < 1e-6 else 127.0 / largest), 128.0
        else:
            scale, offset = (0.0 if high < 1e-6 else 255.0 / high), 0.0
        with np.errstate(invalid="ignore"):
            made[index] = np.where(finite[..., None], image * scale + offset, 0).astype(np.uint8)
        made[index][~finite] = np.asarray(bad_color, np.uint8).reshape(-1)[: image.shape[-1]]
    return made


def _image_kernel(xp: Any, tag: Any, tensor: Any, *, max_images: int, bad_color: Any) -> bytes:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Image summaries need Pillow: pip install 'scopert[tensorboard]'") from error
    images = np.asarray(tensor)
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise ValueError(f"Tensor must be 4-D with last dim 1, 3, or 4, not {list(images.shape)}")
    images = _to_uint8(images[:max_images], bad_color)
    made = _message()
    for index, image in enumerate(images):
        buffer = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
        name = f"{_text(tag)}/image" if max_images == 1 else f"{_text(tag)}/image/{index}"
        entry = made.value.add(tag=name).image
        entry.height, entry.width, entry.colorspace = image.shape
        entry.encoded_image_string = buffer.getvalue()
    data: bytes = made.SerializeToString()
    return data


IMAGE_SUMMARY = define_op(
    "ImageSummary",
    inputs="tag: string, tensor: T",
    outputs="summary: string",
    attrs="max_images: int >= 1 = 3; T: {uint8, float32, float16, float64} = float32; bad_color: tensor",
    shape=scalar_shape,
    kernel=_image_kernel,
    traits=HOST,
    differentiable=False,
)


@public("summary.image")
def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Any = None, family: str | None = None
) -> Tensor:
    """A serialized Summary of a batch of images.

    Parameters
    ----------
    name : str
    tensor : Tensor
        Shape ``[batch, height, width, channels]`` with 1, 3 or 4 channels; uint8, or floats, which
        are scaled so that they fill the range.
    max_outputs : int
        How many images of the batch at most.
    collections, family
        See `scalar`.
    """
    with summary_scope(name, family, [tensor]) as (tag, scope):
        made = apply(IMAGE_SUMMARY, tag, tensor, max_images=max_outputs, name=scope,
                     bad_color=np.array([255, 0, 0, 255], np.uint8))  # fmt: skip
        return collect(made, collections, [GraphKeys.SUMMARIES])


def _tensor_kernel(xp: Any, tag: Any, tensor: Any, metadata: Any, *, op: Origin) -> bytes:
    made = _message()
    entry = made.value.add(tag=_text(tag))
    entry.tensor.CopyFrom(tensor_proto(tensor, op.input_dtypes[1]))
    entry.metadata.ParseFromString(metadata)
    data: bytes = made.SerializeToString()
    return data


TENSOR_SUMMARY = define_op(
    "TensorSummaryV2",
    inputs="tag: string, tensor: T, serialized_summary_metadata: string",
    outputs="summary: string",
    attrs="T: type",
    shape=scalar_shape,
    kernel=_tensor_kernel,
    traits=HOST,
    differentiable=False,
)


@public("summary.tensor_summary")
def tensor_summary(
    name: str, tensor: Any, summary_description: str | None = None, collections: Any = None,
    summary_metadata: Any = None, family: str | None = None, display_name: str | None = None,
) -> Tensor:  # fmt: skip
    """A serialized Summary of a whole tensor.

    Parameters
    ----------
    name : str
    tensor : Tensor
    summary_description, display_name : str, optional
        Shown by TensorBoard.
    summary_metadata : SummaryMetadata, optional
        Says which TensorBoard plug-in shows it.
    collections, family
        See `scalar`.
    """
    metadata = protos().summary_pb2.SummaryMetadata() if summary_metadata is None else summary_metadata
    if summary_description is not None:
        metadata.summary_description = summary_description
    if display_name is not None:
        metadata.display_name = display_name
    with summary_scope(name, family, [tensor]) as (tag, scope):
        made = apply(TENSOR_SUMMARY, tag, tensor, metadata.SerializeToString(), name=scope)
        return collect(made, collections, [GraphKeys.SUMMARIES])


@public("summary.text")
def text(name: str, tensor: Any, collections: Any = None) -> Tensor:
    """A serialized Summary of strings, which TensorBoard shows as Markdown.

    Raises
    ------
    ValueError
        If the tensor is not of type string.
    """
    tensor = convert_to_tensor(tensor)
    if tensor.dtype.base is not dtypes.string:
        raise ValueError(f"Expected tensor {tensor.name} to have dtype string, got {tensor.dtype.base}")
    summary = protos().summary_pb2
    metadata = summary.SummaryMetadata(plugin_data=summary.SummaryMetadata.PluginData(plugin_name="text"))
    return tensor_summary(name, tensor, summary_metadata=metadata, collections=collections)


def _merge_kernel(xp: Any, *inputs: Any) -> bytes:
    made = _message()
    seen: set[str] = set()
    for item in inputs:
        for data in np.asarray(item, object).reshape(-1):
            part = _message()
            part.ParseFromString(data)
            for value in part.value:
                if value.tag in seen:
                    raise ValueError(f"Duplicate tag {value.tag} found in summary inputs")
                seen.add(value.tag)
                made.value.add().CopyFrom(value)
    merged: bytes = made.SerializeToString()
    return merged


MERGE_SUMMARY = define_op(
    "MergeSummary",
    inputs="inputs: N * string",
    outputs="summary: string",
    attrs="N: int >= 1",
    shape=scalar_shape,
    kernel=_merge_kernel,
    traits=HOST,
    differentiable=False,
)


@public("summary.merge")
def merge(inputs: Sequence[Tensor], collections: Any = None, name: str | None = None) -> Tensor:
    """One Summary with the values of several; it is added to `collections` only.

    Raises
    ------
    InvalidArgumentError
        During a run, if two of them have the same tag.
    """
    name = None if name is None else clean_tag(name)
    with name_scope(name, "Merge", inputs):
        return collect(apply(MERGE_SUMMARY, list(inputs), name=name), collections, [])


@public("summary.merge_all")
def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Tensor | None:
    """All summaries of a collection as one; None if there are none.

    Parameters
    ----------
    key : str
        The collection.
    scope : str, optional
        Only those whose name matches this regular expression.
    name : str, optional
    """
    found = get_default_graph().get_collection(key, scope)
    return merge(found, name=name) if found else None
