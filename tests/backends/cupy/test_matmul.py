"""Matrix products as commands: flags, strides, batches, the generated kernel, and what follows a product."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from backends.cupy.emitted_steps import OneStep, run
from backends.cupy.recorded import FACTS
from scopert_cupy import nvrtc
from scopert_cupy.command import Emitted, Fill, Gemm, Launch, Matrix, Operand, mask_bits
from scopert_cupy.emit import Request, emit
from scopert_cupy.emitters import matmul
from scopert_cupy.epilogue import finish
from scopert_cupy.host.device import HostDevice
from scopert_cupy.tiled import tiled

import scopert as tf
from scopert.backend import Origin, Program, Step, Value
from scopert.program.passes.pipeline import PIPELINE, optimised

RNG = np.random.default_rng(4)
FLOATS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "float64": 1e-14}


def _request(op: str, a: Any, b: Any, out: tuple[int, ...], **attrs: Any) -> Request:
    kind = tf.as_dtype(a.dtype)
    shapes = (a.shape, b.shape, out)
    values = tuple([Value(number, f"v{number}", kind, shape) for number, shape in enumerate(shapes)])
    origin = Origin("product", op, attrs, (kind, kind), (kind,), None)
    step = Step(op, (0, 1), (2,), origin)
    return Request(step, Program(values, (0, 1), {}, {}, (step,), ()), FACTS)


def _emit(op: str, a: Any, b: Any, out: tuple[int, ...], **attrs: Any) -> Emitted:
    found = emit(_request(op, a, b, out, **attrs), matmul.TABLE)
    assert found is not None
    return found


def _numbers(shape: tuple[int, ...], dtype: Any) -> Any:
    if np.dtype(dtype).kind == "i":
        return RNG.integers(-(2**30), 2**30, shape).astype(dtype)
    return RNG.standard_normal(shape).astype(dtype)


def _flip(x: Any, flip: bool) -> Any:
    return x.swapaxes(-1, -2) if flip else x


def _check(found: Any, left: Any, right: Any, dtype: str) -> None:
    if dtype.startswith("int"):
        np.testing.assert_array_equal(found, np.matmul(left, right))
        return
    wide = np.matmul(left.astype(np.float64), right.astype(np.float64))
    scale = np.matmul(np.abs(left.astype(np.float64)), np.abs(right.astype(np.float64))) + 1e-300
    assert (np.abs(found.astype(np.float64) - wide) / scale).max() <= TOLERANCE[dtype]


FLIPS = [(False, False), (True, False), (False, True), (True, True)]
BATCHES = [
    ((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((3,), (1,)), ((1,), (4,)), ((2, 1), (3,)), ((2, 3), (3,)), ((5,), ()),
    ((2, 1, 3), (2, 2, 1)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [*FLOATS, "int32", "int64"])
def test_products_of_all_flags_and_batches(dtype: str) -> None:
    kind, steps, rights = FLOATS.get(dtype, dtype), [], []
    for flip_a, flip_b in FLIPS:
        for lead_a, lead_b in BATCHES:
            if dtype not in ("float32", "int32") and len(lead_a) > 1:
                continue
            a, b = _numbers((*lead_a, 5, 7), kind), _numbers((*lead_b, 7, 3), kind)
            stored = [np.ascontiguousarray(_flip(x, flip)) for x, flip in ((a, flip_a), (b, flip_b))]
            out = (*np.broadcast_shapes(lead_a, lead_b), 5, 3)
            attrs = {"adj_x": flip_a, "adj_y": flip_b} if lead_a or lead_b else {"transpose_a": flip_a, "transpose_b": flip_b}
            op = "BatchMatMulV2" if lead_a or lead_b else "MatMul"
            steps.append(OneStep(_emit(op, *stored, out, **attrs), stored, [(out, kind)]))
            rights.append((a, b))
    for ((found,), _), (a, b) in zip(run(HostDevice(), steps), rights, strict=True):
        _check(found, a, b, dtype)


def test_a_stack_times_one_matrix_is_one_product() -> None:
    a, b = np.zeros((4, 6, 5, 7), np.float32), np.zeros((7, 3), np.float32)
    (gemm,) = _emit("BatchMatMulV2", a, b, (4, 6, 5, 3), adj_x=False, adj_y=False).commands
    assert isinstance(gemm, Gemm)
    assert (gemm.m, gemm.n, gemm.k, gemm.batch) == (120, 3, 7, ())
    # Transposed, its rows are not rows of one matrix: a batch.
    (gemm,) = _emit("BatchMatMulV2", a.swapaxes(2, 3).copy(), b, (4, 6, 5, 3), adj_x=True, adj_y=False).commands
    assert isinstance(gemm, Gemm)
    assert (gemm.m, gemm.batch, gemm.a.strides, gemm.b.strides) == (5, (24,), (35,), (0,))
    # No single stride: the longest axis is the batch.
    a, b = np.zeros((2, 1, 5, 7), np.float32), np.zeros((3, 7, 3), np.float32)
    commands = _emit("BatchMatMulV2", a, b, (2, 3, 5, 3), adj_x=False, adj_y=False).commands
    assert [(c.batch, c.a.at.offset, c.out.at.offset) for c in commands if isinstance(c, Gemm)] == [
        ((3,), 0, 0), ((3,), 140, 180),
    ]  # fmt: skip
    wide = np.zeros((100, 1, 1, 1), np.float32), np.zeros((90, 1, 1), np.float32)
    request = _request("BatchMatMulV2", *wide, (100, 90, 1, 1), adj_x=False, adj_y=False)
    assert emit(request, matmul.TABLE) is None


def test_empty_products() -> None:
    flat = {"transpose_a": False, "transpose_b": False}
    assert _emit("MatMul", np.zeros((0, 3), "f4"), np.zeros((3, 2), "f4"), (0, 2), **flat).commands == ()
    a, b = np.zeros((4, 0), np.float32), np.zeros((0, 2), np.float32)
    emitted = _emit("MatMul", a, b, (4, 2), **flat)
    assert emitted.commands == (Fill(Operand("output"), 0, 32),)
    (((found,), _),) = run(HostDevice(), [OneStep(emitted, [a, b], [((4, 2), np.float32)])])
    np.testing.assert_array_equal(found, np.zeros((4, 2)))
    assert emit(_request("MatMul", np.zeros((2, 2), "c8"), np.zeros((2, 2), "c8"), (2, 2), **flat), matmul.TABLE) is None


def test_precision_is_explicit(monkeypatch: pytest.MonkeyPatch) -> None:
    a, flat = np.zeros((2, 2), np.float32), {"transpose_a": False, "transpose_b": False}

    def precision(x: Any, **attrs: Any) -> str:
        (command,) = _emit("MatMul", x, x, (2, 2), **flat, **attrs).commands
        assert isinstance(command, Gemm)
        return command.precision

    monkeypatch.delenv("SCOPERT_MATMUL_PRECISION", raising=False)
    assert precision(a) == "float32"
    assert precision(a, _matmul_precision="tf32") == "tf32"
    monkeypatch.setenv("SCOPERT_MATMUL_PRECISION", "bf16")
    assert precision(a) == "bf16"
    assert precision(a, _matmul_precision=b"float32") == "float32"
    assert precision(a.astype(np.float64)) == "float32"  # only float32 can be multiplied as something else
    monkeypatch.setenv("SCOPERT_MATMUL_PRECISION", "fast")
    text = "SCOPERT_MATMUL_PRECISION must be one of float32, tf32, bf16, got 'fast'"
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        precision(a)
    x = tf.placeholder(tf.float32, [2, 2])
    with tf.Session(backend="cupy") as session, pytest.raises(tf.errors.InvalidArgumentError, match=text):
        session.run(tf.matmul(x, x), {x: a})


def test_precision_changes_the_result_as_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (RNG.standard_normal((40, 40)).astype(np.float32) for _ in range(2))
    exact, errors = a.astype(np.float64) @ b.astype(np.float64), {}
    for asked in ("float32", "tf32", "bf16"):
        monkeypatch.setenv("SCOPERT_MATMUL_PRECISION", asked)
        with tf.Graph().as_default():
            x, y = (tf.placeholder(tf.float32, [40, 40]) for _ in range(2))
            with tf.Session(backend="cupy") as session:
                found = session.run(tf.matmul(x, y), {x: a, y: b})
        errors[asked] = float(np.abs(found - exact).max())
    assert errors["float32"] < 1e-5 < errors["tf32"] < 2e-2 < errors["bf16"] < 0.3, errors


def test_precision_of_one_operation() -> None:
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as sess:
        x = tf.placeholder(tf.float32, [2, 2])
        with graph._attr_scope({"_matmul_precision": "tf32"}):
            coarse = tf.matmul(x, x)
        program = optimised(sess.program([coarse, tf.matmul(x, x), tf.matmul(x, x)], (), [x]), ((2, 2),), PIPELINE)
    # Equal products are computed once, but not those of different precision.
    found = [step.origin.attrs.get("_matmul_precision") for step in program.steps if step.op == "MatMul"]
    assert found == ["tf32", None]


# The generated kernel, and what follows a product.


def _gemm(m: int, n: int, k: int, dtype: str, **fields: Any) -> Gemm:
    a, b = Matrix(Operand("input", 0), k), Matrix(Operand("input", 1), n)
    return Gemm(m, n, k, a, b, Matrix(Operand("output", 0), n), dtype, **fields)


@pytest.mark.parametrize("dtype", [*FLOATS, "int64"])
def test_the_generated_kernel_computes_any_product(dtype: str) -> None:
    kind, steps, rights = FLOATS.get(dtype, dtype), [], []
    for flip_a, flip_b in FLIPS:
        for m, n, k in ((1, 1, 1), (64, 64, 16), (65, 3, 33), (70, 130, 17)):
            a, b = _numbers((2, m, k), kind), _numbers((2, k, n), kind)
            stored = [np.ascontiguousarray(_flip(x, flip)) for x, flip in ((a, flip_a), (b, flip_b))]
            gemm = replace(
                _gemm(m, n, k, dtype, batch=(2,)),
                a=Matrix(Operand("input", 0), stored[0].shape[-1], flip_a, (m * k,)),
                b=Matrix(Operand("input", 1), stored[1].shape[-1], flip_b, (k * n,)),
                out=Matrix(Operand("output", 0), n, False, (m * n,)),
            )
            steps.append(OneStep(Emitted((tiled(gemm),)), stored, [((2, m, n), kind)]))
            rights.append((a, b))
    for ((found,), _), (a, b) in zip(run(HostDevice(seed=5), steps), rights, strict=True):
        _check(found, a, b, dtype)


def test_the_generated_kernel_adds_to_what_is_there() -> None:
    a, b = _numbers((5, 4), np.float32), _numbers((4, 6), np.float32)
    emitted = Emitted((tiled(_gemm(5, 6, 4, "float32", accumulate=True)),))
    (((found,), _),) = run(HostDevice(), [OneStep(emitted, [a, b], [((5, 6), np.float32)])])
    np.testing.assert_allclose(found, a @ b + 7, rtol=1e-5)  # outputs are filled with 7


def _with_epilogue(epilogue: str, dtype: str, m: int, n: int, mask: Any = None) -> tuple[Gemm, list[Any], list[Any]]:
    """A product, its inputs (a, b, bias, mask) and its outputs (product, mask, bias gradient)."""
    kind = FLOATS[dtype]
    arrays = [_numbers((m, 9), kind), _numbers((9, n), kind), _numbers((n,), kind)]
    aux = {"relu_aux": Operand("output", 1), "drelu": Operand("input", 3)}.get(epilogue)
    fields: dict[str, Any] = {"epilogue": epilogue, "aux": aux}
    if epilogue == "drelu":
        arrays.append(RNG.integers(0, 256, (m, mask_bits(n) // 8), np.uint8))
        fields["bias_gradient"] = Operand("output", 2)
    else:
        fields["bias"] = Operand("input", 2)
    return _gemm(m, n, 9, dtype, **fields), arrays, [((m, n), kind), ((m, mask_bits(n) // 8), np.uint8), ((n,), kind)]


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_follows_a_product_is_the_same_with_and_without_a_library(dtype: str) -> None:
    cases = [
        _with_epilogue(epilogue, dtype, m, n)
        for epilogue in ("", "relu", "gelu", "relu_aux", "drelu")
        for m, n in ((3, 5), (20, 40), (5, 44), (1, 129))
    ]
    plain = {"epilogue": "", "aux": None, "bias": None, "bias_gradient": None}
    with_library = [OneStep(Emitted((gemm,)), *more) for gemm, *more in cases]
    without = [
        OneStep(Emitted((tiled(replace(gemm, **plain)), *finish(gemm))), *more) for gemm, *more in cases  # type: ignore[arg-type]
    ]
    ones, others = run(HostDevice(), with_library), run(HostDevice(seed=3), without)
    for (gemm, arrays, _), (one, _), (other, _) in zip(cases, ones, others, strict=True):
        scale = np.abs(arrays[0].astype(float)) @ np.abs(arrays[1].astype(float)) + 3
        for found, right in zip(one[::2], other[::2], strict=True):
            far = np.abs(found.astype(float) - right.astype(float)) / (scale.sum(0) if found.ndim == 1 else scale)
            assert far.max() < 4 * TOLERANCE[dtype], (gemm.epilogue, gemm.n)
        if gemm.epilogue == "relu_aux":
            bits = np.unpackbits(one[1], axis=-1, count=gemm.n, bitorder="little")
            others_bits = np.unpackbits(other[1], axis=-1, count=gemm.n, bitorder="little")
            np.testing.assert_array_equal(bits, one[0].astype(float) > 0)
            assert (bits != others_bits).mean() < 0.02  # a sum near zero may be rounded to either side


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_generated_kernels_do_not_spill(architecture: str) -> None:
    launches: list[Launch] = []
    for dtype in (*FLOATS, "int32", "int64"):
        launches.append(tiled(_gemm(8, 8, 8, dtype)))
        if dtype in FLOATS:
            for epilogue in ("gelu", "relu_aux", "drelu"):
                launches += finish(_with_epilogue(epilogue, dtype, 8, 8)[0])
    source = "\n".join({launch.function.name: launch.function.source for launch in launches}.values())
    for name, found in nvrtc.compile_cubin(source, architecture).resources.items():
        assert found.spills == 0, name
        assert found.registers <= 168, (name, found.registers)
    ptx = nvrtc.compile_ptx(source, architecture)
    for launch in launches:
        if launch.function.width:
            assert nvrtc.access_width(ptx, launch.function.name) == (16, 16)
    assert sum(launch.function.width == 16 for launch in launches) == 3 * len(FLOATS)
