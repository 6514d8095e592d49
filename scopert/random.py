"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.candidate_sampling import all_candidate_sampler as all_candidate_sampler
from scopert.ops.candidate_sampling import fixed_unigram_candidate_sampler as fixed_unigram_candidate_sampler
from scopert.ops.candidate_sampling import learned_unigram_candidate_sampler as learned_unigram_candidate_sampler
from scopert.ops.candidate_sampling import log_uniform_candidate_sampler as log_uniform_candidate_sampler
from scopert.ops.candidate_sampling import uniform_candidate_sampler as uniform_candidate_sampler
from scopert.ops.random_categorical import categorical as categorical
from scopert.ops.random_categorical import multinomial as multinomial
from scopert.ops.random_gamma import random_gamma as gamma
from scopert.ops.random_gamma import random_poisson as poisson
from scopert.ops.random_seed import get_seed as get_seed
from scopert.ops.random_seed import set_random_seed as set_random_seed
from scopert.ops.random_shuffle import random_shuffle as shuffle
from scopert.ops.random_stateless import stateless_categorical as stateless_categorical
from scopert.ops.random_stateless import stateless_multinomial as stateless_multinomial
from scopert.ops.random_stateless import stateless_random_normal as stateless_normal
from scopert.ops.random_stateless import stateless_random_uniform as stateless_uniform
from scopert.ops.random_stateless import stateless_truncated_normal as stateless_truncated_normal
from scopert.ops.random_tensors import random_normal as normal
from scopert.ops.random_tensors import random_uniform as uniform
from scopert.ops.random_tensors import truncated_normal as truncated_normal

__all__ = [
    "all_candidate_sampler",
    "categorical",
    "fixed_unigram_candidate_sampler",
    "gamma",
    "get_seed",
    "learned_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "multinomial",
    "normal",
    "poisson",
    "set_random_seed",
    "shuffle",
    "stateless_categorical",
    "stateless_multinomial",
    "stateless_normal",
    "stateless_truncated_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
    "uniform_candidate_sampler",
]
