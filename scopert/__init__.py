"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.compat.version import GIT_VERSION as GIT_VERSION
from scopert.compat.version import GRAPH_DEF_VERSION as GRAPH_DEF_VERSION
from scopert.compat.version import GRAPH_DEF_VERSION_MIN_CONSUMER as GRAPH_DEF_VERSION_MIN_CONSUMER
from scopert.compat.version import GRAPH_DEF_VERSION_MIN_PRODUCER as GRAPH_DEF_VERSION_MIN_PRODUCER
from scopert.compat.version import VERSION as VERSION
from scopert.derivatives.aggregate import AggregationMethod as AggregationMethod
from scopert.derivatives.backprop import UnconnectedGradients as UnconnectedGradients
from scopert.derivatives.backprop import gradients as gradients
from scopert.derivatives.hessians import hessians as hessians
from scopert.derivatives.py_function import py_function as py_function
from scopert.derivatives.registry import RegisterGradient as RegisterGradient
from scopert.derivatives.registry import not_differentiable as NoGradient
from scopert.derivatives.registry import not_differentiable as NotDifferentiable
from scopert.derivatives.registry import not_differentiable as no_gradient
from scopert.derivatives.tape import GradientTape as GradientTape
from scopert.errors import OpError as OpError
from scopert.graph.collections import GraphKeys as GraphKeys
from scopert.graph.constant import constant as constant
from scopert.graph.constant_value import constant_value as get_static_value
from scopert.graph.convert import convert_to_tensor as convert_to_tensor
from scopert.graph.convert import register_tensor_conversion_function as register_tensor_conversion_function
from scopert.graph.device import DeviceSpec as DeviceSpec
from scopert.graph.dimension import Dimension as Dimension
from scopert.graph.dimension import dimension_value as dimension_value
from scopert.graph.dtypes import DType as DType
from scopert.graph.dtypes import QUANTIZED_DTYPES as QUANTIZED_DTYPES
from scopert.graph.dtypes import as_dtype as as_dtype
from scopert.graph.dtypes import bfloat16 as bfloat16
from scopert.graph.dtypes import bool as bool
from scopert.graph.dtypes import complex128 as complex128
from scopert.graph.dtypes import complex64 as complex64
from scopert.graph.dtypes import double as double
from scopert.graph.dtypes import float16 as float16
from scopert.graph.dtypes import float32 as float32
from scopert.graph.dtypes import float64 as float64
from scopert.graph.dtypes import half as half
from scopert.graph.dtypes import int16 as int16
from scopert.graph.dtypes import int32 as int32
from scopert.graph.dtypes import int64 as int64
from scopert.graph.dtypes import int8 as int8
from scopert.graph.dtypes import qint16 as qint16
from scopert.graph.dtypes import qint32 as qint32
from scopert.graph.dtypes import qint8 as qint8
from scopert.graph.dtypes import quint16 as quint16
from scopert.graph.dtypes import quint8 as quint8
from scopert.graph.dtypes import resource as resource
from scopert.graph.dtypes import string as string
from scopert.graph.dtypes import uint16 as uint16
from scopert.graph.dtypes import uint32 as uint32
from scopert.graph.dtypes import uint64 as uint64
from scopert.graph.dtypes import uint8 as uint8
from scopert.graph.dtypes import variant as variant
from scopert.graph.graph import Graph as Graph
from scopert.graph.indexed_slices import IndexedSlices as IndexedSlices
from scopert.graph.indexed_slices_spec import IndexedSlicesSpec as IndexedSlicesSpec
from scopert.graph.operation import Operation as Operation
from scopert.graph.scopes import add_to_collection as add_to_collection
from scopert.graph.scopes import add_to_collections as add_to_collections
from scopert.graph.scopes import colocate_with as colocate_with
from scopert.graph.scopes import container as container
from scopert.graph.scopes import control_dependencies as control_dependencies
from scopert.graph.scopes import device as device
from scopert.graph.scopes import get_collection as get_collection
from scopert.graph.scopes import get_collection_ref as get_collection_ref
from scopert.graph.scopes import init_scope as init_scope
from scopert.graph.scopes import name_scope as name_scope
from scopert.graph.scopes import op_scope as op_scope
from scopert.graph.shape import TensorShape as TensorShape
from scopert.graph.shape import dimension_at_index as dimension_at_index
from scopert.graph.shape import disable_v2_tensorshape as disable_v2_tensorshape
from scopert.graph.shape import enable_v2_tensorshape as enable_v2_tensorshape
from scopert.graph.sparse_tensor import SparseTensor as SparseTensor
from scopert.graph.sparse_tensor import SparseTensorValue as SparseTensorValue
from scopert.graph.sparse_tensor import convert_to_tensor_or_sparse_tensor as convert_to_tensor_or_sparse_tensor
from scopert.graph.sparse_tensor import is_tensor as is_tensor
from scopert.graph.stack import get_default_graph as get_default_graph
from scopert.graph.stack import get_default_session as get_default_session
from scopert.graph.stack import reset_default_graph as reset_default_graph
from scopert.graph.tensor import Tensor as Tensor
from scopert.graph.tensor_proto import make_ndarray as make_ndarray
from scopert.graph.tensor_proto import make_tensor_proto as make_tensor_proto
from scopert.graph.tensor_spec import SparseTensorSpec as SparseTensorSpec
from scopert.graph.tensor_spec import TensorSpec as TensorSpec
from scopert.io.parsing import FixedLenFeature as FixedLenFeature
from scopert.io.parsing import FixedLenSequenceFeature as FixedLenSequenceFeature
from scopert.io.parsing import SparseFeature as SparseFeature
from scopert.io.parsing import VarLenFeature as VarLenFeature
from scopert.io.parsing import parse_example as parse_example
from scopert.io.parsing import parse_single_example as parse_single_example
from scopert.ops.array_bits import bitcast as bitcast
from scopert.ops.array_bits import unravel_index as unravel_index
from scopert.ops.array_broadcast import broadcast_dynamic_shape as broadcast_dynamic_shape
from scopert.ops.array_broadcast import broadcast_static_shape as broadcast_static_shape
from scopert.ops.array_broadcast import broadcast_to as broadcast_to
from scopert.ops.array_concat import concat as concat
from scopert.ops.array_depth import depth_to_space as depth_to_space
from scopert.ops.array_depth import space_to_depth as space_to_depth
from scopert.ops.array_diag import diag as diag
from scopert.ops.array_diag import diag_part as diag_part
from scopert.ops.array_diag import matrix_band_part as matrix_band_part
from scopert.ops.array_diag import matrix_diag as matrix_diag
from scopert.ops.array_diag import matrix_diag_part as matrix_diag_part
from scopert.ops.array_diag import matrix_set_diag as matrix_set_diag
from scopert.ops.array_fake_quant import fake_quant_with_min_max_args as fake_quant_with_min_max_args
from scopert.ops.array_fake_quant import fake_quant_with_min_max_args_gradient as fake_quant_with_min_max_args_gradient
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars_gradient as fake_quant_with_min_max_vars_gradient
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars_per_channel as fake_quant_with_min_max_vars_per_channel
from scopert.ops.array_fake_quant import fake_quant_with_min_max_vars_per_channel_gradient as fake_quant_with_min_max_vars_per_channel_gradient
from scopert.ops.array_fill import fill as fill
from scopert.ops.array_fill import ones as ones
from scopert.ops.array_fill import ones_like as ones_like
from scopert.ops.array_fill import zeros as zeros
from scopert.ops.array_fill import zeros_like as zeros_like
from scopert.ops.array_gather import batch_gather as batch_gather
from scopert.ops.array_gather import gather as gather
from scopert.ops.array_getitem import newaxis as newaxis
from scopert.ops.array_identity import check_numerics as check_numerics
from scopert.ops.array_identity import ensure_shape as ensure_shape
from scopert.ops.array_identity import guarantee_const as guarantee_const
from scopert.ops.array_identity import identity as identity
from scopert.ops.array_identity import identity_n as identity_n
from scopert.ops.array_identity import placeholder as placeholder
from scopert.ops.array_identity import placeholder_with_default as placeholder_with_default
from scopert.ops.array_identity import stop_gradient as stop_gradient
from scopert.ops.array_mask import boolean_mask as boolean_mask
from scopert.ops.array_mask import sequence_mask as sequence_mask
from scopert.ops.array_meshgrid import meshgrid as meshgrid
from scopert.ops.array_one_hot import one_hot as one_hot
from scopert.ops.array_pad import pad as pad
from scopert.ops.array_partition import dynamic_partition as dynamic_partition
from scopert.ops.array_partition import dynamic_stitch as dynamic_stitch
from scopert.ops.array_quantize import dequantize as dequantize
from scopert.ops.array_quantize import quantize as quantize
from scopert.ops.array_quantize import quantize_v2 as quantize_v2
from scopert.ops.array_range import linspace as lin_space
from scopert.ops.array_range import linspace as linspace
from scopert.ops.array_range import range as range
from scopert.ops.array_repeat import repeat as repeat
from scopert.ops.array_reshape import expand_dims as expand_dims
from scopert.ops.array_reshape import reshape as reshape
from scopert.ops.array_reshape import squeeze as squeeze
from scopert.ops.array_reverse import reverse as reverse
from scopert.ops.array_reverse import reverse as reverse_v2
from scopert.ops.array_reverse import reverse_sequence as reverse_sequence
from scopert.ops.array_reverse import roll as roll
from scopert.ops.array_scatter import gather_nd as gather_nd
from scopert.ops.array_scatter import scatter_nd as scatter_nd
from scopert.ops.array_scatter import tensor_scatter_add as tensor_scatter_add
from scopert.ops.array_scatter import tensor_scatter_add as tensor_scatter_nd_add
from scopert.ops.array_scatter import tensor_scatter_sub as tensor_scatter_nd_sub
from scopert.ops.array_scatter import tensor_scatter_sub as tensor_scatter_sub
from scopert.ops.array_scatter import tensor_scatter_update as tensor_scatter_nd_update
from scopert.ops.array_scatter import tensor_scatter_update as tensor_scatter_update
from scopert.ops.array_shape import rank as rank
from scopert.ops.array_shape import shape as shape
from scopert.ops.array_shape import shape_n as shape_n
from scopert.ops.array_shape import size as size
from scopert.ops.array_slice import slice as slice
from scopert.ops.array_space import batch_to_space as batch_to_space
from scopert.ops.array_space import batch_to_space_nd as batch_to_space_nd
from scopert.ops.array_space import required_space_to_batch_paddings as required_space_to_batch_paddings
from scopert.ops.array_space import space_to_batch as space_to_batch
from scopert.ops.array_space import space_to_batch_nd as space_to_batch_nd
from scopert.ops.array_split import split as split
from scopert.ops.array_stack import parallel_stack as parallel_stack
from scopert.ops.array_stack import stack as stack
from scopert.ops.array_stack import unstack as unstack
from scopert.ops.array_strided import strided_slice as strided_slice
from scopert.ops.array_tile import tile as tile
from scopert.ops.array_transpose import invert_permutation as invert_permutation
from scopert.ops.array_transpose import matrix_transpose as matrix_transpose
from scopert.ops.array_transpose import transpose as transpose
from scopert.ops.array_unique import searchsorted as searchsorted
from scopert.ops.array_unique import setdiff1d as setdiff1d
from scopert.ops.array_unique import sparse_mask as sparse_mask
from scopert.ops.array_unique import unique as unique
from scopert.ops.array_unique import unique_with_counts as unique_with_counts
from scopert.ops.array_volume_patches import extract_volume_patches as extract_volume_patches
from scopert.ops.array_where import where as where
from scopert.ops.array_where import where_v2 as where_v2
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
from scopert.ops.check_types import assert_integer as assert_integer
from scopert.ops.check_types import assert_proper_iterable as assert_proper_iterable
from scopert.ops.check_types import assert_same_float_dtype as assert_same_float_dtype
from scopert.ops.check_types import assert_scalar as assert_scalar
from scopert.ops.check_types import assert_type as assert_type
from scopert.ops.check_types import is_numeric_tensor as is_numeric_tensor
from scopert.ops.clip import clip_by_average_norm as clip_by_average_norm
from scopert.ops.clip import clip_by_global_norm as clip_by_global_norm
from scopert.ops.clip import clip_by_norm as clip_by_norm
from scopert.ops.clip import clip_by_value as clip_by_value
from scopert.ops.clip import global_norm as global_norm
from scopert.ops.control_flow_case import case as case
from scopert.ops.control_flow_cond import cond as cond
from scopert.ops.control_flow_v2 import control_flow_v2_enabled as control_flow_v2_enabled
from scopert.ops.control_flow_v2 import disable_control_flow_v2 as disable_control_flow_v2
from scopert.ops.control_flow_v2 import enable_control_flow_v2 as enable_control_flow_v2
from scopert.ops.control_flow_while import while_loop as while_loop
from scopert.ops.image_codec import read_file as read_file
from scopert.ops.image_codec import write_file as write_file
from scopert.ops.image_patches import extract_image_patches as extract_image_patches
from scopert.ops.linalg_composed import cholesky_solve as cholesky_solve
from scopert.ops.linalg_composed import matrix_solve_ls as matrix_solve_ls
from scopert.ops.linalg_composed import norm as norm
from scopert.ops.linalg_composed import svd as svd
from scopert.ops.linalg_eye import eye as eye
from scopert.ops.linalg_ops import cholesky as cholesky
from scopert.ops.linalg_ops import matrix_determinant as matrix_determinant
from scopert.ops.linalg_ops import matrix_inverse as matrix_inverse
from scopert.ops.linalg_ops import matrix_solve as matrix_solve
from scopert.ops.linalg_ops import matrix_square_root as matrix_square_root
from scopert.ops.linalg_ops import self_adjoint_eig as self_adjoint_eig
from scopert.ops.linalg_ops import self_adjoint_eigvals as self_adjoint_eigvals
from scopert.ops.linalg_qr import qr as qr
from scopert.ops.linalg_triangular import matrix_triangular_solve as matrix_triangular_solve
from scopert.ops.math_addn import accumulate_n as accumulate_n
from scopert.ops.math_addn import add_n as add_n
from scopert.ops.math_arg import arg_max as arg_max
from scopert.ops.math_arg import arg_min as arg_min
from scopert.ops.math_arg import argmax as argmax
from scopert.ops.math_arg import argmin as argmin
from scopert.ops.math_binary import add as add
from scopert.ops.math_binary import div as div
from scopert.ops.math_binary import div_no_nan as div_no_nan
from scopert.ops.math_binary import divide as divide
from scopert.ops.math_binary import floor_div as floor_div
from scopert.ops.math_binary import floordiv as floordiv
from scopert.ops.math_binary import floormod as floormod
from scopert.ops.math_binary import floormod as mod
from scopert.ops.math_binary import maximum as maximum
from scopert.ops.math_binary import minimum as minimum
from scopert.ops.math_binary import multiply as multiply
from scopert.ops.math_binary import pow_ as pow
from scopert.ops.math_binary import realdiv as realdiv
from scopert.ops.math_binary import scalar_mul as scalar_mul
from scopert.ops.math_binary import squared_difference as squared_difference
from scopert.ops.math_binary import subtract as subtract
from scopert.ops.math_binary import truediv as truediv
from scopert.ops.math_binary import truncatediv as truncatediv
from scopert.ops.math_binary import truncatemod as truncatemod
from scopert.ops.math_cast import cast as cast
from scopert.ops.math_cast import to_bfloat16 as to_bfloat16
from scopert.ops.math_cast import to_complex128 as to_complex128
from scopert.ops.math_cast import to_complex64 as to_complex64
from scopert.ops.math_cast import to_double as to_double
from scopert.ops.math_cast import to_float as to_float
from scopert.ops.math_cast import to_int32 as to_int32
from scopert.ops.math_cast import to_int64 as to_int64
from scopert.ops.math_comparison import equal as equal
from scopert.ops.math_comparison import greater as greater
from scopert.ops.math_comparison import greater_equal as greater_equal
from scopert.ops.math_comparison import less as less
from scopert.ops.math_comparison import less_equal as less_equal
from scopert.ops.math_comparison import logical_and as logical_and
from scopert.ops.math_comparison import logical_not as logical_not
from scopert.ops.math_comparison import logical_or as logical_or
from scopert.ops.math_comparison import logical_xor as logical_xor
from scopert.ops.math_comparison import not_equal as not_equal
from scopert.ops.math_complex import angle as angle
from scopert.ops.math_complex import complex_ as complex
from scopert.ops.math_complex import conj as conj
from scopert.ops.math_complex import imag as imag
from scopert.ops.math_complex import real as real
from scopert.ops.math_confusion import confusion_matrix as confusion_matrix
from scopert.ops.math_count import bincount as bincount
from scopert.ops.math_count import histogram_fixed_width as histogram_fixed_width
from scopert.ops.math_count import histogram_fixed_width_bins as histogram_fixed_width_bins
from scopert.ops.math_cumulative import cumprod as cumprod
from scopert.ops.math_cumulative import cumsum as cumsum
from scopert.ops.math_einsum import einsum as einsum
from scopert.ops.math_fft import fft as fft
from scopert.ops.math_fft import fft2d as fft2d
from scopert.ops.math_fft import fft3d as fft3d
from scopert.ops.math_fft import ifft as ifft
from scopert.ops.math_fft import ifft2d as ifft2d
from scopert.ops.math_fft import ifft3d as ifft3d
from scopert.ops.math_matmul import matmul as matmul
from scopert.ops.math_matmul import sparse_matmul as sparse_matmul
from scopert.ops.math_numerics import add_check_numerics_ops as add_check_numerics_ops
from scopert.ops.math_numerics import verify_tensor_all_finite as verify_tensor_all_finite
from scopert.ops.math_reduction import reduce_all as reduce_all
from scopert.ops.math_reduction import reduce_any as reduce_any
from scopert.ops.math_reduction import reduce_max as reduce_max
from scopert.ops.math_reduction import reduce_mean as reduce_mean
from scopert.ops.math_reduction import reduce_min as reduce_min
from scopert.ops.math_reduction import reduce_prod as reduce_prod
from scopert.ops.math_reduction import reduce_sum as reduce_sum
from scopert.ops.math_segment import segment_max as segment_max
from scopert.ops.math_segment import segment_mean as segment_mean
from scopert.ops.math_segment import segment_min as segment_min
from scopert.ops.math_segment import segment_prod as segment_prod
from scopert.ops.math_segment import segment_sum as segment_sum
from scopert.ops.math_segment import unsorted_segment_max as unsorted_segment_max
from scopert.ops.math_segment import unsorted_segment_mean as unsorted_segment_mean
from scopert.ops.math_segment import unsorted_segment_min as unsorted_segment_min
from scopert.ops.math_segment import unsorted_segment_prod as unsorted_segment_prod
from scopert.ops.math_segment import unsorted_segment_sqrt_n as unsorted_segment_sqrt_n
from scopert.ops.math_segment import unsorted_segment_sum as unsorted_segment_sum
from scopert.ops.math_sort import argsort as argsort
from scopert.ops.math_sort import sort as sort
from scopert.ops.math_sparse_segment import sparse_segment_mean as sparse_segment_mean
from scopert.ops.math_sparse_segment import sparse_segment_sqrt_n as sparse_segment_sqrt_n
from scopert.ops.math_sparse_segment import sparse_segment_sum as sparse_segment_sum
from scopert.ops.math_special import betainc as betainc
from scopert.ops.math_special import digamma as digamma
from scopert.ops.math_special import erf as erf
from scopert.ops.math_special import erfc as erfc
from scopert.ops.math_special import igamma as igamma
from scopert.ops.math_special import igammac as igammac
from scopert.ops.math_special import lgamma as lgamma
from scopert.ops.math_special import polygamma as polygamma
from scopert.ops.math_special import zeta as zeta
from scopert.ops.math_statistics import count_nonzero as count_nonzero
from scopert.ops.math_statistics import lbeta as lbeta
from scopert.ops.math_statistics import log_sigmoid as log_sigmoid
from scopert.ops.math_statistics import reduce_logsumexp as reduce_logsumexp
from scopert.ops.math_statistics import saturate_cast as saturate_cast
from scopert.ops.math_statistics import trace as trace
from scopert.ops.math_tensordot import tensordot as tensordot
from scopert.ops.math_trigonometry import acos as acos
from scopert.ops.math_trigonometry import acosh as acosh
from scopert.ops.math_trigonometry import asin as asin
from scopert.ops.math_trigonometry import asinh as asinh
from scopert.ops.math_trigonometry import atan as atan
from scopert.ops.math_trigonometry import atan2 as atan2
from scopert.ops.math_trigonometry import atanh as atanh
from scopert.ops.math_trigonometry import cos as cos
from scopert.ops.math_trigonometry import cosh as cosh
from scopert.ops.math_trigonometry import sin as sin
from scopert.ops.math_trigonometry import sinh as sinh
from scopert.ops.math_trigonometry import tan as tan
from scopert.ops.math_unary import abs_ as abs
from scopert.ops.math_unary import ceil as ceil
from scopert.ops.math_unary import exp as exp
from scopert.ops.math_unary import expm1 as expm1
from scopert.ops.math_unary import floor as floor
from scopert.ops.math_unary import is_finite as is_finite
from scopert.ops.math_unary import is_inf as is_inf
from scopert.ops.math_unary import is_nan as is_nan
from scopert.ops.math_unary import log as log
from scopert.ops.math_unary import log1p as log1p
from scopert.ops.math_unary import negative as negative
from scopert.ops.math_unary import reciprocal as reciprocal
from scopert.ops.math_unary import rint as rint
from scopert.ops.math_unary import round_ as round
from scopert.ops.math_unary import rsqrt as rsqrt
from scopert.ops.math_unary import sigmoid as sigmoid
from scopert.ops.math_unary import sign as sign
from scopert.ops.math_unary import sqrt as sqrt
from scopert.ops.math_unary import square as square
from scopert.ops.math_unary import tanh as tanh
from scopert.ops.math_vector import cross as cross
from scopert.ops.no_op import group as group
from scopert.ops.no_op import no_op as no_op
from scopert.ops.no_op import tuple_ as tuple
from scopert.ops.print_ops import print_ as print
from scopert.ops.print_ops import print_data as Print
from scopert.ops.queues import FIFOQueue as FIFOQueue
from scopert.ops.queues import PaddingFIFOQueue as PaddingFIFOQueue
from scopert.ops.queues import PriorityQueue as PriorityQueue
from scopert.ops.queues import QueueBase as QueueBase
from scopert.ops.queues import RandomShuffleQueue as RandomShuffleQueue
from scopert.ops.random_categorical import multinomial as multinomial
from scopert.ops.random_crop import random_crop as random_crop
from scopert.ops.random_gamma import random_gamma as random_gamma
from scopert.ops.random_gamma import random_poisson as random_poisson
from scopert.ops.random_seed import get_seed as get_seed
from scopert.ops.random_seed import set_random_seed as set_random_seed
from scopert.ops.random_shuffle import random_shuffle as random_shuffle
from scopert.ops.random_tensors import random_normal as random_normal
from scopert.ops.random_tensors import random_uniform as random_uniform
from scopert.ops.random_tensors import truncated_normal as truncated_normal
from scopert.ops.script_ops import numpy_function as numpy_function
from scopert.ops.script_ops import py_func as py_func
from scopert.ops.session_ops import delete_session_tensor as delete_session_tensor
from scopert.ops.session_ops import get_session_handle as get_session_handle
from scopert.ops.session_ops import get_session_tensor as get_session_tensor
from scopert.ops.sparse_dense import sparse_tensor_dense_matmul as sparse_tensor_dense_matmul
from scopert.ops.sparse_dense import sparse_tensor_to_dense as sparse_tensor_to_dense
from scopert.ops.sparse_dense import sparse_to_dense as sparse_to_dense
from scopert.ops.sparse_edit_distance import edit_distance as edit_distance
from scopert.ops.sparse_form import sparse_concat as sparse_concat
from scopert.ops.sparse_form import sparse_reorder as sparse_reorder
from scopert.ops.sparse_form import sparse_reshape as sparse_reshape
from scopert.ops.sparse_form import sparse_slice as sparse_slice
from scopert.ops.sparse_form import sparse_split as sparse_split
from scopert.ops.sparse_form import sparse_transpose as sparse_transpose
from scopert.ops.sparse_make import sparse_fill_empty_rows as sparse_fill_empty_rows
from scopert.ops.sparse_make import sparse_merge as sparse_merge
from scopert.ops.sparse_make import sparse_placeholder as sparse_placeholder
from scopert.ops.sparse_make import sparse_reset_shape as sparse_reset_shape
from scopert.ops.sparse_make import sparse_retain as sparse_retain
from scopert.ops.sparse_make import sparse_to_indicator as sparse_to_indicator
from scopert.ops.sparse_reduce import sparse_reduce_max as sparse_reduce_max
from scopert.ops.sparse_reduce import sparse_reduce_max_sparse as sparse_reduce_max_sparse
from scopert.ops.sparse_reduce import sparse_reduce_sum as sparse_reduce_sum
from scopert.ops.sparse_reduce import sparse_reduce_sum_sparse as sparse_reduce_sum_sparse
from scopert.ops.sparse_union import sparse_add as sparse_add
from scopert.ops.sparse_union import sparse_maximum as sparse_maximum
from scopert.ops.sparse_union import sparse_minimum as sparse_minimum
from scopert.ops.sparse_union import sparse_softmax as sparse_softmax
from scopert.ops.state_assign import assign as assign
from scopert.ops.state_assign import assign_add as assign_add
from scopert.ops.state_assign import assign_sub as assign_sub
from scopert.ops.state_assign import count_up_to as count_up_to
from scopert.ops.state_assign import is_variable_initialized as is_variable_initialized
from scopert.ops.state_batch_scatter import batch_scatter_update as batch_scatter_update
from scopert.ops.state_scatter import scatter_add as scatter_add
from scopert.ops.state_scatter import scatter_div as scatter_div
from scopert.ops.state_scatter import scatter_max as scatter_max
from scopert.ops.state_scatter import scatter_min as scatter_min
from scopert.ops.state_scatter import scatter_mul as scatter_mul
from scopert.ops.state_scatter import scatter_nd_add as scatter_nd_add
from scopert.ops.state_scatter import scatter_nd_sub as scatter_nd_sub
from scopert.ops.state_scatter import scatter_nd_update as scatter_nd_update
from scopert.ops.state_scatter import scatter_sub as scatter_sub
from scopert.ops.state_scatter import scatter_update as scatter_update
from scopert.ops.string_hash import string_to_hash_bucket as string_to_hash_bucket
from scopert.ops.string_hash import string_to_hash_bucket_fast as string_to_hash_bucket_fast
from scopert.ops.string_hash import string_to_hash_bucket_strong as string_to_hash_bucket_strong
from scopert.ops.string_join import string_join as string_join
from scopert.ops.string_numbers import as_string as as_string
from scopert.ops.string_numbers import decode_base64 as decode_base64
from scopert.ops.string_numbers import decode_raw as decode_raw
from scopert.ops.string_numbers import encode_base64 as encode_base64
from scopert.ops.string_numbers import string_to_number as string_to_number
from scopert.ops.string_split import reduce_join as reduce_join
from scopert.ops.string_split import string_split as string_split
from scopert.ops.string_text import regex_replace as regex_replace
from scopert.ops.string_text import string_strip as string_strip
from scopert.ops.string_text import substr as substr
from scopert.ops.tensor_array import TensorArray as TensorArray
from scopert.runtime.backends import backend_report as backend_report
from scopert.runtime.devices import devices as devices
from scopert.runtime.fetches import register_session_run_conversion_functions as register_session_run_conversion_functions
from scopert.runtime.options import ConfigProto as ConfigProto
from scopert.runtime.options import GPUOptions as GPUOptions
from scopert.runtime.options import GraphOptions as GraphOptions
from scopert.runtime.options import OptimizerOptions as OptimizerOptions
from scopert.runtime.options import RunMetadata as RunMetadata
from scopert.runtime.options import RunOptions as RunOptions
from scopert.runtime.profile import profile as profile
from scopert.runtime.session import InteractiveSession as InteractiveSession
from scopert.runtime.session import Session as Session
from scopert.scope.creators import disable_resource_variables as disable_resource_variables
from scopert.scope.creators import enable_resource_variables as enable_resource_variables
from scopert.scope.creators import resource_variables_enabled as resource_variables_enabled
from scopert.scope.creators import variable_creator_scope as variable_creator_scope
from scopert.scope.custom_gradient import custom_gradient as custom_gradient
from scopert.scope.custom_gradient import grad_pass_through as grad_pass_through
from scopert.scope.custom_gradient import recompute_grad as recompute_grad
from scopert.scope.distribution import VariableAggregation as VariableAggregation
from scopert.scope.distribution import VariableSynchronization as VariableSynchronization
from scopert.scope.functional import foldl as foldl
from scopert.scope.functional import foldr as foldr
from scopert.scope.functional import map_fn as map_fn
from scopert.scope.functional import scan as scan
from scopert.scope.get_variable import get_local_variable as get_local_variable
from scopert.scope.get_variable import get_variable as get_variable
from scopert.scope.initializers import Constant as constant_initializer
from scopert.scope.initializers import Ones as ones_initializer
from scopert.scope.initializers import RandomNormal as random_normal_initializer
from scopert.scope.initializers import RandomUniform as random_uniform_initializer
from scopert.scope.initializers import TruncatedNormal as truncated_normal_initializer
from scopert.scope.initializers import Zeros as zeros_initializer
from scopert.scope.matrix_initializers import Orthogonal as orthogonal_initializer
from scopert.scope.partitioned_creation import create_partitioned_variables as create_partitioned_variables
from scopert.scope.partitioners import fixed_size_partitioner as fixed_size_partitioner
from scopert.scope.partitioners import min_max_variable_partitioner as min_max_variable_partitioner
from scopert.scope.partitioners import variable_axis_size_partitioner as variable_axis_size_partitioner
from scopert.scope.scaling_initializers import GlorotNormal as glorot_normal_initializer
from scopert.scope.scaling_initializers import GlorotUniform as glorot_uniform_initializer
from scopert.scope.scaling_initializers import UniformUnitScaling as uniform_unit_scaling_initializer
from scopert.scope.scaling_initializers import VarianceScaling as variance_scaling_initializer
from scopert.scope.scope_stack import VariableScope as VariableScope
from scopert.scope.scope_stack import get_variable_scope as get_variable_scope
from scopert.scope.settings import AUTO_REUSE as AUTO_REUSE
from scopert.scope.template import make_template as make_template
from scopert.scope.variable import Variable as Variable
from scopert.scope.variable_lists import all_variables as all_variables
from scopert.scope.variable_lists import assert_variables_initialized as assert_variables_initialized
from scopert.scope.variable_lists import global_variables as global_variables
from scopert.scope.variable_lists import global_variables_initializer as global_variables_initializer
from scopert.scope.variable_lists import initialize_all_variables as initialize_all_variables
from scopert.scope.variable_lists import initialize_local_variables as initialize_local_variables
from scopert.scope.variable_lists import initialize_variables as initialize_variables
from scopert.scope.variable_lists import local_variables as local_variables
from scopert.scope.variable_lists import local_variables_initializer as local_variables_initializer
from scopert.scope.variable_lists import model_variables as model_variables
from scopert.scope.variable_lists import moving_average_variables as moving_average_variables
from scopert.scope.variable_lists import report_uninitialized_variables as report_uninitialized_variables
from scopert.scope.variable_lists import tables_initializer as tables_initializer
from scopert.scope.variable_lists import trainable_variables as trainable_variables
from scopert.scope.variable_lists import variables_initializer as variables_initializer
from scopert.scope.variable_scope import no_regularizer as no_regularizer
from scopert.scope.variable_scope import variable_op_scope as variable_op_scope
from scopert.scope.variable_scope import variable_scope as variable_scope
from scopert.summary.messages import AttrValue as AttrValue
from scopert.summary.messages import Event as Event
from scopert.summary.messages import GraphDef as GraphDef
from scopert.summary.messages import HistogramProto as HistogramProto
from scopert.summary.messages import NodeDef as NodeDef
from scopert.summary.messages import SessionLog as SessionLog
from scopert.summary.messages import Summary as Summary
from scopert.summary.messages import SummaryMetadata as SummaryMetadata
from scopert import bitwise as bitwise
from scopert import compat as compat
from scopert import contrib as contrib
from scopert import debugging as debugging
from scopert import dtypes as dtypes
from scopert import errors as errors
from scopert import gfile as gfile
from scopert import image as image
from scopert import initializers as initializers
from scopert import io as io
from scopert import keras as keras
from scopert import layers as layers
from scopert import linalg as linalg
from scopert import logging as logging
from scopert import losses as losses
from scopert import manip as manip
from scopert import math as math
from scopert import metrics as metrics
from scopert import nest as nest
from scopert import nn as nn
from scopert import python_io as python_io
from scopert import quantization as quantization
from scopert import queue as queue
from scopert import random as random
from scopert import sets as sets
from scopert import signal as signal
from scopert import sparse as sparse
from scopert import spectral as spectral
from scopert import strings as strings
from scopert import summary as summary
from scopert import test as test
from scopert import train as train
from scopert import version as version
from scopert.compat.version import __version__ as __version__

__all__ = [
    "AUTO_REUSE",
    "AggregationMethod",
    "Assert",
    "AttrValue",
    "ConfigProto",
    "DType",
    "DeviceSpec",
    "Dimension",
    "Event",
    "FIFOQueue",
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "GIT_VERSION",
    "GPUOptions",
    "GRAPH_DEF_VERSION",
    "GRAPH_DEF_VERSION_MIN_CONSUMER",
    "GRAPH_DEF_VERSION_MIN_PRODUCER",
    "GradientTape",
    "Graph",
    "GraphDef",
    "GraphKeys",
    "GraphOptions",
    "HistogramProto",
    "IndexedSlices",
    "IndexedSlicesSpec",
    "InteractiveSession",
    "NoGradient",
    "NodeDef",
    "NotDifferentiable",
    "OpError",
    "Operation",
    "OptimizerOptions",
    "PaddingFIFOQueue",
    "Print",
    "PriorityQueue",
    "QUANTIZED_DTYPES",
    "QueueBase",
    "RandomShuffleQueue",
    "RegisterGradient",
    "RunMetadata",
    "RunOptions",
    "Session",
    "SessionLog",
    "SparseFeature",
    "SparseTensor",
    "SparseTensorSpec",
    "SparseTensorValue",
    "Summary",
    "SummaryMetadata",
    "Tensor",
    "TensorArray",
    "TensorShape",
    "TensorSpec",
    "UnconnectedGradients",
    "VERSION",
    "VarLenFeature",
    "Variable",
    "VariableAggregation",
    "VariableScope",
    "VariableSynchronization",
    "abs",
    "accumulate_n",
    "acos",
    "acosh",
    "add",
    "add_check_numerics_ops",
    "add_n",
    "add_to_collection",
    "add_to_collections",
    "all_variables",
    "angle",
    "arg_max",
    "arg_min",
    "argmax",
    "argmin",
    "argsort",
    "as_dtype",
    "as_string",
    "asin",
    "asinh",
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
    "assert_type",
    "assert_variables_initialized",
    "assign",
    "assign_add",
    "assign_sub",
    "atan",
    "atan2",
    "atanh",
    "backend_report",
    "batch_gather",
    "batch_scatter_update",
    "batch_to_space",
    "batch_to_space_nd",
    "betainc",
    "bfloat16",
    "bincount",
    "bitcast",
    "bitwise",
    "bool",
    "boolean_mask",
    "broadcast_dynamic_shape",
    "broadcast_static_shape",
    "broadcast_to",
    "case",
    "cast",
    "ceil",
    "check_numerics",
    "cholesky",
    "cholesky_solve",
    "clip_by_average_norm",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "colocate_with",
    "compat",
    "complex",
    "complex128",
    "complex64",
    "concat",
    "cond",
    "confusion_matrix",
    "conj",
    "constant",
    "constant_initializer",
    "container",
    "contrib",
    "control_dependencies",
    "control_flow_v2_enabled",
    "convert_to_tensor",
    "convert_to_tensor_or_sparse_tensor",
    "cos",
    "cosh",
    "count_nonzero",
    "count_up_to",
    "create_partitioned_variables",
    "cross",
    "cumprod",
    "cumsum",
    "custom_gradient",
    "debugging",
    "decode_base64",
    "decode_raw",
    "delete_session_tensor",
    "depth_to_space",
    "dequantize",
    "device",
    "devices",
    "diag",
    "diag_part",
    "digamma",
    "dimension_at_index",
    "dimension_value",
    "disable_control_flow_v2",
    "disable_resource_variables",
    "disable_v2_tensorshape",
    "div",
    "div_no_nan",
    "divide",
    "double",
    "dtypes",
    "dynamic_partition",
    "dynamic_stitch",
    "edit_distance",
    "einsum",
    "enable_control_flow_v2",
    "enable_resource_variables",
    "enable_v2_tensorshape",
    "encode_base64",
    "ensure_shape",
    "equal",
    "erf",
    "erfc",
    "errors",
    "exp",
    "expand_dims",
    "expm1",
    "extract_image_patches",
    "extract_volume_patches",
    "eye",
    "fake_quant_with_min_max_args",
    "fake_quant_with_min_max_args_gradient",
    "fake_quant_with_min_max_vars",
    "fake_quant_with_min_max_vars_gradient",
    "fake_quant_with_min_max_vars_per_channel",
    "fake_quant_with_min_max_vars_per_channel_gradient",
    "fft",
    "fft2d",
    "fft3d",
    "fill",
    "fixed_size_partitioner",
    "float16",
    "float32",
    "float64",
    "floor",
    "floor_div",
    "floordiv",
    "floormod",
    "foldl",
    "foldr",
    "gather",
    "gather_nd",
    "get_collection",
    "get_collection_ref",
    "get_default_graph",
    "get_default_session",
    "get_local_variable",
    "get_seed",
    "get_session_handle",
    "get_session_tensor",
    "get_static_value",
    "get_variable",
    "get_variable_scope",
    "gfile",
    "global_norm",
    "global_variables",
    "global_variables_initializer",
    "glorot_normal_initializer",
    "glorot_uniform_initializer",
    "grad_pass_through",
    "gradients",
    "greater",
    "greater_equal",
    "group",
    "guarantee_const",
    "half",
    "hessians",
    "histogram_fixed_width",
    "histogram_fixed_width_bins",
    "identity",
    "identity_n",
    "ifft",
    "ifft2d",
    "ifft3d",
    "igamma",
    "igammac",
    "imag",
    "image",
    "init_scope",
    "initialize_all_variables",
    "initialize_local_variables",
    "initialize_variables",
    "initializers",
    "int16",
    "int32",
    "int64",
    "int8",
    "invert_permutation",
    "io",
    "is_finite",
    "is_inf",
    "is_nan",
    "is_non_decreasing",
    "is_numeric_tensor",
    "is_strictly_increasing",
    "is_tensor",
    "is_variable_initialized",
    "keras",
    "layers",
    "lbeta",
    "less",
    "less_equal",
    "lgamma",
    "lin_space",
    "linalg",
    "linspace",
    "local_variables",
    "local_variables_initializer",
    "log",
    "log1p",
    "log_sigmoid",
    "logging",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "losses",
    "make_ndarray",
    "make_template",
    "make_tensor_proto",
    "manip",
    "map_fn",
    "math",
    "matmul",
    "matrix_band_part",
    "matrix_determinant",
    "matrix_diag",
    "matrix_diag_part",
    "matrix_inverse",
    "matrix_set_diag",
    "matrix_solve",
    "matrix_solve_ls",
    "matrix_square_root",
    "matrix_transpose",
    "matrix_triangular_solve",
    "maximum",
    "meshgrid",
    "metrics",
    "min_max_variable_partitioner",
    "minimum",
    "mod",
    "model_variables",
    "moving_average_variables",
    "multinomial",
    "multiply",
    "name_scope",
    "negative",
    "nest",
    "newaxis",
    "nn",
    "no_gradient",
    "no_op",
    "no_regularizer",
    "norm",
    "not_equal",
    "numpy_function",
    "one_hot",
    "ones",
    "ones_initializer",
    "ones_like",
    "op_scope",
    "orthogonal_initializer",
    "pad",
    "parallel_stack",
    "parse_example",
    "parse_single_example",
    "placeholder",
    "placeholder_with_default",
    "polygamma",
    "pow",
    "print",
    "profile",
    "py_func",
    "py_function",
    "python_io",
    "qint16",
    "qint32",
    "qint8",
    "qr",
    "quantization",
    "quantize",
    "quantize_v2",
    "queue",
    "quint16",
    "quint8",
    "random",
    "random_crop",
    "random_gamma",
    "random_normal",
    "random_normal_initializer",
    "random_poisson",
    "random_shuffle",
    "random_uniform",
    "random_uniform_initializer",
    "range",
    "rank",
    "read_file",
    "real",
    "realdiv",
    "reciprocal",
    "recompute_grad",
    "reduce_all",
    "reduce_any",
    "reduce_join",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "regex_replace",
    "register_session_run_conversion_functions",
    "register_tensor_conversion_function",
    "repeat",
    "report_uninitialized_variables",
    "required_space_to_batch_paddings",
    "reset_default_graph",
    "reshape",
    "resource",
    "resource_variables_enabled",
    "reverse",
    "reverse_sequence",
    "reverse_v2",
    "rint",
    "roll",
    "round",
    "rsqrt",
    "saturate_cast",
    "scalar_mul",
    "scan",
    "scatter_add",
    "scatter_div",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_nd",
    "scatter_nd_add",
    "scatter_nd_sub",
    "scatter_nd_update",
    "scatter_sub",
    "scatter_update",
    "searchsorted",
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "self_adjoint_eig",
    "self_adjoint_eigvals",
    "sequence_mask",
    "set_random_seed",
    "setdiff1d",
    "sets",
    "shape",
    "shape_n",
    "sigmoid",
    "sign",
    "signal",
    "sin",
    "sinh",
    "size",
    "slice",
    "sort",
    "space_to_batch",
    "space_to_batch_nd",
    "space_to_depth",
    "sparse",
    "sparse_add",
    "sparse_concat",
    "sparse_fill_empty_rows",
    "sparse_mask",
    "sparse_matmul",
    "sparse_maximum",
    "sparse_merge",
    "sparse_minimum",
    "sparse_placeholder",
    "sparse_reduce_max",
    "sparse_reduce_max_sparse",
    "sparse_reduce_sum",
    "sparse_reduce_sum_sparse",
    "sparse_reorder",
    "sparse_reset_shape",
    "sparse_reshape",
    "sparse_retain",
    "sparse_segment_mean",
    "sparse_segment_sqrt_n",
    "sparse_segment_sum",
    "sparse_slice",
    "sparse_softmax",
    "sparse_split",
    "sparse_tensor_dense_matmul",
    "sparse_tensor_to_dense",
    "sparse_to_dense",
    "sparse_to_indicator",
    "sparse_transpose",
    "spectral",
    "split",
    "sqrt",
    "square",
    "squared_difference",
    "squeeze",
    "stack",
    "stop_gradient",
    "strided_slice",
    "string",
    "string_join",
    "string_split",
    "string_strip",
    "string_to_hash_bucket",
    "string_to_hash_bucket_fast",
    "string_to_hash_bucket_strong",
    "string_to_number",
    "strings",
    "substr",
    "subtract",
    "summary",
    "svd",
    "tables_initializer",
    "tan",
    "tanh",
    "tensor_scatter_add",
    "tensor_scatter_nd_add",
    "tensor_scatter_nd_sub",
    "tensor_scatter_nd_update",
    "tensor_scatter_sub",
    "tensor_scatter_update",
    "tensordot",
    "test",
    "tile",
    "to_bfloat16",
    "to_complex128",
    "to_complex64",
    "to_double",
    "to_float",
    "to_int32",
    "to_int64",
    "trace",
    "train",
    "trainable_variables",
    "transpose",
    "truediv",
    "truncated_normal",
    "truncated_normal_initializer",
    "truncatediv",
    "truncatemod",
    "tuple",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uniform_unit_scaling_initializer",
    "unique",
    "unique_with_counts",
    "unravel_index",
    "unsorted_segment_max",
    "unsorted_segment_mean",
    "unsorted_segment_min",
    "unsorted_segment_prod",
    "unsorted_segment_sqrt_n",
    "unsorted_segment_sum",
    "unstack",
    "variable_axis_size_partitioner",
    "variable_creator_scope",
    "variable_op_scope",
    "variable_scope",
    "variables_initializer",
    "variance_scaling_initializer",
    "variant",
    "verify_tensor_all_finite",
    "version",
    "where",
    "where_v2",
    "while_loop",
    "write_file",
    "zeros",
    "zeros_initializer",
    "zeros_like",
    "zeta",
    "__version__",
]
from scopert.ops import array_diag_band as _ops_array_diag_band
from scopert.ops import checkpoint_format as _ops_checkpoint_format
from scopert.ops import composite as _ops_composite
from scopert.ops import control_flow_accumulate as _ops_control_flow_accumulate
from scopert.ops import control_flow_branch as _ops_control_flow_branch
from scopert.ops import control_flow_context as _ops_control_flow_context
from scopert.ops import control_flow_def as _ops_control_flow_def
from scopert.ops import control_flow_grad as _ops_control_flow_grad
from scopert.ops import control_flow_loop as _ops_control_flow_loop
from scopert.ops import control_flow_ops as _ops_control_flow_ops
from scopert.ops import convolution_kernels as _ops_convolution_kernels
from scopert.ops import ctc_kernels as _ops_ctc_kernels
from scopert.ops import float_math as _ops_float_math
from scopert.ops import gamma_derivative as _ops_gamma_derivative
from scopert.ops import host_graph as _ops_host_graph
from scopert.ops import image_sampling as _ops_image_sampling
from scopert.ops import linalg_grad as _ops_linalg_grad
from scopert.ops import linalg_kernels as _ops_linalg_kernels
from scopert.ops import math_binary_grad as _ops_math_binary_grad
from scopert.ops import math_broadcast_grad as _ops_math_broadcast_grad
from scopert.ops import math_elementwise as _ops_math_elementwise
from scopert.ops import math_matmul_grad as _ops_math_matmul_grad
from scopert.ops import math_operators as _ops_math_operators
from scopert.ops import math_segment_grad as _ops_math_segment_grad
from scopert.ops import math_select_grad as _ops_math_select_grad
from scopert.ops import math_special_kernels as _ops_math_special_kernels
from scopert.ops import math_special_tables as _ops_math_special_tables
from scopert.ops import math_sum_grad as _ops_math_sum_grad
from scopert.ops import math_types as _ops_math_types
from scopert.ops import math_unary_grad as _ops_math_unary_grad
from scopert.ops import nn_arguments as _ops_nn_arguments
from scopert.ops import nn_conv as _ops_nn_conv
from scopert.ops import nn_pool as _ops_nn_pool
from scopert.ops import normalization_kernels as _ops_normalization_kernels
from scopert.ops import parse_example as _ops_parse_example
from scopert.ops import philox as _ops_philox
from scopert.ops import pooling_kernels as _ops_pooling_kernels
from scopert.ops import queue_ops as _ops_queue_ops
from scopert.ops import queue_store as _ops_queue_store
from scopert.ops import random_bounded as _ops_random_bounded
from scopert.ops import random_candidates as _ops_random_candidates
from scopert.ops import random_distributions as _ops_random_distributions
from scopert.ops import random_samplers as _ops_random_samplers
from scopert.ops import random_stream as _ops_random_stream
from scopert.ops import raw as _ops_raw
from scopert.ops import row_memory as _ops_row_memory
from scopert.ops import run_checks as _ops_run_checks
from scopert.ops import save_restore as _ops_save_restore
from scopert.ops import selection_kernels as _ops_selection_kernels
from scopert.ops import slices as _ops_slices
from scopert.ops import slices_to_tensor as _ops_slices_to_tensor
from scopert.ops import softmax_kernels as _ops_softmax_kernels
from scopert.ops import sparse_map as _ops_sparse_map
from scopert.ops import squeezable as _ops_squeezable
from scopert.ops import stack_ops as _ops_stack_ops
from scopert.ops import state_gather as _ops_state_gather
from scopert.ops import state_resource as _ops_state_resource
from scopert.ops import state_scatter_kernels as _ops_state_scatter_kernels
from scopert.ops import state_slice_assign as _ops_state_slice_assign
from scopert.ops import state_variables as _ops_state_variables
from scopert.ops import string_map as _ops_string_map
from scopert.ops import tensor_array_ops as _ops_tensor_array_ops
from scopert.ops import tensor_array_store as _ops_tensor_array_store
from scopert.ops import training_ops as _ops_training_ops
from scopert.ops import training_rules as _ops_training_rules
from scopert.ops import value_text as _ops_value_text
from scopert.ops import weights_broadcast as _ops_weights_broadcast
from scopert.ops import window as _ops_window
from scopert.ops import wire_format as _ops_wire_format
from scopert.derivatives import between as _derivatives_between
from scopert.derivatives import control_flow as _derivatives_control_flow
from scopert.derivatives import fused_batch_norm as _derivatives_fused_batch_norm
from scopert.derivatives import loop_state as _derivatives_loop_state
from scopert.derivatives import seeds as _derivatives_seeds
