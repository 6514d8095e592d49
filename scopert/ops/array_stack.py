"""Stacking tensors along a new axis, taking them apart again, and lists of tensors as tensors."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_value, static_shape
from scopert.graph.convert import register_tensor_conversion_function, to_tensor
from scopert.graph.dtypes import DType
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import text
from scopert.graph.shape_rules import equal
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import expand_dims
from scopert.ops.array_shape import canonical_axis, tensor_array
from scopert.ops.raw import raw
from scopert.public import public


def _pack_rule(op: Operation) -> list[Shape]:
    common: Shape = None
    for tensor in op.inputs:
        common = equal(common, tensor._shape)
    if common is None:
        return [None]
    axis = canonical_axis(op.attrs["axis"], len(common) + 1)
    return [(*common[:axis], len(op.inputs), *common[axis:])]


def _pack_kernel(xp: Any, *values: Any, axis: int) -> Any:
    arrays = [tensor_array(xp, value) for value in values]
    try:
        return xp.stack(arrays, axis)
    except ValueError:
        shapes = " != ".join(dict.fromkeys(str(list(array.shape)) for array in arrays))
        raise InvalidArgumentError(None, None, f"Shapes of all inputs must match: {shapes}") from None


PACK = define_op(
    "Pack",
    inputs="values: N * T",
    outputs="output: T",
    attrs="N: int >= 1; T: type; axis: int = 0",
    shape=_pack_rule,
    kernel=_pack_kernel,
)


@static_shape("Pack")
def _shape_from_pack(op: Operation) -> Shape:
    if any(tensor._shape not in ((), None) for tensor in op.inputs):
        return None
    sizes: list[int | None] = []
    for tensor in op.inputs:
        value = known_value(tensor)
        sizes.append(None if value is None or value < 0 else int(value))
    return tuple(sizes)


@gradient("Pack")
def _pack_grad(op: Operation, grad: Any) -> Any:
    return unstack(grad, num=op.get_attr("N"), axis=op.get_attr("axis"))


@public("stack")
def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape side by side along a new axis.

    Parameters
    ----------
    values : list of Tensor
        Of one type and shape; values that are all known become one constant.
    axis : int, optional
        Where the new axis stands in the result; negative ones count from the back.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If the shapes are known to differ, or there can be no such axis.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     tf.stack([tf.zeros([2, 3])] * 4, axis=-1).shape.as_list()
    [2, 3, 4]
    """
    if axis == 0:
        try:
            return to_tensor(values, None, name)
        except (TypeError, ValueError):
            pass  # of several types, perhaps, which Pack can make one
    first = to_tensor(values[0], None, name)._shape
    if first is not None:
        canonical_axis(axis, len(first) + 1)
    return apply(PACK, list(values), axis=axis, name=name)


def _parallel_kernel(xp: Any, *values: Any) -> Any:
    return xp.concatenate([tensor_array(xp, value) for value in values], 0)


PARALLEL_CONCAT = define_op(
    "ParallelConcat",
    inputs="values: N * T",
    outputs="output: T",
    attrs="N: int >= 1; T: type; shape: shape",
    shape=lambda op: [op.attrs["shape"]],
    kernel=_parallel_kernel,
)


@public("parallel_stack")
def parallel_stack(values: Any, name: str = "parallel_stack") -> Tensor:
    """Like `stack` along the first axis, for tensors whose shapes are fully known; without gradient."""
    with name_scope(name):
        found = to_tensor(values[0])._shape
        if found is None or None in found:
            raise ValueError(f"the shapes of parallel_stack's values must be known, got {text(found)}")
        rows = [expand_dims(value, 0) for value in values]
        return apply(PARALLEL_CONCAT, rows, shape=(len(values), *found))


# Unpack


def _unpack_rule(op: Operation) -> list[Shape]:
    source, count = op.inputs[0]._shape, op.attrs["num"]
    if source is None:
        return [None] * count
    axis = canonical_axis(op.attrs["axis"], len(source))
    if source[axis] not in (None, count):
        raise ValueError(f"Dimension must be {count} but is {source[axis]}")
    return [source[:axis] + source[axis + 1 :]] * count


def _unpack_kernel(xp: Any, value: Any, *, num: int, axis: int) -> tuple[Any, ...]:
    array = tensor_array(xp, value)
    if array.shape[axis] != num:
        raise InvalidArgumentError(
            None, None, f"Input shape axis {axis} must equal {num}, got shape {list(array.shape)}"
        )
    return tuple(xp.moveaxis(array, axis, 0))


UNPACK = define_op(
    "Unpack",
    inputs="value: T",
    outputs="output: num * T",
    attrs="num: int >= 0; T: type; axis: int = 0",
    shape=_unpack_rule,
    kernel=_unpack_kernel,
    traits=VIEW,
)


@gradient("Unpack")
def _unpack_grad(op: Operation, *grads: Any) -> Any:
    return stack(grads, axis=op.get_attr("axis"))


@public("unstack")
def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The slices of a tensor along an axis, which they do not have any more.

    Parameters
    ----------
    value : Tensor
        At least one axis.
    num : int, optional
        How many slices there are; needed where the static shape does not tell.
    axis : int, optional
        Along which axis; negative ones count from the back.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If there is no such axis, or `num` is neither given nor known.
    """
    if num is None:
        value = to_tensor(value)
        found = value._shape
        if found is not None:
            num = found[canonical_axis(axis, len(found))]
        if num is None:
            raise ValueError(f"Cannot infer num from shape {text(found)}")
    return list(apply(UNPACK, value, num=num, axis=axis, name=name))


# Lists with tensors in them


def _is_tensor(value: Any) -> bool:
    """Whether a value is a tensor or a variable, which a literal cannot hold."""
    return isinstance(value, Tensor) or hasattr(value, "_as_graph_element")


def _type_within(values: Any) -> DType | None:
    for value in values:
        found = None
        if _is_tensor(value):
            return value.dtype.base
        if isinstance(value, list | tuple):
            found = _type_within(value)
        if found is not None:
            return found
    return None


def _cast_within(values: Any, dtype: DType) -> Any:
    if isinstance(values, list | tuple):
        return [_cast_within(value, dtype) for value in values]
    if _is_tensor(values) and values.dtype.base != dtype:
        return raw("Cast", values, DstT=dtype)
    return values


def _pack_within(values: Any, dtype: DType, name: str) -> Any:
    items: list[Any] = []
    with name_scope(name) as scope:
        for number, value in enumerate(values):
            if _is_tensor(value) and value.dtype.base != dtype:
                raise TypeError(
                    f"Cannot convert a list containing a tensor of dtype {value.dtype} to {dtype} "
                    f"(Tensor is: {value!r})"
                )
            items.append(_pack_within(value, dtype, str(number)) if isinstance(value, list | tuple) else value)
        if not any(_is_tensor(item) for item in items):
            return items
        packed = [
            item if _is_tensor(item) else constant(item, dtype=dtype, name=str(number))
            for number, item in enumerate(items)
        ]
        return apply(PACK, packed, name=scope)


def _convert_list(value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    if as_ref:
        return NotImplemented
    inferred = _type_within(value)
    if inferred is None:
        return NotImplemented
    if dtype is None:
        dtype = inferred
    elif dtype != inferred:
        value = _cast_within(value, dtype)
    return _pack_within(value, dtype, name or "packed")


register_tensor_conversion_function((list, tuple), _convert_list, 99)
