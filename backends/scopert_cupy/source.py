"""What stands before the functions of a module, and a folder that keeps functions to be looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from scopert_cupy.command import Function
from scopert_cupy.prelude import PRELUDE

#: Names a folder in which every function that is compiled is kept, one file each.
KEEP = "SCOPERT_CUPY_KEEP"


@cache
def preamble() -> str:
    """The prelude that all functions are written over."""
    return PRELUDE


def keep(functions: Iterable[Function]) -> None:
    """Writes functions to the folder that ``SCOPERT_CUPY_KEEP`` names, if it does."""
    folder = os.environ.get(KEEP)
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for function in functions:
        path = Path(folder) / f"{function.name}.json"
        if not path.exists():  # the name tells the content
            path.write_text(json.dumps(asdict(function)), encoding="utf-8")


def kept(folder: Path) -> list[Function]:
    """The functions in such a folder, by name."""
    return [Function(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
