"""What a measurement says about the machine it was made on: no names, no paths."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import scopert


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """The facts that a reader needs to judge the numbers."""
    return {
        "date": time.strftime("%Y-%m-%d"), "cpu": cpu_model(), "architecture": platform.machine(), "cores": cores(),
        "system": platform.system(), "python": sys.version.split()[0], "numpy": np.__version__,
        "scopert": scopert.__version__,
        # What others took of the machine when the measurement began.
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }  # fmt: skip
