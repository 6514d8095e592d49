"""Choosing how cuDNN computes an operation, before anything is captured, and running it.

The plans that its heuristics propose are built in their order until enough of them can be had; they are timed once,
on memory of the operation's size, and what won is kept on disk for the same card and versions. Plans whose results may
differ from run to run are never taken.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scopert.backend import DiskCache, key_of
from scopert_cupy.cudnn.graphs import Unsupported, graph_of, refused_notes
from scopert_cupy.device import Address, Device
from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.operation import Operation

#: ``0`` leaves convolutions and attention to generated kernels and products.
SWITCH = "SCOPERT_CUDNN"
#: Bytes of workspace that a plan may want.
WORKSPACE = 256 << 20
#: Plans of which the fastest is taken.
CANDIDATES = 4
_ROUNDS = 5
# Both bytes of a bfloat16, and of other floats: small numbers.
_FILLING = 0x3C
_LOG = logging.getLogger("scopert")
_store = DiskCache(".dnn")


@dataclass(frozen=True, slots=True, eq=False)
class CudnnPlan:
    """An operation that is ready to run: a graph, and which of its plans is built and taken."""

    graph: Any
    index: int
    workspace: int
    name: str

    def __str__(self) -> str:
        return f"cuDNN's {self.name} with {self.workspace} bytes"


def load() -> Any:
    """The front end with cuDNN behind it; None where it is not installed, or switched off.

    Where the front end is there and does not work, the log says why.
    """
    if os.environ.get(SWITCH, "1") in ("", "0"):
        return None
    try:
        cudnn = importlib.import_module("cudnn")
        cudnn.backend_version()
    except ModuleNotFoundError:
        return None
    except Exception as error:  # a broken installation fails in many ways
        _LOG.warning("cuDNN cannot be used, kernels are generated instead: %s: %s", type(error).__name__, error)
        return None
    return cudnn


def version(cudnn: Any) -> str:
    """Of the library and of its front end."""
    return f"{cudnn.backend_version_string()} (front end {cudnn.__version__})"


class Cudnn:
    """Operations of one device.

    Parameters
    ----------
    device : Device
    cudnn : module
        The front end.
    stream : int
        Where the work goes.
    elapsed : callable
        ``elapsed(work) -> seconds`` that the device needs for what ``work()`` puts into the stream.
    """

    def __init__(
        self, device: Device, cudnn: Any, stream: int, elapsed: Callable[[Callable[[], None]], float]
    ) -> None:  # fmt: skip
        self._device, self._cudnn, self._elapsed = weakref.ref(device), cudnn, elapsed
        self._version = version(cudnn)
        self._lock = threading.Lock()
        self._handle = _call("create_handle", cudnn.create_handle)
        weakref.finalize(self, _destroy, cudnn, self._handle, os.getpid()).atexit = False
        _call("set_stream", lambda: cudnn.set_stream(handle=self._handle, stream=stream))
        self._first: dict[Operation, CudnnPlan | None] = {}
        self._chosen: dict[Operation, CudnnPlan] = {}

    def computes(self, operation: Operation) -> bool:
        """Whether there is a plan. This builds it, and launches nothing."""
        with self._lock:
            if operation not in self._first:
                self._first[operation] = self._kept(operation) or self._built(operation)
            return self._first[operation] is not None

    def plan(self, operation: Operation) -> CudnnPlan:
        """Chooses; it may build, allocate, and time plans: never while commands are captured.

        Raises
        ------
        DeviceError
            If there is no plan.
        """
        if not self.computes(operation):
            raise DeviceError(f"cuDNN has no plan for {operation}")
        with self._lock:
            if operation not in self._chosen:
                self._chosen[operation] = self._choose(operation)
            return self._chosen[operation]

    def run(self, plan: CudnnPlan, operands: Sequence[Address], workspace: Address) -> None:
        """Puts an operation into the stream; this may be captured."""
        addresses = {number: int(address) for number, address in enumerate(operands, 1)}
        with self._lock:
            _call(
                plan.name,
                lambda: plan.graph.execute_plan_at_index(addresses, int(workspace), plan.index, handle=self._handle),
            )

    # Choosing.

    def _built(self, operation: Operation) -> CudnnPlan | None:
        """The plan that is thought best; None if there is none."""
        graph = self._proposed(operation)
        return next(self._plans(graph), None) if graph is not None else None

    def _proposed(self, operation: Operation) -> Any:
        """A graph that knows its plans; None if there are none."""
        cudnn = self._cudnn
        try:
            graph = graph_of(cudnn, operation, handle=self._handle)
            graph.validate()
            graph.build_operation_graph()
            graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
            graph.deselect_numeric_notes(refused_notes(cudnn, operation))
            graph.deselect_workspace_greater_than(WORKSPACE)
        except (Unsupported, cudnn.cudnnGraphNotSupportedError) as error:
            _LOG.debug("cuDNN has no plan for %s: %s", operation, error)
            return None
        except RuntimeError as error:
            _LOG.warning("cuDNN does not compute %s, generated kernels do: %s", operation, error)
            return None
        return graph

    def _plans(self, graph: Any) -> Any:
        """Plans that can be had, in the order of the heuristics; each is built when it is asked for."""
        for index in range(graph.get_execution_plan_count()):
            name = graph.get_plan_name_at_index(index)
            if not name.startswith("eng"):  # written in Python, by what else is installed: not what we know to capture
                continue
            try:
                graph.build_plan_at_index(index)
                workspace = int(graph.get_workspace_size_plan_at_index(index))
            except (RuntimeError, ValueError, self._cudnn.cudnnGraphNotSupportedError):
                continue  # refused by a note or its workspace, or by the card
            if workspace <= WORKSPACE:
                yield CudnnPlan(graph, index, workspace, name)

    def _key(self, operation: Operation) -> str:
        device = self._device()
        assert device is not None
        facts = device.facts
        return key_of(repr(operation), facts.name, facts.architecture, self._version, str(WORKSPACE))

    def _kept(self, operation: Operation) -> CudnnPlan | None:
        """The plan that won an earlier day."""
        name = _store.read(self._key(operation)) if _tunes() else None
        graph = self._proposed(operation) if name is not None else None
        if graph is None or name is None:
            return None
        for index in range(graph.get_execution_plan_count()):
            if graph.get_plan_name_at_index(index).encode() == name:
                try:
                    graph.build_plan_at_index(index)
                except (RuntimeError, ValueError, self._cudnn.cudnnGraphNotSupportedError):
                    return None
                size = int(graph.get_workspace_size_plan_at_index(index))
                found = self._chosen[operation] = CudnnPlan(graph, index, size, name.decode())
                return found
        return None

    def _choose(self, operation: Operation) -> CudnnPlan:
        first = self._first[operation]
        assert first is not None
        if not _tunes():
            return first
        found = [plan for plan, _ in zip(self._plans(first.graph), range(CANDIDATES), strict=False)]
        try:
            best = self._fastest(operation, found) if len(found) > 1 else first
        except OutOfMemory:
            return first  # it is not kept: another time there may be room
        _store.write(self._key(operation), best.name.encode())
        return best

    def _fastest(self, operation: Operation, found: Sequence[CudnnPlan]) -> CudnnPlan:
        """The plan with the shortest of some runs; one that fails is left out."""
        device = self._device()
        assert device is not None
        sizes = [tensor.nbytes for tensor in operation.tensors.values()]
        held = [device.allocate(size) for size in (*sizes, max(plan.workspace for plan in found))]
        for allocation in held[:-1]:
            device.fill(allocation.address, _FILLING, allocation.nbytes)
        addresses = {number: allocation.address for number, allocation in enumerate(held[:-1], 1)}
        times: list[tuple[float, int]] = []
        for number, plan in enumerate(found):

            def once(plan: CudnnPlan = plan) -> None:
                plan.graph.execute_plan_at_index(addresses, held[-1].address, plan.index, handle=self._handle)

            try:
                self._elapsed(once)  # the first time loads code
                times.append((min(self._elapsed(once) for _ in range(_ROUNDS)), number))
            except OutOfMemory:
                raise
            except (RuntimeError, DeviceError):
                continue
        device.synchronize()
        if not times:
            raise DeviceError(f"no plan of cuDNN runs {operation}: {SWITCH}=0 leaves it to generated kernels")
        return found[min(times)[1]]


def _destroy(cudnn: Any, handle: Any, process: int) -> None:
    """Gives a handle back, but not in a forked child: CUDA does not work there."""
    if os.getpid() == process:
        cudnn.destroy_handle(handle)


def _tunes() -> bool:
    """Whether algorithms of libraries are timed."""
    return os.environ.get("SCOPERT_GEMM_TUNE", "1") not in ("", "0")


def _call(what: str, work: Callable[[], Any]) -> Any:
    """A call of the front end, which fails in our words."""
    try:
        return work()
    except RuntimeError as error:
        raise DeviceError(f"cuDNN: {what}: {error}") from error


__all__ = ["CANDIDATES", "SWITCH", "WORKSPACE", "Cudnn", "CudnnPlan", "load", "version"]
