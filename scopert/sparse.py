"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.graph.sparse_tensor import SparseTensor as SparseTensor
from scopert.ops.array_unique import sparse_mask as mask
from scopert.ops.math_sparse_segment import sparse_segment_mean as segment_mean
from scopert.ops.math_sparse_segment import sparse_segment_sqrt_n as segment_sqrt_n
from scopert.ops.math_sparse_segment import sparse_segment_sum as segment_sum
from scopert.ops.sparse_dense import from_dense as from_dense
from scopert.ops.sparse_dense import sparse_tensor_dense_matmul as matmul
from scopert.ops.sparse_dense import sparse_tensor_dense_matmul as sparse_dense_matmul
from scopert.ops.sparse_dense import sparse_tensor_to_dense as to_dense
from scopert.ops.sparse_form import sparse_concat as concat
from scopert.ops.sparse_form import sparse_reorder as reorder
from scopert.ops.sparse_form import sparse_reshape as reshape
from scopert.ops.sparse_form import sparse_slice as slice
from scopert.ops.sparse_form import sparse_split as split
from scopert.ops.sparse_form import sparse_transpose as transpose
from scopert.ops.sparse_make import sparse_expand_dims as expand_dims
from scopert.ops.sparse_make import sparse_eye as eye
from scopert.ops.sparse_make import sparse_fill_empty_rows as fill_empty_rows
from scopert.ops.sparse_make import sparse_merge as merge
from scopert.ops.sparse_make import sparse_placeholder as placeholder
from scopert.ops.sparse_make import sparse_reset_shape as reset_shape
from scopert.ops.sparse_make import sparse_retain as retain
from scopert.ops.sparse_make import sparse_to_indicator as to_indicator
from scopert.ops.sparse_reduce import sparse_reduce_max as reduce_max
from scopert.ops.sparse_reduce import sparse_reduce_max_sparse as reduce_max_sparse
from scopert.ops.sparse_reduce import sparse_reduce_sum as reduce_sum
from scopert.ops.sparse_reduce import sparse_reduce_sum_sparse as reduce_sum_sparse
from scopert.ops.sparse_union import sparse_add as add
from scopert.ops.sparse_union import sparse_maximum as maximum
from scopert.ops.sparse_union import sparse_minimum as minimum
from scopert.ops.sparse_union import sparse_softmax as softmax

__all__ = [
    "SparseTensor",
    "add",
    "concat",
    "expand_dims",
    "eye",
    "fill_empty_rows",
    "from_dense",
    "mask",
    "matmul",
    "maximum",
    "merge",
    "minimum",
    "placeholder",
    "reduce_max",
    "reduce_max_sparse",
    "reduce_sum",
    "reduce_sum_sparse",
    "reorder",
    "reset_shape",
    "reshape",
    "retain",
    "segment_mean",
    "segment_sqrt_n",
    "segment_sum",
    "slice",
    "softmax",
    "sparse_dense_matmul",
    "split",
    "to_dense",
    "to_indicator",
    "transpose",
]
