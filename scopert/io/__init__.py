"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.io.graph_files import write_graph as write_graph
from scopert.io.parsing import FixedLenFeature as FixedLenFeature
from scopert.io.parsing import FixedLenSequenceFeature as FixedLenSequenceFeature
from scopert.io.parsing import SparseFeature as SparseFeature
from scopert.io.parsing import VarLenFeature as VarLenFeature
from scopert.io.parsing import parse_example as parse_example
from scopert.io.parsing import parse_single_example as parse_single_example
from scopert.io.tf_record import TFRecordCompressionType as TFRecordCompressionType
from scopert.io.tf_record import TFRecordOptions as TFRecordOptions
from scopert.io.tf_record import TFRecordWriter as TFRecordWriter
from scopert.io.tf_record import tf_record_iterator as tf_record_iterator
from scopert.ops.image_codec import decode_jpeg as decode_jpeg
from scopert.ops.image_codec import decode_png as decode_png
from scopert.ops.image_codec import read_file as read_file
from scopert.ops.image_codec import write_file as write_file
from scopert.ops.image_jpeg import encode_jpeg as encode_jpeg
from scopert.ops.image_jpeg import extract_jpeg_shape as extract_jpeg_shape
from scopert.ops.queues import PaddingFIFOQueue as PaddingFIFOQueue
from scopert.ops.queues import PriorityQueue as PriorityQueue
from scopert.ops.queues import QueueBase as QueueBase
from scopert.ops.queues import RandomShuffleQueue as RandomShuffleQueue
from scopert.ops.string_numbers import decode_base64 as decode_base64
from scopert.ops.string_numbers import decode_raw as decode_raw
from scopert.ops.string_numbers import encode_base64 as encode_base64
from scopert.io import gfile as gfile

__all__ = [
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "PaddingFIFOQueue",
    "PriorityQueue",
    "QueueBase",
    "RandomShuffleQueue",
    "SparseFeature",
    "TFRecordCompressionType",
    "TFRecordOptions",
    "TFRecordWriter",
    "VarLenFeature",
    "decode_base64",
    "decode_jpeg",
    "decode_png",
    "decode_raw",
    "encode_base64",
    "encode_jpeg",
    "extract_jpeg_shape",
    "gfile",
    "parse_example",
    "parse_single_example",
    "read_file",
    "tf_record_iterator",
    "write_file",
    "write_graph",
]
