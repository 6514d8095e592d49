"""Records what TensorFlow 1.15.5 does: run it with a Python that has it."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from training_programs import PROGRAMS, cases

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    facts = {"version": tf.__version__, "cases": {}}
    for program, optimizer, resource in cases():
        key = "{}/{}/{}".format(program, optimizer, "resource" if resource else "ref")
        facts["cases"][key] = PROGRAMS[program](tf, optimizer, resource)
        sys.stdout.write(key + "\n")
    with open(os.path.join(HERE, "facts", "training.json"), "w") as out:
        json.dump(facts, out, indent=None, separators=(",", ":"), sort_keys=True)
        out.write("\n")


if __name__ == "__main__":
    main()
