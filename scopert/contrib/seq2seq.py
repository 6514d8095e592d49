"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.rnn.attention import AttentionMechanism as AttentionMechanism
from scopert.rnn.attention import BahdanauAttention as BahdanauAttention
from scopert.rnn.attention import LuongAttention as LuongAttention
from scopert.rnn.attention import hardmax as hardmax
from scopert.rnn.attention_wrapper import AttentionWrapper as AttentionWrapper
from scopert.rnn.attention_wrapper import AttentionWrapperState as AttentionWrapperState
from scopert.rnn.decoder import BasicDecoder as BasicDecoder
from scopert.rnn.decoder import BasicDecoderOutput as BasicDecoderOutput
from scopert.rnn.decoder import Decoder as Decoder
from scopert.rnn.decoder import dynamic_decode as dynamic_decode
from scopert.rnn.decoder_inputs import CustomHelper as CustomHelper
from scopert.rnn.decoder_inputs import GreedyEmbeddingHelper as GreedyEmbeddingHelper
from scopert.rnn.decoder_inputs import Helper as Helper
from scopert.rnn.decoder_inputs import InferenceHelper as InferenceHelper
from scopert.rnn.decoder_inputs import SampleEmbeddingHelper as SampleEmbeddingHelper
from scopert.rnn.decoder_inputs import TrainingHelper as TrainingHelper
from scopert.rnn.decoder_inputs import tile_batch as tile_batch
from scopert.rnn.sequence_loss import sequence_loss as sequence_loss

__all__ = [
    "AttentionMechanism",
    "AttentionWrapper",
    "AttentionWrapperState",
    "BahdanauAttention",
    "BasicDecoder",
    "BasicDecoderOutput",
    "CustomHelper",
    "Decoder",
    "GreedyEmbeddingHelper",
    "Helper",
    "InferenceHelper",
    "LuongAttention",
    "SampleEmbeddingHelper",
    "TrainingHelper",
    "dynamic_decode",
    "hardmax",
    "sequence_loss",
    "tile_batch",
]
