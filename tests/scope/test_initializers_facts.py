"""The same seeds give the initial weights, and the operations, of TensorFlow 1.15.5 (facts/record_initializers.py)."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scopert as tf

FACTS = json.loads(gzip.decompress((Path(__file__).parent / "facts" / "initializers.json.gz").read_bytes()))["entries"]
# Each QR decomposition rounds in its own way; float64 normal numbers differ by the last bit of log, sin and cos.
ORTHOGONAL_TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
ULPS = 2


def _title(entry: dict[str, Any]) -> str:
    arguments = "-".join(str(value) for value in entry["arguments"].values())
    return f"{entry['initializer']}-{entry['dtype']}-{entry['shape']}-{entry['graph_seed']}-{arguments}"


def _find(name: str) -> Any:
    value: Any = tf
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("entry", FACTS, ids=_title)
def test_variable_starts_as_in_tensorflow(entry: dict[str, Any]) -> None:
    dtype = tf.as_dtype(entry["dtype"])
    partitions = entry["partitions"]
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(entry["graph_seed"])
        tf.constant(0.0, name="before")
        with tf.variable_scope("net"):
            variable = tf.get_variable(
                "w", entry["shape"], dtype, _find(entry["initializer"])(**entry["arguments"]),
                partitioner=tf.fixed_size_partitioner(partitions) if partitions > 1 else None,
            )  # fmt: skip
        ops = [[op.name, op.type, [t.name for t in op.inputs]] for op in graph.get_operations()]
        session.run(tf.global_variables_initializer())
        found = session.run(tf.convert_to_tensor(variable))
    assert ops == entry["ops"]
    expected = np.frombuffer(base64.b64decode(entry["value"]), dtype=dtype.as_numpy_dtype).reshape(entry["shape"])
    assert found.dtype == expected.dtype
    if "orthogonal" in entry["initializer"]:
        np.testing.assert_allclose(found, expected, rtol=0, atol=ORTHOGONAL_TOLERANCE[entry["dtype"]])
    elif entry["dtype"] == "float64":
        np.testing.assert_array_max_ulp(found, expected, maxulp=ULPS)
    else:
        np.testing.assert_array_equal(found, expected)


# The initializers of contrib.layers are functions.
CONFIGURED = [entry for entry in FACTS if not entry["initializer"].startswith("contrib.layers")]


@pytest.mark.parametrize("entry", CONFIGURED, ids=_title)
def test_configuration_makes_the_same_initializer(entry: dict[str, Any]) -> None:
    initializer = _find(entry["initializer"])(**entry["arguments"])
    config = initializer.get_config()
    copy = type(initializer).from_config(config)
    assert copy.get_config() == config
    assert entry["arguments"].items() <= config.items()
