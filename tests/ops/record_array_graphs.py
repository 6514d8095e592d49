"""Records what TensorFlow 1.15.5 makes of the programs of ``array_programs.py``.

Run with TensorFlow's Python, in this folder::

    python record_array_graphs.py facts/array_graphs.json.gz
"""

import gzip
import json
import sys

import numpy as np


def operations(graph, constant):
    """Return one row for each operation: name, type, inputs, shapes and types, a constant's value."""
    rows = []
    for op in graph.get_operations():
        value = None
        if op.type == "Const" and op.outputs[0].dtype.name != "string":
            value = plain(constant(op))
            value = value if len(str(value)) < 200 else "large"
        outputs = [[str(tensor.shape), tensor.dtype.name] for tensor in op.outputs]
        rows.append([op.name, op.type, [tensor.name for tensor in op.inputs], outputs, value])
    return rows


def feeds(graph):
    """Return a value for each placeholder: 0, 1, 2... in a shape that fits."""
    made = {}
    for op in graph.get_operations():
        if op.type == "Placeholder":
            tensor = op.outputs[0]
            shape = [2, 3] if tensor.shape.ndims is None else [2 if n is None else n for n in tensor.shape.as_list()]
            numbers = np.arange(int(np.prod(shape))).reshape(shape)
            made[tensor] = numbers.astype(tensor.dtype.as_numpy_dtype)
    return made


def plain(value):
    """Return a value as lists and numbers, complex numbers as pairs."""
    if hasattr(value, "indices"):
        return [plain(value.values), plain(value.indices)]
    array = np.asarray(value)
    if array.dtype.kind == "c":
        return plain(np.stack([array.real, array.imag], -1))
    if array.dtype.kind in "OS":
        return [item.decode() for item in array.reshape(-1)]
    return array.tolist()


def record(tf, function, constant):
    """Return what a program makes, and the values of what it returns; or how it fails."""
    graph = tf.Graph()
    with graph.as_default():
        try:
            fetches = function()
        except (TypeError, ValueError) as error:
            return {"error": type(error).__name__}
        fetches = list(fetches) if isinstance(fetches, (list, tuple)) else [fetches]
        rows = operations(graph, constant)
        with tf.Session(graph=graph) as session:
            values = []
            for fetch in fetches:
                try:
                    values.append(plain(session.run(fetch, feeds(graph))))
                except tf.errors.OpError as error:
                    values.append("error " + type(error).__name__)
        return {"operations": rows, "values": values}


def main(path):
    """Record all programs into a file."""
    import tensorflow as tf
    from array_programs import programs

    found = {
        title: record(tf, function, lambda op: tf.make_ndarray(op.get_attr("value")))
        for title, function in programs(tf, np).items()
    }
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(json.dumps(found, indent=0).encode())


if __name__ == "__main__":
    main(sys.argv[1])
