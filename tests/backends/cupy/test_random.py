"""Random ops on the host device: the bits of NumPy's kernels, run after run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from backends.cupy.running import Bench, compiled
from scopert_cupy import nvrtc
from scopert_cupy.device import Facts
from scopert_cupy.emit import Request
from scopert_cupy.emitters.random import TABLE
from scopert_cupy.host.device import HostDevice

import scopert as tf
from scopert.backend import select_kernel
from scopert.graph.build import apply
from scopert.graph.opdef import find_op

FACTS = Facts("test", "sm_90", 132, 227 << 10, 1 << 37)
STATELESS = [7, -3]


class Context:
    """What kernels ask of a session: streams that last."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}

    def op_state(self, op: Any, factory: Any) -> Any:
        if op.name not in self.states:
            self.states[op.name] = factory()
        return self.states[op.name]


def raw(op: str, *inputs: Any, **attrs: Any) -> Any:
    found = find_op(op)
    assert found is not None
    return apply(found, *inputs, **attrs)


def cases() -> dict[str, Any]:
    """Name -> what builds a random tensor."""
    made: dict[str, Any] = {}
    seeds = {"seed": 5, "seed2": 9}
    for name in ("float16", "bfloat16", "float32", "float64"):
        kind = tf.as_dtype(name)
        for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
            for shape in ([1], [3, 7], [1024], [4097]):
                made[f"{op}-{name}-{shape}"] = lambda op=op, s=shape, k=kind: raw(op, s, dtype=k, **seeds)
        for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
            made[f"{op}-{name}"] = lambda op=op, k=kind: raw(op, [37], STATELESS, dtype=k)
    for name, low, high in (("int32", -5, 11), ("int64", -(1 << 40), 1 << 41), ("int32", -(1 << 31), (1 << 31) - 1)):
        kind = tf.as_dtype(name)

        def whole(low: int = low, high: int = high, kind: Any = kind) -> Any:
            return raw("RandomUniformInt", [1001], tf.constant(low, kind), tf.constant(high, kind), **seeds)

        made[f"RandomUniformInt-{name}-{low}"] = whole
    made["StatelessRandomUniformInt"] = lambda: raw(
        "StatelessRandomUniformInt", [9], tf.constant(STATELESS, tf.int32), tf.constant(3, tf.int64), tf.constant(70, tf.int64)
    )
    logits = np.random.default_rng(0).standard_normal((3, 700)).astype(np.float32)
    logits[1, 5], logits[2, :] = np.inf, -np.inf
    made["Multinomial"] = lambda: raw("Multinomial", logits[:2], 300, **seeds)
    made["Multinomial-none"] = lambda: raw("Multinomial", logits, 3, output_dtype=tf.int32, **seeds)
    made["StatelessMultinomial"] = lambda: raw("StatelessMultinomial", logits.astype(np.float64), 40, STATELESS)
    made["RandomShuffle"] = lambda: raw("RandomShuffle", tf.reshape(tf.range(77 * 3), [77, 3]), **seeds)
    made["RandomShuffle-wide"] = lambda: raw("RandomShuffle", tf.constant(logits[:, :16]), **seeds)
    return made


class Prepared:
    """A step, its inputs, and its commands."""

    def __init__(self, build: Any) -> None:
        with tf.Graph().as_default(), tf.Session() as session:
            program = session.program([build()])
            self.step = next(step for step in program.steps if step.op in TABLE)
            self.request = Request(self.step, program, FACTS)
            sources = list(session.graph.get_operations()[-1].inputs)
            self.inputs = [np.asarray(value) for value in session.run(sources)]
        self.emitted = TABLE[self.step.op](self.request)
        assert self.emitted is not None

    def plain(self, context: Any) -> Any:
        return np.asarray(select_kernel(self.step, np, context)(*self.inputs))


@pytest.fixture(scope="module")
def prepared() -> tuple[dict[str, Prepared], Any]:
    made = {name: Prepared(build) for name, build in cases().items()}
    return made, compiled(HostDevice(), [c for one in made.values() for c in one.emitted.commands])


@pytest.mark.parametrize("name", cases())
def test_bits_are_those_of_numpy(name: str, prepared: Any) -> None:
    made, module = prepared
    one, contexts = made[name], (Context(), Context())
    exact = not ("float64" in name and ("Normal" in name))
    for seed in (0, 3, 8):
        expected = one.plain(contexts[0])
        parameters = [p.value(contexts[1], one.step.origin) for p in one.emitted.parameters]
        assert all(np.asarray(value).nbytes == p.nbytes for value, p in zip(parameters, one.emitted.parameters, strict=True))
        bench = Bench(HostDevice(seed=seed), one.inputs, [(expected.shape, expected.dtype)], one.emitted.scratch, parameters)
        (found,) = bench.run(one.emitted.commands, module)
        if exact:
            np.testing.assert_array_equal(found.view(np.uint8), expected.view(np.uint8))
        else:  # the logarithm, sine and cosine of float64 are each library's own
            np.testing.assert_allclose(found, expected, rtol=4e-15, atol=1e-15)
    assert {n: s.counter for n, s in contexts[0].states.items()} == {n: s.counter for n, s in contexts[1].states.items()}


def test_the_counter_carries_into_its_upper_half() -> None:
    from scopert.ops.philox import Philox

    source = """SC_KERNEL void blocks(const unsigned long long* p, unsigned* out) {
      const sc_block4 b = sc_philox_at(sc_stream_at(p), threadIdx.x);
      for (int v = 0; v < 4; ++v) out[4 * threadIdx.x + v] = b.at[v];
    }"""
    device = HostDevice()
    module = device.compile(source, [("blocks", False)])
    start = Philox(123456789 << 32 | 77, (5 << 64) + (1 << 64) - 3)
    position = np.array([start.key, start.counter & (1 << 64) - 1, start.counter >> 64], np.uint64)
    bench = Bench(device, [position], [((8, 4), np.uint32)])
    addresses = [np.uint64(bench.held[key].address) for key in (("input", 0), ("output", 0))]
    device.launch(module.function("blocks"), (1, 1, 1), (8, 1, 1), 0, addresses)
    np.testing.assert_array_equal(bench.results()[0], start.blocks(np, 8))


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_120"])
def test_machine_code(prepared: Any, architecture: str) -> None:
    functions = {c.function.name: c.function for one in prepared[0].values() for c in one.emitted.commands}
    source = "\n".join([f.source for f in functions.values()])
    cubin = nvrtc.compile_cubin(source, architecture)
    ptx = nvrtc.compile_ptx(source, architecture)
    for name, function in functions.items():
        assert cubin.resources[name].spills == 0, name
        assert max(nvrtc.access_width(ptx, name)) >= function.width, name
