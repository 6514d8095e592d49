"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_identity import check_numerics as check_numerics
from scopert.ops.assert_op import assert_ as Assert
from scopert.ops.check_comparisons import assert_equal as assert_equal
from scopert.ops.check_comparisons import assert_greater as assert_greater
from scopert.ops.check_comparisons import assert_greater_equal as assert_greater_equal
from scopert.ops.check_comparisons import assert_less as assert_less
from scopert.ops.check_comparisons import assert_less_equal as assert_less_equal
from scopert.ops.check_comparisons import assert_near as assert_near
from scopert.ops.check_comparisons import assert_negative as assert_negative
from scopert.ops.check_comparisons import assert_non_negative as assert_non_negative
from scopert.ops.check_comparisons import assert_non_positive as assert_non_positive
from scopert.ops.check_comparisons import assert_none_equal as assert_none_equal
from scopert.ops.check_comparisons import assert_positive as assert_positive
from scopert.ops.check_order import is_non_decreasing as is_non_decreasing
from scopert.ops.check_order import is_strictly_increasing as is_strictly_increasing
from scopert.ops.check_ranks import assert_rank as assert_rank
from scopert.ops.check_ranks import assert_rank_at_least as assert_rank_at_least
from scopert.ops.check_ranks import assert_rank_in as assert_rank_in
from scopert.ops.check_ranks import assert_shapes as assert_shapes
from scopert.ops.check_types import assert_integer as assert_integer
from scopert.ops.check_types import assert_proper_iterable as assert_proper_iterable
from scopert.ops.check_types import assert_same_float_dtype as assert_same_float_dtype
from scopert.ops.check_types import assert_scalar as assert_scalar
from scopert.ops.check_types import assert_type as assert_type
from scopert.ops.check_types import is_numeric_tensor as is_numeric_tensor
from scopert.ops.math_numerics import verify_tensor_all_finite as assert_all_finite
from scopert.ops.math_unary import is_finite as is_finite
from scopert.ops.math_unary import is_inf as is_inf
from scopert.ops.math_unary import is_nan as is_nan

__all__ = [
    "Assert",
    "assert_all_finite",
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_integer",
    "assert_less",
    "assert_less_equal",
    "assert_near",
    "assert_negative",
    "assert_non_negative",
    "assert_non_positive",
    "assert_none_equal",
    "assert_positive",
    "assert_proper_iterable",
    "assert_rank",
    "assert_rank_at_least",
    "assert_rank_in",
    "assert_same_float_dtype",
    "assert_scalar",
    "assert_shapes",
    "assert_type",
    "check_numerics",
    "is_finite",
    "is_inf",
    "is_nan",
    "is_non_decreasing",
    "is_numeric_tensor",
    "is_strictly_increasing",
]
