"""Peers as processes that answer requests, with a limit on how long they may take."""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
import threading
from typing import Any


def missing(peer: str) -> str | None:
    """Why a peer cannot be timed here."""
    return None if importlib.util.find_spec(peer) else f"{peer} is not installed"


class Peer:
    """A worker of a peer; it is started when first asked, and anew after it was too slow."""

    def __init__(self, name: str, small: bool) -> None:
        self.name = name
        self._size = "small" if small else "full"
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        self._log: list[str] = []
        self._drain: threading.Thread | None = None

    def ask(self, limit: float, **request: Any) -> dict[str, Any]:
        """The answer to a request; ``{"error": ...}`` if there is none within `limit` seconds."""
        if limit <= 0:
            return {"error": "out of time"}
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = self._lines.get(timeout=limit)
        except queue.Empty:
            self.stop()
            return {"error": f"not done in {limit:.0f} s"}
        except OSError:
            answer = ""
        if not answer:
            code = process.wait()
            if self._drain is not None:
                self._drain.join(1.0)  # its last lines may be on their way
            log = [line for line in self._log if line.strip()]
            self.stop()
            return {"error": f"the process ended with {code}: {log[-1].strip() if log else ''}"[:300]}
        return dict(json.loads(answer))

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "card.worker", self.name, self._size]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._process, self._lines, self._log = process, queue.Queue(), []

        def read(lines: queue.Queue[str]) -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.put(line)
            lines.put("")

        def drain(log: list[str]) -> None:
            assert process.stderr is not None
            for line in process.stderr:
                log.append(line)
                del log[:-50]

        threading.Thread(target=read, args=(self._lines,), daemon=True).start()
        self._drain = threading.Thread(target=drain, args=(self._log,), daemon=True)
        self._drain.start()
        return process

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
