"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.rnn.bidirectional import static_bidirectional_rnn as static_bidirectional_rnn
from scopert.rnn.cell import RNNCell as RNNCell
from scopert.rnn.contrib_cells import EmbeddingWrapper as EmbeddingWrapper
from scopert.rnn.contrib_cells import InputProjectionWrapper as InputProjectionWrapper
from scopert.rnn.contrib_cells import LayerNormBasicLSTMCell as LayerNormBasicLSTMCell
from scopert.rnn.contrib_cells import NASCell as NASCell
from scopert.rnn.contrib_cells import OutputProjectionWrapper as OutputProjectionWrapper
from scopert.rnn.lstm_cells import BasicLSTMCell as BasicLSTMCell
from scopert.rnn.lstm_cells import LSTMCell as LSTMCell
from scopert.rnn.lstm_cells import LSTMStateTuple as LSTMStateTuple
from scopert.rnn.simple_cells import BasicRNNCell as BasicRNNCell
from scopert.rnn.simple_cells import GRUCell as GRUCell
from scopert.rnn.stacked_cell import MultiRNNCell as MultiRNNCell
from scopert.rnn.unrolled import static_rnn as static_rnn
from scopert.rnn.unrolled import static_state_saving_rnn as static_state_saving_rnn
from scopert.rnn.wrappers import DeviceWrapper as DeviceWrapper
from scopert.rnn.wrappers import DropoutWrapper as DropoutWrapper
from scopert.rnn.wrappers import ResidualWrapper as ResidualWrapper

__all__ = [
    "BasicLSTMCell",
    "BasicRNNCell",
    "DeviceWrapper",
    "DropoutWrapper",
    "EmbeddingWrapper",
    "GRUCell",
    "InputProjectionWrapper",
    "LSTMCell",
    "LSTMStateTuple",
    "LayerNormBasicLSTMCell",
    "MultiRNNCell",
    "NASCell",
    "OutputProjectionWrapper",
    "RNNCell",
    "ResidualWrapper",
    "static_bidirectional_rnn",
    "static_rnn",
    "static_state_saving_rnn",
]
