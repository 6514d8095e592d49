"""Strided slices: what indexing a tensor makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape, known_value, static_shape
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import ints, shape, tensor_array
from scopert.public import public


@dataclass(frozen=True, slots=True)
class Masks:
    """What the bits of a strided slice say of each entry of its vectors."""

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0


_MASK_ATTRS = (
    "T: type; Index: {int32, int64}; begin_mask: int = 0; end_mask: int = 0; ellipsis_mask: int = 0; "
    "new_axis_mask: int = 0; shrink_axis_mask: int = 0"
)


def _masks(attrs: dict[str, Any]) -> Masks:
    return Masks(
        attrs["begin_mask"],
        attrs["end_mask"],
        attrs["ellipsis_mask"],
        attrs["new_axis_mask"],
        attrs["shrink_axis_mask"],
    )


def _kinds(count: int, masks: Masks) -> list[str]:
    """For each entry of the vectors whether it is an ellipsis, a new axis, a single index or a range."""
    if masks.ellipsis_mask.bit_count() > 1:
        raise ValueError("Multiple ellipses in slice spec not allowed")
    kinds = []
    for i in range(count):
        bit = 1 << i
        if masks.ellipsis_mask & bit:
            kinds.append("ellipsis")
        elif masks.new_axis_mask & bit:
            kinds.append("new")
        elif masks.shrink_axis_mask & bit:
            kinds.append("single")
        else:
            kinds.append("range")
    return kinds


def python_index(begin: Any, end: Any, strides: Any, masks: Masks) -> tuple[Any, ...]:
    """The same selection as a Python index."""
    starts, stops, steps = ints(begin), ints(end), ints(strides)
    index: list[Any] = []
    for i, kind in enumerate(_kinds(len(starts), masks)):
        bit = 1 << i
        if kind == "ellipsis":
            index.append(Ellipsis)
        elif kind == "new":
            index.append(None)
        elif steps[i] == 0:
            raise ValueError(f"strides[{i}] must be non-zero")
        elif kind == "single":
            if steps[i] < 0:
                raise ValueError("only stride 1 allowed on non-range indexing.")
            index.append(starts[i])
        else:
            start = None if masks.begin_mask & bit else starts[i]
            stop = None if masks.end_mask & bit else stops[i]
            index.append(slice(start, stop, steps[i]))
    return tuple(index)


def _too_many(rank: int) -> str:
    return f"Index out of range using input dim {rank}; input has only {rank} dims"


def _select(array: Any, index: tuple[Any, ...]) -> Any:
    try:
        return array[index]
    except IndexError:
        wanted = sum(item is not None and item is not Ellipsis for item in index)
        if wanted > array.ndim:
            raise ValueError(_too_many(array.ndim)) from None
        axes = [i for i in index if i is not None]
        if Ellipsis in axes:
            at = axes.index(Ellipsis)
            axes[at : at + 1] = [slice(None)] * (array.ndim - len(axes) + 1)
        for axis, item in enumerate(axes):
            if isinstance(item, int) and not -array.shape[axis] <= item < array.shape[axis]:
                raise ValueError(f"slice index {item} of dimension {axis} out of bounds.") from None
        raise


def _strided_rule(op: Operation) -> list[Shape]:
    source, vector = op._inputs[0]._shape, op._inputs[1]._shape
    begin, end, strides = (_entries(tensor) for tensor in op._inputs[1:4])
    if source is None or strides is None or vector is None or vector[0] is None:
        return [None]
    return [_partly_known(source, begin, end, strides, _masks(op.attrs))]


def _entries(tensor: Tensor) -> list[int] | None:
    value = known_value(tensor)
    return None if value is None else value.tolist()


def _partly_known(
    source: tuple[int | None, ...], begin: list[int] | None, end: list[int] | None, strides: list[int], masks: Masks
) -> Shape:
    """The shape of a slice, as far as that of its source and the bounds are known."""
    kinds = _kinds(len(strides), masks)
    taken = sum(kind in ("single", "range") for kind in kinds)
    if taken > len(source):
        raise ValueError(_too_many(len(source)))
    if "ellipsis" not in kinds:
        kinds.append("ellipsis")
    result: list[int | None] = []
    axis = 0
    for i, kind in enumerate(kinds):
        bit = 1 << i
        if kind == "ellipsis":
            rest = len(source) - taken
            result += source[axis : axis + rest]
            axis += rest
            continue
        if kind == "new":
            result.append(1)
            continue
        length = source[axis]
        axis += 1
        step = strides[i]
        if step == 0:
            raise ValueError(f"strides[{i}] must be non-zero")
        if kind == "single":
            if step < 0:
                raise ValueError("only stride 1 allowed on non-range indexing.")
            if length is not None and begin is not None and not -length <= begin[i] < length:
                raise ValueError(f"slice index {begin[i]} of dimension {axis - 1} out of bounds.")
            continue
        open_both = bool(masks.begin_mask & bit and masks.end_mask & bit)
        if length is None or not (open_both or (begin is not None and end is not None)):
            result.append(None)
            continue
        start = None if masks.begin_mask & bit or begin is None else begin[i]
        stop = None if masks.end_mask & bit or end is None else end[i]
        result.append(len(range(*slice(start, stop, step).indices(length))))
    return tuple(result)


def _strided_kernel(
    xp: Any, x: Any, begin: Any, end: Any, strides: Any, *, begin_mask: int, end_mask: int, ellipsis_mask: int,
    new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    try:
        return _select(tensor_array(xp, x), python_index(begin, end, strides, masks))
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


STRIDED_SLICE = define_op(
    "StridedSlice",
    inputs="input: T, begin: Index, end: Index, strides: Index",
    outputs="output: T",
    attrs=_MASK_ATTRS,
    shape=_strided_rule,
    kernel=_strided_kernel,
    traits=VIEW,
)


def _of_shape(op: Operation) -> Any:
    """The part of a vector of which only some entries are known; None if the part is not known either."""
    vector = op.inputs[0]._shape
    if vector is None or len(vector) != 1:
        return None
    begin, end, strides = (known_value(tensor) for tensor in op.inputs[1:4])
    found = known_shape(op.inputs[0])
    masks = _masks(op.attrs)
    if found is None or begin is None or end is None or strides is None or masks.new_axis_mask:
        return None
    entries = np.empty(len(found), object)
    entries[:] = found
    return _select(entries, python_index(begin, end, strides, masks))


@static_shape("StridedSlice")
def _shape_from_slice(op: Operation) -> Shape:
    found = _of_shape(op)
    return tuple(found.tolist()) if isinstance(found, np.ndarray) else None


@public("strided_slice")
def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """A part of a tensor, given by where it begins, ends and in which steps: ``input_[b0:e0:s0, b1:e1:s1]``.

    Parameters
    ----------
    input_ : Tensor
        What to cut from.
    begin, end, strides : Tensor
        Vectors of integers of one length; the strides are 1 by default.
    begin_mask, end_mask : int, optional
        Bit `i`: the range starts, or ends, where the axis does.
    ellipsis_mask, new_axis_mask, shrink_axis_mask : int, optional
        Bit `i`: the entry stands for ``...``, for a new axis of size 1, or for the single index ``begin[i]``.
    var : Variable, optional
        The variable that `input_` is the value of.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If an index is known to be out of range, or a stride 0.
    """
    if strides is None:
        from scopert.ops.array_fill import ones_like

        strides = ones_like(begin)
    return apply(
        STRIDED_SLICE, input_, begin, end, strides, name=name, begin_mask=begin_mask, end_mask=end_mask,
        ellipsis_mask=ellipsis_mask, new_axis_mask=new_axis_mask, shrink_axis_mask=shrink_axis_mask,
    )  # fmt: skip


def _strided_grad_kernel(
    xp: Any, shape: Any, begin: Any, end: Any, strides: Any, dy: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    result = xp.zeros(ints(shape), dy.dtype)
    result[python_index(begin, end, strides, masks)] = dy
    return result


STRIDED_SLICE_GRAD = define_op(
    "StridedSliceGrad",
    inputs="shape: Index, begin: Index, end: Index, strides: Index, dy: T",
    outputs="output: T",
    attrs=_MASK_ATTRS,
    shape=lambda op: [known_shape(op.inputs[0])],
    kernel=_strided_grad_kernel,
)


def _mask_attrs(op: Operation) -> dict[str, Any]:
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return {name: op.get_attr(name) for name in names}


@gradient("StridedSlice")
def _strided_slice_grad(op: Operation, grad: Any) -> Any:
    begin, end, strides = op.inputs[1:4]
    source = shape(op.inputs[0], out_type=begin.dtype)
    return apply(STRIDED_SLICE_GRAD, source, begin, end, strides, grad, **_mask_attrs(op)), None, None, None


@gradient("StridedSliceGrad")
def _strided_slice_grad_grad(op: Operation, grad: Any) -> Any:
    begin, end, strides = op.inputs[1:4]
    return None, None, None, None, strided_slice(grad, begin, end, strides, **_mask_attrs(op))
