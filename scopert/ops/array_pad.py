"""Padding: with a constant, or with a mirror image."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value, known_value
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import is_known
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import rank, set_known_shape, shape, tensor_array
from scopert.ops.array_slice import slice as slice_of
from scopert.ops.array_stack import stack
from scopert.public import public


def _pad_rule(op: Operation) -> list[Shape]:
    source, table = op.inputs[0]._shape, op.inputs[1]._shape
    if table is not None:
        if len(table) != 2:
            raise ValueError(f"Shape must be rank 2 but is rank {len(table)}")
        if table[1] not in (2, None):
            raise ValueError(f"Dimension must be 2 but is {table[1]}")
        if source is not None and table[0] not in (len(source), None):
            raise ValueError(f"Shape must be rank {table[0]} but is rank {len(source)}")
    paddings = known_value(op.inputs[1])
    if source is None:
        count = len(paddings) if paddings is not None else None if table is None else table[0]
        return [None if count is None else (None,) * count]
    if paddings is None:
        return [(None,) * len(source)]
    if paddings.size and int(paddings.min()) < 0:
        raise ValueError("Paddings must be non-negative")
    return [
        tuple(
            None if n is None else n + before + after
            for n, (before, after) in zip(source, paddings.tolist(), strict=True)
        )
    ]


def _widths(array: Any, paddings: Any) -> list[tuple[int, int]]:
    widths = [(int(before), int(after)) for before, after in paddings.tolist()]
    if len(widths) != array.ndim:
        raise InvalidArgumentError(
            None,
            None,
            f"The first dimension of paddings must be the rank of inputs: {list(paddings.shape)}, {list(array.shape)}",
        )
    if any(before < 0 or after < 0 for before, after in widths):
        raise InvalidArgumentError(None, None, f"Paddings must be non-negative: {widths}")
    return widths


def _pad_kernel(xp: Any, x: Any, paddings: Any, constant_values: Any = None) -> Any:
    array = tensor_array(xp, x)
    widths = _widths(array, paddings)
    target = tuple(n + before + after for n, (before, after) in zip(array.shape, widths, strict=True))
    if array.dtype == object:
        result: Any = np.empty(target, object)
        result[...] = b"" if constant_values is None else constant_values
    elif constant_values is None:
        result = xp.zeros(target, array.dtype)
    else:
        result = xp.full(target, constant_values, array.dtype)
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(array.shape, widths, strict=True))
    result[inner] = array
    return result


PAD = define_op(
    "Pad",
    inputs="input: T, paddings: Tpaddings",
    outputs="output: T",
    attrs="T: type; Tpaddings: {int32, int64} = int32",
    shape=_pad_rule,
    kernel=_pad_kernel,
)

PAD_V2 = define_op(
    "PadV2",
    inputs="input: T, paddings: Tpaddings, constant_values: T",
    outputs="output: T",
    attrs="T: type; Tpaddings: {int32, int64} = int32",
    shape=_pad_rule,
    kernel=_pad_kernel,
)


@gradient("Pad", "PadV2")
def _pad_grad(op: Operation, grad: Any) -> Any:
    source, paddings = op.inputs[0], op.inputs[1]
    before = slice_of(paddings, [0, 0], stack([rank(source), 1]))
    begin = reshape(before, [-1])
    result = slice_of(grad, begin, shape(source, out_type=paddings.dtype.base))
    return (result, None, None) if len(op.inputs) == 3 else (result, None)


def _check_mirror(shape: tuple[int, ...], widths: list[tuple[int, int]], mode: str) -> None:
    offset = 1 if mode == "REFLECT" else 0
    for n, (before, after) in zip(shape, widths, strict=True):
        if max(before, after) > n - offset:
            limit = "less than" if offset else "no greater than"
            raise InvalidArgumentError(
                None, None, f"paddings must be {limit} the dimension size: {before}, {after} not {limit} {n}"
            )


def _mirror_kernel(xp: Any, x: Any, paddings: Any, *, mode: Any) -> Any:
    array = tensor_array(xp, x)
    widths = _widths(array, paddings)
    _check_mirror(array.shape, widths, mode)
    for axis, (before, after) in enumerate(widths):
        # Each axis in turn, so that corners are mirror images of mirror images.
        n = array.shape[axis]
        index = np.pad(np.arange(n), (before, after), "reflect" if mode == "REFLECT" else "symmetric")
        if before or after:
            array = xp.take(array, xp.asarray(index), axis=axis)
    return array


_MIRROR_ATTRS = 'T: type; Tpaddings: {int32, int64} = int32; mode: {"REFLECT", "SYMMETRIC"}'

MIRROR_PAD = define_op(
    "MirrorPad",
    inputs="input: T, paddings: Tpaddings",
    outputs="output: T",
    attrs=_MIRROR_ATTRS,
    shape=_pad_rule,
    kernel=_mirror_kernel,
    traits=VIEW,
)


def _unpad_rule(op: Operation) -> list[Shape]:
    source, paddings = op.inputs[0]._shape, known_value(op.inputs[1])
    if source is None:
        return [None]
    if paddings is None:
        return [(None,) * len(source)]
    return [
        tuple(None if n is None else n - int(a) - int(b) for n, (a, b) in zip(source, paddings, strict=True))
    ]


def _mirror_grad_kernel(xp: Any, grad: Any, paddings: Any, *, mode: Any) -> Any:
    offset = 1 if mode == "REFLECT" else 0
    for axis, (before, after) in enumerate(_widths(grad, paddings)):
        if not before and not after:
            continue
        rows = xp.moveaxis(grad, axis, 0)
        n = len(rows) - before - after
        inner = xp.array(rows[before : before + n])
        # What was copied outwards adds its gradient to where it was copied from.
        inner[offset : offset + before] += rows[:before][::-1]
        inner[n - offset - after : n - offset] += rows[before + n :][::-1]
        grad = xp.moveaxis(inner, 0, axis)
    return grad


MIRROR_PAD_GRAD = define_op(
    "MirrorPadGrad",
    inputs="input: T, paddings: Tpaddings",
    outputs="output: T",
    attrs=_MIRROR_ATTRS,
    shape=_unpad_rule,
    kernel=_mirror_grad_kernel,
    traits=VIEW,
)


@gradient("MirrorPad")
def _mirror_pad_grad(op: Operation, grad: Any) -> Any:
    return [apply(MIRROR_PAD_GRAD, grad, op.inputs[1], mode=op.get_attr("mode")), None]


@gradient("MirrorPadGrad")
def _mirror_pad_grad_grad(op: Operation, grad: Any) -> Any:
    return [apply(MIRROR_PAD, grad, op.inputs[1], mode=op.get_attr("mode")), None]


@public("pad")
def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Tensor:
    """A tensor with more elements before and after it along its axes.

    Parameters
    ----------
    tensor : Tensor
        What is padded.
    paddings : Tensor
        For each axis how many elements go before and how many after: integers of shape ``[rank, 2]``.
    mode : str, optional
        ``CONSTANT``, or a mirror image with (``SYMMETRIC``) or without (``REFLECT``) the outermost element.
    name : str, optional
        The operation's name.
    constant_values : scalar Tensor, optional
        What a constant padding is made of.

    Raises
    ------
    ValueError
        If the mode is none of these, or the shapes do not fit.
    InvalidArgumentError
        In a run, if there is not enough to mirror.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.pad([1, 2, 3], [[2, 1]], "REFLECT")))
    [3 2 1 2 3 2]
    """
    kind = mode.upper()
    if kind == "CONSTANT":
        if not isinstance(constant_values, Tensor) and np.ndim(constant_values) == 0 and constant_values == 0:
            result: Tensor = apply(PAD, tensor, paddings, name=name)
        else:
            result = apply(PAD_V2, tensor, paddings, constant_values, name=name)
    elif kind in ("REFLECT", "SYMMETRIC"):
        result = apply(MIRROR_PAD, tensor, paddings, mode=kind, name=name)
    else:
        raise ValueError(f"Unknown padding mode: {mode}")
    source = result.op.inputs[0]._shape
    if source is not None and not is_known(result._shape):
        _set_partial_shape(result, source)
    return result


def _set_partial_shape(result: Tensor, source: tuple[int | None, ...]) -> None:
    """Uses paddings of which only some rows are known."""
    table = constant_value(result.op.inputs[1], partial=True)
    if table is None:
        return
    known: list[int | None] = []
    for row, n in zip(table, source, strict=False):
        open_row = row is None or n is None or any(x is None for x in row)
        known.append(None if open_row or n is None else int(sum(row)) + n)
    set_known_shape(result, tuple(known))
