"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.train.adadelta import AdadeltaOptimizer as AdadeltaOptimizer
from scopert.train.adagrad import AdagradOptimizer as AdagradOptimizer
from scopert.train.adagrad_da import AdagradDAOptimizer as AdagradDAOptimizer
from scopert.train.adam import AdamOptimizer as AdamOptimizer
from scopert.train.ftrl import FtrlOptimizer as FtrlOptimizer
from scopert.train.global_step import assert_global_step as assert_global_step
from scopert.train.global_step import create_global_step as create_global_step
from scopert.train.global_step import get_global_step as get_global_step
from scopert.train.global_step import get_or_create_global_step as get_or_create_global_step
from scopert.train.global_step import global_step as global_step
from scopert.train.gradient_descent import GradientDescentOptimizer as GradientDescentOptimizer
from scopert.train.momentum import MomentumOptimizer as MomentumOptimizer
from scopert.train.moving_averages import ExponentialMovingAverage as ExponentialMovingAverage
from scopert.train.optimizer import Optimizer as Optimizer
from scopert.train.proximal import ProximalAdagradOptimizer as ProximalAdagradOptimizer
from scopert.train.proximal import ProximalGradientDescentOptimizer as ProximalGradientDescentOptimizer
from scopert.train.rmsprop import RMSPropOptimizer as RMSPropOptimizer

__all__ = [
    "AdadeltaOptimizer",
    "AdagradDAOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "ExponentialMovingAverage",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "Optimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
    "assert_global_step",
    "create_global_step",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
]
