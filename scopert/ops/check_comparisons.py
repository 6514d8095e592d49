"""Checks of values: operations that fail in a run, or at once if the values are known.

Each gives an operation, which only runs if something depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.assert_op import assert_
from scopert.ops.math_comparison import equal, greater, greater_equal, less, less_equal, not_equal
from scopert.ops.math_reduction import reduce_all
from scopert.ops.math_unary import abs_
from scopert.ops.no_op import no_op
from scopert.public import public


def _static_text(item: Any) -> str:
    value = constant_value(item) if isinstance(item, Tensor) else None
    return str(item if value is None else value)


def _check(
    sign: str, scope: str, compare: Callable[..., Tensor], static: Callable[..., Any], x: Any, y: Any,
    data: Any, summarize: int | None, message: str | None, name: str | None,
) -> Operation:  # fmt: skip
    with name_scope(name, scope, [x, y, data]):
        x, y = convert_to_tensor(x, name="x"), convert_to_tensor(y, name="y")
        if data is None:
            data = [
                f"Condition x {sign} y did not hold element-wise:", f"x ({x.name}) = ", x, f"y ({y.name}) = ", y,
            ]  # fmt: skip
        if message is not None:
            data = [message, *data]
        condition = reduce_all(compare(x, y))
        known_x, known_y = constant_value(x), constant_value(y)
        if known_x is not None and known_y is not None and not np.all(static(known_x, known_y)):
            raise InvalidArgumentError(None, None, "\n".join(_static_text(item) for item in data))
        return assert_(condition, data, summarize=summarize)


@public("assert_equal", "debugging.assert_equal")
def assert_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that ``x == y`` for all elements, broadcast.

    Parameters
    ----------
    x, y : Tensor
        Of one type.
    data : list of Tensor, optional
        What is shown if it fails; by default what the condition was, and the first elements.
    summarize : int, optional
        So many elements of each are shown, 3 by default.
    message : str, optional
        Stands before the data.
    name : str, optional

    Returns
    -------
    Operation
        It only runs if something depends on it.

    Raises
    ------
    InvalidArgumentError
        In a run, or at once if both values are known.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.placeholder(tf.int32, [2])
    ...     with tf.control_dependencies([tf.assert_equal(x, [1, 2])]):
    ...         y = tf.identity(x)
    """
    with name_scope(name, "assert_equal", [x, y, data]):
        if x is y:
            return no_op()
    return _check("==", "assert_equal", equal, np.equal, x, y, data, summarize, message, name)


@public("assert_none_equal", "debugging.assert_none_equal")
def assert_none_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that ``x != y`` for all elements; see `assert_equal`."""
    return _check("!=", "assert_none_equal", not_equal, np.not_equal, x, y, data, summarize, message, name)


@public("assert_less", "debugging.assert_less")
def assert_less(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that ``x < y`` for all elements; see `assert_equal`."""
    return _check("<", "assert_less", less, np.less, x, y, data, summarize, message, name)


@public("assert_less_equal", "debugging.assert_less_equal")
def assert_less_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that ``x <= y`` for all elements; see `assert_equal`."""
    return _check("<=", "assert_less_equal", less_equal, np.less_equal, x, y, data, summarize, message, name)


@public("assert_greater", "debugging.assert_greater")
def assert_greater(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that ``x > y`` for all elements; see `assert_equal`."""
    return _check(">", "assert_greater", greater, np.greater, x, y, data, summarize, message, name)


@public("assert_greater_equal", "debugging.assert_greater_equal")
def assert_greater_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that ``x >= y`` for all elements; see `assert_equal`."""
    return _check(">=", "assert_greater_equal", greater_equal, np.greater_equal, x, y, data, summarize, message, name)


def _data_of(x: Tensor, data: Any, message: str | None, sign: str) -> Sequence[Any]:
    if data is not None:
        return data
    return [message or "", f"Condition x {sign} 0 did not hold element-wise:", f"x ({x.name}) = ", x]


@public("assert_negative", "debugging.assert_negative")
def assert_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Checks that ``x < 0`` for all elements; see `assert_equal`."""
    with name_scope(name, "assert_negative", [x, data]):
        x = convert_to_tensor(x, name="x")
        data = _data_of(x, data, message, "<")
        return assert_less(x, convert_to_tensor(0, dtype=x.dtype), data=data, summarize=summarize)


@public("assert_positive", "debugging.assert_positive")
def assert_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Checks that ``x > 0`` for all elements; see `assert_equal`."""
    with name_scope(name, "assert_positive", [x, data]):
        x = convert_to_tensor(x, name="x")
        data = _data_of(x, data, message, ">")
        return assert_less(convert_to_tensor(0, dtype=x.dtype), x, data=data, summarize=summarize)


@public("assert_non_negative", "debugging.assert_non_negative")
def assert_non_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Checks that ``x >= 0`` for all elements; see `assert_equal`."""
    with name_scope(name, "assert_non_negative", [x, data]):
        x = convert_to_tensor(x, name="x")
        data = _data_of(x, data, message, ">=")
        return assert_less_equal(convert_to_tensor(0, dtype=x.dtype), x, data=data, summarize=summarize)


@public("assert_non_positive", "debugging.assert_non_positive")
def assert_non_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Checks that ``x <= 0`` for all elements; see `assert_equal`."""
    with name_scope(name, "assert_non_positive", [x, data]):
        x = convert_to_tensor(x, name="x")
        if data is None:
            # TensorFlow writes the condition and the name in one piece.
            data = [message or "", f"Condition x <= 0 did not hold element-wise:x ({x.name}) = ", x]
        return assert_less_equal(x, convert_to_tensor(0, dtype=x.dtype), data=data, summarize=summarize)


@public("assert_near", "debugging.assert_near")
def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, data: Any = None, summarize: int | None = None,
    message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that ``|x - y| < atol + rtol * |y|`` for all elements.

    Parameters
    ----------
    x, y : Tensor
        Of one floating-point type.
    rtol, atol : Tensor, optional
        10 times the type's rounding error by default.
    data, summarize, message, name
        See `assert_equal`.

    Raises
    ------
    InvalidArgumentError
        In a run.
    """
    with name_scope(name, "assert_near", [x, y, rtol, atol, data]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype)
        eps = np.finfo(x.dtype.as_numpy_dtype).eps
        rtol = convert_to_tensor(10 * eps if rtol is None else rtol, name="rtol", dtype=x.dtype)
        atol = convert_to_tensor(10 * eps if atol is None else atol, name="atol", dtype=x.dtype)
        if data is None:
            data = [
                message or "", f"x and y not equal to tolerance rtol = {rtol}, atol = {atol}",
                f"x ({x.name}) = ", x, f"y ({y.name}) = ", y,
            ]  # fmt: skip
        tolerance = atol + rtol * abs_(y)
        return assert_(reduce_all(less(abs_(x - y), tolerance)), data, summarize=summarize)
