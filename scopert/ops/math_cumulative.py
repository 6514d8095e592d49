"""Running sums, products and log-sum-exps along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import OpDef, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import at_least_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_where import where_v2
from scopert.ops.math_comparison import greater, less
from scopert.ops.math_types import INDEX, NUMERIC
from scopert.ops.math_unary import exp, log
from scopert.public import public

Array = Any


def _shape(op: Operation) -> list[Shape]:
    axis = op.inputs[1]._shape
    if axis is not None and len(axis) > 1:
        raise ValueError(f"Shape must be at most rank 1 but is rank {len(axis)}")
    return [at_least_rank(op.inputs[0]._shape, 0)]


def _scan(
    xp: Any, x: Array, axis: Array, exclusive: bool, reverse: bool, scan: Callable[[Array, int], Array], first: float
) -> Array:
    if axis.ndim:
        raise InvalidArgumentError(None, None, f"ScanOp: axis must be a scalar, not {list(axis.shape)}")
    position = int(axis)
    if not -x.ndim <= position < x.ndim:
        raise InvalidArgumentError(
            None, None, f"ScanOp: Expected scan axis in the range [{-x.ndim}, {x.ndim}), but got {position}"
        )
    moved = xp.moveaxis(x, position, 0)
    if reverse:
        moved = moved[::-1]
    done = scan(moved, 0)
    if exclusive and done.shape[0]:
        start = xp.full((1, *done.shape[1:]), first, done.dtype)
        done = xp.concatenate([start, done[:-1]], axis=0)
    if reverse:
        done = done[::-1]
    return xp.ascontiguousarray(xp.moveaxis(done, 0, position))


def _in_wide(xp: Any, x: Array, scan: Callable[..., Array]) -> Callable[[Array, int], Array]:
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV":
        return lambda v, axis: scan(v.astype(xp.float32), axis=axis).astype(x.dtype)
    return lambda v, axis: scan(v, axis=axis, dtype=x.dtype)


def _cumsum(xp: Any, x: Array, axis: Array, *, exclusive: bool, reverse: bool) -> Array:
    return _scan(xp, x, axis, exclusive, reverse, _in_wide(xp, x, xp.cumsum), 0)


def _cumprod(xp: Any, x: Array, axis: Array, *, exclusive: bool, reverse: bool) -> Array:
    return _scan(xp, x, axis, exclusive, reverse, _in_wide(xp, x, xp.cumprod), 1)


def _cumulative_logsumexp(xp: Any, x: Array, axis: Array, *, exclusive: bool, reverse: bool) -> Array:
    def scan(v: Array, along: int) -> Array:
        wide = v.astype(xp.float32) if v.dtype.itemsize == 2 else v
        made = wide.copy()
        for i in range(1, len(made)):  # logaddexp has no accumulate on every backend
            made[i] = xp.logaddexp(made[i - 1], wide[i])
        return made.astype(v.dtype)

    return _scan(xp, x, axis, exclusive, reverse, scan, -float("inf"))


def _op(name: str, kernel: Any, types: str) -> OpDef:
    return define_op(
        name, inputs="x: T, axis: Tidx", outputs="out: T",
        attrs=f"exclusive: bool = false; reverse: bool = false; T: {types}; Tidx: {INDEX}", shape=_shape,
        kernel=kernel,
    )  # fmt: skip


CUMSUM = _op("Cumsum", _cumsum, NUMERIC)
CUMPROD = _op("Cumprod", _cumprod, NUMERIC)
CUMULATIVE_LOGSUMEXP = _op("CumulativeLogsumexp", _cumulative_logsumexp, "{float16, float32, float64}")


@public("cumsum", "math.cumsum")
def cumsum(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """The running sum along an axis.

    Parameters
    ----------
    x : tensor-like
    axis : int or scalar tensor
    exclusive : bool
        Leave out the element itself: the first result is 0.
    reverse : bool
        From the end.
    name : str, optional

    Examples
    --------
    >>> import scopert as tf
    >>> tf.cumsum(tf.ones([2, 3]), axis=1).shape.as_list()
    [2, 3]
    """
    with name_scope(name, "Cumsum", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return apply(CUMSUM, x, axis, exclusive=exclusive, reverse=reverse, name=scope)


@public("cumprod", "math.cumprod")
def cumprod(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """The running product along an axis; arguments as `cumsum`."""
    with name_scope(name, "Cumprod", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return apply(CUMPROD, x, axis, exclusive=exclusive, reverse=reverse, name=scope)


@public("math.cumulative_logsumexp")
def cumulative_logsumexp(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """The running ``log(sum(exp(x)))`` along an axis; arguments as `cumsum`."""
    with name_scope(name, "CumulativeLogsumexp", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return apply(CUMULATIVE_LOGSUMEXP, x, axis, exclusive=exclusive, reverse=reverse, name=scope)


@gradient("Cumsum")
def _cumsum_grad(op: Operation, grad: Tensor) -> Any:
    exclusive, reverse = op.get_attr("exclusive"), op.get_attr("reverse")
    return [cumsum(grad, op.inputs[1], exclusive=exclusive, reverse=not reverse), None]


@gradient("Cumprod")
def _cumprod_grad(op: Operation, grad: Tensor) -> Any:
    x, axis = op.inputs
    exclusive, reverse = op.get_attr("exclusive"), op.get_attr("reverse")
    product = cumprod(x, axis, exclusive=exclusive, reverse=reverse)
    out = cumsum(product * grad, axis, exclusive=exclusive, reverse=not reverse)
    return [out / x, None]


@gradient("CumulativeLogsumexp")
def _cumulative_logsumexp_grad(op: Operation, grad: Tensor) -> Any:
    x, axis = op.inputs
    y = op.outputs[0]
    exclusive, reverse = op.get_attr("exclusive"), op.get_attr("reverse")

    def part(log_grad: Tensor) -> Tensor:
        run = cumulative_logsumexp(log_grad - y, axis=axis, reverse=not reverse, exclusive=exclusive)
        return exp(run + x)

    lowest = grad.dtype.min
    positive = where_v2(greater(grad, 0), log(grad), lowest)
    negative = where_v2(less(grad, 0), log(-grad), lowest)
    return [part(positive) - part(negative), None]
