"""Assignment to a part of a variable: ``v[1:3].assign(...)``."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.opdef import STATEFUL, WRITES, define_op
from scopert.graph.shape_rules import no_outputs, same_as_first
from scopert.ops.array_strided import Masks, python_index

_ATTRS = (
    "T: type; Index: {int32, int64}; begin_mask: int = 0; end_mask: int = 0; ellipsis_mask: int = 0; "
    "new_axis_mask: int = 0; shrink_axis_mask: int = 0"
)


def _assign(
    xp: Any, ref: Any, begin: Any, end: Any, strides: Any, value: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    view = ref.write_view()
    try:
        index = python_index(begin, end, strides, masks)
        expected = view[index].shape
        if 0 in expected:
            return ref  # nothing to assign; TensorFlow does not look at the value's shape then
        if expected != value.shape:
            raise ValueError(f"a value of shape {list(value.shape)} is assigned to a slice of shape {list(expected)}")
        view[index] = value
    except (IndexError, ValueError) as error:
        raise InvalidArgumentError(None, None, f"{error} (variable '{ref.name}')") from None
    return ref


STRIDED_SLICE_ASSIGN = define_op(
    "StridedSliceAssign",
    inputs="ref: Ref(T), begin: Index, end: Index, strides: Index, value: T",
    outputs="output_ref: Ref(T)",
    attrs=_ATTRS,
    shape=same_as_first,
    kernel=_assign,
    traits=WRITES,
)


def _resource_kernel(
    xp: Any, ref: Any, begin: Any, end: Any, strides: Any, value: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> None:  # fmt: skip
    _assign(
        xp, ref, begin, end, strides, value, begin_mask=begin_mask, end_mask=end_mask, ellipsis_mask=ellipsis_mask,
        new_axis_mask=new_axis_mask, shrink_axis_mask=shrink_axis_mask,
    )  # fmt: skip


RESOURCE_STRIDED_SLICE_ASSIGN = define_op(
    "ResourceStridedSliceAssign",
    inputs="ref: resource, begin: Index, end: Index, strides: Index, value: T",
    attrs=_ATTRS,
    shape=no_outputs,
    kernel=_resource_kernel,
    traits=(WRITES, STATEFUL),
)
