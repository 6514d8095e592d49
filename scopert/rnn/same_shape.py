"""Tensors that must have the shape of another, checked now or in the run."""

from __future__ import annotations

from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape import is_compatible, is_known
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size
from scopert.ops.assert_op import assert_
from scopert.ops.math_comparison import equal, logical_and, logical_or
from scopert.ops.math_reduction import reduce_all
from scopert.public import public


@public("contrib.framework.with_same_shape")
def with_same_shape(expected_tensor: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` with the shape of another.

    Raises
    ------
    ValueError
        If the shape is known to be another; InvalidArgumentError in the run.
    """
    expected = expected_tensor._shape
    with name_scope(f"{tensor.op.name}/", values=[expected_tensor, tensor]):
        if is_known(expected) and is_known(tensor._shape):
            if not is_compatible(expected, tensor._shape):
                raise ValueError(
                    f"Invalid shape for tensor {tensor.name}, expected {list(expected or ())}, got {tensor.shape}."
                )
            return tensor
        wanted = list(expected or ()) if is_known(expected) else shape_of(expected_tensor, name="expected_shape")
        with name_scope(f"{tensor.op.name}/", values=[tensor]):
            with name_scope("assert_shape", values=[tensor]) as scope:
                actual = shape_of(tensor, name="actual")
                with name_scope("is_shape", values=[tensor]) as inner:
                    count = size(wanted)
                    with name_scope("is_rank", values=[tensor]) as innermost:
                        same_rank = equal(count, rank_of(tensor, name="actual"), name=innermost)
                    # Sizes of -1 fit any: TensorFlow's rule for partly known shapes.
                    with name_scope("shape_tensor_equal", values=[wanted, actual]) as innermost:
                        fits = logical_or(
                            equal(wanted, -1), equal(wanted, actual, "equal"), name="exclude_partial_shape"
                        )
                        same = reduce_all(fits, name=innermost)
                    right = logical_and(same_rank, same, name=inner)
                text = f"Wrong shape for {tensor.name} [expected] [actual]."
                check = assert_(right, [text, wanted, actual], name=scope)
            with control_dependencies([check]):
                made = identity(tensor)
            if is_known(expected):
                made.set_shape(expected)
            return made
