"""The same seeds give the numbers that TensorFlow 1.15.5 gave (facts/record_random.py)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.dtypes import as_dtype
from scopert.graph.opdef import find_op

FACTS = json.loads(gzip.decompress((Path(__file__).parent / "facts" / "random.json.gz").read_bytes()))["entries"]
# Ops that pass through float64 log, sine, cosine or power, or float32 log1p: there the last bits are the
# array library's, as they are the C library's in TensorFlow.
ROUNDED = {
    ("RandomStandardNormal", "float64"), ("TruncatedNormal", "float64"), ("StatelessRandomNormal", "float64"),
    ("StatelessTruncatedNormal", "float64"), ("ParameterizedTruncatedNormal", "float64"),
    ("RandomGamma", "float64"), ("LogUniformCandidateSampler", "float32"),
    ("UniformCandidateSampler", "float32"), ("LearnedUnigramCandidateSampler", "float32"),
    ("FixedUnigramCandidateSampler", "float32"),
}  # fmt: skip
ULPS = 4


def _title(entry: dict[str, Any]) -> str:
    types = [value["dtype"] for value in entry["inputs"]] + [str(value) for value in entry["attrs"].values()]
    return "-".join([entry["op"], *types, str(entry["inputs"][0]["value"])[:20]])


def _build(entry: dict[str, Any]) -> list[tf.Tensor]:
    opdef = find_op(entry["op"])
    assert opdef is not None
    attrs = {key: as_dtype(value) if key.endswith("dtype") else value for key, value in entry["attrs"].items()}
    if entry["seeds"]:
        attrs["seed"], attrs["seed2"] = entry["seeds"]
    made = apply(opdef, *(tf.constant(value["value"], value["dtype"]) for value in entry["inputs"]), **attrs)
    return made if isinstance(made, list) else [made]


def _check(op: str, found: np.ndarray[Any, Any], fact: dict[str, Any]) -> None:
    if found.dtype == ml_dtypes.bfloat16:
        found = found.view(np.uint16)
    assert (list(found.shape), found.dtype.name) == (fact["shape"], fact["dtype"])
    expected = np.frombuffer(base64.b64decode(fact["bytes"]), dtype=fact["dtype"])
    flat = np.ascontiguousarray(found).reshape(-1)
    if (op, fact["dtype"]) in ROUNDED:
        np.testing.assert_array_max_ulp(flat[:: fact["stride"]], expected, maxulp=ULPS)
    else:
        np.testing.assert_array_equal(flat[:: fact["stride"]], expected)
        assert hashlib.sha256(flat.tobytes()).hexdigest() == fact["sha256"]


@pytest.mark.parametrize("entry", FACTS, ids=_title)
def test_two_runs_draw_what_tensorflow_drew(entry: dict[str, Any]) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = _build(entry)
        for facts in entry["runs"]:
            for found, fact in zip(session.run(outputs), facts, strict=True):
                _check(entry["op"], found, fact)


def test_facts_cover_every_random_op() -> None:
    recorded = {entry["op"] for entry in FACTS}
    from scopert.graph.opdef import RANDOM, all_ops

    assert {name for name, opdef in all_ops().items() if RANDOM in opdef.traits} <= recorded
