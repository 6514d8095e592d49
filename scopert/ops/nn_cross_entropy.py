"""Cross-entropies: of softmax with class distributions or class numbers, of sigmoids, of Poisson rates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import bfloat16, float16, float32
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape import broadcast, merge, num_elements
from scopert.graph.shape_rules import scalar, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones_like, zeros_like
from scopert.ops.array_identity import prevent_gradient, stop_gradient
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import expand_dims, reshape, squeeze
from scopert.ops.array_shape import rank
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_slice import slice as slice_
from scopert.ops.array_transpose import transpose
from scopert.ops.array_where import where
from scopert.ops.check_comparisons import assert_equal
from scopert.ops.math_binary import add, subtract
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import logical_and
from scopert.ops.math_matmul import matmul
from scopert.ops.math_unary import abs_, exp, log, log1p
from scopert.ops.nn_activation import relu
from scopert.ops.nn_arguments import one_of
from scopert.ops.nn_softmax import log_softmax, softmax
from scopert.ops.run_checks import require
from scopert.ops.softmax_kernels import softmax_cross_entropy, sparse_softmax_cross_entropy
from scopert.public import public

Array = Any

FLOATING = "T: {float16, bfloat16, float32, float64}"


def _softmax_shape(op: Operation) -> list[Shape]:
    try:
        rows = with_rank(broadcast(op.inputs[0]._shape, op.inputs[1]._shape), 2)
    except ValueError as error:
        raise ValueError(f"Dimensions must be equal: {error}") from None
    return [(rows[0],), rows]


def _sparse_shape(op: Operation) -> list[Shape]:
    features, labels = with_rank(op.inputs[0]._shape, 2), with_rank(op.inputs[1]._shape, 1)
    batch = merge((features[0],), labels)
    assert batch is not None
    return [batch, (*batch, features[1])]


def _sparse_kernel(xp: Any, features: Array, labels: Array) -> tuple[Array, Array]:
    require(features.ndim == 2, f"logits must be 2-D, but got shape {list(features.shape)}")
    require(
        labels.shape == features.shape[:1],
        "logits and labels must have the same first dimension, got logits shape "
        f"{list(features.shape)} and labels shape {list(labels.shape)}",
    )
    classes = features.shape[-1]
    if features.size == 0 and features.shape[0]:
        raise InvalidArgumentError(None, None, f"Must have at least one class, but got logits shape {features.shape}")
    # A device is not stopped for a check: as in TensorFlow, NaN marks the row there.
    wrong = (labels < 0) | (labels >= classes) if xp is np else None
    if wrong is not None and wrong.any():
        raise InvalidArgumentError(
            None,
            None,
            f"Received a label value of {labels[wrong][0]} which is outside the valid range of [0, {classes}).  "
            f"Label values: {' '.join(map(str, labels.tolist()))}",
        )
    return sparse_softmax_cross_entropy(xp, features, labels)


def _softmax_kernel(xp: Any, features: Array, labels: Array) -> tuple[Array, Array]:
    pairs = zip(features.shape, labels.shape, strict=False)
    require(
        features.ndim == labels.ndim == 2 and all(a == b or 1 in (a, b) for a, b in pairs),
        f"logits and labels must be broadcastable: logits_size={list(features.shape)} labels_size={list(labels.shape)}",
    )
    return softmax_cross_entropy(xp, features, labels)


SOFTMAX_CROSS_ENTROPY = define_op(
    "SoftmaxCrossEntropyWithLogits", "features: T, labels: T", "loss: T, backprop: T", FLOATING,
    shape=_softmax_shape, kernel=_softmax_kernel,
)  # fmt: skip
SPARSE_SOFTMAX_CROSS_ENTROPY = define_op(
    "SparseSoftmaxCrossEntropyWithLogits", "features: T, labels: Tlabels", "loss: T, backprop: T",
    FLOATING + "; Tlabels: {int32, int64} = int64", shape=_sparse_shape, kernel=_sparse_kernel,
)  # fmt: skip

L2_LOSS = define_op(
    "L2Loss", "t: T", "output: T", FLOATING, shape=scalar,
    kernel=lambda xp, t: xp.asarray((t * t).sum() * t.dtype.type(0.5), dtype=t.dtype),
)  # fmt: skip


def scale_rows(vector: Tensor, matrix: Tensor) -> Tensor:
    """Each row of a matrix times its element of a vector."""
    return expand_dims(vector, -1) * matrix


def _is_zero(grad: Tensor) -> bool:
    """Whether a gradient is zero for certain; a second-order term is then left out."""
    if grad.op.type in ("ZerosLike", "Zeros"):
        return True
    value = constant_value(grad)
    return value is not None and not value.any()


@gradient("SoftmaxCrossEntropyWithLogits")
def _softmax_rule(op: Operation, grad_loss: Tensor, grad_backprop: Tensor) -> Any:
    # `backprop` is the gradient already. Where it is itself differentiated, add the Hessian of the loss,
    # diag(p) - p p', times what comes in.
    logits = op.inputs[0]
    grad = scale_rows(grad_loss, op.outputs[1])
    if grad_backprop is not None and not _is_zero(grad_backprop):
        p = softmax(logits)
        along = squeeze(matmul(expand_dims(grad_backprop, 1), expand_dims(p, 2)), axis=1)
        grad = grad + (grad_backprop - along) * p
    return grad, scale_rows(grad_loss, -log_softmax(logits))


@gradient("L2Loss")
def _l2_rule(op: Operation, grad: Tensor) -> Any:
    return op.inputs[0] * grad


@gradient("SparseSoftmaxCrossEntropyWithLogits")
def _sparse_rule(op: Operation, grad_loss: Tensor, _: Tensor) -> Any:
    backprop = prevent_gradient(
        op.outputs[1],
        message="Currently there is no way to take the second derivative of "
        "sparse_softmax_cross_entropy_with_logits due to the fused implementation's interaction with "
        "tf.gradients()",
    )
    return scale_rows(grad_loss, backprop), None


def _check_named(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(f"Only call `{function}` with named arguments (labels=..., logits=..., ...)")
    if labels is None or logits is None:
        raise ValueError("Both labels and logits must be provided.")


def _check_same_shape(a: Tensor, b: Tensor, names: str) -> None:
    try:
        merge(a._shape, b._shape)
    except ValueError:
        raise ValueError(f"{names} must have the same shape ({a.shape} vs {b.shape})") from None


def _as_matrix(x: Tensor) -> Tensor:
    """All axes but the last as one."""
    dimensions = rank(x)
    last = slice_(shape_of(x), [subtract(dimensions, 1)], [1])
    matrix = reshape(x, concat([[-1], last], 0))
    rows = None if x._shape is None else num_elements(x._shape[:-1])
    if rows is not None and x._shape is not None:
        matrix.set_shape((rows, x._shape[-1]))
    return matrix


def _move_to_end(x: Tensor, axis: Any, dimensions: Tensor) -> Tensor:
    return transpose(x, concat([range_of(axis), range_of(axis + 1, dimensions), [axis]], 0))


@public("nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """``-reduce_sum(labels * log_softmax(logits), axis)``, computed without loss of precision.

    The gradient flows to `labels` as well.

    Parameters
    ----------
    labels : tensor-like
        Each row along `axis` a probability distribution.
    logits : tensor-like of floats
        Of the same shape; float16 is computed in float32.
    axis, dim : int
        The classes; -1 by default.

    Returns
    -------
    Tensor
        Shape of `logits` without `axis`.
    """
    axis = one_of("axis", axis, "dim", dim)
    if axis is None:
        axis = -1
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        half = logits.dtype.base in (float16, bfloat16)
        precise = cast(logits, float32) if half else logits
        labels = cast(labels, precise.dtype)
        dimensions = rank(precise)
        if axis != -1:
            precise = _move_to_end(precise, axis, dimensions)
            labels = _move_to_end(labels, axis, dimensions)
        full = shape_of(precise)
        precise = _as_matrix(precise)
        labels = _as_matrix(labels)
        cost, _ = apply(SOFTMAX_CROSS_ENTROPY, precise, labels, name=scope)
        cost = reshape(cost, slice_(full, [0], [subtract(dimensions, 1)]))
        if logits._shape is not None:
            sizes = list(logits._shape)
            del sizes[axis]
            cost.set_shape(sizes)
        return cast(cost, logits.dtype) if half else cost


@public("nn.softmax_cross_entropy_with_logits")
def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """`softmax_cross_entropy_with_logits_v2` without a gradient to `labels`. Only named arguments.

    Raises
    ------
    ValueError
        If called without names, or without labels or logits.
    """
    if axis is not None:
        dim = axis
    _check_named("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        labels = stop_gradient(labels, name="labels_stop_gradient")
        return softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits, axis=dim, name=scope)


@public("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Cross-entropy of softmax for one class number per row. Only named arguments.

    Parameters
    ----------
    labels : tensor-like of int
        Numbers in ``[0, classes)``; others raise when run on the CPU.
    logits : tensor-like of floats
        One axis more: the classes. float16 is computed in float32.

    Returns
    -------
    Tensor
        Shape of `labels`.

    Raises
    ------
    ValueError
        If called without names, or shapes do not fit.
    """
    _check_named("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]):
        labels = convert_to_tensor(labels)
        logits = convert_to_tensor(logits)
        half = logits.dtype.base is float16
        precise = cast(logits, float32) if half else logits
        known, scores = labels._shape, logits._shape
        labels_shape = shape_of(labels)
        if scores == ():
            raise ValueError(f"Logits cannot be scalars - received shape {logits.shape}.")
        if scores is not None and known is not None and len(known) != len(scores) - 1:
            raise ValueError(
                f"Rank mismatch: Rank of labels (received {len(known)}) should equal rank of logits minus 1 "
                f"(received {len(scores)})."
            )
        static = known is not None and None not in known and scores is not None and None not in scores[:-1]
        if static and scores is not None and known != scores[:-1]:
            raise ValueError(
                f"Shape mismatch: The shape of labels (received {labels.shape}) should equal the shape of logits "
                f"except for the last dimension (received {logits.shape})."
            )
        if scores is not None and len(scores) == 2:
            cost, _ = apply(SPARSE_SOFTMAX_CROSS_ENTROPY, precise, labels, name=name)
            return cast(cost, float16) if half else cost
        checks = [] if static else [assert_equal(shape_of(labels), shape_of(logits)[:-1])]
        with control_dependencies(checks):
            classes = shape_of(logits)[rank(logits) - 1]
            precise = reshape(precise, [-1, classes])
            labels = reshape(labels, [-1])
            cost, _ = apply(SPARSE_SOFTMAX_CROSS_ENTROPY, precise, labels, name=name)
            cost = reshape(cost, labels_shape)
            cost.set_shape(known)
            return cast(cost, float16) if half else cost


@public("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """``-labels * log(sigmoid(logits)) - (1 - labels) * log(1 - sigmoid(logits))``. Only named arguments.

    Computed as ``max(x, 0) - x * z + log1p(exp(-abs(x)))``, which cannot overflow.

    Raises
    ------
    ValueError
        If called without names, or shapes differ.
    """
    _check_named("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        x = convert_to_tensor(logits, name="logits")
        z = convert_to_tensor(labels, name="labels")
        _check_same_shape(x, z, "logits and labels")
        nothing = zeros_like(x, dtype=x.dtype)
        positive = x >= nothing
        rectified = where(positive, x, nothing)
        negative_size = where(positive, -x, x)
        return add(rectified - x * z, log1p(exp(negative_size)), name=scope)


@public("nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, name: str | None = None, targets: Any = None
) -> Tensor:
    """`sigmoid_cross_entropy_with_logits` with the positive term multiplied by `pos_weight`.

    Raises
    ------
    ValueError
        If shapes differ.
    """
    labels = one_of("labels", labels, "targets", targets)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        x = convert_to_tensor(logits, name="logits")
        z = convert_to_tensor(labels, name="labels")
        _check_same_shape(x, z, "logits and labels")
        weight = 1 + (pos_weight - 1) * z
        return add(
            (1 - z) * x,
            weight * (log1p(exp(-abs_(x))) + relu(-x)),
            name=scope,
        )


@public("nn.log_poisson_loss")
def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Tensor:
    """``exp(log_input) - log_input * targets``, the negative log likelihood of counts under Poisson rates.

    With `compute_full_loss` Stirling's approximation of ``log(targets!)`` is added where targets exceed 1.

    Raises
    ------
    ValueError
        If shapes differ.
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        rates = convert_to_tensor(log_input, name="log_input")
        counts = convert_to_tensor(targets, name="targets")
        _check_same_shape(rates, counts, "log_input and targets")
        loss = exp(rates) - rates * counts
        if compute_full_loss:
            half = constant(0.5, dtype=counts.dtype)
            two_pi = constant(2 * math.pi, dtype=counts.dtype)
            stirling = counts * log(counts) - counts + half * log(two_pi * counts)
            zero, one = zeros_like(counts), ones_like(counts)
            small = logical_and(counts >= zero, counts <= one)
            loss = loss + where(small, zero, stirling)
        return loss


@public("nn.l2_loss")
def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of squares: ``sum(t ** 2) / 2``."""
    return apply(L2_LOSS, t, name=name)
