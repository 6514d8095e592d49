"""Record initial values under TensorFlow 1.15.5: `python record_initializers.py initializers.json.gz`.

Runs under TensorFlow 1.15.5 (Python 3.7) and imports nothing of scopert. Each entry is one variable: how its
initializer is made, type, shape and seeds, the operations that `get_variable` made, and the initial value.
"""

import base64
import gzip
import json
import sys

import numpy as np
import tensorflow as tf

FLOATS = ("float16", "bfloat16", "float32", "float64")
SCALED = [
    {"scale": scale, "mode": mode, "distribution": distribution}
    for scale in (1.0, 2.5)
    for mode in ("fan_in", "fan_out", "fan_avg")
    for distribution in ("normal", "truncated_normal", "untruncated_normal", "uniform")
]


def cases():
    """(initializer, arguments, type, shape, graph seed, partitions)"""
    matrices = ([3, 5], [40, 30], [2, 3, 4, 5], [7])
    for dtype in FLOATS:
        for name in ("glorot_uniform_initializer", "glorot_normal_initializer", "uniform_unit_scaling_initializer"):
            for shape in matrices:
                yield name, {"seed": 5}, dtype, shape, None, 1
        for name in ("he_normal", "he_uniform", "lecun_normal", "lecun_uniform"):
            for shape in matrices:
                yield "initializers." + name, {"seed": 5}, dtype, shape, None, 1
        for arguments in SCALED:
            yield "variance_scaling_initializer", dict(arguments, seed=11), dtype, [12, 7], None, 1
        for arguments in ({}, {"mean": -1.0, "stddev": 0.25}):
            for seeds in ((None, 1), (1234, 1), (1234, None)):
                for name in ("random_normal_initializer", "truncated_normal_initializer"):
                    yield name, dict(arguments, seed=seeds[1]), dtype, [9, 6], seeds[0], 1
        for arguments in ({}, {"minval": -0.5, "maxval": 0.25}):
            for seeds in ((None, 1), (1234, 1), (1234, None)):
                yield "random_uniform_initializer", dict(arguments, seed=seeds[1]), dtype, [9, 6], seeds[0], 1
        if dtype in ("float32", "float64"):
            for shape in ([3, 5], [8, 8], [30, 12], [2, 3, 4, 5]):
                yield "orthogonal_initializer", {"seed": 3, "gain": 0.5}, dtype, shape, None, 1
        for uniform in (True, False):
            for shape in matrices:
                yield "contrib.layers.xavier_initializer", {"seed": 5, "uniform": uniform}, dtype, shape, None, 1
            for mode in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
                arguments = {"seed": 5, "uniform": uniform, "mode": mode, "factor": 1.5}
                yield "contrib.layers.variance_scaling_initializer", arguments, dtype, [12, 7], None, 1
        yield "initializers.identity", {"gain": 2.0}, dtype, [3, 4], None, 1
        yield "constant_initializer", {"value": [0.5, 1.5, 2.5]}, dtype, [2, 3], None, 1
    for dtype in ("int32", "int64"):
        yield "random_uniform_initializer", {"minval": -5, "maxval": 99, "seed": 2}, dtype, [50], None, 1
    for dtype in (*FLOATS, "int32", "int64", "bool", "uint8", "complex64"):
        yield "zeros_initializer", {}, dtype, [2, 3], None, 1
        yield "ones_initializer", {}, dtype, [2, 3], None, 1
    for name in ("glorot_uniform_initializer", "variance_scaling_initializer", "uniform_unit_scaling_initializer"):
        yield name, {"seed": 5}, "float32", [10, 4], None, 3
    yield "initializers.identity", {}, "float32", [5, 5], None, 2
    for name, shape in (
        ("convolutional_delta_orthogonal", [3, 3, 4, 6]),
        ("convolutional_orthogonal_1d", [3, 4, 6]),
        ("convolutional_orthogonal_2d", [3, 3, 4, 6]),
        ("convolutional_orthogonal_3d", [2, 2, 2, 4, 6]),
        ("convolutional_orthogonal_2d", [1, 1, 4, 6]),
    ):
        yield "contrib.framework." + name, {"seed": 3, "gain": 0.5}, "float32", shape, None, 1


def find(name):
    value = tf
    for part in name.split("."):
        value = getattr(value, part)
    return value


def main(path):
    entries = []
    for name, arguments, dtype, shape, graph_seed, partitions in cases():
        with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
            tf.compat.v1.set_random_seed(graph_seed)
            tf.constant(0.0, name="before")
            with tf.compat.v1.variable_scope("net"):
                variable = tf.compat.v1.get_variable(
                    "w", shape, tf.as_dtype(dtype), find(name)(**arguments),
                    partitioner=tf.compat.v1.fixed_size_partitioner(partitions) if partitions > 1 else None,
                )
            ops = [[op.name, op.type, [t.name for t in op.inputs]] for op in graph.get_operations()]
            session.run(tf.compat.v1.global_variables_initializer())
            value = session.run(tf.convert_to_tensor(variable))
        entries.append({
            "initializer": name, "arguments": arguments, "dtype": dtype, "shape": shape, "graph_seed": graph_seed,
            "partitions": partitions, "ops": ops, "value": base64.b64encode(value.tobytes()).decode(),
        })
    document = {"tensorflow": tf.__version__, "numpy": np.__version__, "entries": entries}
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        packed.write(json.dumps(document, sort_keys=True).encode())


if __name__ == "__main__":
    main(sys.argv[1])
