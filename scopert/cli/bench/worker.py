"""One peer and one workload in a process of its own; run as a script, in the peer's interpreter.

Requests and answers are lines of JSON on standard input and output. This file, like those in ``programs``, also runs
under Python 3.7 and imports no scopert but the one that is measured.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

#: Name of the peer -> kind of its programs, module that is imported for it.
MODULES = {
    "scopert": ("graph", "scopert"),
    "tensorflow": ("graph", "tensorflow"),
    "jax": ("jax", "jax"),
    "torch": ("torch", "torch"),
    "numpy": ("numpy", "numpy"),
}


def load(peer: str) -> tuple[str, Any]:
    """Imports the peer's library."""
    kind, name = MODULES[peer]
    module = importlib.import_module(name)
    if peer == "jax":
        importlib.import_module("jax.numpy")
    if peer == "tensorflow" and not module.__version__.startswith("1."):
        module = importlib.import_module("tensorflow.compat.v1")
        module.disable_v2_behavior()
    if peer == "tensorflow":
        module.logging.set_verbosity(module.logging.ERROR)
    return kind, module


def make(kind: str, module: Any, workload: Any, data: Any, threads: int, reference: bool = False) -> Any:
    """The peer's program; the reference is a plain run in float64."""
    if kind != "graph":
        if kind == "torch" and threads:
            module.set_num_threads(threads)
        return workload.programs[kind](module, data)
    from programs.graph_api import GraphApi  # type: ignore[import-not-found]  # beside this script

    api = GraphApi(module, threads, "float64" if reference else "float32", plain=reference)
    with api.graph.as_default():
        return workload.programs[kind](api, data)


#: Steps whose results are compared; a training step shows in the loss of the next.
CHECKED = 3


def results(program: Any) -> dict[str, Any]:
    """What the first steps give, and what they leave behind, by name."""
    import numpy as np

    found = {}
    for step in range(CHECKED):
        for number, array in enumerate(program.step()):
            found[f"step {step}, result {number}"] = np.array(array)
    for number, array in enumerate(program.state() if program.state is not None else ()):
        found[f"state {number}"] = np.array(array)
    return found


def differences(found: Any, wanted: Any) -> list[str]:
    """Where results are further off than float32 explains: 1e-3 of the value and of the array's usual size.

    A step of Adam turns a gradient that is rounding noise into a full step, in every library: states are compared
    as a whole.
    """
    import numpy as np

    bad = []
    for name in wanted:
        if name not in found:
            bad.append(f"{name} is missing")
            continue
        want, got = np.asarray(wanted[name]), np.asarray(found[name])
        if want.shape != got.shape:
            bad.append(f"{name}: shape {got.shape}, expected {want.shape}")
        elif want.dtype.kind != "f":
            if not (want == got).all():
                bad.append(f"{name}: {got}, expected {want}")
        elif name.startswith("state"):
            if not np.linalg.norm(got - want) <= 1e-3 * np.linalg.norm(want):
                bad.append(f"{name}: differs by {np.linalg.norm(got - want):.3g}")
        elif want.size:
            allowed = 1e-3 * (np.abs(want) + np.sqrt(np.mean(np.square(want))))
            if not (np.abs(got - want) <= allowed).all():
                bad.append(f"{name}: differs by up to {np.abs(got - want).max():.3g}")
    return bad


class Worker:
    """Answers requests."""

    def __init__(self, peer: str, workload: str, threads: int) -> None:
        self.peer, self.name, self.threads = peer, workload, threads
        self.program: Any = None
        self.calls = self.rounds = 1

    def setup(self, reference: str, write: bool, small: bool, seconds: float) -> Any:
        """Makes the program, compares its results (or writes them), and finds how often to call it."""
        start = time.perf_counter()
        kind, module = load(self.peer)
        imported = time.perf_counter()
        version = str(getattr(module, "__version__", "")) or str(importlib.import_module(self.peer).__version__)
        import numpy as np
        from programs import WORKLOADS  # type: ignore[import-not-found]

        workload = WORKLOADS[self.name]
        facts = {"version": version, "import": imported - start, "python": sys.version.split()[0]}
        if workload.fresh == "import":
            return facts
        data = workload.inputs(small)
        begin = time.perf_counter()
        self.program = make(kind, module, workload, data, self.threads, write)
        if workload.fresh:
            self.program.step()
            return {**facts, "first": time.perf_counter() - begin}
        found = results(self.program)
        if write:
            np.savez(reference, **found)
            return facts
        with np.load(reference) as wanted:
            facts["wrong"] = differences(found, wanted)
        self._choose(workload.calls, seconds)
        return facts

    def _choose(self, calls: int, seconds: float) -> None:
        """Measurements of `calls` steps, as many as fit into `seconds`, between 3 and 300."""
        step, count, start = self.program.step, 0, time.perf_counter()
        while count < 3 or time.perf_counter() - start < 0.1:
            step()
            count += 1
        each = (time.perf_counter() - start) / count
        self.calls, self.rounds = calls, int(min(300, max(3, seconds / (each * calls))))

    def measure(self) -> Any:
        """Seconds a step, of one round."""
        step, repeated, times = self.program.step, range(self.calls), []
        step()
        for _ in range(self.rounds):
            start = time.perf_counter()
            for _ in repeated:
                step()
            times.append((time.perf_counter() - start) / self.calls)
        times.sort()
        return {"seconds": times[len(times) // 2], "best": times[0], "count": len(times)}


def main() -> None:
    """Reads requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    peer, workload, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    worker = Worker(peer, workload, threads)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # told to the process that asked
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
