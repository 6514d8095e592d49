"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.candidate_sampling import all_candidate_sampler as all_candidate_sampler
from scopert.ops.candidate_sampling import compute_accidental_hits as compute_accidental_hits
from scopert.ops.candidate_sampling import fixed_unigram_candidate_sampler as fixed_unigram_candidate_sampler
from scopert.ops.candidate_sampling import learned_unigram_candidate_sampler as learned_unigram_candidate_sampler
from scopert.ops.candidate_sampling import log_uniform_candidate_sampler as log_uniform_candidate_sampler
from scopert.ops.candidate_sampling import uniform_candidate_sampler as uniform_candidate_sampler
from scopert.ops.math_unary import sigmoid as sigmoid
from scopert.ops.math_unary import tanh as tanh
from scopert.ops.nn_dropout import dropout as dropout

__all__ = [
    "all_candidate_sampler",
    "compute_accidental_hits",
    "dropout",
    "fixed_unigram_candidate_sampler",
    "learned_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "sigmoid",
    "tanh",
    "uniform_candidate_sampler",
]
