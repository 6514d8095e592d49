"""A peer in a process of its own: it makes a workload, runs it, times it, as it is told on its standard input."""

from __future__ import annotations

import gc
import importlib
import json
import os
import statistics
import sys
import time
import traceback
from typing import Any

from card.workloads import BY_NAME, Program

#: Steps before anything is timed: compiling, choosing, recording.
_WARM = 4
#: Seconds of one sample.
_SAMPLE = 0.06
_MOST = 5000


def versions(peer: str) -> dict[str, str]:
    """What is being measured."""
    if peer == "scopert":
        import scopert as tf

        with tf.Session(graph=tf.Graph(), backend="cupy") as session:
            facts = session.backend.device.facts
        about = {"scopert": tf.__version__, "device": facts.name, "architecture": facts.architecture}
        return about | dict(facts.versions)
    module = importlib.import_module(peer)
    found = {peer: module.__version__}
    if peer == "torch":
        found["device"] = module.cuda.get_device_name() if module.cuda.is_available() else "cpu"
        found["cuda"] = str(module.version.cuda)
    else:
        found["device"] = str(module.devices()[0])
    return found


def seconds(program: Program, count: int) -> float:
    """Seconds of a step, over some."""
    program.wait()
    start = time.perf_counter()
    for _ in range(count):
        program.step()
    program.wait()
    return (time.perf_counter() - start) / count


class Worker:
    """Answers requests, one line of JSON each."""

    def __init__(self, peer: str, small: bool) -> None:
        self._programs: Any = importlib.import_module(f"card.programs_{peer}")
        self._peer, self._small = peer, small
        self._program: Program | None = None
        self._count = 1

    def make(self, name: str) -> dict[str, Any]:
        """Makes a workload and warms it up; numbers of its result after those steps."""
        workload = BY_NAME[name]
        if self._program is not None and self._program.session is not None:
            self._program.session.close()
        self._program = None
        gc.collect()
        self._programs.prepare(workload)
        sizes = workload.small if self._small else workload.full
        start = time.perf_counter()
        program = self._programs.make(workload, sizes, workload.data(sizes))
        for _ in range(_WARM):
            program.step()
        program.wait()
        made = {"ready": time.perf_counter() - start, "numbers": program.check()}
        if self._peer == "scopert":
            made["by_itself"] = self._programs.by_itself(self._programs.largest_executable(program))
        self._program = program
        self._count = max(1, min(_MOST, int(_SAMPLE / max(seconds(program, 2), 1e-6))))
        return made

    def time(self) -> dict[str, Any]:
        """Seconds of a step: the median of three samples."""
        assert self._program is not None
        return {"seconds": statistics.median([seconds(self._program, self._count) for _ in range(3)])}

    def copy_rate(self) -> dict[str, Any]:
        """Bytes a second that a copy on the device reads and writes."""
        import cupy

        nbytes = 1 << (20 if self._small else 32)
        source, target = cupy.zeros(nbytes, cupy.uint8), cupy.empty(nbytes, cupy.uint8)
        stream, best = cupy.cuda.Stream(non_blocking=True), 0.0
        kind = cupy.cuda.runtime.memcpyDeviceToDevice
        for _ in range(10):
            start, end = cupy.cuda.Event(), cupy.cuda.Event()
            start.record(stream)
            cupy.cuda.runtime.memcpyAsync(target.data.ptr, source.data.ptr, nbytes, kind, stream.ptr)
            end.record(stream)
            end.synchronize()
            best = max(best, 2 * nbytes / (cupy.cuda.get_elapsed_time(start, end) * 1e-3))
        return {"rate": best}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a request asks for, or why not."""
        try:
            kind = request["do"]
            if kind == "make":
                return self.make(request["name"])
            if kind == "time":
                return self.time()
            return self.copy_rate() if kind == "copy" else versions(self._peer)
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}


def main() -> None:
    """Reads requests until there are none."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is not an answer
    worker = Worker(sys.argv[1], sys.argv[2] == "small")
    for line in sys.stdin:
        answers.write(json.dumps(worker.answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
