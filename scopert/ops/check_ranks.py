"""Checks of ranks and shapes: at once where they are known, else in a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.assert_op import assert_
from scopert.ops.check_types import assert_type
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_comparison import equal, greater_equal, logical_or
from scopert.ops.no_op import group, no_op, with_dependencies
from scopert.public import public


class _WrongRank(Exception):
    """The static rank is none of those wanted."""


def _ranks_condition(
    x: Tensor, ranks: Sequence[Tensor], static: Callable[[int, Any], bool],
    dynamic: Callable[[Tensor], Tensor], data: Any, summarize: int | None,
) -> Operation:  # fmt: skip
    for rank in ranks:
        assert_type(rank, int32)
    known = [constant_value(rank) for rank in ranks]
    if all(value is not None for value in known):
        if any(value.ndim for value in known):
            raise ValueError("Rank must be a scalar.")
        if x._rank is not None:
            if not static(x._rank, tuple(known)):
                raise _WrongRank
            return no_op(name="static_checks_determined_all_ok")
    condition = dynamic(rank_of(x))
    for rank, value in zip(ranks, known, strict=True):
        if value is None:
            check = assert_rank(rank, 0, data=["Rank must be a scalar. Received rank: ", rank])
            condition = with_dependencies([check], condition)
    return assert_(condition, data, summarize=summarize)


@public("assert_rank", "debugging.assert_rank")
def assert_rank(
    x: Any, rank: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that `x` has this rank.

    Parameters
    ----------
    x : Tensor
    rank : Tensor
        An int32 scalar.
    data, summarize, message, name
        See `assert_equal`.

    Raises
    ------
    ValueError
        If the rank is known and another one.
    InvalidArgumentError
        In a run.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     tf.assert_rank([[1.0]], 2).name
    'assert_rank/static_checks_determined_all_ok'
    """
    return _one_rank(x, rank, data, summarize, message, name, "assert_rank", "rank", int.__eq__, equal)


@public("assert_rank_at_least", "debugging.assert_rank_at_least")
def assert_rank_at_least(
    x: Any, rank: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that `x` has this rank or a higher one; see `assert_rank`."""
    return _one_rank(
        x, rank, data, summarize, message, name, "assert_rank_at_least", "rank at least", int.__ge__, greater_equal
    )


def _one_rank(
    x: Any, rank: Any, data: Any, summarize: int | None, message: str | None, name: str | None, scope: str,
    what: str, static: Callable[[int, int], bool], dynamic: Callable[[Any, Any], Tensor],
) -> Operation:  # fmt: skip
    with name_scope(name, scope, (x, rank, *(data or ()))):
        x, rank = convert_to_tensor(x, name="x"), convert_to_tensor(rank, name="rank")
        message = message or ""
        if data is None:
            data = [message, f"Tensor {x.name} must have {what}", rank, "Received shape: ", shape_of(x)]
        try:
            return _ranks_condition(
                x, [rank], lambda found, wanted: static(found, int(wanted[0])),
                lambda found: dynamic(found, rank), data, summarize,
            )  # fmt: skip
        except _WrongRank:
            raise ValueError(
                f"{message}.  Tensor {x.name} must have {what} {int(constant_value(rank))}.  Received rank "
                f"{x._rank}, shape {x.shape}"
            ) from None


@public("assert_rank_in", "debugging.assert_rank_in")
def assert_rank_in(
    x: Any, ranks: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that `x` has one of these ranks; see `assert_rank`."""
    with name_scope(name, "assert_rank_in", (x, *ranks, *(data or ()))):
        x = convert_to_tensor(x, name="x")
        ranks = tuple([convert_to_tensor(rank, name="rank") for rank in ranks])
        message = message or ""
        if data is None:
            data = [message, f"Tensor {x.name} must have rank in", *ranks, "Received shape: ", shape_of(x)]

        def dynamic(found: Tensor) -> Tensor:
            if not ranks:
                return convert_to_tensor(False)
            result = equal(ranks[0], found)
            for rank in ranks[1:]:
                result = logical_or(result, equal(rank, found))
            return result

        try:
            return _ranks_condition(x, ranks, lambda found, wanted: found in wanted, dynamic, data, summarize)
        except _WrongRank:
            wanted = tuple(constant_value(rank) for rank in ranks)
            raise ValueError(
                f"{message}.  Tensor {x.name} must have rank in {wanted}.  Received rank {x._rank}, shape {x.shape}"
            ) from None


class _Sizes(NamedTuple):
    tensor: Tensor
    leaves_outer: bool
    actual: Any
    wanted: tuple[Any, ...]


@public("debugging.assert_shapes")
def assert_shapes(
    shapes: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Checks that tensors have sizes that agree.

    Parameters
    ----------
    shapes : dict, or list of (Tensor, shape)
        A shape is a tuple of integers, of symbols (which must have one size everywhere), and of None or
        ``"."`` for any size. ``...`` or ``"*"`` at its beginning stands for any outer dimensions.
    data, summarize, message, name
        See `assert_equal`.

    Raises
    ------
    ValueError
        If sizes are known and differ, or a shape is none.
    InvalidArgumentError
        In a run.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     op = tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("N", "D")), (tf.zeros([2]), ("N",))])
    """
    pairs = shapes.items() if isinstance(shapes, dict) else shapes
    message = message or ""
    with name_scope(name, "assert_shapes", [shapes, data]):
        found = [(convert_to_tensor(x), shape) for x, shape in pairs if shape is not None]
        sizes = [_read_shape(tensor, shape, message) for tensor, shape in found]
        checks = [_check_rank(item, data, summarize, message, name) for item in sizes]
        rank_checks = [check for check in checks if check is not None]
        size_checks = _check_sizes(sizes, data, summarize, message)
        with control_dependencies(rank_checks):
            return group(size_checks)


def _read_shape(tensor: Tensor, shape: Any, message: str) -> _Sizes:
    if not hasattr(shape, "__iter__") and not hasattr(shape, "__getitem__"):
        raise ValueError(
            f"{message}.  Tensor {tensor.name}.  Specified shape must be an iterable.  An iterable has the attribute "
            f"`__iter__` or `__getitem__`.  Received specified shape: {shape}"
        )
    wanted = tuple(shape)
    leaves_outer = False
    for index, symbol in enumerate(wanted):
        if symbol is Ellipsis or symbol == "*":
            if index:
                raise ValueError(
                    f"{message}.  Tensor {tensor.name} specified shape index {index}.  Symbol `...` or `*` for a "
                    "variable number of unspecified dimensions is only allowed as the first entry"
                )
            leaves_outer = True
    return _Sizes(tensor, leaves_outer, _actual_sizes(tensor), (wanted[1:] if leaves_outer else wanted) or (1,))


def _actual_sizes(tensor: Tensor) -> Any:
    dynamic = shape_of(tensor)
    static = tensor._shape
    if static is None:
        return cond(equal(rank_of(tensor), 0), lambda: constant([1]), lambda: dynamic)
    return [dynamic[i] if size is None else size for i, size in enumerate(static)] if static else (1,)


def _check_rank(
    item: _Sizes, data: Any, summarize: int | None, message: str, name: str | None
) -> Operation | None:
    rank = len(item.wanted)
    if item.leaves_outer:
        if rank <= 1:
            return None
        return assert_rank_at_least(item.tensor, rank, data=data, summarize=summarize, message=message, name=name)
    if rank <= 1:
        return assert_rank_in(item.tensor, [0, 1], data=data, summarize=summarize, message=message, name=name)
    return assert_rank(item.tensor, rank, data=data, summarize=summarize, message=message, name=name)


def _as_int(size: Any) -> int | None:
    try:
        return int(size)
    except (ValueError, TypeError):
        return None


def _check_sizes(sizes: list[_Sizes], data: Any, summarize: int | None, message: str) -> list[Operation]:
    checks: list[Operation] = []
    known: dict[Any, tuple[Any, Tensor, int]] = {}
    for item in sizes:
        for index, symbol in enumerate(item.wanted):
            if symbol is None or symbol == ".":
                continue
            axis = index - len(item.wanted) if item.leaves_outer else index
            wanted = _as_int(symbol)
            if wanted is None and symbol not in known:
                known[symbol] = (item.actual[axis], item.tensor, axis)
                continue
            reason = "Specified explicitly"
            size: Any = wanted
            if wanted is None:
                size, source, at = known[symbol]
                reason = f"Specified by tensor {source.name} dimension {at}"
            actual = item.actual[axis]
            if _as_int(actual) is not None and _as_int(size) is not None:
                if int(actual) != int(size):
                    raise ValueError(
                        f"{message}.  {reason}.  Tensor {item.tensor.name} dimension {axis} must have size {size}.  "
                        f"Received size {actual}, shape {item.tensor.shape}"
                    )
                continue
            condition = equal(convert_to_tensor(actual), convert_to_tensor(size))
            shown = data
            if data is None:
                shown = [
                    message, reason, f"Tensor {item.tensor.name} dimension", axis, "must have size", size,
                    "Received shape: ", shape_of(item.tensor),
                ]  # fmt: skip
            checks.append(assert_(condition, shown, summarize=summarize))
    return checks
