"""Records what TensorFlow 1.15.5 does: run it with a Python that has it."""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from gradient_programs import PROGRAMS, run

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    facts = {"version": tf.__version__, "programs": {name: run(tf, name) for name in sorted(PROGRAMS)}}
    with open(os.path.join(HERE, "facts", "gradients.json"), "w") as out:
        json.dump(facts, out, separators=(",", ":"), sort_keys=True)
        out.write("\n")


if __name__ == "__main__":
    main()
