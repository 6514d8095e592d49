"""Control flow, checks, queues, strings: operation by operation what TensorFlow 1.15.5 built, and what came out."""

import importlib
import sys
from pathlib import Path

import pytest

import scopert as tf

sys.path.insert(0, str(Path(__file__).parent))
graph_programs = importlib.import_module("graph_programs")

_NAMES = ("control_flow_cond", "control_flow_while", "control_flow_gradients", "control_flow_case", "checks",
          "printing", "script_functions", "tensor_arrays", "queues", "strings", "control_flow_variables")  # fmt: skip
_CASES = [(name, title, code) for name in _NAMES for title, code in graph_programs.programs(name).items()]
_RECORDS = {name: graph_programs.recorded(name) for name in _NAMES}


@pytest.mark.parametrize(("name", "title", "code"), _CASES, ids=[f"{name}-{title}" for name, title, _ in _CASES])
def test_same_as_tensorflow(name, title, code):
    expected, found = _RECORDS[name][title], graph_programs.facts(tf, code)
    for key in ("ops", "unfetchable", "unfeedable", "value"):
        assert found.get(key) == expected.get(key), key
    assert ("error" in found) == ("error" in expected), found.get("error") or expected.get("error")
    if "error" in expected:
        assert found["error"][0] == expected["error"][0]
        assert found["error"][1].split("\n")[0] == expected["error"][1].split("\n")[0]
    if "result" in expected:
        same_error = {"InaccessibleTensorError": "ValueError"}
        wanted = expected["result"]
        wanted = same_error.get(wanted, wanted) if isinstance(wanted, str) else wanted
        assert graph_programs.close(found["result"], wanted), (found["result"], wanted)
