"""The mathematical functions and their gradients make the operations, names and shapes of TensorFlow 1.15.5."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import scopert as tf

FACTS = json.loads(gzip.decompress((Path(__file__).parent / "facts" / "math_names.json.gz").read_bytes()))


@pytest.mark.parametrize(("program", "expected"), FACTS["programs"], ids=lambda value: str(value)[:60])
def test_operations(program, expected):
    with tf.Graph().as_default() as graph:
        names = {"tf": tf, "np": np}
        exec(FACTS["setup"], names)
        eval(program, names)
    found = [
        [
            op.name,
            op.type,
            [tensor.name for tensor in op.inputs],
            sorted(control.name for control in op.control_inputs),
            [str(tensor.shape) for tensor in op.outputs],
        ]
        for op in graph.get_operations()
    ]
    for one, other in zip(found, expected, strict=False):
        assert one == other
    assert len(found) == len(expected)


@pytest.mark.parametrize("resource", [False, True])
def test_einsum_takes_variables(resource):
    with tf.Graph().as_default() as graph:
        w = tf.get_variable("w", [4, 5], use_resource=resource)
        made = tf.einsum("bi,ij->bj", tf.placeholder(tf.float32, [3, 4]), w)
        read = ["einsum/MatMul/ReadVariableOp"] if resource else []
        assert [op.name for op in graph.get_operations()][-1 - len(read) :] == [*read, "einsum/MatMul"]
        assert made.shape.as_list() == [3, 5]
