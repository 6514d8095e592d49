"""Reading examples: bytes written down by hand, one field after the other."""

import struct

import numpy as np
from ops.conformance import Case

import scopert as tf


def _message(number, data):
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def _example(**features):
    entries = b"".join(_message(1, _message(1, key.encode()) + _message(2, value)) for key, value in features.items())
    return _message(1, entries)


FLOATS = _message(2, _message(1, struct.pack("<4f", 1, 2, 3, 4)))
INTS = _message(3, _message(1, b"\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
WORDS = _message(1, _message(1, b"x") + _message(1, b"yy"))
FULL = _example(f=FLOATS, i=INTS, w=WORDS)
BARE = _example(i=_message(3, b"\x08\x07"), w=_message(1, _message(1, b"z")))

FEATURES = {
    "f": tf.FixedLenFeature([2, 2], tf.float32, np.zeros([2, 2])),
    "i": tf.FixedLenSequenceFeature([], tf.int64, True, -9),
    "w": tf.VarLenFeature(tf.string),
}


def _parts(read):
    return [read["f"], read["i"], read["w"].indices, read["w"].values, read["w"].dense_shape]


def _single(serialized):
    return _parts(tf.parse_single_example(serialized, FEATURES))


def _batch(serialized):
    return _parts(tf.parse_example(serialized, FEATURES))


def _strings(*values):
    return np.array(values, object)


ROWS = [
    Case("ParseSingleExample", [np.array(FULL, object)], lambda _: (
        np.array([[1, 2], [3, 4]], np.float32), np.array([5, -1]), np.array([[0], [1]]), _strings(b"x", b"yy"),
        np.array([2])), run=_single),
    Case("ParseSingleExample", [np.array(BARE, object)], lambda _: (
        np.zeros([2, 2], np.float32), np.array([7]), np.array([[0]]), _strings(b"z"), np.array([1])), run=_single,
         label="defaults"),
    Case("ParseSingleExample", [np.array(b"\x0a\x7f", object)], run=_single, error="Could not parse example input",
         label="broken"),
    Case("ParseExample", [_strings(FULL, BARE)], lambda _: (
        np.array([[[1, 2], [3, 4]], np.zeros([2, 2])], np.float32), np.array([[5, -1], [7, -9]]),
        np.array([[0, 0], [0, 1], [1, 0]]), _strings(b"x", b"yy", b"z"), np.array([2, 2])), run=_batch),
    Case("ParseExample", [np.empty(0, object)], lambda _: (
        np.zeros([0, 2, 2], np.float32), np.zeros([0, 0], np.int64), np.zeros([0, 2], np.int64), np.empty(0, object),
        np.array([0, 0])), run=_batch, label="empty"),
    Case("ParseExample", [_strings(_example(f=INTS))], run=_batch, label="type",
         error="Feature: f.  Data types don't match. Data type: int64 but expected type: float"),
]  # fmt: skip
