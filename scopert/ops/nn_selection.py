"""TopK, InTopK and NthElement: selecting along the last axis by rank."""

from __future__ import annotations

from typing import Any, NamedTuple

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.shape_rules import at_least_rank, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import selection_kernels as kernels
from scopert.ops.array_fill import zeros
from scopert.ops.array_gather import gather
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_scatter import scatter_nd
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size
from scopert.ops.array_stack import stack
from scopert.ops.math_binary import div
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal
from scopert.ops.math_reduction import reduce_prod, reduce_sum
from scopert.ops.run_checks import require
from scopert.public import public

Array = Any

REAL = "T: {float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}"


class TopKV2(NamedTuple):
    """What `top_k` gives."""

    values: Tensor
    indices: Tensor


def _top_shape(op: Operation, k: int | None) -> list[Shape]:
    shape = at_least_rank(op.inputs[0]._shape, 1)
    if shape is None:
        return [None, None]
    if k is not None and shape[-1] is not None and shape[-1] < k:
        raise ValueError(f"input must have last dimension >= k = {k} but is {shape[-1]}")
    return [(*shape[:-1], k)] * 2


def _top_k_shape(op: Operation) -> list[Shape]:
    return _top_shape(op, op.attrs["k"])


def _top_k_v2_shape(op: Operation) -> list[Shape]:
    with_rank(op.inputs[1]._shape, 0)
    value = known_value(op.inputs[1])
    if value is not None and value < 0:
        raise ValueError(f"Need k >= 0, got {int(value)}")
    return _top_shape(op, None if value is None else int(value))


def _top_k_v2(xp: Any, x: Array, k: Array) -> tuple[Array, Array]:
    count = int(k)
    if count < 0:
        raise InvalidArgumentError(None, None, f"Need k >= 0, got {count}")
    require(x.ndim >= 1, f"input must be >= 1-D, got shape {list(x.shape)}")
    if count > x.shape[-1]:
        raise InvalidArgumentError(None, None, f"input must have at least k columns. Had {x.shape[-1]}, needed {count}")
    return kernels.top_k(xp, x, count)


def _in_top_k_shape(op: Operation) -> list[Shape]:
    predictions, targets = with_rank(op.inputs[0]._shape, 2), with_rank(op.inputs[1]._shape, 1)
    return [merge(predictions[:1], targets)]


def _nth_shape(op: Operation) -> list[Shape]:
    shape = at_least_rank(op.inputs[0]._shape, 1)
    n = known_value(op.inputs[1])
    if n is not None and n < 0:
        raise ValueError(f"Input n must be non-negative but is {int(n)}")
    if shape is not None and n is not None and shape[-1] is not None and shape[-1] <= n:
        raise ValueError(f"Input must have last dimension > n = {int(n)} but is {shape[-1]}")
    return [None if shape is None else shape[:-1]]


def _nth(xp: Any, x: Array, n: Array, *, reverse: bool) -> Array:
    place = int(n)
    if not 0 <= place < x.shape[-1]:
        raise InvalidArgumentError(
            None, None, f"Input must have at least n+1 columns: n = {place}, {x.shape[-1]} columns"
        )
    return kernels.nth_element(xp, x, place, reverse)


TOP_K = define_op(
    "TopK", "input: T", "values: T, indices: int32", "k: int >= 0; sorted: bool = true; " + REAL,
    shape=_top_k_shape, kernel=lambda xp, x, *, k: kernels.top_k(xp, x, k),
)  # fmt: skip
TOP_K_V2 = define_op(
    "TopKV2", "input: T, k: int32", "values: T, indices: int32", "sorted: bool = true; " + REAL,
    shape=_top_k_v2_shape, kernel=_top_k_v2,
)  # fmt: skip
IN_TOP_K = define_op(
    "InTopK", "predictions: float32, targets: T", "precision: bool", "k: int; T: {int32, int64} = int32",
    shape=_in_top_k_shape, differentiable=False,
    kernel=lambda xp, predictions, targets, *, k: kernels.in_top_k(xp, predictions, targets, k),
)  # fmt: skip
IN_TOP_K_V2 = define_op(
    "InTopKV2", "predictions: float32, targets: T, k: T", "precision: bool", "T: {int32, int64} = int32",
    shape=_in_top_k_shape, differentiable=False,
    kernel=lambda xp, predictions, targets, k: kernels.in_top_k(xp, predictions, targets, int(k)),
)  # fmt: skip
NTH_ELEMENT = define_op(
    "NthElement", "input: T, n: int32", "values: T", "reverse: bool = false; " + REAL, shape=_nth_shape,
    kernel=_nth,
)  # fmt: skip


@gradient("TopK", "TopKV2")
def _top_k_rule(op: Operation, grad: Tensor, _: Tensor) -> Any:
    # Scatter the gradient of each row to the places that its values came from, by their flat indices.
    full = shape_of(op.inputs[0])
    picked = shape_of(op.outputs[1])
    columns = gather(cast(picked, "int64"), size(picked) - 1)
    rows = reshape(op.outputs[1], stack([-1, columns]))
    width = gather(cast(full, "int64"), size(full) - 1)
    count = shape_of(rows)[0]
    starts = range_of(0, cast(count, "int64") * width, width)
    flat = reshape(rows + cast(expand_dims(starts, -1), "int32"), [-1])
    spread = scatter_nd(expand_dims(flat, -1), reshape(grad, [-1]), [reduce_prod(full)])
    return [reshape(spread, full), zeros([], dtype="int32")][: len(op.inputs)]


@gradient("NthElement")
def _nth_rule(op: Operation, grad: Tensor) -> Any:
    # Elements equal to the selected one share its gradient.
    x, found = op.inputs[0], op.outputs[0]
    chosen = cast(equal(expand_dims(found, -1), x), grad.dtype)
    grad = expand_dims(grad, -1)
    count = expand_dims(reduce_sum(chosen, -1), -1)
    return [div(chosen, count) * grad, None]


@public("nn.top_k", "math.top_k")
def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The `k` largest elements along the last axis and their indices; of equal ones the first comes first.

    Parameters
    ----------
    input : tensor-like
        Rank 1 or more, at least `k` long in its last axis.
    k : int or int32 scalar
    sorted : bool
        Results are in falling order in any case.

    Raises
    ------
    ValueError
        If the last axis is shorter than `k`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     [found.tolist() for found in session.run(tf.nn.top_k([3, 1, 2], 2))]
    [[3, 2], [0, 2]]
    """
    return TopKV2(*apply(TOP_K_V2, input, k, sorted=sorted, name=name))


@public("nn.in_top_k", "math.in_top_k")
def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each target class is among the `k` with the highest predictions.

    Parameters
    ----------
    predictions : tensor-like of float32
        ``(batch, classes)``. A row that is not finite gives False.
    targets : tensor-like of int
        ``(batch,)``. A class that does not exist gives False.
    """
    with name_scope(name, "in_top_k"):
        return apply(IN_TOP_K_V2, predictions, targets, k, name=name)


@public("contrib.nn.nth_element")
def nth_element(input: Any, n: Any, reverse: bool = False, name: str | None = None) -> Tensor:
    """The element that would stand at place `n` along the last axis if it were sorted (`reverse`: falling)."""
    return apply(NTH_ELEMENT, input, n, reverse=reverse, name=name)
