"""From the text of LLVM functions to addresses, with the machine code kept on disk."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

#: Bytes of machine code kept on disk (environment variable ``SCOPERT_CACHE_BYTES``).
_LIMIT = 256 << 20
_LEVEL = 3
_SUFFIX = ".code"
_lock = threading.RLock()


@dataclass(frozen=True)
class Host:
    """The machine that code is made for."""

    triple: str
    cpu: str
    features: str
    #: Bits of the widest vectors worth using.
    vector_bits: int
    #: Converts float16 by instructions.
    half: bool


@cache
def host() -> Host:
    """What LLVM knows of this machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    flags = {name for name, there in features.items() if there}
    triple = llvm.get_process_triple()
    bits = 512 if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags else 256 if "avx2" in flags else 128
    half = "f16c" in flags or triple.startswith(("aarch64", "arm64"))
    return Host(triple, llvm.get_host_cpu_name(), features.flatten(), bits, half)


def _machine() -> Any:
    # An execution engine takes ownership of its machine, so everyone makes one.
    this = host()
    return llvm.Target.from_triple(this.triple).create_target_machine(
        cpu=this.cpu, features=this.features, opt=_LEVEL, reloc="pic", codemodel="jitdefault", jit=True
    )


class Library:
    """Loaded machine code; addresses are valid while it lives."""

    def __init__(self, code: bytes) -> None:
        module = llvm.parse_assembly("")
        module.triple = host().triple
        with _lock:
            self._engine = llvm.create_mcjit_compiler(module, _machine())
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function begins."""
        found = self._engine.get_function_address(name)
        if not found:
            raise RuntimeError(f"the compiled library has no function {name!r}")
        return int(found)


def optimise(text: str) -> Any:
    """An optimised module of a text.

    Raises
    ------
    RuntimeError
        If the text is no valid module.
    """
    module = llvm.parse_assembly(text)
    module.triple = host().triple
    module.verify()
    # The vectors and the order of the loops are written out: a few passes do what the whole pipeline would,
    # in a quarter of its time.
    builder = llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(speed_level=_LEVEL))
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_loop_rotate_pass()
    passes.add_new_gvn_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return module


def compile_text(text: str) -> Library:
    """Machine code for a module: from the disk if it was compiled before, else compiled and put there."""
    this = host()
    key = hashlib.sha256("\0".join((text, this.triple, this.cpu, this.features, llvmlite.__version__,
                                    str(_LEVEL))).encode()).hexdigest()  # fmt: skip
    store = _folder()
    code = _read(store, key)
    if code is not None:
        with contextlib.suppress(RuntimeError):  # an object that does not load is compiled anew
            return Library(code)
    with _lock:
        code = _machine().emit_object(optimise(text))
    _write(store, key, code)
    return Library(code)


def assembly(text: str) -> str:
    """The machine code of a module as text, to look at."""
    return str(_machine().emit_assembly(optimise(text)))


def _folder() -> Path | None:
    named = os.environ.get("SCOPERT_CACHE")
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return Path(base or Path.home() / ".cache") / "scopert"
    except RuntimeError:  # no home
        return None


def _read(store: Path | None, key: str) -> bytes | None:
    """The code under a key; None if there is none or it is damaged."""
    if store is None:
        return None
    path = store / (key + _SUFFIX)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    code = data[32:]
    if hashlib.sha256(code).digest() != data[:32]:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now: the oldest are the first to go
    return code


def _write(store: Path | None, key: str, code: bytes) -> None:
    """Keeps code, in one step for other processes; a full or read-only disk only costs the next start its time."""
    if store is None:
        return
    try:
        store.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=store, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(name, store / (key + _SUFFIX))
        _bound(store)
    except OSError:
        return


def _bound(store: Path) -> None:
    limit = int(os.environ.get("SCOPERT_CACHE_BYTES", _LIMIT))
    rows = []
    for path in store.glob("*" + _SUFFIX):
        with contextlib.suppress(OSError):  # another process may have removed it
            status = path.stat()
            rows.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in rows)
    for _, size, path in sorted(rows, key=lambda row: row[0]):
        if total <= limit:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size


def function(library: Library, name: str, arguments: Sequence[Any]) -> Any:
    """A function of a library as a callable that lets go of the interpreter lock while it runs."""
    return ctypes.CFUNCTYPE(None, *arguments)(library.address(name))
