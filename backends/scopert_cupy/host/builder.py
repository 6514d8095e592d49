"""From the source of kernels to functions of this machine, by the C++ compiler, kept on disk."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from scopert.backend import DiskCache, key_of
from scopert_cupy.failures import CompileError, DeviceError
from scopert_cupy.source import preamble

_HERE = Path(__file__).parent
_HEADERS = ("shim.h", "fibers.h", "check.h")
#: Compiling is most of what a test costs, so it does little: kernels are short and run on small arrays.
_FLAGS = (
    "-std=c++17", "-O1", "-fPIC", "-shared", "-w", "-fno-exceptions", "-fno-rtti", "-fno-math-errno", "-fwrapv",
    "-fno-strict-aliasing", "-fno-ipa-reference", "-fno-asynchronous-unwind-tables", "-fvisibility=hidden",
    "-ffp-contract=off", "-Wl,-z,noexecstack",
)  # fmt: skip
#: The calls that these insert are answered by check.h.
_CHECKS = ("-DSC_CHECK", "-fsanitize=thread", "-fsanitize=alignment,bounds")
_store = DiskCache(".host.so")
_lock = threading.Lock()
_loaded: dict[str, Library] = {}


@cache
def compiler() -> str:
    """The C++ compiler: ``SCOPERT_CXX``, or the ``g++`` of the path."""
    named = os.environ.get("SCOPERT_CXX", "g++")
    found = shutil.which(named)
    if found is None:
        raise DeviceError(f"The host device compiles kernels with {named!r}, which is not installed (SCOPERT_CXX).")
    return found


@cache
def _identity(checked: bool) -> str:
    """All that the machine code depends on besides the functions."""
    version = subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True).stdout
    headers = "".join([(_HERE / name).read_text(encoding="utf-8") for name in _HEADERS])
    return key_of(version, *_FLAGS, *(_CHECKS if checked else ()), headers, preamble())


class HostFunction:
    """A kernel of this machine.

    Attributes
    ----------
    name : str
    takes : tuple of (int, int)
        Bytes and kind of each parameter, as ``sc::kind`` numbers them.
    """

    __slots__ = ("address", "call", "name", "takes")

    def __init__(self, library: Any, name: str) -> None:
        self.name = name
        self.call: Any = library[name + "_cpu"]
        self.call.restype = ctypes.c_char_p
        self.call.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint)
        codes = (ctypes.c_uint * 256)()
        library[name + "_takes"](codes)
        self.takes = tuple([(code >> 8, code & 255) for code in codes[1 : 1 + codes[0]]])


class Library:
    """Loaded machine code."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._functions: dict[str, HostFunction] = {}
        #: Kernels of one library share the state of the block that runs.
        self.lock = threading.Lock()

    def function(self, name: str) -> HostFunction:
        found = self._functions.get(name)
        if found is None:
            try:
                found = HostFunction(self._library, name)
            except AttributeError:
                raise LookupError(f"the module has no function {name!r}") from None
            self._functions[name] = found
        return found

    def symbol(self, name: str) -> Any:
        """Something else of the library, such as the table of the checks."""
        return self._library[name]


def build(source: str, names: Sequence[tuple[str, bool]], checked: bool) -> Library:
    """A library with an entry for each of `names`.

    Raises
    ------
    CompileError
        If the compiler refuses the source.
    """
    entries = "".join([f"SC_ENTRY({name}, {'true' if meet else 'false'})\n" for name, meet in names])
    key = key_of(_identity(checked), source, entries)
    with _lock:
        library = _loaded.get(key)
    if library is not None:
        return library
    if _store.read(key) is not None:
        path = _store.path(key)
        assert path is not None
        with contextlib.suppress(OSError):  # another process may have removed it since
            library = Library(path)
    if library is None:
        library = _compile(key, source, entries, checked)
    with _lock:
        return _loaded.setdefault(key, library)


def _compile(key: str, source: str, entries: str, checked: bool) -> Library:
    text = f'#include "shim.h"\nnamespace {{\n{preamble()}\n#line 1 "kernels"\n{source}\n}}\n{entries}'
    with tempfile.TemporaryDirectory(prefix="scopert-") as folder:
        made = Path(folder) / "kernels.so"
        flags = [*_FLAGS, *(_CHECKS if checked else ())]
        command = [compiler(), *flags, "-I", str(_HERE), "-x", "c++", "-", "-o", str(made), "-nostdlib", "-lm", "-lc"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileError.of("g++", done.stderr, source)
        library = Library(made)  # stays loaded when the file is gone
        _store.write(key, made.read_bytes())
    return library
