"""Peers: libraries, each in an interpreter of its own, and what a worker process in it is asked."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import scopert
from scopert.cli.bench.worker import MODULES

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Peer:
    """A library that runs workloads.

    Attributes
    ----------
    name : str
        As shown.
    library : str
        A key of `worker.MODULES`.
    python : str
        Its interpreter.
    path : str
        Put in front of the interpreter's search path: where a checkout lies.
    """

    name: str
    library: str
    python: str = sys.executable
    path: str = ""

    @property
    def kind(self) -> str:
        """The kind of its programs."""
        return MODULES[self.library][0]

    def missing(self) -> str | None:
        """Why it cannot be used, or None."""
        code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
        try:
            done = subprocess.run(
                [self.python, "-c", code, MODULES[self.library][1]], env=self.environment(0), capture_output=True,
                timeout=60, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"its interpreter does not start: {error}"
        return None if done.returncode == 0 else f"{MODULES[self.library][1]} is not installed"

    def environment(self, threads: int) -> dict[str, str]:
        """The variables of its process: the same number of threads for all, no GPU."""
        found = dict(os.environ)
        if threads:
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
                found[name] = str(threads)
        found.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3", PYTHONWARNINGS="ignore")
        found.pop("PYTHONPATH", None)
        if self.path:
            found["PYTHONPATH"] = self.path
        return found


def checkout_path(checkout: str | os.PathLike[str]) -> str:
    """The search path of a checkout.

    Raises
    ------
    ValueError
        If there is no scopert in it.
    """
    root = Path(checkout).resolve()
    if not (root / "scopert" / "__init__.py").is_file():
        raise ValueError(f"{os.fspath(checkout)} is no checkout of scopert: it has no scopert/__init__.py")
    return os.pathsep.join([str(root), str(root / "backends")])


def known_peers(pythons: Mapping[str, str], compare: str | None = None) -> list[Peer]:
    """All peers: this scopert first, then another checkout of it, then the other libraries.

    Parameters
    ----------
    pythons : mapping
        Name of a peer -> interpreter. ``NAME-SUFFIX`` is one more peer of library NAME.
    compare : str, optional
        A checkout of scopert.

    Raises
    ------
    ValueError
        For a name that is no library's.
    """
    here = checkout_path(Path(scopert.__file__).parents[1])
    own = Peer("scopert", "scopert", pythons.get("scopert", sys.executable), here)
    peers = [own]
    if compare is not None:
        peers.append(Peer("other", "scopert", own.python, checkout_path(compare)))
    peers += [Peer(name, name, pythons.get(name, sys.executable)) for name in MODULES if name != "scopert"]
    for name, python in pythons.items():
        library = name.partition("-")[0]
        if library not in MODULES:
            raise ValueError(f"there is no peer {library!r}; there are {', '.join(MODULES)}")
        if library != name:
            peers.append(Peer(name, library, python, here if library == "scopert" else ""))
    return peers


class PeerFailed(Exception):
    """A worker process gave no answer, or an error."""


@dataclass
class Process:
    """A worker of a peer for one workload."""

    peer: Peer
    workload: str
    threads: int
    log: Path
    _answers: queue.Queue[str] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [self.peer.python, str(WORKER), self.peer.library, self.workload, str(self.threads)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=self.peer.environment(self.threads),
            )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def ask(self, patience: float, /, **request: Any) -> dict[str, Any]:
        """The answer to a request.

        Raises
        ------
        PeerFailed
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=patience)
        except queue.Empty:
            self._process.kill()
            raise PeerFailed(f"no answer within {patience:.0f} s") from None
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerFailed(f"its process ended with status {self._process.wait()}{self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):  # a request that the process did not live to read
            self._process.stdin.close()
        self._process.stdout.close()
