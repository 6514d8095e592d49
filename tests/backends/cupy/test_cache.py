"""Compiled code on disk: safe under several processes, bounded, and checked before it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scopert.disk_cache import DiskCache, cache_folder, key_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.setenv("SCOPERT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_written_is_read(folder: Path) -> None:
    store = DiskCache(".code")
    assert store.read(key_of("a")) is None
    store.write(key_of("a"), b"machine code")
    store.write(key_of("b"), b"")
    assert store.read(key_of("a")) == b"machine code"
    assert store.read(key_of("b")) == b""
    assert DiskCache(".other").read(key_of("a")) is None
    assert key_of("ab", "c") != key_of("a", "bc")
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"x" + data[1:], lambda data: b"", lambda data: data + b"x"])
def test_a_damaged_file_is_not_used_and_is_replaced(damage: Any) -> None:
    store = DiskCache(".code")
    store.write("k", b"machine code")
    path = store.path("k")
    assert path is not None
    path.write_bytes(damage(path.read_bytes()))
    assert store.read("k") is None
    store.write("k", b"machine code")
    assert store.read("k") == b"machine code"


def test_the_ones_unused_for_longest_go_first(monkeypatch: Any) -> None:
    monkeypatch.setenv("SCOPERT_CACHE_BYTES", str(3 * (1000 + 32)))
    store, other = DiskCache(".code"), DiskCache(".other")
    other.write("old", b"o")
    for number, key in enumerate("abc"):
        store.write(key, bytes(1000))
        os.utime(store.path(key), (number, number))
    assert store.read("a") is not None  # used now
    store.write("d", bytes(1000))
    assert [key for key in "abcd" if store.read(key) is not None] == ["a", "c", "d"]
    assert other.read("old") == b"o"


def test_an_unwritable_disk_costs_only_time(folder: Path) -> None:
    folder.write_text("not a folder")
    store = DiskCache(".code")
    store.write("k", b"code")
    assert store.read("k") is None


def test_an_empty_name_keeps_nothing(monkeypatch: Any) -> None:
    monkeypatch.setenv("SCOPERT_CACHE", "")
    assert cache_folder() is None
    store = DiskCache(".code")
    store.write("k", b"code")
    assert store.read("k") is None


def test_several_processes_write_and_read_at_once(folder: Path) -> None:
    code = """
import sys
from scopert.disk_cache import DiskCache
store, wrong = DiskCache(".code"), 0
for turn in range(100):
    key = str(turn % 3)
    store.write(key, key.encode() * 50000)
    found = store.read(key)
    wrong += found is not None and found != key.encode() * 50000
    wrong += found is None  # nobody damages, nobody evicts
print(wrong)
"""
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0].strip() for process in running] == ["0"] * 3
    assert sorted(path.name for path in folder.iterdir()) == ["0.code", "1.code", "2.code"]


def test_a_writer_that_is_killed_leaves_nothing_half_written(folder: Path) -> None:
    code = """
import os
import scopert.disk_cache as disk
disk.os.replace = lambda part, path: os.kill(os.getpid(), 9)
disk.DiskCache(".code").write("k", bytes(100000))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    store = DiskCache(".code")
    assert store.read("k") is None
    store.write("k", b"code")
    assert store.read("k") == b"code"
