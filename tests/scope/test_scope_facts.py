"""Scopes and variables against TensorFlow 1.15.5: names, order, dependencies, values, error texts."""

import gzip
import json
from pathlib import Path

import pytest
from scope.scope_cases import CASES, observe

import scopert as tf

FACTS = json.loads(gzip.decompress((Path(__file__).parent / "facts" / "scopes.json.gz").read_bytes()))["cases"]


def _as_json(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("name", CASES)
def test_program_does_what_tensorflow_does(name):
    expected = FACTS[name]
    found = _as_json(observe(tf, name))
    assert found["error"] == expected["error"]
    assert found["out"] == expected["out"]
    assert found["ops"] == expected["ops"]


def test_every_recorded_program_is_run():
    assert set(FACTS) == set(CASES)
