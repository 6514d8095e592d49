"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_transpose import invert_permutation as invert_permutation
from scopert.ops.check_order import is_non_decreasing as is_non_decreasing
from scopert.ops.check_order import is_strictly_increasing as is_strictly_increasing
from scopert.ops.math_addn import accumulate_n as accumulate_n
from scopert.ops.math_addn import add_n as add_n
from scopert.ops.math_arg import argmax as argmax
from scopert.ops.math_arg import argmin as argmin
from scopert.ops.math_binary import add as add
from scopert.ops.math_binary import div_no_nan as divide_no_nan
from scopert.ops.math_binary import divide as divide
from scopert.ops.math_binary import floordiv as floordiv
from scopert.ops.math_binary import floormod as floormod
from scopert.ops.math_binary import floormod as mod
from scopert.ops.math_binary import maximum as maximum
from scopert.ops.math_binary import minimum as minimum
from scopert.ops.math_binary import multiply as multiply
from scopert.ops.math_binary import multiply_no_nan as multiply_no_nan
from scopert.ops.math_binary import pow_ as pow
from scopert.ops.math_binary import reciprocal_no_nan as reciprocal_no_nan
from scopert.ops.math_binary import scalar_mul as scalar_mul
from scopert.ops.math_binary import squared_difference as squared_difference
from scopert.ops.math_binary import subtract as subtract
from scopert.ops.math_binary import truediv as truediv
from scopert.ops.math_binary import xdivy as xdivy
from scopert.ops.math_binary import xlogy as xlogy
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
from scopert.ops.math_complex import conj as conj
from scopert.ops.math_complex import imag as imag
from scopert.ops.math_complex import real as real
from scopert.ops.math_confusion import confusion_matrix as confusion_matrix
from scopert.ops.math_count import bincount as bincount
from scopert.ops.math_cumulative import cumprod as cumprod
from scopert.ops.math_cumulative import cumsum as cumsum
from scopert.ops.math_cumulative import cumulative_logsumexp as cumulative_logsumexp
from scopert.ops.math_reduction import reduce_all as reduce_all
from scopert.ops.math_reduction import reduce_any as reduce_any
from scopert.ops.math_reduction import reduce_euclidean_norm as reduce_euclidean_norm
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
from scopert.ops.math_special import bessel_i0e as bessel_i0e
from scopert.ops.math_special import bessel_i1e as bessel_i1e
from scopert.ops.math_special import betainc as betainc
from scopert.ops.math_special import digamma as digamma
from scopert.ops.math_special import erf as erf
from scopert.ops.math_special import erfc as erfc
from scopert.ops.math_special import igamma as igamma
from scopert.ops.math_special import igammac as igammac
from scopert.ops.math_special import lgamma as lgamma
from scopert.ops.math_special import polygamma as polygamma
from scopert.ops.math_special import zeta as zeta
from scopert.ops.math_statistics import bessel_i0 as bessel_i0
from scopert.ops.math_statistics import bessel_i1 as bessel_i1
from scopert.ops.math_statistics import count_nonzero as count_nonzero
from scopert.ops.math_statistics import lbeta as lbeta
from scopert.ops.math_statistics import log_sigmoid as log_sigmoid
from scopert.ops.math_statistics import polyval as polyval
from scopert.ops.math_statistics import reduce_logsumexp as reduce_logsumexp
from scopert.ops.math_statistics import reduce_std as reduce_std
from scopert.ops.math_statistics import reduce_variance as reduce_variance
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
from scopert.ops.math_vector import nextafter as nextafter
from scopert.ops.nn_activation import softplus as softplus
from scopert.ops.nn_activation import softsign as softsign
from scopert.ops.nn_normalization import l2_normalize as l2_normalize
from scopert.ops.nn_selection import in_top_k as in_top_k
from scopert.ops.nn_selection import top_k as top_k
from scopert.ops.nn_softmax import log_softmax as log_softmax
from scopert.ops.nn_softmax import softmax as softmax
from scopert.ops.nn_zero_fraction import zero_fraction as zero_fraction

__all__ = [
    "abs",
    "accumulate_n",
    "acos",
    "acosh",
    "add",
    "add_n",
    "angle",
    "argmax",
    "argmin",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bessel_i0",
    "bessel_i0e",
    "bessel_i1",
    "bessel_i1e",
    "betainc",
    "bincount",
    "ceil",
    "confusion_matrix",
    "conj",
    "cos",
    "cosh",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "cumulative_logsumexp",
    "digamma",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "floordiv",
    "floormod",
    "greater",
    "greater_equal",
    "igamma",
    "igammac",
    "imag",
    "in_top_k",
    "invert_permutation",
    "is_finite",
    "is_inf",
    "is_nan",
    "is_non_decreasing",
    "is_strictly_increasing",
    "l2_normalize",
    "lbeta",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "multiply_no_nan",
    "negative",
    "nextafter",
    "not_equal",
    "polygamma",
    "polyval",
    "pow",
    "real",
    "reciprocal",
    "reciprocal_no_nan",
    "reduce_all",
    "reduce_any",
    "reduce_euclidean_norm",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_std",
    "reduce_sum",
    "reduce_variance",
    "rint",
    "round",
    "rsqrt",
    "scalar_mul",
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "squared_difference",
    "subtract",
    "tan",
    "tanh",
    "top_k",
    "truediv",
    "unsorted_segment_max",
    "unsorted_segment_mean",
    "unsorted_segment_min",
    "unsorted_segment_prod",
    "unsorted_segment_sqrt_n",
    "unsorted_segment_sum",
    "xdivy",
    "xlogy",
    "zero_fraction",
    "zeta",
]
