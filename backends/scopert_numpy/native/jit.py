"""From the text of LLVM functions to addresses, with the machine code kept on disk."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

import llvmlite
import llvmlite.binding as llvm

from scopert.backend import DiskCache, key_of

_LEVEL = 3
_store = DiskCache(".code")
#: Longer texts get the cheapest passes only.
_LONG_TEXT = 300_000
_lock = threading.RLock()
#: What is loaded, by its key. Threads that make the same code at once share it: addresses that one of them handed out
#: stay valid when the other one's is what is kept.
_loaded: WeakValueDictionary[str, Library] = WeakValueDictionary()


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
    if len(text) < _LONG_TEXT:  # what is gained there, once in a loop, is small beside a long body
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
    key = key_of(text, this.triple, this.cpu, this.features, llvmlite.__version__, str(_LEVEL))
    with _lock:
        library = _loaded.get(key)
        if library is None:
            library = _loaded[key] = _library(key, text)
    return library


def _library(key: str, text: str) -> Library:
    code = _store.read(key)
    if code is not None:
        with contextlib.suppress(RuntimeError):  # an object that does not load is compiled anew
            return Library(code)
    code = _machine().emit_object(optimise(text))
    _store.write(key, code)
    return Library(code)


def assembly(text: str) -> str:
    """The machine code of a module as text, to look at."""
    return str(_machine().emit_assembly(optimise(text)))


def function(library: Library, name: str, arguments: Sequence[Any], result: Any = None) -> Any:
    """A function of a library as a callable that lets go of the interpreter lock while it runs."""
    return ctypes.CFUNCTYPE(result, *arguments)(library.address(name))
