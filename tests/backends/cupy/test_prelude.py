"""Every primitive of every type against NumPy, and what the prelude promises about memory and numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from backends.cupy.running import Bench, compiled
from scopert_cupy import nvrtc, prelude
from scopert_cupy.command import Launch, Operand
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.space import Array, Nest
from scopert_cupy.host.device import HostDevice
from scopert_cupy.prelude import divider

from scopert.graph.dtypes import DType, as_dtype
from scopert.program.expression import BINARY, OTHERS, TERNARY, UNARY, Access, Fused, Node, Store

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: Any) -> Any:
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


FLOAT: dict[str, Callable[..., Any]] = {
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "square": np.square, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "sigmoid": _sigmoid, "softplus": lambda x: np.logaddexp(x, 0), "erf": _erf,
    "floor": np.floor, "ceil": np.ceil, "round": np.rint, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum, "min": np.minimum, "pow": np.power,
    "mod": np.mod, "floordiv": np.floor_divide, "atan2": np.arctan2, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
WHOLE = ("neg", "abs", "sign", "square", "floor", "ceil", "round", "isnan", "isinf", "isfinite", "add", "sub", "mul", "max", "min",
         "mod", "floordiv", "lt", "le", "gt", "ge", "eq", "ne")  # fmt: skip
LOGIC = {"not": np.logical_not, "and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor, "eq": np.equal, "ne": np.not_equal}
BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "isnan", "isinf", "isfinite"})
FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
TYPES = (*FLOATS, *INTEGERS, "bool")
# Relative errors: a unit or two in the last place of what is computed in, and rounding to the type.
TOLERANCE = {"float16": 6e-4, "bfloat16": 5e-3, "float32": 4e-7, "float64": 1e-15}
LOOSE = {"tan": 4, "pow": 60, "sin": 4, "cos": 4, "log1p": 2, "softplus": 2, "sigmoid": 3, "rsqrt": 2, "expm1": 2, "atan2": 2}
FLAT = frozenset({0})


def sample(dtype: DType, seed: int) -> Any:
    """Numbers of all sizes and the special ones, with plenty of small whole numbers."""
    random = np.random.default_rng(seed)
    if dtype.is_bool:
        return random.integers(0, 2, 300).astype(bool)
    if dtype.is_integer:
        limits = np.iinfo(dtype.np)
        edges = [limits.min, limits.min + 1, limits.max, limits.max - 1, 0, 1, 2, 3]
        wide = random.integers(limits.min, limits.max, 200, dtype=dtype.np, endpoint=True)
        small = random.integers(0 if limits.min == 0 else -9, 9, 200).astype(dtype.np)
        return random.permutation(np.concatenate([np.array(edges, dtype.np), wide, small]))
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.5, 3.5, math.inf, -math.inf, math.nan, 1e-5, 6e4, -6e4, 1e-7, -1e-7, 88.0, -104.0]
    small = np.round(random.uniform(-6, 6, 80) * 2) / 2
    return random.permutation(np.concatenate([special, random.uniform(-4, 4, 200), random.uniform(-80, 80, 60), small])).astype(dtype.np)


def body(op: str, kinds: list[DType], output: DType, n: int) -> Fused:
    nodes = [Node("load", (), kind, FLAT, k) for k, kind in enumerate(kinds)]
    nodes.append(Node(op, tuple(range(len(kinds))), output, FLAT))
    return Fused((n,), 1, tuple(nodes), (Access((1,)),) * len(kinds), (Store(len(kinds), Access((1,))),))


class Case:
    def __init__(self, op: str, kinds: list[str], output: str, exact: Callable[..., Any]) -> None:
        self.name = f"{op}-{'-'.join(kinds)}-{output}"
        self.op, self.output, self.exact = op, as_dtype(output), exact
        types = [as_dtype(kind) for kind in kinds]
        self.inputs = [sample(kind, k) for k, kind in enumerate(types)]
        n = min(map(len, self.inputs))
        self.inputs = [x[:n] for x in self.inputs]
        kernels = Kernels(227 << 10)
        loads = [Array(Operand("input", k), kind) for k, kind in enumerate(types)]
        kernels.add(Nest(body(op, types, self.output, n), tuple(loads), (Array(Operand("output"), self.output),)))
        self.commands = kernels.commands


def _wide(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: f(*[x.astype(np.float64) for x in xs])


def cases() -> list[Case]:
    made = []
    for name in FLOATS:
        for op, exact in FLOAT.items():
            arity = 2 if op in BINARY else 1
            made.append(Case(op, [name] * arity, "bool" if op in BOOLEAN else name, _wide(exact)))
    for name in INTEGERS:
        for op in WHOLE:
            arity = 2 if op in BINARY else 1
            made.append(Case(op, [name] * arity, "bool" if op in BOOLEAN else name, FLOAT[op]))
    for op, exact in LOGIC.items():
        made.append(Case(op, ["bool"] * (2 if op in BINARY else 1), "bool", exact))
    for name in TYPES:
        made.append(Case("select", ["bool", name, name], name, np.where))
        for other in TYPES:
            if other == "bool" and name in FLOATS:
                continue  # the table writes it as a comparison
            made.append(Case("cast", [name], other, lambda x, other=other: cast(x, other)))
    return made


def cast(x: Any, other: str) -> Any:
    with np.errstate(all="ignore"):
        kind = as_dtype(other).np
        if as_dtype(x.dtype).is_floating and as_dtype(other).is_floating:
            return x.astype(kind).astype(np.float64)
        return np.asarray(x.astype(np.float64) if x.dtype == ml_dtypes.bfloat16 else x).astype(kind)


@pytest.fixture(scope="module")
def prepared() -> tuple[list[Case], Any]:
    made = cases()
    return made, compiled(HostDevice(), [command for case in made for command in case.commands])


def test_all_primitives_are_tried(prepared: Any) -> None:
    tried = {case.op for case in prepared[0]}
    assert tried >= UNARY | BINARY | TERNARY | OTHERS


@pytest.mark.parametrize("name", TYPES)
def test_primitives(prepared: Any, name: str) -> None:
    made, module = prepared
    for case in made:
        if case.name.split("-")[-1] != name:
            continue
        (found,) = Bench(HostDevice(), case.inputs, [(case.inputs[0].shape, case.output.np)]).run(case.commands, module)
        with np.errstate(all="ignore"):
            exact = np.asarray(case.exact(*case.inputs))
        check(case, found, exact)


def check(case: Case, found: Any, exact: Any) -> None:
    if not case.output.is_floating:
        valid = np.ones(found.shape, bool)
        if case.op == "cast" and as_dtype(case.inputs[0].dtype).is_floating:  # what C leaves open
            x, limits = case.inputs[0].astype(np.float64), np.iinfo(case.output.np)
            valid = np.isfinite(x) & (x > float(limits.min) - 1) & (x < float(limits.max) + 1)
        wrong = valid & (found != exact)
        assert not wrong.any(), (case.name, [x[wrong][:3] for x in case.inputs], found[wrong][:3], exact[wrong][:3])
        return
    with np.errstate(all="ignore"):
        rounded = exact.astype(case.output.np)
        wide, exact = found.astype(np.float64), rounded.astype(np.float64) if case.op == "cast" else exact.astype(np.float64)
        tiny = float(ml_dtypes.finfo(case.output.np).smallest_subnormal)
        near = np.abs(wide - exact) <= TOLERANCE[case.output.name] * LOOSE.get(case.op, 1) * np.abs(exact) + tiny
    same = (wide == rounded.astype(np.float64)) | (np.isnan(wide) & np.isnan(exact)) | near
    assert same.all(), (case.name, [x[~same][:3] for x in case.inputs], found[~same][:3], exact[~same][:3])


def test_negative_zeros_and_signs(prepared: Any) -> None:
    made, module = prepared
    for case in made:
        if case.op in ("neg", "floor", "ceil", "round", "max", "min") and case.output.name == "float32":
            (found,) = Bench(HostDevice(), case.inputs, [(case.inputs[0].shape, np.float32)]).run(case.commands, module)
            exact = case.exact(*case.inputs).astype(np.float32)
            zero = exact == 0
            assert (np.signbit(found) == np.signbit(exact))[zero].all(), case.name


def test_half_precision_is_converted_exactly() -> None:
    """All values of 16 bits into float and back; and floats of every kind into 16 bits, as NumPy rounds them."""
    source = """
    SC_KERNEL void halves(const sc_f16* x, const sc_bf16* y, float* wide, sc_f16* f, sc_bf16* b) {
      const int i = blockIdx.x * 256 + threadIdx.x;
      wide[i] = sc_get(x[i]); wide[65536 + i] = sc_get(y[i]);
      f[i] = sc_put<sc_f16>(sc_get(x[i])); b[i] = sc_put<sc_bf16>(sc_get(y[i]));
    }
    SC_KERNEL void rounded(const float* x, sc_f16* f, sc_bf16* b) {
      const int i = blockIdx.x * 256 + threadIdx.x;
      f[i] = sc_put<sc_f16>(x[i]); b[i] = sc_put<sc_bf16>(x[i]);
    }"""
    device = HostDevice()
    module = device.compile(source, [("halves", False), ("rounded", False)])
    bits = np.arange(1 << 16, dtype=np.uint16)
    f, b = bits.view(np.float16), bits.view(ml_dtypes.bfloat16)
    bench = Bench(device, [f, b], [((2, 1 << 16), np.float32), ((1 << 16,), np.float16), ((1 << 16,), ml_dtypes.bfloat16)])
    _go(bench, module, "halves", [("input", 0), ("input", 1), ("output", 0), ("output", 1), ("output", 2)])
    wide, narrow, brain = bench.results()
    np.testing.assert_array_equal(wide, np.stack([f.astype(np.float32), b.astype(np.float32)]))
    for found, given in ((narrow, f), (brain, b)):
        nan = np.isnan(given.astype(np.float32))
        np.testing.assert_array_equal(np.isnan(found.astype(np.float32)), nan)
        np.testing.assert_array_equal(found.view(np.uint16)[~nan], given.view(np.uint16)[~nan])
    random = np.random.default_rng(0)
    exponents = np.repeat(np.arange(512, dtype=np.uint32) << 23, 128)
    x = (exponents | random.integers(0, 1 << 23, exponents.size, np.uint32)).view(np.float32)
    x[::5] = (x[::5].view(np.uint32) & 0xFFFFF000 | 0x1000).view(np.float32)  # ties
    bench = Bench(device, [x], [((x.size,), np.float16), ((x.size,), ml_dtypes.bfloat16)])
    _go(bench, module, "rounded", [("input", 0), ("output", 0), ("output", 1)])
    with np.errstate(all="ignore"):
        for found, exact in zip(bench.results(), (x.astype(np.float16), x.astype(ml_dtypes.bfloat16)), strict=True):
            np.testing.assert_array_equal(found.astype(np.float32), exact.astype(np.float32))


def test_every_tie_of_brain_floats_goes_to_the_even_one() -> None:
    """All 2^16 results, each from around its limits; NaN of any payload stays NaN of its sign."""
    source = """
    SC_KERNEL void rounded(const float* x, sc_bf16* b) {
      const int i = blockIdx.x * 256 + threadIdx.x;
      b[i] = sc_put<sc_bf16>(x[i]);
    }"""
    device = HostDevice()
    module = device.compile(source, [("rounded", False)])
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    bits = (upper[:, None] | lower).reshape(-1)
    bench = Bench(device, [bits.view(np.float32)], [((bits.size,), np.uint16)])
    _go(bench, module, "rounded", [("input", 0), ("output", 0)], bits.size // 256)
    found = bench.results()[0].astype(np.uint32)
    nan = np.isnan(bits.view(np.float32))
    up = (bits & 0xFFFF > 0x8000) | ((bits & 0xFFFF == 0x8000) & (bits >> 16 & 1 == 1))
    np.testing.assert_array_equal(found[~nan], ((bits >> 16) + up)[~nan])
    assert nan.sum() == 2 * (128 * lower.size - 1)
    np.testing.assert_array_equal(found[nan] >> 15, bits[nan] >> 31)
    assert (found[nan] & 0x7FC0 == 0x7FC0).all()


def test_no_text_holds_assembly() -> None:
    """It would compile for one kind of machine, and the host device could not run it."""
    texts = {path.name: path.read_text() for path in Path(prelude.__file__).with_name("text").glob("*.cu")}
    assert "types.cu" in texts
    assert not [name for name, text in texts.items() if re.search(r"\b(asm|__asm__)\b", text)]


def _go(bench: Bench, module: Any, name: str, operands: list[tuple[str, int]], blocks: int = 256) -> None:
    addresses = [np.uint64(bench.held[key].address) for key in operands]
    bench.device.launch(module.function(name), (blocks, 1, 1), (256, 1, 1), 0, addresses)


def test_quotients_have_the_bits_of_division() -> None:
    source = """
    SC_KERNEL void quotients(const float* x, const float* y, float* fast, float* slow) {
      const int i = blockIdx.x * 256 + threadIdx.x;
      fast[i] = sc_quotient(x[i], y[i], 1.0f / y[i]);
      slow[i] = x[i] / y[i];
    }"""
    device = HostDevice()
    module = device.compile(source, [("quotients", False)])
    random = np.random.default_rng(0)
    special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, 1e-38, 1e-31, 1e31, 7], np.float32)
    pairs = np.stack(np.meshgrid(special, special)).reshape(2, -1)
    any_bits = random.integers(0, 1 << 32, (2, 1 << 16), np.uint32).view(np.float32)
    modest = random.uniform(0.5, 2000, (2, 1 << 16)).astype(np.float32)
    ones = np.nextafter(modest[:, : 1 << 12].round(), np.float32(0))  # mantissas full of ones
    x, y = np.concatenate([pairs, any_bits, modest, ones], axis=1)
    n = x.size // 256 * 256
    bench = Bench(device, [x[:n], y[:n]], [((n,), np.float32)] * 2)
    _go(bench, module, "quotients", [("input", 0), ("input", 1), ("output", 0), ("output", 1)], n // 256)
    fast, slow = bench.results()
    nan = np.isnan(slow)
    np.testing.assert_array_equal(np.isnan(fast), nan)
    np.testing.assert_array_equal(fast[~nan].view(np.uint32), slow[~nan].view(np.uint32))


def test_division_by_multiplication() -> None:
    random = np.random.default_rng(0)
    for d in [1, 2, 3, 5, 7, 10, 641, 65535, 65536, (1 << 31) - 1, *random.integers(1, 1 << 31, 200).tolist()]:
        multiplier, shift = (int(x) for x in divider(d))
        for n in [0, d - 1, d, min(d * 3 - 1, (1 << 31) - 1), (1 << 31) - 1, *random.integers(0, 1 << 31, 50).tolist()]:
            assert ((n * multiplier >> 32) + n) % (1 << 32) >> shift == n // d, (n, d)
    with pytest.raises(ValueError, match="1 to 2"):
        divider(0)


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
def test_machine_code(prepared: Any) -> None:
    """Of the type that most is computed in, and one that is converted; other architectures compile whole bodies."""
    chosen = [case for case in prepared[0] if set(case.name.split("-")[1:]) <= {"float32", "bfloat16", "bool"}]
    launches = [c for case in chosen for c in case.commands if isinstance(c, Launch)]
    functions = {c.function.name: c.function for c in launches}
    cubin = nvrtc.compile_cubin("\n".join([f.source for f in functions.values()]), "sm_80")
    assert all(cubin.resources[name].spills == 0 for name in functions)
