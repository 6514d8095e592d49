"""Record what TensorFlow 1.15.5 draws on a CPU: `python record_random.py random.json.gz`.

Runs under TensorFlow 1.15.5 (Python 3.7) and imports nothing of scopert. Each entry is one op with its
inputs, attributes and seeds, and the outputs of two runs of one session. An output keeps all of its
bytes if it is short, else bytes picked at a stride, and always the digest of the whole.
"""

import base64
import gzip
import hashlib
import json
import sys

import numpy as np
import tensorflow as tf

FLOATS = ("float16", "bfloat16", "float32", "float64")
KEPT = 400
SEEDS = ((7, 9), (87654321, 0), (2**31 - 2, 2**31 - 1))


def tensor(value, dtype):
    return {"value": value, "dtype": dtype}


def cases():
    for dtype in FLOATS:
        for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
            for size in (0, 1, 3, 5, 257, 100003):
                yield op, [tensor([size], "int32")], {"dtype": dtype}, (7, 9)
            for seeds in SEEDS:
                yield op, [tensor([3, 5], "int64")], {"dtype": dtype}, seeds
    for dtype in ("int32", "int64"):
        info = np.iinfo(dtype)
        for low, high in ((-17, 1000), (0, 2), (int(info.min), int(info.max)), (0, int(info.max))):
            for size in (0, 3, 257):
                inputs = [tensor([size], "int32"), tensor(low, dtype), tensor(high, dtype)]
                yield "RandomUniformInt", inputs, {}, (7, 9)
    for dtype in ("float16", "float32", "float64"):
        alpha = tensor([0.1, 0.5, 1.0, 1.5, 30.0], dtype)
        yield "RandomGamma", [tensor([7, 5], "int32"), alpha], {}, (7, 9)
        rate = tensor([0.0, 0.5, 3.0, 9.9, 10.0, 50.0, 6e4], dtype)
        yield "RandomPoissonV2", [tensor([25], "int32"), rate], {"dtype": "float32"}, (7, 9)
        for logits in ([[0.0, 1.0, 2.0, -1.0], [3.0, -6e4, 0.0, 1.0], [-1e4, 0.0, 0.0, 0.0]], [[0.0, 0.0]]):
            for count in (1, 37):
                inputs = [tensor(logits, dtype), tensor(count, "int32")]
                yield "Multinomial", inputs, {"output_dtype": "int64"}, (7, 9)
                yield "StatelessMultinomial", [*inputs, tensor([7, -9], "int64")], {"output_dtype": "int32"}, None
        bounds = (
            ([300], 0.0, 1.0, -2.0, 2.0),
            ([7, 60], 0.0, 1.0, -1.0, 1.0),
            ([300], 0.0, 1.0, 3.0, 6.0),
            ([250], 2.0, 3.0, -1000.0, 0.0),
            ([3, 33], [0.0, 1.0, 5.0], 1.0, -1.0, [2.0, 3.0, 4.0]),
            ([5], 0.0, 1.0, 1.0, 1.125),
        )
        for shape, *parameters in bounds:
            inputs = [tensor(shape, "int32")] + [tensor(value, dtype) for value in parameters]
            yield "ParameterizedTruncatedNormal", inputs, {}, (7, 9)
        for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
            for seed in ([7, -9], [0, 0], [2**31 - 1, 12]):
                yield op, [tensor([13], "int32"), tensor(seed, "int64")], {"dtype": dtype}, None
            yield op, [tensor([13], "int32"), tensor([7, -9], "int32")], {"dtype": dtype}, None
    yield "RandomPoissonV2", [tensor([25], "int32"), tensor([3, 20], "int32")], {"dtype": "int64"}, (7, 9)
    for dtype in ("int32", "int64"):
        inputs = [tensor([13], "int32"), tensor([7, -9], "int64"), tensor(-5, dtype), tensor(500, dtype)]
        yield "StatelessRandomUniformInt", inputs, {}, None
    for value in (list(range(11)), [[1, 2], [3, 4], [5, 6]], [3], list(range(1000))):
        yield "RandomShuffle", [tensor(value, "int32")], {}, (7, 9)
    for unique in (False, True):
        attrs = {"num_true": 2, "num_sampled": 12, "unique": unique}
        true = [tensor([[1, 2], [3, 4], [5, 50]], "int64")]
        for name in ("Uniform", "LogUniform", "LearnedUnigram"):
            yield name + "CandidateSampler", true, dict(attrs, range_max=60), (7, 9)
        weights = {"unigrams": [float(i % 7 + 1) for i in range(60)], "distortion": 0.75, "range_max": 60}
        yield "FixedUnigramCandidateSampler", true, dict(attrs, **weights), (7, 9)
    all_of = {"num_true": 2, "num_sampled": 60, "unique": True}
    yield "AllCandidateSampler", [tensor([[1, 2]], "int64")], all_of, (7, 9)


def build(op, inputs, attrs, seeds):
    arguments = {name: tf.as_dtype(value) if name.endswith("dtype") else value for name, value in attrs.items()}
    names = {
        "RandomGamma": ("shape", "alpha"),
        "RandomPoissonV2": ("shape", "rate"),
        "Multinomial": ("logits", "num_samples"),
        "StatelessMultinomial": ("logits", "num_samples", "seed"),
        "RandomUniformInt": ("shape", "minval", "maxval"),
        "StatelessRandomUniformInt": ("shape", "seed", "minval", "maxval"),
        "ParameterizedTruncatedNormal": ("shape", "means", "stdevs", "minvals", "maxvals"),
        "RandomShuffle": ("value",),
    }.get(op, ("true_classes",) if op.endswith("Sampler") else ("shape", "seed"))
    for name, entry in zip(names, inputs):
        arguments[name] = tf.constant(entry["value"], entry["dtype"])
    if seeds:
        arguments.update(seed=seeds[0], seed2=seeds[1])
    outputs = getattr(tf.raw_ops, op)(**arguments)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    # NumPy does not know bfloat16: its bits travel as integers.
    return [tf.bitcast(o, tf.uint16) if o.dtype == tf.bfloat16 else o for o in outputs]


def keep(array):
    array = np.ascontiguousarray(array)
    flat = array.reshape(-1)
    stride = 1 if flat.size <= KEPT else 997
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "stride": stride,
        "bytes": base64.b64encode(flat[::stride].tobytes()).decode(),
        "sha256": hashlib.sha256(flat.tobytes()).hexdigest(),
    }


def main(path):
    entries = []
    for op, inputs, attrs, seeds in cases():
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            outputs = build(op, inputs, attrs, seeds)
            runs = [[keep(array) for array in session.run(outputs)] for _ in range(2)]
        entries.append({"op": op, "inputs": inputs, "attrs": attrs, "seeds": seeds, "runs": runs})
    document = {"tensorflow": tf.__version__, "entries": entries}
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        packed.write(json.dumps(document, sort_keys=True).encode())


if __name__ == "__main__":
    main(sys.argv[1])
