"""Small programs, what TensorFlow 1.15.5 built and computed for them, and how to look at both.

The programs stand in ``facts/NAME.txt``, each below a line ``### title``; they may define ``run(session)``
and ``value``. Record them anew with TensorFlow 1.15.5::

    python tests/ops/graph_programs.py NAME
"""

import gzip
import json
import os
import re
import sys
from pathlib import Path

import numpy as np

FACTS = Path(__file__).parent / "facts"
_FRAME = ("frame_name", "is_constant", "parallel_iterations")


def programs(name):
    """Title -> code."""
    parts = re.split(r"^### ?", (FACTS / f"{name}.txt").read_text(encoding="utf-8"), flags=re.M)[1:]
    return dict(part.split("\n", 1) for part in parts)


def recorded(name):
    """Title -> what TensorFlow made of it."""
    with gzip.open(FACTS / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def facts(tf, code):
    """What `tf` makes of a program: operations, what can be fetched and fed, results, errors."""
    found = {}
    space = {"tf": tf, "np": np}
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(1)
        try:
            exec(code, space)
        except Exception as error:
            found["error"] = [type(error).__name__, str(error)]
    ops = graph.get_operations()
    found["ops"] = [_describe(op) for op in ops]
    found["unfetchable"] = [op.name for op in ops if not graph.is_fetchable(op)]
    found["unfeedable"] = sorted(t.name for op in ops for t in op.outputs if not graph.is_feedable(t))
    if "value" in space:
        found["value"] = str(space["value"])
    if "run" in space:
        try:
            with tf.Session(graph=graph) as session:
                variables = graph.get_collection("variables")
                if variables:
                    session.run([variable.initializer for variable in variables])
                found["result"] = _show(space["run"](session))
        except Exception as error:
            found["result"] = type(error).__name__
    return found


def _describe(op):
    row = [
        op.name, op.type, [t.name for t in op.inputs], sorted(c.name for c in op.control_inputs),
        [t.dtype.name + str(t.shape) for t in op.outputs], op.device,
    ]  # fmt: skip
    if op.type in ("Enter", "RefEnter"):
        values = (op.get_attr(key) for key in _FRAME)
        row.append([value.decode() if isinstance(value, bytes) else value for value in values])
    return row


def _show(value):
    if isinstance(value, (list, tuple)):
        return [_show(item) for item in value]
    if isinstance(value, dict):
        return {key: _show(item) for key, item in sorted(value.items())}
    if value is None or isinstance(value, (str, bytes)):
        return repr(value)
    array = np.asarray(value)
    if array.dtype == object:
        return ["object", list(array.shape), [repr(item) for item in array.ravel().tolist()]]
    numbers = array.ravel().tolist()
    if array.dtype.kind == "f":
        numbers = [float(f"{number:.5g}") for number in numbers]
    if array.dtype.kind == "c":
        numbers = [str(number) for number in numbers]
    return [array.dtype.name, list(array.shape), numbers]


def close(found, expected):
    """Whether two results are the same up to rounding."""
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(close(found[key], expected[key]) for key in found)
    if isinstance(found, float) and isinstance(expected, float):
        return bool(np.isclose(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True))
    return found == expected


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow

    tensorflow.compat.v1.logging.set_verbosity("ERROR")
    for title in sys.argv[1:]:
        made = {key: facts(tensorflow, code) for key, code in programs(title).items()}
        with gzip.GzipFile(FACTS / f"{title}.json.gz", "w", mtime=0) as file:
            file.write(json.dumps(made).encode())
