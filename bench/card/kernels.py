"""What NVRTC says of kernels: refused, spilling, registers, and accesses narrower than claimed."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product

from scopert_cupy import nvrtc
from scopert_cupy.command import Function, Gemm, Matrix, Operand
from scopert_cupy.epilogue import finish
from scopert_cupy.failures import CompileError
from scopert_cupy.tiled import tiled

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "sm_120")
#: So many modules that a refused function is found quickly.
_MODULES = 64
#: Registers of a multiprocessor.
_REGISTERS = 65536


@dataclass
class Verdict:
    """How kernels fare on one architecture.

    Attributes
    ----------
    refused : dict of str to str
        The compiler's log, by function.
    spilling : dict of str to int
        Bytes that did not fit into registers.
    heavy : dict of str to int
        Registers of those of which no block of the declared size fits.
    most : int
        The most registers that one takes.
    """

    architecture: str
    count: int = 0
    seconds: float = 0.0
    most: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    spilling: dict[str, int] = field(default_factory=dict)
    heavy: dict[str, int] = field(default_factory=dict)


def products() -> list[Function]:
    """The kernels of matrix products without a library, of every type, flag and epilogue."""
    at = Operand("input")
    found = {}
    for dtype, left, right in product(
        ("float32", "float16", "bfloat16", "float64", "int32"), (False, True), (False, True)
    ):
        plain = (Matrix(at, 64, left), Matrix(at, 64, right), Matrix(at, 64), dtype)
        forms = [Gemm(64, 64, 64, *plain)]
        if not dtype.startswith("int"):
            forms += [
                Gemm(64, 64, 64, *plain, bias=at, epilogue="relu_aux", aux=at),
                Gemm(64, 64, 64, *plain, epilogue="drelu", aux=at, bias_gradient=at),
                *[Gemm(64, 64, 64, *plain, bias=at, epilogue=epilogue) for epilogue in ("", "relu", "gelu")],
            ]  # fmt: skip
        for gemm in forms:
            for launch in (tiled(gemm), *finish(gemm)):
                found[launch.function.name] = launch.function
    return list(found.values())


def _modules(functions: Sequence[Function]) -> Iterable[Sequence[Function]]:
    """Functions by their names, so that a new one changes one module and the others are found on disk."""
    found: dict[int, list[Function]] = {}
    for function in functions:
        found.setdefault(zlib.crc32(function.name.encode()) % _MODULES, []).append(function)
    return found.values()


def _source(functions: Iterable[Function]) -> str:
    return "\n".join([function.source for function in functions])


def compile_all(functions: Sequence[Function], architecture: str) -> Verdict:
    """Compiles functions for an architecture."""
    verdict = Verdict(architecture, len(functions))
    start = time.perf_counter()

    def compiled(some: Sequence[Function]) -> None:
        try:
            resources = nvrtc.compile_cubin(_source(some), architecture).resources
        except CompileError as error:
            if len(some) == 1:
                verdict.refused[some[0].name] = str(error)
                return
            for function in some:
                compiled([function])
            return
        for function in some:
            row = resources[function.name]
            verdict.most = max(verdict.most, row.registers)
            if row.spills:
                verdict.spilling[function.name] = row.spills
            if row.registers * function.threads > _REGISTERS:
                verdict.heavy[function.name] = row.registers

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(compiled, _modules(functions)))
    verdict.seconds = time.perf_counter() - start
    return verdict


def narrow(functions: Sequence[Function], architecture: str = "sm_90") -> dict[str, tuple[int, int]]:
    """Functions whose widest access is narrower than they claim: the widths in bytes, found and claimed."""
    found = {}
    claiming = [function for function in functions if function.width]
    for some in _modules(claiming):
        try:
            ptx = nvrtc.compile_ptx(_source(some), architecture)
        except CompileError:
            continue  # `compile_all` tells
        for function in some:
            widest = max(nvrtc.access_width(ptx, function.name))
            if widest < function.width:
                found[function.name] = (widest, function.width)
    return found
