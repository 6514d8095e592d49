"""Functions of tf.nn, layers and losses, operation by operation and number by number, as TensorFlow 1.15.5 recorded it."""

import importlib
import sys
from pathlib import Path

import pytest

import scopert as tf

sys.path.insert(0, str(Path(__file__).parent))
graph_programs = importlib.import_module("graph_programs")

_NAMES = (
    "nn", "layers", "losses", "contrib_layers", "images", "boxes", "rnn", "contrib_cells", "seq2seq", "metrics", "rankings",
    "parsing",
)  # fmt: skip
_RECORDS = {name: graph_programs.recorded(name) for name in _NAMES}
_CASES = [(name, title, code) for name in _NAMES for title, code in graph_programs.programs(name).items()]


@pytest.mark.parametrize(("name", "title", "code"), _CASES, ids=[f"{name}-{title}" for name, title, _ in _CASES])
def test_same_as_tensorflow(name, title, code):
    expected, found = _RECORDS[name][title], graph_programs.facts(tf, code)
    assert found.get("error", [None])[0] == expected.get("error", [None])[0], found.get("error") or expected.get(
        "error"
    )
    if "error" not in expected:
        assert found["ops"] == expected["ops"]
    assert found.get("value") == expected.get("value")
    if "result" in expected:
        assert graph_programs.close(found["result"], expected["result"]), (found["result"], expected["result"])
