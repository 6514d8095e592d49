"""Training against TensorFlow 1.15.5: initial weights, losses, names of slots and of all operations."""

import json
from pathlib import Path

import numpy as np
import pytest
from train.training_programs import PROGRAMS, cases

import scopert as tf

FACTS = json.loads((Path(__file__).parent / "facts" / "training.json").read_text())["cases"]


@pytest.mark.parametrize(("program", "optimizer", "resource"), cases())
def test_training_takes_the_path_of_tensorflow(program, optimizer, resource):
    facts = FACTS[f"{program}/{optimizer}/{'resource' if resource else 'ref'}"]
    found = PROGRAMS[program](tf, optimizer, resource)
    assert found["ops"] == facts["ops"]
    assert found["global_variables"] == facts["global_variables"]
    assert found["slots"] == facts["slots"]
    for ours, theirs in zip(found["initial"], facts["initial"], strict=True):
        assert np.array_equal(np.float32(ours), np.float32(theirs))
    np.testing.assert_allclose(found["losses"], facts["losses"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["finals"], facts["finals"], rtol=1e-4, atol=1e-4)
