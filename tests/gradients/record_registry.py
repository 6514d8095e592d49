"""Records which ops have a gradient in TensorFlow 1.15.5: run it with a Python that has it."""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from tensorflow.python.framework import op_def_registry, ops
from tensorflow.python.ops import gradients_impl  # noqa: F401 (it registers what others leave out)

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    facts = {"version": tf.__version__, "rule": [], "none": []}
    known = op_def_registry.get_registered_ops()
    for name in sorted(known):
        try:
            rule = ops._gradient_registry.lookup(name)
        except LookupError:
            continue
        facts["none" if rule is None else "rule"].append(name)
    with open(os.path.join(HERE, "facts", "registry.json"), "w") as out:
        json.dump(facts, out, separators=(",", ":"), sort_keys=True)
        out.write("\n")


if __name__ == "__main__":
    main()
