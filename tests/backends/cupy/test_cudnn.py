"""cuDNN: what its front end is told of an operation, and how plans are chosen and run.

The binding talks to a stand-in with the front end's interface (``fake_cudnn.py``), and, where it is installed, to the
real one up to where a driver is needed.
"""

from __future__ import annotations

import gc
import logging
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from backends.cupy.fake_cudnn import FakeCudnn, Plan, memory
from scopert_cupy import cudnn as binding
from scopert_cupy.cudnn import Cudnn, library
from scopert_cupy.cudnn.graphs import graph_of, refused_notes
from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.host import operations
from scopert_cupy.host.device import HostDevice
from scopert_cupy.host.memory import bytes_at
from scopert_cupy.operation import Attention, AttentionGradient, Convolution, Operation, Tensor

TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32}
STREAM = 77


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCOPERT_CACHE", str(tmp_path))
    monkeypatch.delenv("SCOPERT_GEMM_TUNE", raising=False)
    monkeypatch.delenv("SCOPERT_CUDNN", raising=False)
    return tmp_path


def _last(n: int, c: int, *space: int, dtype: str) -> Tensor:
    """With the channels last."""
    inner = [c * int(np.prod(space[k + 1 :])) for k in range(len(space))]
    return Tensor((n, c, *space), (c * int(np.prod(space)), 1, *inner), dtype)


def _convolution(kind: str = "forward", dtype: str = "float32", **fields: Any) -> Convolution:
    return Convolution(
        kind, _last(2, 6, 9, 8, dtype=dtype), _last(4, 3, 3, 2, dtype=dtype), _last(2, 4, 5, 8, dtype=dtype),  # type: ignore[arg-type]
        (2, 1), (1, 1), (1, 1), (1, 0), **fields,
    )  # fmt: skip


def _heads(rows: int, size: int = 16, dtype: str = "bfloat16", packed: int = 1) -> Tensor:
    """Of two batches and three heads, which lie behind each other in a row, as one of `packed` parts."""
    step = packed * 3 * size
    return Tensor((2, 3, rows, size), (rows * step, size, step, 1), dtype)


def _attention(dtype: str = "bfloat16", **fields: Any) -> Attention:
    return Attention(
        _heads(8, dtype=dtype), _heads(5, dtype=dtype), _heads(5, 24, dtype), _heads(8, 24, dtype), 0.3, **fields
    )


def _gradient(forward: Attention) -> AttentionGradient:
    return AttentionGradient(forward, forward.o, forward.q, forward.k, forward.v)


ATTENTION: list[Operation] = [
    _attention(), _attention("float16", causal=True), _attention(statistics=True, causal=True),
    _attention(bias=Tensor((2, 1, 1, 5), (5, 1, 1, 1), "bfloat16")), _gradient(_attention(statistics=True)),
    _gradient(_attention("float16", statistics=True, causal=True)),
    _gradient(_attention(statistics=True, bias=Tensor((1, 3, 8, 5), (1, 40, 5, 1), "float32"))),
]  # fmt: skip
OPERATIONS: list[Operation] = [
    *ATTENTION,
    *[_convolution(kind, dtype) for kind in ("forward", "input", "filter") for dtype in TYPES],
    _convolution(bias=True), _convolution(activation="relu"), _convolution("forward", "bfloat16", bias=True, activation="relu"),
    _convolution(precision="tf32"),
]  # fmt: skip


class Clock:
    """Times work by the plan that it used."""

    def __init__(self, fake: FakeCudnn, **times: float) -> None:
        self.fake, self.times, self.calls = fake, times, 0

    def __call__(self, work: Any) -> float:
        self.calls += 1
        work()
        return self.times.get(self.fake.ran[-1].partition("_")[0], 1.0)


def _cudnn(fake: FakeCudnn, clock: Any = None, device: Any = None) -> tuple[Cudnn, HostDevice]:
    device = HostDevice() if device is None else device
    return Cudnn(device, fake, STREAM, clock or Clock(fake)), device


def _held(device: HostDevice, operation: Operation, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [
        memory(
            device, rng.normal(size=tensor.nbytes // np.dtype(TYPES[tensor.dtype]).itemsize).astype(TYPES[tensor.dtype])
        )
        for tensor in operation.tensors.values()
    ]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_an_operation_is_what_the_front_end_is_told(operation: Operation) -> None:
    fake = FakeCudnn()
    made, device = _cudnn(fake)
    assert made.computes(operation)
    plan = made.plan(operation)
    held, expected = _held(device, operation), _held(device, operation)
    made.run(plan, [a.address for a in held], 0)
    alike = replace(operation, precision="float32") if isinstance(operation, Convolution) else operation
    operations.run(operations.plan(alike), [a.address for a in expected], lambda *_: None)
    for one, other in zip(held, expected, strict=True):
        assert bytes_at(one.address, one.nbytes).tobytes() == bytes_at(other.address, other.nbytes).tobytes()
    assert fake.handles == {1: STREAM}


def test_what_the_front_end_cannot_say_is_refused(caplog: Any) -> None:
    fake = FakeCudnn()
    made, _ = _cudnn(fake)
    with caplog.at_level(logging.WARNING, "scopert"):
        assert not made.computes(_convolution(precision="bf16"))
        assert not made.computes(_convolution(activation="gelu"))
        assert not made.computes(replace(_convolution(), image=_last(2, 6, 9, 8, dtype="float64")))
        assert not made.computes(_attention("float32"))
        fake.refuses = lambda operation: True
        assert not made.computes(_convolution())
    assert not caplog.records
    with pytest.raises(DeviceError, match="no plan"):
        made.plan(_convolution())
    assert not fake.built


def test_plans_that_round_or_vary_are_never_taken() -> None:
    fake = FakeCudnn()
    fake.plans = [
        Plan("eng9", ["NONDETERMINISTIC"]), Plan("eng8", ["TENSOR_CORE"]), Plan("eng7", ["DOWN_CONVERT_INPUTS"]),
        Plan("eng6", ["REDUCED_PRECISION_REDUCTION"]), Plan("eng5", ["WINOGRAD_TILE_6x6"]), Plan("eng4", ["WINOGRAD", "FFT"]),
        Plan("eng3"),
    ]  # fmt: skip
    made, _ = _cudnn(fake, Clock(fake, eng4=3, eng3=2, eng8=1))
    assert made.plan(_convolution()).name == "eng3"
    assert set(fake.built) == {"eng4", "eng3"}
    # The tensor cores may have 16-bit operands, and float32 ones where TF32 was asked for.
    assert made.plan(_convolution(dtype="bfloat16")).name == "eng8"
    assert made.plan(_convolution(precision="tf32")).name == "eng8"
    assert not {"eng9", "eng7", "eng6", "eng5"} & set(fake.built)


def test_plans_that_cannot_be_had_are_passed_over() -> None:
    fake = FakeCudnn()
    fake.plans = [
        Plan("frost[0]"), Plan("eng1", workspace=library.WORKSPACE + 1), Plan("eng2", builds=False), Plan("eng3", workspace=64),
    ]  # fmt: skip
    made, _ = _cudnn(fake)
    plan = made.plan(_convolution())
    assert (plan.name, plan.index, plan.workspace) == ("eng3", 3, 64)
    assert "eng3" in str(plan)
    fake.plans = fake.plans[:3]
    made, _ = _cudnn(fake)
    assert not made.computes(_convolution(bias=True))


def test_the_fastest_plan_is_taken_and_kept() -> None:
    fake = FakeCudnn()
    fake.plans = [Plan(f"eng{k}", workspace=256 * k) for k in range(7)]
    clock = Clock(fake, eng0=3, eng1=2, eng2=0.5, eng3=4, eng5=0.1)
    made, device = _cudnn(fake, clock)
    free = device.free_memory()
    assert made.plan(_convolution()).name == "eng2"
    assert clock.calls == 6 * library.CANDIDATES
    assert device.free_memory() == free
    assert made.plan(_convolution()) is made.plan(_convolution())
    # Another process builds it alone, and times nothing.
    again = FakeCudnn()
    again.plans = fake.plans
    clock = Clock(again)
    other, _ = _cudnn(again, clock)
    assert other.computes(_convolution())
    assert other.plan(_convolution()).name == "eng2"
    assert (again.built, clock.calls) == (["eng2"], 0)
    # Where there is no such plan any more, it is chosen anew.
    again.plans = fake.plans[:2]
    other, _ = _cudnn(again, Clock(again, eng0=1, eng1=0.5))
    assert other.plan(_convolution()).name == "eng1"
    again.plans = [replace_plan(plan, builds=plan.name != "eng1") for plan in fake.plans]
    other, _ = _cudnn(again, Clock(again, eng0=1, eng2=2, eng3=2, eng4=2))
    assert other.plan(_convolution()).name == "eng0"


def replace_plan(plan: Plan, **fields: Any) -> Plan:
    made = Plan(plan.name)
    made.__dict__.update({**plan.__dict__, **fields})
    return made


def test_timing_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOPERT_GEMM_TUNE", "0")
    fake = FakeCudnn()
    clock = Clock(fake)
    made, _ = _cudnn(fake, clock)
    assert made.plan(_convolution()).name == "eng1_k2=0"
    assert clock.calls == 0
    assert fake.built == ["eng1_k2=0"]


def test_a_plan_that_fails_is_not_the_fastest() -> None:
    fake = FakeCudnn()
    fake.plans = [Plan("eng1", runs=False), Plan("eng2")]
    made, _ = _cudnn(fake)
    assert made.plan(_convolution()).name == "eng2"
    fake.plans = [Plan("eng1", runs=False), Plan("eng2", runs=False)]
    made, _ = _cudnn(fake)
    with pytest.raises(DeviceError, match="SCOPERT_CUDNN=0 leaves it to generated kernels"):
        made.plan(_convolution(bias=True))


def test_without_room_nothing_is_timed() -> None:
    class Full(HostDevice):
        def allocate(self, nbytes: int, shareable: bool = False) -> Any:
            raise OutOfMemory("full")

    fake = FakeCudnn()
    clock = Clock(fake)
    made, _device = _cudnn(fake, clock, Full())
    assert made.plan(_convolution()).name == "eng1_k2=0"
    assert clock.calls == 0


def test_a_run_that_fails_says_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOPERT_GEMM_TUNE", "0")
    fake = FakeCudnn()
    fake.plans = [Plan("eng1", runs=False)]
    made, device = _cudnn(fake)
    plan = made.plan(_convolution())
    with pytest.raises(DeviceError, match="eng1: CUDNN_STATUS_EXECUTION_FAILED"):
        made.run(plan, [a.address for a in _held(device, _convolution())], 0)


def test_a_library_that_breaks_is_logged(caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCudnn()
    made, _ = _cudnn(fake)

    def broken(operation: Operation) -> bool:
        raise RuntimeError("CUDNN_STATUS_INTERNAL_ERROR")

    fake.refuses = broken
    with caplog.at_level(logging.WARNING, "scopert"):
        assert not made.computes(_convolution())
    assert "INTERNAL_ERROR" in caplog.text
    monkeypatch.setattr(fake, "create_handle", lambda: broken(_convolution()))
    with pytest.raises(DeviceError, match="create_handle"):
        _cudnn(fake)


def test_the_handle_goes_with_the_binding() -> None:
    fake = FakeCudnn()
    made, device = _cudnn(fake)
    reference = weakref.ref(made)
    assert fake.handles
    del made
    gc.collect()
    assert reference() is None
    assert not fake.handles
    assert device is not None


def test_where_the_front_end_is_found(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    fake = FakeCudnn()
    monkeypatch.setitem(sys.modules, "cudnn", fake)  # type: ignore[arg-type]
    assert binding.load() is fake
    assert library.version(fake) == "9.28.1 (front end 1.27.0)"
    monkeypatch.setenv("SCOPERT_CUDNN", "0")
    assert binding.load() is None
    monkeypatch.delenv("SCOPERT_CUDNN")

    def no_library() -> int:
        raise RuntimeError("Unable to find symbol cudnnGetVersion")

    monkeypatch.setitem(sys.modules, "cudnn", SimpleNamespace(backend_version=no_library))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "scopert"):
        assert binding.load() is None
    assert "cudnnGetVersion" in caplog.text
    caplog.clear()
    monkeypatch.setitem(sys.modules, "cudnn", None)  # type: ignore[arg-type]
    assert binding.load() is None
    assert not caplog.records


# The real front end.


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Any:
    return pytest.importorskip("cudnn")


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_the_real_front_end_takes_the_graph(real: Any, operation: Operation) -> None:
    graph = graph_of(real, operation)
    try:
        real.backend_version()
    except RuntimeError:
        return  # without cuDNN itself a graph can be described, and no more
    graph.validate()


def test_the_real_front_end_has_what_is_called(real: Any) -> None:
    for operation in OPERATIONS:
        notes = refused_notes(real, operation)
        assert len(notes) == 5 + (operation.dtype == "float32" == getattr(operation, "precision", ""))
    for name in ("create_handle", "destroy_handle", "set_stream", "backend_version_string"):
        assert callable(getattr(real, name))
    assert issubclass(real.cudnnGraphNotSupportedError, Exception)
    assert {"A", "FALLBACK"} <= set(real.heur_mode.__members__)
    for name in ("validate", "build_operation_graph", "create_execution_plans", "deselect_numeric_notes",
                 "deselect_workspace_greater_than", "get_execution_plan_count", "get_plan_name_at_index",
                 "build_plan_at_index", "get_workspace_size_plan_at_index", "execute_plan_at_index"):  # fmt: skip
        assert callable(getattr(real.pygraph, name))
