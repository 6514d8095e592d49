"""The random functions make the operations, names, shapes and seeds of TensorFlow 1.15.5."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import scopert as tf

PROGRAMS = json.loads(gzip.decompress((Path(__file__).parent / "facts" / "random_names.json.gz").read_bytes()))[
    "programs"
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: f"{program['source']} seed {program['graph_seed']}")
def test_operations(program: dict[str, Any]) -> None:
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(program["graph_seed"])
        exec(program["source"], {"tf": tf})
    found = [
        [
            op.name,
            op.type,
            [tensor.name for tensor in op.inputs],
            [control.name for control in op.control_inputs],
            [str(tensor.shape) for tensor in op.outputs],
            [op.attrs[name] for name in ("seed", "seed2") if name in op.attrs],
        ]
        for op in graph.get_operations()
    ]
    assert found == program["ops"]
