"""Records what TensorFlow 1.15.5 does with the programs of `scope_cases`: run it with a Python that has it."""

import gzip
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import tensorflow as tf  # noqa: E402
from scope_cases import CASES, observe  # noqa: E402


def main():
    tf.logging.set_verbosity(tf.logging.ERROR)
    facts = {"version": tf.__version__, "cases": {name: observe(tf, name) for name in CASES}}
    with gzip.GzipFile(os.path.join(HERE, "scopes.json.gz"), "wb", mtime=0) as file:
        file.write(json.dumps(facts, sort_keys=True).encode())


if __name__ == "__main__":
    main()
