"""Choosing how a product is computed, before anything is captured: the library's best algorithm, or a fallback.

The candidates that the library proposes are timed once, on memory of the product's size; what won is kept on disk for
the same card and the same version of the library. Where the library has no algorithm with the epilogue, the product
is computed without it and generated kernels do the rest; where it has none at all, a generated kernel multiplies.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopert.backend import DiskCache, key_of
from scopert_cupy.command import Gemm, Launch, Matrix, Operand
from scopert_cupy.cublaslt.library import Algorithm, Descriptors, Handle, Library, Refused
from scopert_cupy.cublaslt.spec import ALIGNMENT, Spec, spec_of
from scopert_cupy.device import Address, Device
from scopert_cupy.epilogue import finish
from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.tiled import tiled

#: Bytes of workspace that an algorithm may want.
WORKSPACE = 32 << 20
_ROUNDS = 5
# Both bytes of a bfloat16, and of other floats: small numbers.
_FILLING = 0x3C
_LOG = logging.getLogger("scopert")
_store = DiskCache(".lt")

# The operands of a plan, whose addresses come when it is run.
_A, _B, _OUT = Operand("input", 0), Operand("input", 1), Operand("output", 0)
_BESIDE, _AUX = Operand("input", 2), Operand("input", 3)


@dataclass(frozen=True, slots=True, eq=False)
class LtPlan:
    """A product that is ready to run.

    Attributes
    ----------
    workspace : int
        Bytes of workspace that it needs.
    descriptors : Descriptors or None
        None: `after` does all of it.
    algorithm : Algorithm or None
    after : list of (function, Launch)
        Generated kernels that follow.
    """

    workspace: int
    descriptors: Descriptors | None
    algorithm: Algorithm | None
    after: Sequence[tuple[Any, Launch]] = ()

    def __str__(self) -> str:
        how = "a generated kernel" if self.algorithm is None else f"cuBLASLt with {self.workspace} bytes"
        return how + (f", then {len(self.after)} generated" if self.algorithm is not None and self.after else "")


class CublasLt:
    """Matrix products of one device.

    Parameters
    ----------
    device : Device
    library : Library or None
        None: generated kernels multiply.
    stream : int
        Where the work goes.
    elapsed : callable
        ``elapsed(work) -> seconds`` that the device needs for what ``work()`` puts into the stream.
    """

    def __init__(
        self, device: Device, library: Library | None, stream: int, elapsed: Callable[[Callable[[], None]], float]
    ) -> None:
        self._device, self._stream, self._elapsed = device, stream, elapsed
        self._lock = threading.Lock()
        self._handle = None if library is None else Handle(library)
        # Plans have descriptors of their own: those name the vectors of the product that they are for.
        self._chosen: dict[Spec, Algorithm | None] = {}
        self._functions: dict[str, Any] = {}
        if library is None:
            _LOG.warning("there is no cuBLASLt: matrix products are computed by generated kernels, which is slower")

    def plan(self, gemm: Gemm) -> LtPlan:
        """Chooses; it may compile, allocate, and time algorithms: never while commands are captured."""
        with self._lock:
            found = self._by_library(gemm)
            if found is not None:
                return found
            alone = _standing_alone(gemm)
            after = self._compiled(finish(alone))
            plain = replace(gemm, bias=None, epilogue="", aux=None, bias_gradient=None)
            found = self._by_library(plain) if plain != gemm else None
            if found is not None:
                return replace(found, after=after)
            return LtPlan(0, None, None, [*self._compiled([tiled(alone)]), *after])

    def run(
        self, plan: LtPlan, a: Address, b: Address, out: Address, bias: Address, workspace: Address, aux: Address = 0
    ) -> None:
        """Puts a product into the stream; this may be captured."""
        if plan.descriptors is not None and plan.algorithm is not None:
            assert self._handle is not None
            with self._lock:
                plan.descriptors.vectors(bias, aux)
                self._handle.multiply(plan.descriptors, plan.algorithm, b, a, out, workspace, self._stream)
        if not plan.after:
            return
        at = {_A: a, _B: b, _OUT: out, _BESIDE: bias, _AUX: aux}
        for function, launch in plan.after:
            arguments = [np.uint64(at[arg]) if isinstance(arg, Operand) else arg for arg in launch.arguments]
            self._device.launch(function, launch.grid, launch.block, launch.shared, arguments)

    # Choosing.

    def _by_library(self, gemm: Gemm) -> LtPlan | None:
        """A plan with an algorithm of the library; None if it has none."""
        beside = [vector for vector in (gemm.bias, gemm.bias_gradient, gemm.aux) if vector is not None]
        if self._handle is None or any(vector.offset % ALIGNMENT for vector in beside):
            return None
        try:
            spec = spec_of(gemm)
        except ValueError:
            return None
        made = Descriptors(self._handle.library, spec)
        if spec not in self._chosen:
            self._chosen[spec] = self._choose(self._handle, made)
        algorithm = self._chosen[spec]
        return None if algorithm is None else LtPlan(algorithm.workspace, made, algorithm)

    def _choose(self, handle: Handle, made: Descriptors) -> Algorithm | None:
        facts = self._device.facts
        tunes = os.environ.get("SCOPERT_GEMM_TUNE", "1") not in ("", "0")
        key = key_of(repr(made.spec), facts.name, facts.architecture, str(handle.library.version), str(WORKSPACE))
        kept = _store.read(key) if tunes else None
        if kept is not None:
            algorithm = Algorithm(kept[8:], int.from_bytes(kept[:8], "little"))
            if handle.accepts(made, algorithm, WORKSPACE):
                return algorithm
        try:
            found = handle.algorithms(made, WORKSPACE)
        except Refused:
            return None
        except DeviceError as error:
            _LOG.warning("cuBLASLt does not compute %s, a generated kernel does: %s", made.spec, error)
            return None
        if not tunes or len(found) == 1:
            return found[0]
        try:
            best = self._fastest(handle, made, found)
        except OutOfMemory:
            return found[0]  # it is not kept: another time there may be room
        _store.write(key, best.workspace.to_bytes(8, "little") + best.data)
        return best

    def _fastest(self, handle: Handle, made: Descriptors, found: Sequence[Algorithm]) -> Algorithm:
        """The algorithm with the shortest of some runs; one that fails is left out."""
        device, spec = self._device, made.spec
        vector = max(spec.out.rows, spec.mask_leading) * 8
        mask = spec.mask_leading // 8 * spec.out.columns
        largest = max(algorithm.workspace for algorithm in found)
        sizes = (spec.first.nbytes, spec.second.nbytes, spec.out.nbytes, vector, mask, largest)
        held = [device.allocate(size) for size in sizes]
        first, second, out, beside, aux, workspace = (allocation.address for allocation in held)
        for allocation in held[:5]:
            device.fill(allocation.address, _FILLING, allocation.nbytes)
        made.vectors(beside, aux)
        times: list[tuple[float, int]] = []
        for number, algorithm in enumerate(found):

            def once(algorithm: Algorithm = algorithm) -> None:
                handle.multiply(made, algorithm, first, second, out, workspace, self._stream)

            try:
                self._elapsed(once)  # the first time loads code
                times.append((min(self._elapsed(once) for _ in range(_ROUNDS)), number))
            except OutOfMemory:
                raise
            except DeviceError:
                continue
        device.synchronize()
        if not times:
            raise DeviceError(f"no algorithm of cuBLASLt can compute {spec}")
        return found[min(times)[1]]

    def _compiled(self, launches: Sequence[Launch]) -> list[tuple[Any, Launch]]:
        new = {launch.function.name: launch.function for launch in launches}
        new = {name: function for name, function in new.items() if name not in self._functions}
        if new:
            source = "\n".join(function.source for function in new.values())
            module = self._device.compile(source, [(name, function.fibers) for name, function in new.items()])
            self._functions.update({name: module.function(name) for name in new})
        return [(self._functions[launch.function.name], launch) for launch in launches]


def _standing_alone(gemm: Gemm) -> Gemm:
    """The product with the operands of a plan."""

    def moved(matrix: Matrix, to: Operand) -> Matrix:
        return replace(matrix, at=to)

    beside = _BESIDE if gemm.bias is not None else None
    gradient = _BESIDE if gemm.bias_gradient is not None else None
    return replace(
        gemm, a=moved(gemm.a, _A), b=moved(gemm.b, _B), out=moved(gemm.out, _OUT), bias=beside, bias_gradient=gradient,
        aux=_AUX if gemm.aux is not None else None,
    )  # fmt: skip


__all__ = ["WORKSPACE", "CublasLt", "LtPlan"]
