"""Array and sparse programs make the operations that TensorFlow 1.15.5 makes, and the same values."""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ops.array_programs import programs
from ops.record_array_graphs import record

import scopert as tf

# Where more is known of a shape than TensorFlow knows.
KNOWS_MORE = frozenset({"dense tr s"})
PROGRAMS = programs(tf, np)


@cache
def _facts():
    with gzip.open(Path(__file__).parent / "facts" / "array_graphs.json.gz") as file:
        return json.load(file)


def test_every_program_was_recorded():
    assert set(_facts()) == set(PROGRAMS)


@pytest.mark.parametrize("title", PROGRAMS)
def test_same_graph_and_values(title):
    expected = _facts()[title]
    found = record(tf, PROGRAMS[title], lambda op: op.get_attr("value"))
    assert found.get("error") == expected.get("error")
    if "error" in expected:
        return
    if title not in KNOWS_MORE:
        assert json.loads(json.dumps(found["operations"])) == expected["operations"]
    assert len(found["values"]) == len(expected["values"])
    for one, other in zip(found["values"], expected["values"]):
        if isinstance(other, str) or (isinstance(other, list) and other and isinstance(other[0], str)):
            assert one == other
        elif isinstance(other, list) and other and isinstance(other[0], list) and _ragged(other):
            for part, wanted in zip(one, other):
                np.testing.assert_allclose(part, wanted, rtol=2e-6, atol=1e-6)
        else:
            np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6)


def _ragged(value):
    return len({np.shape(part) for part in value}) > 1
