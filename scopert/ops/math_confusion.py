"""The confusion matrix of labels and predictions."""

from __future__ import annotations

from typing import Any

from scopert.graph import dtypes
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import ones_like, zeros
from scopert.ops.array_stack import stack
from scopert.ops.check_comparisons import assert_less, assert_non_negative
from scopert.ops.math_binary import maximum
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_max
from scopert.ops.no_op import with_dependencies
from scopert.ops.sparse_union import sparse_add
from scopert.ops.squeezable import remove_squeezable_dimensions
from scopert.public import public


@public("confusion_matrix", "math.confusion_matrix", "train.confusion_matrix")
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, dtype: Any = dtypes.int32, name: str | None = None,
    weights: Any = None,
) -> Tensor:  # fmt: skip
    """How often each class (row) was predicted as each class (column).

    Parameters
    ----------
    labels, predictions : tensor-like
        Vectors of class numbers.
    num_classes : int, optional
        Default: the greatest number that occurs, plus 1.
    dtype : DType
    name : str, optional
    weights : tensor-like, optional
        Sum these instead of counting.

    Raises
    ------
    ValueError
        If the shapes of predictions and weights differ.
    InvalidArgumentError
        In the run, if a class is negative or not below `num_classes`.
    """
    with name_scope(name, "confusion_matrix", [predictions, labels, num_classes, weights]):
        labels, predictions = remove_squeezable_dimensions(
            convert_to_tensor(labels, name="labels"), convert_to_tensor(predictions, name="predictions")
        )
        predictions = cast(predictions, dtypes.int64)
        labels = cast(labels, dtypes.int64)
        labels = with_dependencies(
            [assert_non_negative(labels, message="`labels` contains negative values")], labels
        )
        predictions = with_dependencies(
            [assert_non_negative(predictions, message="`predictions` contains negative values")], predictions
        )
        if num_classes is None:
            num_classes = maximum(reduce_max(predictions), reduce_max(labels)) + 1
        else:
            limit = cast(num_classes, dtypes.int64)
            labels = with_dependencies([assert_less(labels, limit, message="`labels` out of bound")], labels)
            predictions = with_dependencies(
                [assert_less(predictions, limit, message="`predictions` out of bound")], predictions
            )
        if weights is not None:
            weights = convert_to_tensor(weights, name="weights")
            predictions.get_shape().assert_is_compatible_with(weights.get_shape())
            weights = cast(weights, dtype)
        shape = stack([num_classes, num_classes])
        indices = stack([labels, predictions], axis=1)
        values = ones_like(predictions, dtype) if weights is None else weights
        counts = SparseTensor(indices=indices, values=values, dense_shape=cast(shape, dtypes.int64))
        none = zeros(cast(shape, dtypes.int32), dtype)
        made: Tensor = sparse_add(none, counts)
        return made
