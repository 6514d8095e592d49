"""On a card with cuDNN: what the stand-ins promise of it. ``pytest -m gpu tests/backends/cupy`` runs these."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backends.cupy import test_join_attention as attention
from backends.cupy.checking import emitted, kept
from backends.cupy.convolution_cases import convolutions
from backends.cupy.emitted_steps import OneStep, run
from backends.cupy.recorded import record
from ops.conformance import compare
from scopert_cupy.command import Operate
from scopert_cupy.cudnn import load
from scopert_cupy.operation import Attention, AttentionGradient, Convolution, Operation, Tensor

import scopert as tf
from scopert.backend import as_dtype
from scopert.runtime.backends import forget_backends

cuda = pytest.importorskip("scopert_cupy.cuda")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(cuda.reason() is not None, reason=str(cuda.reason())),
    pytest.mark.skipif(load() is None, reason="cuDNN and its front end are not installed"),
]


@pytest.fixture(autouse=True)
def real_card(monkeypatch: Any) -> Any:
    """Sessions open the card."""
    monkeypatch.delenv("SCOPERT_CUPY_DEVICE", raising=False)
    forget_backends()
    yield
    forget_backends()


@pytest.fixture(scope="module")
def device() -> Any:
    return cuda.open_device(0)


def test_convolutions_and_their_gradients(device: Any) -> None:
    cases = convolutions()
    steps = emitted(record(kept(case.op for case in cases), cases), device)
    by_library = [
        pair for pair in steps if any(isinstance(command, Operate) for command in pair[1].commands)
    ]  # fmt: skip
    assert len(by_library) > 40
    made = run(
        device,
        [
            OneStep(found, step.inputs, [(np.shape(a), np.asarray(a).dtype) for a in step.outputs])
            for step, found in by_library
        ],
    )
    for (step, _), (outputs, _) in zip(by_library, made, strict=True):
        for found, expected in zip(outputs, step.outputs, strict=True):
            # The expected values were summed in float32 in another order.
            compare(found, expected, np.asarray(expected).dtype.name, 200.0)


@pytest.mark.parametrize("mask", attention.MASKS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.bfloat16, 0.03), (tf.float16, 4e-3)])
def test_attention_and_its_gradient(mask: str, dtype: Any, tolerance: float) -> None:
    x, w, joined = attention._attention(dtype, attention.MASKS[mask], wide=True)
    found, text = attention._values([joined, *tf.gradients(attention._loss(joined), [w, x])], x)
    assert "AttentionGradient" in text
    assert "graph of" in text
    for one, expected in zip(found, attention._expected(x, mask), strict=True):
        np.testing.assert_allclose(one, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def _packed(*shape: int, dtype: str = "bfloat16") -> Tensor:
    return Tensor(shape, tuple([int(np.prod(shape[k + 1 :])) for k in range(len(shape))]), dtype)


def _last(n: int, c: int, h: int, w: int, dtype: str = "bfloat16") -> Tensor:
    return Tensor((n, c, h, w), (c * h * w, 1, c * w, c), dtype)


def _operations() -> list[Operation]:
    """Large enough that a sum is divided between blocks."""
    heads = Tensor((4, 12, 512, 64), (512 * 2304, 64, 2304, 1), "bfloat16")
    out = Tensor((4, 12, 512, 64), (512 * 768, 64, 768, 1), "bfloat16")
    forward = Attention(heads, heads, heads, out, 0.125, True, statistics=True)
    image, kernel = _last(32, 64, 28, 28), _last(128, 64, 3, 3)
    steps: Any = ((1, 1), (1, 1), (1, 1), (1, 1))
    made: list[Operation] = [AttentionGradient(forward, out, out, out, out), forward]
    for kind in ("forward", "input", "filter"):
        one = Convolution(kind, image, kernel, _last(32, 128, 28, 28), *steps)  # type: ignore[arg-type]
        alike = {name: replace(getattr(one, name), dtype="float32") for name in ("image", "filter", "out")}
        made += [one, replace(one, **alike), replace(one, **alike, precision="tf32")]
    return made


@pytest.mark.parametrize("operation", _operations(), ids=str)
def test_every_run_gives_the_same_bits(device: Any, operation: Operation) -> None:
    assert device.facts.computes(operation)
    plan = device.plan_operation(operation)
    rng = np.random.default_rng(0)
    held = []
    for tensor in operation.tensors.values():
        dtype = as_dtype(tensor.dtype).np
        # Statistics of rows are near what they are of such scores, so that exponentials stay what they should be.
        values = rng.standard_normal(tensor.nbytes // dtype.itemsize) + (6.0 if tensor.shape[-1] == 1 else 0.0)
        held.append(device.allocate(tensor.nbytes))
        device.copy_in(held[-1].address, np.ascontiguousarray(values.astype(dtype)), tensor.nbytes)
    workspace = device.allocate(plan.workspace)
    device.synchronize()
    addresses = [allocation.address for allocation in held]
    made = [k for k, name in enumerate(operation.tensors) if name in operation.made]

    def results() -> list[bytes]:
        found = []
        for k in made:
            out = np.empty(held[k].nbytes, np.uint8)
            device.copy_out(out, held[k].address, out.nbytes)
            device.synchronize()
            found.append(out.tobytes())
            device.fill(held[k].address, 0, held[k].nbytes)
        return found

    for k in made:
        device.fill(held[k].address, 0, held[k].nbytes)
    device.operate(plan, addresses, workspace.address)
    first = results()
    for _ in range(4):
        device.operate(plan, addresses, workspace.address)
        assert results() == first
    device.begin_capture()
    device.operate(plan, addresses, workspace.address)
    recording = device.end_capture()
    for _ in range(3):
        device.replay(recording)
        assert results() == first
