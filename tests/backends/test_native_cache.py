"""Machine code on disk: found again, bounded, and never trusted when damaged."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from scopert_numpy.native import jit

TEXT = """
define void @fill(ptr %out, i64 %lo, i64 %hi, i64 %chunk) {
  store i64 NUMBER, ptr %out
  ret void
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.setenv("SCOPERT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def value(number: int) -> int:
    """What the compiled function writes."""
    import ctypes

    library = jit.compile_text(TEXT.replace("NUMBER", str(number)))
    word = ctypes.c_int64
    function = jit.function(library, "fill", (ctypes.c_void_p, word, word, word))
    out = np.zeros(1, np.int64)
    function(out.ctypes.data, 0, 0, 0)
    return int(out[0])


def test_compiled_once(folder: Path, monkeypatch: Any) -> None:
    assert value(5) == 5
    (path,) = folder.iterdir()
    monkeypatch.setattr(jit, "optimise", lambda text: pytest.fail("compiled again"))
    assert value(5) == 5
    assert list(folder.iterdir()) == [path]


def test_threads_that_compile_at_once_share_the_code(monkeypatch: Any) -> None:
    # Else the addresses of all but one of them would be lost with what they loaded.
    made: list[Any] = []
    start, optimise = threading.Barrier(3), jit.optimise

    def slowly(text: str) -> Any:
        time.sleep(0.05)
        return optimise(text)

    def compile_one() -> None:
        start.wait()
        made.append(jit.compile_text(TEXT.replace("NUMBER", "7")))

    monkeypatch.setattr(jit, "optimise", slowly)
    threads = [threading.Thread(target=compile_one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(library) for library in made}) == 1
    kept = weakref.ref(made[0])
    made.clear()
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_damaged_code_is_compiled_anew(folder: Path, damage: bytes | None) -> None:
    value(5)
    (path,) = folder.iterdir()
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]) if damage is None else damage)
    assert value(5) == 5
    assert path.read_bytes() == good


def test_the_oldest_go_first(folder: Path, monkeypatch: Any) -> None:
    value(1)
    (first,) = folder.iterdir()
    monkeypatch.setenv("SCOPERT_CACHE_BYTES", str(3 * first.stat().st_size + 16))
    os.utime(first, (1, 1))
    for number in range(2, 6):
        value(number)
    assert not first.exists()
    assert len(list(folder.iterdir())) == 3


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SCOPERT_CACHE", str(tmp_path / "file" / "below"))
    assert value(7) == 7


def test_several_processes_at_once(folder: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2].split(chr(0)); from scopert_numpy.native import jit\n"
        "for n in range(6): jit.compile_text(sys.argv[1].replace('NUMBER', str(n)))"
    )
    path = "\0".join(p for p in sys.path if p)
    command = [sys.executable, "-c", code.replace("chr(0)", "'|'"), TEXT, path.replace("\0", "|")]
    children = [subprocess.Popen(command) for _ in range(3)]
    assert [child.wait(120) for child in children] == [0, 0, 0]
    assert len(list(folder.iterdir())) == 6
    assert value(3) == 3
