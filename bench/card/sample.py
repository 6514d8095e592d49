"""A few steps of small programs: what a sanitizer watches."""

from __future__ import annotations

import sys

from card import programs_scopert
from card.workloads import BY_NAME

#: One of each kind of kernel, in a minute under a sanitizer.
SAMPLE = ("mlp", "softmax", "layer_norm", "gelu_bf16", "gpt2_training_bf16", "conv", "embedding")


def main() -> None:
    """Runs them."""
    for name in sys.argv[1:] or SAMPLE:
        workload = BY_NAME[name]
        programs_scopert.prepare(workload)
        program = programs_scopert.make(workload, workload.small, workload.data(workload.small))
        for _ in range(2):
            program.step()
        program.wait()
        print(name, program.check())


if __name__ == "__main__":
    main()
