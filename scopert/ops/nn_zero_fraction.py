"""The share of zeros in a tensor."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, float32, int32, int64
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros
from scopert.ops.array_identity import identity
from scopert.ops.array_shape import size
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import less_equal, not_equal
from scopert.ops.math_reduction import reduce_sum
from scopert.public import public

# Below this many elements an int32 counts them.
_INT32_COUNTS = 2**31 - 1


def _count_nonzero(value: Tensor, dtype: DType) -> Tensor:
    with name_scope("count_nonzero", "count_nonzero", [value]):
        nothing = zeros([], dtype=value.dtype)
        return reduce_sum(cast(not_equal(value, nothing), dtype), name="nonzero_count")


@public("nn.zero_fraction", "math.zero_fraction")
def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The number of zeros divided by the number of elements, as float32; NaN for no elements.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     float(session.run(tf.nn.zero_fraction([0.0, 1.0, 0.0, 2.0])))
    0.5
    """
    with name_scope(name, "zero_fraction", [value]):
        value = convert_to_tensor(value, name="value")
        count = size(value, out_type=int64)
        nonzero = cond(
            less_equal(count, _INT32_COUNTS),
            true_fn=lambda: cast(_count_nonzero(value, int32), int64),
            false_fn=lambda: _count_nonzero(value, int64),
        )
        with name_scope("counts_to_fraction"):
            zero_count = count - nonzero
            share = cast(zero_count, float32) / cast(count, float32)
        return identity(share, "fraction")
