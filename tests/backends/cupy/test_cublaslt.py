"""cuBLASLt: what it is told of a product, the binding, and how algorithms are chosen.

The binding talks to a library with the same interface over host memory (``fake_cublaslt.cpp``), and, where one is
installed, to the real one up to where a driver is needed.
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from scopert_cupy.command import Gemm, Matrix, Operand, mask_bits
from scopert_cupy.cublaslt import CublasLt, library, plans, spec
from scopert_cupy.cublaslt.library import Algorithm, Descriptors, Handle, Library, candidates, load
from scopert_cupy.cublaslt.spec import spec_of
from scopert_cupy.failures import DeviceError
from scopert_cupy.host import builder
from scopert_cupy.host import gemm as host_gemm
from scopert_cupy.host.device import HostDevice

RNG = np.random.default_rng(7)
TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-6, "float64": 1e-14}
STREAM = 77


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = tmp_path_factory.mktemp("lt") / "libcublasLt.so.99"
    source = Path(__file__).with_name("fake_cublaslt.cpp")
    subprocess.run([builder.compiler(), "-std=c++17", "-O1", "-fPIC", "-shared", str(source), "-o", str(made)], check=True)
    return str(made)


@pytest.fixture
def fake(path: str) -> Any:
    made = Library(path)
    raw = ctypes.CDLL(path)
    raw.fake_last.restype = ctypes.c_longlong
    raw.fake_refuse(0, 0, 15)
    raw.fake_fail_when_run(-1)
    made.raw = raw  # type: ignore[attr-defined]
    return made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCOPERT_CACHE", str(tmp_path))
    monkeypatch.delenv("SCOPERT_GEMM_TUNE", raising=False)
    return tmp_path


class Clock:
    """Times work by the algorithm that it used: the third is the fastest."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.calls = raw, 0

    def __call__(self, work: Any) -> float:
        self.calls += 1
        work()
        return {100: 3.0, 101: 2.0, 102: 1.0, 103: 1.5}[self.raw.fake_last(0)]


def _gemm(dtype: str, epilogue: str = "", m: int = 5, n: int = 12, k: int = 7, flips: Any = (False, False), batch: int = 0,
          **fields: Any) -> Gemm:  # fmt: skip
    lead, steps = ((batch,), ((m * k,), (k * n,), (m * n,))) if batch else ((), ((), (), ()))
    aux = Operand("input", 3) if epilogue in ("relu_aux", "drelu") else None
    return Gemm(
        m, n, k,
        Matrix(Operand("input", 0), m if flips[0] else k, flips[0], steps[0]),
        Matrix(Operand("input", 1), k if flips[1] else n, flips[1], steps[1]),
        Matrix(Operand("output", 0), n, False, steps[2]), dtype, batch=lead, epilogue=epilogue, aux=aux, **fields,
    )  # fmt: skip


def _run(products: CublasLt, device: HostDevice, gemm: Gemm) -> tuple[list[Any], list[Any]]:
    """What the products and the host device make: result, vector, mask."""
    kind, count = TYPES[gemm.dtype], gemm.batch[0] if gemm.batch else 1
    arrays = [
        RNG.standard_normal((count, gemm.m, gemm.k)).astype(kind), RNG.standard_normal((count, gemm.k, gemm.n)).astype(kind),
        np.full((count, gemm.m, gemm.n), 2, kind), RNG.standard_normal(gemm.n).astype(kind),
        RNG.integers(0, 256, (gemm.m, mask_bits(gemm.n) // 8), np.uint8),
    ]  # fmt: skip
    found = []
    plan = products.plan(gemm)
    for run in (
        lambda a, b, out, bias, ws, aux: products.run(plan, a, b, out, bias, ws, aux),
        lambda a, b, out, bias, ws, aux: host_gemm.run(gemm, a, b, out, bias, aux, lambda address, nbytes: None),
    ):
        held = [device.allocate(array.nbytes) for array in arrays]
        workspace = device.allocate(plan.workspace)
        for allocation, array in zip(held, arrays, strict=True):
            device.copy_in(allocation.address, array, array.nbytes)
        a, b, out, bias, aux = (allocation.address for allocation in held)
        wants = gemm.bias is not None or gemm.bias_gradient is not None
        run(a, b, out, bias if wants else 0, workspace.address, aux if gemm.aux is not None else 0)
        device.synchronize()
        made = []
        for allocation, array in list(zip(held, arrays, strict=True))[2:]:
            copy = np.empty_like(array)
            device.copy_out(copy.reshape(-1).view(np.uint8), allocation.address, array.nbytes)
            device.synchronize()
            made.append(copy)
        found.append(made)
    return found[0], found[1]


def _equal(gemm: Gemm, ours: list[Any], theirs: list[Any]) -> None:
    for found, right in zip(ours[:2], theirs[:2], strict=True):
        far = np.abs(found.astype(float) - right.astype(float)) / (10 + np.abs(right.astype(float)))
        assert far.max() < TOLERANCE[gemm.dtype], gemm
    bits = [np.unpackbits(mask, axis=-1, count=gemm.n, bitorder="little") for mask in (ours[2], theirs[2])]
    assert (bits[0] != bits[1]).mean() < 0.01, gemm  # a sum near zero may be rounded to either side


FLIPS = [(False, False), (True, False), (False, True), (True, True)]
EVERY = [
    *[_gemm(dtype, flips=flips, batch=batch) for dtype in TYPES for flips in FLIPS for batch in (0, 3)],
    *[_gemm("float32", precision=precision) for precision in ("tf32", "bf16")],
    *[
        _gemm(dtype, epilogue, n=n, flips=flips, bias=Operand("input", 2))
        for dtype in TYPES for epilogue in ("", "relu", "gelu", "relu_aux") for n in (12, 131) for flips in FLIPS[1:3]
    ],
    *[_gemm(dtype, "drelu", n=131, bias_gradient=Operand("input", 2)) for dtype in TYPES],
    _gemm("float32", "drelu"), _gemm("float32", "relu"), _gemm("float32", accumulate=True),
    _gemm("float64", accumulate=True, batch=2), _gemm("float32", "relu", batch=2, bias=Operand("input", 2)),
]  # fmt: skip


def test_products_through_the_binding(fake: Any) -> None:
    device = HostDevice()
    clock = Clock(fake.raw)
    products = CublasLt(device, fake, STREAM, clock)
    for gemm in EVERY:
        ours, theirs = _run(products, device, gemm)
        if gemm.precision == "float32":  # the fake multiplies exactly
            _equal(gemm, ours, theirs)
        assert fake.raw.fake_last(0) == 102  # the fastest
        assert fake.raw.fake_last(1) == 2 << 12
        assert fake.raw.fake_last(2) == STREAM
        assert fake.raw.fake_last(3) == spec_of(gemm).compute


def test_what_the_library_is_told() -> None:
    found = spec_of(_gemm("bfloat16", "relu_aux", m=5, n=130, k=7, flips=(True, False), bias=Operand("input", 2)))
    assert found == spec.Spec(
        spec.COMPUTE_32F, spec.R32F, flip_first=False, flip_second=True, epilogue=134,
        first=spec.Layout(spec.R16BF, 130, 7, 130), second=spec.Layout(spec.R16BF, 5, 7, 5),
        out=spec.Layout(spec.R16BF, 130, 5, 130), bias=True, mask_leading=256,
    )  # fmt: skip
    assert spec_of(_gemm("float64")).compute == spec.COMPUTE_64F
    assert [spec_of(_gemm("float32", precision=p)).compute for p in ("float32", "tf32", "bf16")] == [68, 77, 75]
    assert [spec_of(_gemm("float32", e)).epilogue for e in ("", "relu", "gelu", "relu_aux", "drelu")] == [1, 2, 32, 130, 136]
    assert spec_of(_gemm("float32", "drelu", bias_gradient=Operand("input", 2))).epilogue == 152
    for wrong in (_gemm("int32"), _gemm("float32", "swish"), _gemm("float32", bias_gradient=Operand("input", 2))):
        with pytest.raises(ValueError, match=r"cuBLASLt|gradient"):
            spec_of(wrong)


@pytest.mark.parametrize(("offset", "stride", "alignment"), [(0, 64, 16), (32, 64, 16), (8, 64, 8), (0, 2, 8), (4, 64, 4), (0, 3, 4)])
def test_alignment_that_is_promised(offset: int, stride: int, alignment: int) -> None:
    gemm = _gemm("float32", batch=2)
    gemm = replace(gemm, a=replace(gemm.a, at=Operand("input", 0, offset), strides=(stride,)))
    assert spec_of(gemm).second.alignment == alignment


def test_the_choice_is_kept_on_disk_for_the_same_card_and_library(fake: Any, cache: Path) -> None:
    device, gemm = HostDevice(), _gemm("float32")
    first, heuristics = Clock(fake.raw), fake.raw.fake_count(0)
    assert CublasLt(device, fake, 0, first).plan(gemm).workspace == 2 << 12
    assert first.calls == 4 * (1 + plans._ROUNDS)
    assert len(list(cache.glob("*.lt"))) == 1
    again = Clock(fake.raw)
    assert CublasLt(device, fake, 0, again).plan(gemm).workspace == 2 << 12
    assert (again.calls, fake.raw.fake_count(0) - heuristics) == (0, 1)
    # Another card, and a file that says nonsense.
    other = HostDevice(architecture="sm_80")
    assert CublasLt(other, fake, 0, again).plan(gemm).workspace == 2 << 12
    assert again.calls == first.calls
    for file in cache.glob("*.lt"):
        plans._store.write(file.name.removesuffix(".lt"), b"x" * 72)
    assert CublasLt(device, fake, 0, again).plan(gemm).workspace == 2 << 12
    assert again.calls == 2 * first.calls


def test_one_choice_for_equal_products(fake: Any) -> None:
    clock = Clock(fake.raw)
    products = CublasLt(HostDevice(), fake, 0, clock)
    gemm = _gemm("float32", "relu", bias=Operand("input", 2))
    one = products.plan(gemm)
    calls = clock.calls
    other = products.plan(replace(gemm, bias=Operand("input", 7), a=replace(gemm.a, at=Operand("input", 5))))
    assert clock.calls == calls
    assert one.algorithm == other.algorithm
    assert one.descriptors is not other.descriptors  # they name different biases


def test_without_tuning_the_first_is_taken(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOPERT_GEMM_TUNE", "0")
    clock = Clock(fake.raw)
    assert CublasLt(HostDevice(), fake, 0, clock).plan(_gemm("float32")).workspace == 0
    assert clock.calls == 0


def test_a_full_device_is_not_tuned_on(fake: Any, cache: Path) -> None:
    clock = Clock(fake.raw)
    assert CublasLt(HostDevice(memory=1 << 10), fake, 0, clock).plan(_gemm("float32", m=64, n=64)).workspace == 0
    assert list(cache.glob("*.lt")) == []


def test_an_algorithm_that_fails_is_left_out(fake: Any) -> None:
    fake.raw.fake_fail_when_run(102)
    plan = CublasLt(HostDevice(), fake, 0, Clock(fake.raw)).plan(_gemm("float32"))
    assert plan.workspace == 3 << 12


@pytest.mark.parametrize("gemm", [
    _gemm("float32", "relu_aux", n=20, bias=Operand("input", 2)),
    _gemm("bfloat16", "gelu", n=20, bias=Operand("input", 2)),
    _gemm("float32", "drelu", n=20, bias_gradient=Operand("input", 2)),
], ids=lambda gemm: gemm.epilogue)  # fmt: skip
@pytest.mark.parametrize("how", ["no epilogue", "no product", "no library"])
def test_what_the_library_refuses_is_generated(fake: Any, gemm: Gemm, how: str, caplog: pytest.LogCaptureFixture) -> None:
    device = HostDevice()
    products = CublasLt(device, None if how == "no library" else fake, STREAM, Clock(fake.raw))
    fake.raw.fake_refuse(spec_of(gemm).epilogue, how == "no product", 15)
    plan = products.plan(gemm)
    assert (plan.algorithm is not None) == (how == "no epilogue")
    assert str(plan).startswith("cuBLASLt with 8192 bytes, then" if how == "no epilogue" else "a generated kernel")
    _equal(gemm, *_run(products, device, gemm))
    assert [record.message for record in caplog.records] == (
        ["there is no cuBLASLt: matrix products are computed by generated kernels, which is slower"] if how == "no library" else []
    )


def test_another_failure_of_the_library_is_logged(fake: Any, caplog: pytest.LogCaptureFixture) -> None:
    device = HostDevice()
    products = CublasLt(device, fake, STREAM, Clock(fake.raw))
    fake.raw.fake_refuse(6, 0, 7)
    gemm = _gemm("float32", "relu", bias=Operand("input", 2))
    assert len(products.plan(gemm).after) == 1
    products.plan(replace(gemm, bias=Operand("input", 9)))
    (record,) = caplog.records
    assert "cublasLtMatmulAlgoGetHeuristic: CUBLAS_STATUS_INVALID_VALUE (7)" in record.getMessage()
    _equal(gemm, *_run(products, device, gemm))


def test_vectors_that_the_library_cannot_read_are_added_by_a_kernel(fake: Any) -> None:
    products = CublasLt(HostDevice(), fake, 0, Clock(fake.raw))
    plan = products.plan(_gemm("float32", "relu", bias=Operand("input", 2, 4)))
    assert plan.algorithm is not None
    assert len(plan.after) == 1


def test_a_plan_is_captured_and_nothing_else(fake: Any) -> None:
    device = HostDevice()
    products = CublasLt(device, None, 0, Clock(fake.raw))
    gemm = _gemm("float32", "relu", bias=Operand("input", 2))
    plan = products.plan(gemm)
    held = [device.allocate(4096) for _ in range(4)]
    device.begin_capture()
    products.run(plan, *(allocation.address for allocation in held), 0)
    with pytest.raises(DeviceError, match="cannot compile while commands are captured"):
        products.plan(_gemm("float64"))
    assert device.end_capture().nodes == 2


def test_objects_of_the_library_are_given_back(fake: Any) -> None:
    gc.collect()
    before = fake.raw.fake_alive()
    products = CublasLt(HostDevice(), fake, 0, Clock(fake.raw))
    held = [products.plan(_gemm("float32", "relu", bias=Operand("input", 2))) for _ in range(3)]
    assert fake.raw.fake_alive() == before + 1 + 3 * 4
    del held, products
    gc.collect()
    assert fake.raw.fake_alive() == before


def test_errors_say_what_the_library_says(fake: Any) -> None:
    made = Descriptors(fake, spec_of(_gemm("float32")))
    with pytest.raises(DeviceError, match=r"cublasLtMatmulDescSetAttribute: CUBLAS_STATUS_INVALID_VALUE \(7\)"):
        fake.set("MatmulDesc", made.product, 7, ctypes.c_uint64(1))  # four bytes are wanted
    with pytest.raises(DeviceError, match="cublasLtMatrixLayoutCreate"):
        fake.make(made, "MatrixLayout", 0, 8, 8, 4)
    assert not Handle(fake).accepts(made, Algorithm(b"short", 0), 0)


def test_finding_the_library(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOPERT_CUBLASLT", path)
    assert list(candidates(13)) == [path]
    assert load(13).version == 130999
    monkeypatch.setenv("SCOPERT_CUBLASLT", "/nowhere/libcublasLt.so")
    with pytest.raises(DeviceError, match=r"cannot be loaded from /nowhere.*pip install nvidia-cublas`"):
        load(13)
    monkeypatch.delenv("SCOPERT_CUBLASLT")
    monkeypatch.setenv("CUDA_PATH", "/nowhere")
    assert list(candidates(12))[-1] == "libcublasLt.so.12"
    monkeypatch.setattr(library, "candidates", lambda major: iter([f"/nowhere/libcublasLt.so.{major}"]))
    with pytest.raises(DeviceError, match="nvidia-cublas-cu12"):
        load(12)


def _real() -> Library | None:
    try:
        return load(13)
    except DeviceError:
        return None


def test_the_real_library_takes_the_descriptors() -> None:
    """Without a driver: only a handle needs one."""
    real = _real()
    if real is None:
        pytest.skip("libcublasLt.so.13 is not installed (pip install nvidia-cublas, 0.7 GB)")
    for gemm in EVERY:
        _compare(real, spec_of(gemm))


def _compare(real: Library, told: spec.Spec) -> None:
    """Makes the objects, and reads them back."""
    made = Descriptors(real, told)
    assert real.get("MatmulDesc", made.product, library._EPILOGUE, ctypes.c_uint32) == told.epilogue
    assert real.get("MatmulDesc", made.product, library._TRANSPOSE_A, ctypes.c_int32) == int(told.flip_first)
    assert real.get("MatmulDesc", made.product, library._TRANSPOSE_B, ctypes.c_int32) == int(told.flip_second)
    assert real.get("MatmulDesc", made.product, 0, ctypes.c_int32) == told.compute
    if told.bias:
        assert real.get("MatmulDesc", made.product, library._BIAS_POINTER, ctypes.c_uint64) == library._SOMEWHERE
        assert real.get("MatmulDesc", made.product, library._BIAS_TYPE, ctypes.c_int32) == told.out.dtype
    if told.mask_leading:
        assert real.get("MatmulDesc", made.product, library._AUX_LEADING, ctypes.c_int64) == told.mask_leading
    wanted = library.preference(real, made, told, 1 << 20)
    assert real.get("MatmulPreference", wanted, 1, ctypes.c_uint64) == 1 << 20
    assert real.get("MatmulPreference", wanted, 3, ctypes.c_uint32) == spec.REDUCTION_SCHEMES
    alignments = [real.get("MatmulPreference", wanted, attribute, ctypes.c_uint32) for attribute in (5, 6, 7, 8)]
    assert alignments == [layout.alignment for layout in (told.first, told.second, told.out, told.out)]
    for layout, handle in ((told.first, made.first), (told.second, made.second), (told.out, made.out)):
        fields = [(0, ctypes.c_uint32), (2, ctypes.c_uint64), (3, ctypes.c_uint64), (4, ctypes.c_int64), (5, ctypes.c_int32)]
        found = [real.get("MatrixLayout", handle, attribute, of) for attribute, of in fields]
        assert found == [layout.dtype, layout.rows, layout.columns, layout.leading, layout.batch]
        if layout.batch > 1:
            assert real.get("MatrixLayout", handle, 6, ctypes.c_int64) == layout.stride
