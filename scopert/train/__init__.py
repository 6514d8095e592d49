"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.io.example import BytesList as BytesList
from scopert.io.example import Example as Example
from scopert.io.example import Feature as Feature
from scopert.io.example import Features as Features
from scopert.io.example import FloatList as FloatList
from scopert.io.example import Int64List as Int64List
from scopert.io.graph_files import write_graph as write_graph
from scopert.ops.math_confusion import confusion_matrix as confusion_matrix
from scopert.summary.iterator import summary_iterator as summary_iterator
from scopert.train.adadelta import AdadeltaOptimizer as AdadeltaOptimizer
from scopert.train.adagrad import AdagradOptimizer as AdagradOptimizer
from scopert.train.adagrad_da import AdagradDAOptimizer as AdagradDAOptimizer
from scopert.train.adam import AdamOptimizer as AdamOptimizer
from scopert.train.checkpoint_reader import list_variables as list_variables
from scopert.train.checkpoint_reader import load_checkpoint as load_checkpoint
from scopert.train.checkpoint_reader import load_variable as load_variable
from scopert.train.checkpoint_reader import new_checkpoint_reader as NewCheckpointReader
from scopert.train.checkpoint_state import CheckpointManager as CheckpointManager
from scopert.train.checkpoint_state import checkpoint_exists as checkpoint_exists
from scopert.train.checkpoint_state import generate_checkpoint_state_proto as generate_checkpoint_state_proto
from scopert.train.checkpoint_state import get_checkpoint_mtimes as get_checkpoint_mtimes
from scopert.train.checkpoint_state import get_checkpoint_state as get_checkpoint_state
from scopert.train.checkpoint_state import latest_checkpoint as latest_checkpoint
from scopert.train.checkpoint_state import remove_checkpoint as remove_checkpoint
from scopert.train.checkpoint_state import update_checkpoint_state as update_checkpoint_state
from scopert.train.coordinator import Coordinator as Coordinator
from scopert.train.coordinator import LooperThread as LooperThread
from scopert.train.ftrl import FtrlOptimizer as FtrlOptimizer
from scopert.train.global_step import assert_global_step as assert_global_step
from scopert.train.global_step import create_global_step as create_global_step
from scopert.train.global_step import get_global_step as get_global_step
from scopert.train.global_step import get_or_create_global_step as get_or_create_global_step
from scopert.train.global_step import global_step as global_step
from scopert.train.gradient_descent import GradientDescentOptimizer as GradientDescentOptimizer
from scopert.train.hook_timer import SecondOrStepTimer as SecondOrStepTimer
from scopert.train.learning_rates import cosine_decay as cosine_decay
from scopert.train.learning_rates import cosine_decay_restarts as cosine_decay_restarts
from scopert.train.learning_rates import exponential_decay as exponential_decay
from scopert.train.learning_rates import inverse_time_decay as inverse_time_decay
from scopert.train.learning_rates import linear_cosine_decay as linear_cosine_decay
from scopert.train.learning_rates import natural_exp_decay as natural_exp_decay
from scopert.train.learning_rates import noisy_linear_cosine_decay as noisy_linear_cosine_decay
from scopert.train.learning_rates import piecewise_constant as piecewise_constant
from scopert.train.learning_rates import piecewise_constant as piecewise_constant_decay
from scopert.train.learning_rates import polynomial_decay as polynomial_decay
from scopert.train.loops import basic_train_loop as basic_train_loop
from scopert.train.loops import checkpoints_iterator as checkpoints_iterator
from scopert.train.meta_graph import export_meta_graph as export_meta_graph
from scopert.train.momentum import MomentumOptimizer as MomentumOptimizer
from scopert.train.monitored_session import MonitoredSession as MonitoredSession
from scopert.train.monitored_session import SingularMonitoredSession as SingularMonitoredSession
from scopert.train.moving_averages import ExponentialMovingAverage as ExponentialMovingAverage
from scopert.train.object_checkpoint import Checkpoint as Checkpoint
from scopert.train.optimizer import Optimizer as Optimizer
from scopert.train.proximal import ProximalAdagradOptimizer as ProximalAdagradOptimizer
from scopert.train.proximal import ProximalGradientDescentOptimizer as ProximalGradientDescentOptimizer
from scopert.train.queue_runner import QueueRunner as QueueRunner
from scopert.train.queue_runner import add_queue_runner as add_queue_runner
from scopert.train.queue_runner import start_queue_runners as start_queue_runners
from scopert.train.rmsprop import RMSPropOptimizer as RMSPropOptimizer
from scopert.train.saver import Saver as Saver
from scopert.train.saver_graph import SaverDef as SaverDef
from scopert.train.scaffold import Scaffold as Scaffold
from scopert.train.session_creator import ChiefSessionCreator as ChiefSessionCreator
from scopert.train.session_creator import SessionCreator as SessionCreator
from scopert.train.session_creator import WorkerSessionCreator as WorkerSessionCreator
from scopert.train.session_manager import SessionManager as SessionManager
from scopert.train.session_run_hook import SessionRunArgs as SessionRunArgs
from scopert.train.session_run_hook import SessionRunContext as SessionRunContext
from scopert.train.session_run_hook import SessionRunHook as SessionRunHook
from scopert.train.session_run_hook import SessionRunValues as SessionRunValues
from scopert.train.step_hooks import FeedFnHook as FeedFnHook
from scopert.train.step_hooks import FinalOpsHook as FinalOpsHook
from scopert.train.step_hooks import GlobalStepWaiterHook as GlobalStepWaiterHook
from scopert.train.step_hooks import LoggingTensorHook as LoggingTensorHook
from scopert.train.step_hooks import NanLossDuringTrainingError as NanLossDuringTrainingError
from scopert.train.step_hooks import NanTensorHook as NanTensorHook
from scopert.train.step_hooks import StopAtStepHook as StopAtStepHook
from scopert.train.supervisor import Supervisor as Supervisor
from scopert.train.training_session import MonitoredTrainingSession as MonitoredTrainingSession
from scopert.train.warm_start import init_from_checkpoint as init_from_checkpoint
from scopert.train.warm_start import warm_start as warm_start
from scopert.train.writing_hooks import CheckpointSaverHook as CheckpointSaverHook
from scopert.train.writing_hooks import CheckpointSaverListener as CheckpointSaverListener
from scopert.train.writing_hooks import ProfilerHook as ProfilerHook
from scopert.train.writing_hooks import StepCounterHook as StepCounterHook
from scopert.train.writing_hooks import SummarySaverHook as SummarySaverHook
from scopert.train import queue_runner as queue_runner

__all__ = [
    "AdadeltaOptimizer",
    "AdagradDAOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "BytesList",
    "Checkpoint",
    "CheckpointManager",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "ChiefSessionCreator",
    "Coordinator",
    "Example",
    "ExponentialMovingAverage",
    "Feature",
    "Features",
    "FeedFnHook",
    "FinalOpsHook",
    "FloatList",
    "FtrlOptimizer",
    "GlobalStepWaiterHook",
    "GradientDescentOptimizer",
    "Int64List",
    "LoggingTensorHook",
    "LooperThread",
    "MomentumOptimizer",
    "MonitoredSession",
    "MonitoredTrainingSession",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "NewCheckpointReader",
    "Optimizer",
    "ProfilerHook",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "QueueRunner",
    "RMSPropOptimizer",
    "Saver",
    "SaverDef",
    "Scaffold",
    "SecondOrStepTimer",
    "SessionCreator",
    "SessionManager",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "SingularMonitoredSession",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "Supervisor",
    "WorkerSessionCreator",
    "add_queue_runner",
    "assert_global_step",
    "basic_train_loop",
    "checkpoint_exists",
    "checkpoints_iterator",
    "confusion_matrix",
    "cosine_decay",
    "cosine_decay_restarts",
    "create_global_step",
    "exponential_decay",
    "export_meta_graph",
    "generate_checkpoint_state_proto",
    "get_checkpoint_mtimes",
    "get_checkpoint_state",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "init_from_checkpoint",
    "inverse_time_decay",
    "latest_checkpoint",
    "linear_cosine_decay",
    "list_variables",
    "load_checkpoint",
    "load_variable",
    "natural_exp_decay",
    "noisy_linear_cosine_decay",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
    "queue_runner",
    "remove_checkpoint",
    "start_queue_runners",
    "summary_iterator",
    "update_checkpoint_state",
    "warm_start",
    "write_graph",
]
