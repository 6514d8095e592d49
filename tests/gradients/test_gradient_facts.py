"""Graphs of gradients, clipping, decays, averages and savers: each operation as TensorFlow 1.15.5 makes it."""

import json
from pathlib import Path

import numpy as np
import pytest
from gradients.gradient_programs import PROGRAMS, run

import scopert as tf

FACTS = json.loads((Path(__file__).parent / "facts" / "gradients.json").read_text())["programs"]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_graph_is_that_of_tensorflow(name):
    facts = FACTS[name]
    found = run(tf, name)
    assert found["ops"] == facts["ops"]
    result, expected = found["result"], facts["result"]
    if isinstance(expected, dict):
        np.testing.assert_allclose(result.pop("numbers"), expected.pop("numbers"), rtol=1e-5)
    assert result == expected
