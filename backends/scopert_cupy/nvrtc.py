"""From the source of kernels to machine code of a card, by NVRTC: no driver and no card is needed for that.

Cubins are kept on disk under what they were made from: the source, the architecture, the options and NVRTC's
version. PTX is only made to be looked at: a driver older than the compiler would refuse it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scopert.backend import DiskCache, key_of
from scopert_cupy.failures import CompileError, DeviceError
from scopert_cupy.source import preamble

#: Products and sums stay apart, as on the CPU, where a kernel does not ask for ``fmaf``: then a card computes what
#: the host device was tested with. Kernels that are bound by memory are as fast either way.
OPTIONS = ("--std=c++17", "--fmad=false", "--ptxas-options=-v")
_store = DiskCache(".cubin")
_PROPERTIES = re.compile(
    r"Function properties for (\S+)\s+(?:ptxas[^\d\n]*)?(\d+) bytes stack frame, "
    r"(\d+) bytes spill stores, (\d+) bytes spill loads\s+ptxas info\s*:\s*Used (\d+) registers([^\n]*)"
)
_SHARED = re.compile(r"(\d+) bytes smem")
_ACCESS = re.compile(r"\b(?:ld|st)\.global((?:\.[\w:]+)*)")
_VECTOR = re.compile(r"\.v([248])$")
_ELEMENT = re.compile(r"[bfsu](\d+)$")


@dataclass(frozen=True, slots=True)
class Resources:
    """What a function takes of a multiprocessor.

    Attributes
    ----------
    registers : int
        Of one thread.
    spills : int
        Bytes that did not fit into registers, stores and loads.
    stack : int
        Bytes of local memory.
    shared : int
        Bytes of shared memory, without the dynamic part.
    """

    registers: int
    spills: int
    stack: int
    shared: int


@dataclass(frozen=True, slots=True)
class Cubin:
    """Machine code.

    Attributes
    ----------
    code : bytes
    resources : mapping of str to Resources
        By name of the function.
    """

    code: bytes
    resources: Mapping[str, Resources]


def _nvrtc() -> Any:
    try:
        from cupy.cuda import nvrtc

        nvrtc.getVersion()
    except (ImportError, RuntimeError) as error:
        raise DeviceError(f"NVRTC is not installed (it comes with CuPy's extra 'ctk'): {error}") from error
    return nvrtc


def available() -> bool:
    """Whether NVRTC is there."""
    try:
        _nvrtc()
    except DeviceError:
        return False
    return True


def version() -> str:
    """NVRTC's version."""
    return ".".join(map(str, _nvrtc().getVersion()))


def architectures() -> tuple[int, ...]:
    """What it compiles for: 80 for ``sm_80``."""
    return tuple(_nvrtc().getSupportedArchs())


def whole(source: str) -> str:
    """What is compiled for some functions: they follow the prelude."""
    return f'{preamble()}\n#line 1 "kernels"\n{source}'


def compile_cubin(source: str, architecture: str) -> Cubin:
    """Machine code of functions over the prelude, from the disk where it is there.

    Parameters
    ----------
    source : str
    architecture : str
        ``sm_90``.

    Raises
    ------
    CompileError
        If NVRTC refuses the source.
    DeviceError
        If there is no NVRTC.
    """
    text = whole(source)
    key = key_of(text, architecture, *OPTIONS, version())
    stored = _store.read(key)
    if stored is not None:
        size = int.from_bytes(stored[:4], "little")
        rows = json.loads(stored[4 : 4 + size])
        return Cubin(stored[4 + size :], {name: Resources(*row) for name, row in rows.items()})
    code, log = _run(text, source, (f"--gpu-architecture={architecture}", *OPTIONS), "getCUBIN")
    cubin = Cubin(code, parse_log(log))
    rows = {name: [row.registers, row.spills, row.stack, row.shared] for name, row in cubin.resources.items()}
    head = json.dumps(rows).encode()
    _store.write(key, len(head).to_bytes(4, "little") + head + code)
    return cubin


def compile_ptx(source: str, architecture: str) -> str:
    """PTX of functions over the prelude, for `access_width`."""
    virtual = architecture.replace("sm_", "compute_")
    options = (f"--gpu-architecture={virtual}", *[option for option in OPTIONS if "ptxas" not in option])
    return _run(whole(source), source, options, "getPTX")[0].decode()


def _run(text: str, source: str, options: tuple[str, ...], result: str) -> tuple[bytes, str]:
    nvrtc = _nvrtc()
    program = nvrtc.createProgram(text, "module.cu", (), ())
    try:
        try:
            nvrtc.compileProgram(program, options)
        except nvrtc.NVRTCError as error:
            raise CompileError.of(f"NVRTC ({error})", nvrtc.getProgramLog(program), source) from error
        made = getattr(nvrtc, result)(program)
        return made.encode() if isinstance(made, str) else made, nvrtc.getProgramLog(program)
    finally:
        nvrtc.destroyProgram(program)


def parse_log(log: str) -> dict[str, Resources]:
    """What ptxas said of each function."""
    found = {}
    for name, stack, stores, loads, registers, rest in _PROPERTIES.findall(log):
        shared = _SHARED.search(rest)
        found[name] = Resources(int(registers), int(stores) + int(loads), int(stack), int(shared[1]) if shared else 0)
    return found


def access_width(ptx: str, name: str) -> tuple[int, int]:
    """Bytes of the widest load from and the widest store to global memory of a function.

    Raises
    ------
    LookupError
        If the text has no such function.
    """
    found = re.search(rf"\.entry {re.escape(name)}\(.*?^\}}", ptx, re.S | re.M)
    if found is None:
        raise LookupError(f"no function {name!r} in this PTX")
    widest = {"ld": 0, "st": 0}
    for access in _ACCESS.finditer(found[0]):
        parts = access[1].split(".")
        element = _ELEMENT.match(parts[-1])
        if element is None:
            continue
        lanes = next((int(part[1:]) for part in parts if re.fullmatch("v[248]", part)), 1)
        kind = access[0][:2]
        widest[kind] = max(widest[kind], lanes * int(element[1]) // 8)
    return widest["ld"], widest["st"]
