"""Tensors of one value: fill, zeros, ones and those like another tensor."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_shape, known_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import DType, as_dtype, bool_, float32, int32, int64, string, variant
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import Dimension, TensorShape, as_tuple, brackets, is_known
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import ints, set_known_shape, shape_internal, tensor_array
from scopert.public import public

_SMALL = 1000  # fewer elements than this become a constant


def _fill_rule(op: Operation) -> list[Shape]:
    if op.inputs[1]._shape not in (None, ()):
        raise ValueError(f"Shape must be rank 0 but is rank {len(op.inputs[1]._shape or ())}")
    if op.inputs[0]._shape is not None and len(op.inputs[0]._shape) != 1:
        raise ValueError(f"Shape must be rank 1 but is rank {len(op.inputs[0]._shape)}")
    dims = known_value(op.inputs[0])
    if dims is not None and dims.size and int(dims.min()) < 0:
        raise ValueError(f"Fill dimensions must be >= 0, got {dims.tolist()}")
    return [known_shape(op.inputs[0])]


def _fill_kernel(xp: Any, dims: Any, value: Any) -> Any:
    if dims.ndim > 1:
        raise InvalidArgumentError(None, None, f"dims must represent a vector, got shape {brackets(dims.shape)}")
    target = ints(dims) if dims.size else ()
    for size in target:
        if size < 0:
            raise InvalidArgumentError(None, None, f"Dimension {size} must be >= 0")
    if isinstance(value, bytes):
        result = np.empty(target, object)
        result[...] = value
        return result
    return xp.full(target, value, value.dtype)


FILL = define_op(
    "Fill",
    inputs="dims: index_type, value: T",
    outputs="output: T",
    attrs="T: type; index_type: {int32, int64} = int32",
    shape=_fill_rule,
    kernel=_fill_kernel,
)


@gradient("Fill")
def _fill_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.math_reduction import reduce_sum

    return None, reduce_sum(grad)


@public("fill")
def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of shape `dims` with `value` in every place.

    Parameters
    ----------
    dims : Tensor
        A vector of integers.
    value : Tensor
        A scalar of any type.
    name : str, optional
        The operation's name.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.fill([2, 3], 9)))
    [[9 9 9]
     [9 9 9]]
    """
    return apply(FILL, dims, value, name=name)


def _like_kernel(number: int) -> Any:
    def kernel(xp: Any, x: Any) -> Any:
        array = tensor_array(xp, x)
        if array.dtype == object:
            result = np.empty(array.shape, object)
            result[...] = b""
            return result
        return (xp.ones if number else xp.zeros)(array.shape, array.dtype)

    return kernel


ZEROS_LIKE = define_op(
    "ZerosLike",
    inputs="x: T",
    outputs="y: T",
    attrs="T: type",
    shape=same_as_first,
    kernel=_like_kernel(0),
    differentiable=False,
)

ONES_LIKE = define_op(
    "OnesLike",
    inputs="x: T",
    outputs="y: T",
    attrs="T: {bfloat16, float16, float32, float64, int8, uint8, int16, uint16, int32, int64, complex64, "
    "complex128, bool}",
    shape=same_as_first,
    kernel=_like_kernel(1),
    differentiable=False,
)


def _is_small(sizes: Any) -> bool:
    """Whether a shape has so few elements that a constant will do.

    A list with tensors in it is multiplied out too, as TensorFlow does: its operations appear in the graph
    and their result, being a tensor, says neither yes nor no.
    """
    if isinstance(sizes, list | tuple):
        product = reduce(lambda a, b: a * b, sizes) if sizes else 1
        below = product < _SMALL
        return isinstance(below, bool | np.bool_) and bool(below)
    return bool(np.prod(np.asarray(sizes, object)) < _SMALL)


def _constant_of_shape(value: Any, target: Any, dtype: DType, name: str) -> Tensor | None:
    try:
        if isinstance(target, TensorShape):
            target = target.as_list()
        if isinstance(target, list | tuple):
            plain = [item.value if isinstance(item, Dimension) else item for item in target]
            if None in [item for item in plain if not isinstance(item, Tensor)]:
                return None
            target = plain
        elif np.ndim(target) == 0:
            return None  # as TensorFlow, which takes no lone number for the shape of a constant
        if _is_small(target):
            return constant(value, shape=target, dtype=dtype, name=name)
    except TypeError:
        pass  # an entry that is no number: the conversion of the shape will tell
    return None


def _shape_constant(target: Any) -> Tensor:
    sizes = as_tuple(target)
    if sizes is None or None in sizes:
        raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {TensorShape(target)}")
    dtype = int64 if any(size is not None and size >= 2**31 for size in sizes) else int32
    return constant(np.array(sizes, dtype.np), dtype=dtype, name="shape_as_tensor")


def _filled(value: Any, target: Any, dtype: DType, scope: str) -> Tensor:
    if not isinstance(target, Tensor):
        try:
            small = _constant_of_shape(value, target, dtype, scope)
            if small is not None:
                return small
            target = _shape_constant(target)
        except (TypeError, ValueError):
            target = to_tensor(target, int32)
    if not target._shape:
        target = reshape(target, [-1])
    return fill(target, constant(value, dtype=dtype), name=scope)


@public("zeros")
def zeros(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """A tensor of zeros (False, or empty strings).

    Parameters
    ----------
    shape : Tensor or shape
        Integers, which may be tensors.
    dtype : DType, optional
        The type of the elements.
    name : str, optional
        The operation's name.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     tf.zeros([2, 3]).op.type
    'Const'
    """
    kind = as_dtype(dtype).base
    with name_scope(name, "zeros", [shape]) as scope:
        zero: Any = False if kind is bool_ else "" if kind is string else 0
        return _filled(zero, shape, kind, scope)


@public("ones")
def ones(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """A tensor of ones (or True); see `zeros`."""
    kind = as_dtype(dtype).base
    with name_scope(name, "ones", [shape]) as scope:
        return _filled(True if kind is bool_ else 1, shape, kind, scope)


@public("zeros_like")
def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros in the shape of `tensor`.

    Parameters
    ----------
    tensor : Tensor
        Whose shape it takes.
    dtype : DType, optional
        The type of the elements; that of `tensor` by default.
    name : str, optional
        The operation's name.
    optimize : bool, optional
        Whether the static shape is used, so that the result may be a constant.
    """
    with name_scope(name, "zeros_like", [tensor]) as scope:
        source = to_tensor(tensor, None, "tensor")
        kind = None if dtype is None else as_dtype(dtype)
        if optimize and is_known(source._shape) and source.dtype != variant:
            return zeros(source.shape, dtype=kind or source.dtype, name=scope)
        if kind is not None and kind != source.dtype and kind != variant:
            return zeros(shape_internal(source, optimize=optimize), dtype=kind, name=scope)
        return apply(ZEROS_LIKE, source, name=scope)


@public("ones_like")
def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Ones in the shape of `tensor`; see `zeros_like`."""
    with name_scope(name, "ones_like", [tensor]) as scope:
        source = to_tensor(tensor, None, "tensor")
        sizes = shape_internal(source, optimize=optimize)
        result = ones(sizes, dtype=source.dtype if dtype is None else dtype, name=scope)
        set_known_shape(result, source._shape)
        return result
