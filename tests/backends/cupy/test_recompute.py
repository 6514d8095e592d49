"""Values that are computed again where a gradient needs them: the same bits, fewer of them in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scopert_cupy import passes
from scopert_cupy.fused.recompute import recompute, translated

import scopert as tf
from scopert.backend import FUSED, Access


def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + tf.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))


def normalised(x: Any) -> Any:
    mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
    scale = tf.get_variable(f"scale{len(tf.global_variables())}", [x.shape[-1].value], x.dtype, tf.ones_initializer())
    return (x - mean) * tf.rsqrt(variance + 1e-5) * scale


def dense(x: Any, n: int) -> Any:
    w = tf.get_variable(f"w{len(tf.global_variables())}", [x.shape[-1].value, n], x.dtype, tf.random_normal_initializer(seed=1, dtype=x.dtype))
    b = tf.get_variable(f"b{len(tf.global_variables())}", [n], x.dtype, tf.ones_initializer())
    return tf.matmul(x, w) + b


def trained(build: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """A loss, and variables after a step of gradient descent."""

    def fetches(x: Any) -> list[Any]:
        loss = tf.reduce_sum(tf.square(build(x)))
        with tf.control_dependencies([tf.train.GradientDescentOptimizer(1e-4).minimize(loss)]):
            return [tf.identity(loss), *[variable.read_value() for variable in tf.global_variables()]]

    return fetches


#: Name -> what builds the fetches, and the type.
PROGRAMS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "gelu": (trained(lambda x: dense(gelu(dense(x, 96)), 8)), "float32"),
    "gelu bfloat16": (trained(lambda x: dense(gelu(dense(x, 96)), 8)), "bfloat16"),
    "layer norm": (trained(lambda x: dense(normalised(dense(x, 64)), 8)), "float32"),
    "layer norm float16": (trained(lambda x: dense(normalised(dense(x, 64)), 8)), "float16"),
    "layer norm of three axes": (
        trained(lambda x: dense(tf.reshape(normalised(tf.reshape(dense(x, 96), [16, 8, 96])), [128, 96]), 4)), "float32",
    ),
    "residual": (trained(lambda x: dense(normalised(x + gelu(dense(normalised(dense(x, 48)), 48))), 4)), "float32"),
}  # fmt: skip


def run(name: str) -> list[Any]:
    build, kind = PROGRAMS[name]
    with tf.Graph().as_default():
        x = tf.placeholder(tf.as_dtype(kind), [128, 48])
        fetches = build(x)
        given_ = np.random.default_rng(0).standard_normal((128, 48)).astype(x.dtype.as_numpy_dtype)
        with tf.Session(backend="cupy") as session:
            session.run(tf.global_variables_initializer())
            return [session.run(fetches, {x: given_}) for _ in range(2)]


def stored(program: Any) -> int:
    """Bytes that fused steps write."""
    values = [program.values[slot] for step in program.steps if step.op == FUSED for slot in step.outputs]
    return sum(prod(value.shape) * value.dtype.base.np.itemsize for value in values)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_bits_with_less_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found, seen = {}, {}
    for active in (False, True):

        def noted(program: Any, facts: Any, place: bool, active: bool = active) -> Any:
            made = recompute(program, facts) if active else program
            if sum(step.op == FUSED for step in program.steps) > 1:
                seen[active] = stored(made)
            return made

        monkeypatch.setattr(passes, "recompute", noted)
        found[active] = run(name)
    assert seen[True] < 0.8 * seen[False]
    for a, b in zip(found[False], found[True], strict=True):
        for left, right in zip(a, b, strict=True):
            assert np.asarray(left).tobytes() == np.asarray(right).tobytes()


def test_what_is_fetched_stays() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [128, 64])
        y = tf.tanh(x)
        z = tf.matmul(y, y, transpose_b=True)
        (g,) = tf.gradients(z, x)
        a = np.random.default_rng(0).standard_normal((128, 64)).astype(np.float32)
        results = []
        for backend in ("numpy", "cupy"):
            with tf.Session(backend=backend) as session:
                results.append(session.run([y, g], {x: a}))
        for left, right in zip(*results, strict=True):
            np.testing.assert_allclose(right, left, rtol=2e-5, atol=1e-4)


def elements(access: Access, extents: tuple[int, ...]) -> dict[tuple[int, ...], int]:
    points = product(*[range(n) for n in extents])
    return {p: access.offset + sum(i * s for i, s in zip(p, access.strides, strict=True)) for p in points}


@st.composite
def spaces(draw: Any, size: tuple[int, ...]) -> tuple[tuple[int, ...], Access]:
    """Extents whose product is that of `size`, and an access that takes each element once, in some order of axes."""
    cuts = [0, *sorted(draw(st.sets(st.integers(1, len(size) - 1)))), len(size)] if len(size) > 1 else [0, 1]
    extents = [prod(size[a:b]) for a, b in pairwise(cuts)]
    strides = [prod(extents[k + 1 :]) for k in range(len(extents))]
    order = draw(st.permutations(range(len(extents))))
    return tuple(extents[k] for k in order), Access(tuple(strides[k] for k in order))


@given(st.data(), st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_translated_accesses_meet_the_same_elements(data: Any, size: list[int]) -> None:
    first, store = data.draw(spaces(tuple(size)))
    second, load = data.draw(spaces(tuple(size)))
    strides = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 6, 12, -1]), min_size=len(first), max_size=len(first)))
    access = Access(tuple(strides), data.draw(st.integers(0, 3)))
    made = translated(access, store, first, load, second)
    assume(made is not None)
    reads = {place: elements(access, first)[point] for point, place in elements(store, first).items()}
    for point, place in elements(load, second).items():
        assert elements(made, second)[point] == reads[place]


def test_accesses_that_can_be_translated() -> None:
    """Axes that were made one, and ones that were not, in both directions."""
    dense, flat = Access((12, 4, 1)), Access((1,))
    assert translated(Access((3, 1, 0)), dense, (2, 3, 4), Access((4, 1)), (6, 4)) == Access((1, 0))
    assert translated(Access((0, 4, 1), 7), dense, (2, 3, 4), Access((12, 1)), (2, 12)) == Access((0, 1), 7)
    assert translated(Access((0, 4, 1)), dense, (2, 3, 4), flat, (24,)) is None
    assert translated(Access((5,)), flat, (24,), dense, (2, 3, 4)) == Access((60, 20, 5))
    assert translated(Access((1, 0)), Access((4, 1)), (6, 4), dense, (2, 3, 4)) == Access((3, 1, 0))
    assert translated(Access((1, 0)), Access((2, 1)), (3, 2), Access((3, 1)), (2, 3)) is None
