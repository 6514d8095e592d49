"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.io.tf_record import TFRecordCompressionType as TFRecordCompressionType
from scopert.io.tf_record import TFRecordOptions as TFRecordOptions
from scopert.io.tf_record import TFRecordWriter as TFRecordWriter
from scopert.io.tf_record import tf_record_iterator as tf_record_iterator

__all__ = [
    "TFRecordCompressionType",
    "TFRecordOptions",
    "TFRecordWriter",
    "tf_record_iterator",
]
