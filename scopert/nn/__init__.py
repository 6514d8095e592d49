"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.losses.average import compute_average_loss as compute_average_loss
from scopert.losses.average import scale_regularization_loss as scale_regularization_loss
from scopert.ops.array_depth import depth_to_space as depth_to_space
from scopert.ops.array_depth import space_to_depth as space_to_depth
from scopert.ops.array_space import space_to_batch as space_to_batch
from scopert.ops.candidate_sampling import all_candidate_sampler as all_candidate_sampler
from scopert.ops.candidate_sampling import compute_accidental_hits as compute_accidental_hits
from scopert.ops.candidate_sampling import fixed_unigram_candidate_sampler as fixed_unigram_candidate_sampler
from scopert.ops.candidate_sampling import learned_unigram_candidate_sampler as learned_unigram_candidate_sampler
from scopert.ops.candidate_sampling import log_uniform_candidate_sampler as log_uniform_candidate_sampler
from scopert.ops.candidate_sampling import uniform_candidate_sampler as uniform_candidate_sampler
from scopert.ops.math_unary import sigmoid as sigmoid
from scopert.ops.math_unary import tanh as tanh
from scopert.ops.nn_activation import crelu as crelu
from scopert.ops.nn_activation import elu as elu
from scopert.ops.nn_activation import leaky_relu as leaky_relu
from scopert.ops.nn_activation import relu as relu
from scopert.ops.nn_activation import relu6 as relu6
from scopert.ops.nn_activation import selu as selu
from scopert.ops.nn_activation import softplus as softplus
from scopert.ops.nn_activation import softsign as softsign
from scopert.ops.nn_bias import bias_add as bias_add
from scopert.ops.nn_bias import relu_layer as relu_layer
from scopert.ops.nn_bias import xw_plus_b as xw_plus_b
from scopert.ops.nn_convolution import atrous_conv2d as atrous_conv2d
from scopert.ops.nn_convolution import conv1d as conv1d
from scopert.ops.nn_convolution import conv2d as conv2d
from scopert.ops.nn_convolution import conv2d_backprop_filter as conv2d_backprop_filter
from scopert.ops.nn_convolution import conv2d_backprop_input as conv2d_backprop_input
from scopert.ops.nn_convolution import conv3d as conv3d
from scopert.ops.nn_convolution import conv3d_backprop_filter as conv3d_backprop_filter
from scopert.ops.nn_convolution import conv3d_backprop_filter as conv3d_backprop_filter_v2
from scopert.ops.nn_convolution import convolution as convolution
from scopert.ops.nn_cross_entropy import l2_loss as l2_loss
from scopert.ops.nn_cross_entropy import log_poisson_loss as log_poisson_loss
from scopert.ops.nn_cross_entropy import sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits
from scopert.ops.nn_cross_entropy import softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits
from scopert.ops.nn_cross_entropy import softmax_cross_entropy_with_logits_v2 as softmax_cross_entropy_with_logits_v2
from scopert.ops.nn_cross_entropy import sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits
from scopert.ops.nn_cross_entropy import weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits
from scopert.ops.nn_ctc import ctc_beam_search_decoder as ctc_beam_search_decoder
from scopert.ops.nn_ctc import ctc_beam_search_decoder_v2 as ctc_beam_search_decoder_v2
from scopert.ops.nn_ctc import ctc_greedy_decoder as ctc_greedy_decoder
from scopert.ops.nn_ctc import ctc_loss as ctc_loss
from scopert.ops.nn_ctc import ctc_loss_v2 as ctc_loss_v2
from scopert.ops.nn_ctc_labels import collapse_repeated as collapse_repeated
from scopert.ops.nn_depthwise import depthwise_conv2d as depthwise_conv2d
from scopert.ops.nn_depthwise import depthwise_conv2d_native as depthwise_conv2d_native
from scopert.ops.nn_depthwise import depthwise_conv2d_native_backprop_filter as depthwise_conv2d_backprop_filter
from scopert.ops.nn_depthwise import depthwise_conv2d_native_backprop_filter as depthwise_conv2d_native_backprop_filter
from scopert.ops.nn_depthwise import depthwise_conv2d_native_backprop_input as depthwise_conv2d_backprop_input
from scopert.ops.nn_depthwise import depthwise_conv2d_native_backprop_input as depthwise_conv2d_native_backprop_input
from scopert.ops.nn_depthwise import separable_conv2d as separable_conv2d
from scopert.ops.nn_dropout import dropout as dropout
from scopert.ops.nn_fused_batch_norm import fused_batch_norm as fused_batch_norm
from scopert.ops.nn_moments import batch_norm_with_global_normalization as batch_norm_with_global_normalization
from scopert.ops.nn_moments import batch_normalization as batch_normalization
from scopert.ops.nn_moments import moments as moments
from scopert.ops.nn_moments import normalize_moments as normalize_moments
from scopert.ops.nn_moments import sufficient_statistics as sufficient_statistics
from scopert.ops.nn_moments import weighted_moments as weighted_moments
from scopert.ops.nn_morphology import dilation2d as dilation2d
from scopert.ops.nn_morphology import erosion2d as erosion2d
from scopert.ops.nn_normalization import l2_normalize as l2_normalize
from scopert.ops.nn_normalization import local_response_normalization as local_response_normalization
from scopert.ops.nn_normalization import local_response_normalization as lrn
from scopert.ops.nn_pooling import avg_pool as avg_pool
from scopert.ops.nn_pooling import avg_pool as avg_pool2d
from scopert.ops.nn_pooling import avg_pool1d as avg_pool1d
from scopert.ops.nn_pooling import avg_pool3d as avg_pool3d
from scopert.ops.nn_pooling import avg_pool_v2 as avg_pool_v2
from scopert.ops.nn_pooling import max_pool as max_pool
from scopert.ops.nn_pooling import max_pool1d as max_pool1d
from scopert.ops.nn_pooling import max_pool2d as max_pool2d
from scopert.ops.nn_pooling import max_pool3d as max_pool3d
from scopert.ops.nn_pooling import max_pool_v2 as max_pool_v2
from scopert.ops.nn_pooling import max_pool_with_argmax as max_pool_with_argmax
from scopert.ops.nn_pooling import pool as pool
from scopert.ops.nn_selection import in_top_k as in_top_k
from scopert.ops.nn_selection import top_k as top_k
from scopert.ops.nn_softmax import log_softmax as log_softmax
from scopert.ops.nn_softmax import softmax as softmax
from scopert.ops.nn_space_to_batch import with_space_to_batch as with_space_to_batch
from scopert.ops.nn_transposed import atrous_conv2d_transpose as atrous_conv2d_transpose
from scopert.ops.nn_transposed import conv1d_transpose as conv1d_transpose
from scopert.ops.nn_transposed import conv2d_transpose as conv2d_transpose
from scopert.ops.nn_transposed import conv3d_transpose as conv3d_transpose
from scopert.ops.nn_transposed import conv_transpose as conv_transpose
from scopert.ops.nn_zero_fraction import zero_fraction as zero_fraction
from scopert.rnn.bidirectional import bidirectional_dynamic_rnn as bidirectional_dynamic_rnn
from scopert.rnn.bidirectional import static_bidirectional_rnn as static_bidirectional_rnn
from scopert.rnn.dynamic import dynamic_rnn as dynamic_rnn
from scopert.rnn.raw import raw_rnn as raw_rnn
from scopert.rnn.unrolled import static_rnn as static_rnn
from scopert.rnn.unrolled import static_state_saving_rnn as static_state_saving_rnn
from scopert.scope.ctc import ctc_unique_labels as ctc_unique_labels
from scopert.scope.embedding import embedding_lookup as embedding_lookup
from scopert.scope.embedding import embedding_lookup_sparse as embedding_lookup_sparse
from scopert.scope.safe_embedding import safe_embedding_lookup_sparse as safe_embedding_lookup_sparse
from scopert.scope.sampled_loss import nce_loss as nce_loss
from scopert.scope.sampled_loss import sampled_softmax_loss as sampled_softmax_loss
from scopert.scope.swish import swish as swish
from scopert.nn import rnn_cell as rnn_cell

__all__ = [
    "all_candidate_sampler",
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "avg_pool_v2",
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "bias_add",
    "bidirectional_dynamic_rnn",
    "collapse_repeated",
    "compute_accidental_hits",
    "compute_average_loss",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_input",
    "conv2d_transpose",
    "conv3d",
    "conv3d_backprop_filter",
    "conv3d_backprop_filter_v2",
    "conv3d_transpose",
    "conv_transpose",
    "convolution",
    "crelu",
    "ctc_beam_search_decoder",
    "ctc_beam_search_decoder_v2",
    "ctc_greedy_decoder",
    "ctc_loss",
    "ctc_loss_v2",
    "ctc_unique_labels",
    "depth_to_space",
    "depthwise_conv2d",
    "depthwise_conv2d_backprop_filter",
    "depthwise_conv2d_backprop_input",
    "depthwise_conv2d_native",
    "depthwise_conv2d_native_backprop_filter",
    "depthwise_conv2d_native_backprop_input",
    "dilation2d",
    "dropout",
    "dynamic_rnn",
    "elu",
    "embedding_lookup",
    "embedding_lookup_sparse",
    "erosion2d",
    "fixed_unigram_candidate_sampler",
    "fused_batch_norm",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "learned_unigram_candidate_sampler",
    "local_response_normalization",
    "log_poisson_loss",
    "log_softmax",
    "log_uniform_candidate_sampler",
    "lrn",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_pool_v2",
    "max_pool_with_argmax",
    "moments",
    "nce_loss",
    "normalize_moments",
    "pool",
    "raw_rnn",
    "relu",
    "relu6",
    "relu_layer",
    "rnn_cell",
    "safe_embedding_lookup_sparse",
    "sampled_softmax_loss",
    "scale_regularization_loss",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "space_to_batch",
    "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits",
    "static_bidirectional_rnn",
    "static_rnn",
    "static_state_saving_rnn",
    "sufficient_statistics",
    "swish",
    "tanh",
    "top_k",
    "uniform_candidate_sampler",
    "weighted_cross_entropy_with_logits",
    "weighted_moments",
    "with_space_to_batch",
    "xw_plus_b",
    "zero_fraction",
]
