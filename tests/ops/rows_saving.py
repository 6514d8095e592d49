"""The ops of savers: what is written is read back."""

import atexit
import itertools
import shutil
import tempfile
from pathlib import Path

import numpy as np
from ops.conformance import Case

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.opdef import find_op

_FOLDER = Path(tempfile.mkdtemp(prefix="scopert-rows-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_number = itertools.count()


def _prefix():
    return str(_FOLDER / f"checkpoint{next(_number)}")


def _save(prefix, names, parts, tensors):
    return apply(find_op("SaveV2"), prefix, names, parts, tensors)


def _restore(prefix, names, parts, dtypes):
    made = apply(find_op("RestoreV2"), prefix, names, parts, dtypes=dtypes)
    return made if isinstance(made, list) else [made]


def _there_and_back(floats, integers, words):
    prefix = _prefix()
    saved = _save(prefix, ["f", "a/i", "w"], ["", "", ""], [floats, integers, words])
    with tf.control_dependencies([saved]):
        return _restore(prefix, ["w", "f", "a/i"], ["", "", ""], [tf.string, floats.dtype, tf.int64])


def _in_parts(whole):
    """Two parts are saved; the whole and a part across them are read."""
    prefix = _prefix()
    saved = _save(prefix, ["p", "p"], ["4 3 0,1:-", "4 3 1,3:-"], [whole[:1], whole[1:]])
    with tf.control_dependencies([saved]):
        return _restore(prefix, ["p", "p"], ["", "4 3 0,2:1,2"], [whole.dtype] * 2)


def _merged(first, second):
    prefix = _prefix()
    shards = [apply(find_op("ShardedFilename"), f"{prefix}_temp/part", number, 2) for number in range(2)]
    saves = [_save(shards[0], ["a"], [""], [first]), _save(shards[1], ["b"], [""], [second])]
    with tf.control_dependencies(saves):
        merging = apply(find_op("MergeV2Checkpoints"), shards, prefix, delete_old_dirs=True)
    with tf.control_dependencies([merging]):
        return _restore(prefix, ["b", "a"], ["", ""], [second.dtype, first.dtype])


def _wrong(names, parts, dtypes):
    def run(value):
        prefix = _prefix()
        with tf.control_dependencies([_save(prefix, ["v"], [""], [value])]):
            return _restore(prefix, names, parts, dtypes)

    return run


_VALUES = np.arange(12.0).reshape(4, 3)
_ALL = ("bfloat16", "float16", "float32", "float64")

ROWS = [
    Case("SaveV2", [_VALUES, np.array([1, -(2**40)]), np.array([b"ab", b""], object)],
         lambda f, i, w: (w, f, i), dtypes=_ALL, run=_there_and_back),
    Case("RestoreV2", [_VALUES], lambda whole: (whole, whole[:2, 1:]), run=_in_parts, label="parts"),
    Case("RestoreV2", [np.array(2.5)], lambda value: (np.array([b""], object), value, np.array([7])),
         run=lambda value: _there_and_back(value, tf.constant([7], tf.int64), tf.constant([""])), label="scalar"),
    Case("RestoreV2", [_VALUES], run=_wrong(["v"], ["5 3 0,2:-"], [tf.float32]), error="is wanted", label="part"),
    Case("RestoreV2", [_VALUES], run=_wrong(["v"], [""], [tf.int32]), error="expected dtype int32", label="type"),
    Case("MergeV2Checkpoints", [_VALUES, np.array([0.5])], lambda a, b: (b, a), run=_merged),
    Case("ShardedFilename", [np.array(b"x/part", object), np.int32(1), np.int32(12)],
         lambda *_: np.array(b"x/part-00001-of-00012", object)),
    Case("StringJoin", [], lambda: np.array([b"a-b", b"a-c"], object),
         run=lambda: tf.string_join(["a", ["b", "c"]], "-")),
    Case("StringJoin", [], lambda: np.array(b"xy", object), run=lambda: tf.string_join(["x", "y"]), label="scalar"),
]  # fmt: skip
