"""Random numbers that are drawn inside of fused kernels: NumPy's bits, and no memory for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scopert_cupy.actions import Plan
from scopert_cupy.fused.drawing import drawn_by

import scopert as tf
from scopert.backend import FUSED


def noisy(x: Any, kind: Any = tf.float32, draw: Any = tf.random_uniform) -> Any:
    return tf.cast(x, kind) * draw(x.shape, dtype=kind, seed=3)


#: Name -> what makes the result of a [24, 36] input, and how many streams its fused steps draw from.
PROGRAMS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "dropout": (lambda x: tf.nn.relu(tf.nn.dropout(x, rate=0.3, seed=3)), 1),
    "uniform float64": (lambda x: noisy(x, tf.float64), 1),
    "uniform bfloat16": (lambda x: noisy(x, tf.bfloat16), 1),
    "uniform float16": (lambda x: noisy(x, tf.float16), 1),
    "normal": (lambda x: noisy(x, tf.float32, tf.random_normal), 1),
    "two streams": (lambda x: x + tf.random_uniform([24, 36], seed=1) - tf.random_uniform([24, 36], seed=2), 2),
    "transposed": (lambda x: tf.exp(x) * tf.transpose(tf.random_uniform([36, 24], seed=1)), 1),
    "rows": (lambda x: tf.nn.softmax(x + tf.random_uniform([24, 36], seed=1)), 1),
    "sum over rows": (lambda x: tf.reduce_sum(x * tf.random_uniform([24, 36], seed=1), 0), 1),
    "used twice": (lambda x: (lambda u: tf.matmul(x * u, u, transpose_b=True))(tf.random_uniform([24, 36], seed=1)), 1),
    "broadcast": (lambda x: x * tf.random_uniform([36], seed=1), 0),
}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Programs as they are planned."""
    from scopert_cupy import passes

    seen: list[Any] = []
    original = passes.draw_inside

    def noted(program: Any, facts: Any, place: bool) -> Any:
        seen.append(original(program, facts))
        return seen[-1]

    monkeypatch.setattr(passes, "draw_inside", noted)
    return seen


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_are_those_of_numpy(name: str, plans: list[Any]) -> None:
    build, streams = PROGRAMS[name]
    given = np.random.default_rng(0).standard_normal((24, 36)).astype(np.float32)
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            x = tf.placeholder(tf.float32, [24, 36])
            y = build(x)
            with tf.Session(backend=backend) as session:
                found[backend] = [session.run(y, {x: given}) for _ in range(3)]
    program = plans[-1]
    assert sum(len(drawn_by(step)) for step in program.steps if step.op == FUSED) == streams
    assert any(step.op.startswith("Random") for step in program.steps) == (streams == 0)
    for a, b in zip(found["numpy"], found["cupy"], strict=True):
        if name in ("rows", "sum over rows", "used twice", "transposed"):  # sums and exponentials round differently
            np.testing.assert_allclose(b, a, rtol=1e-5)
        elif "16" in name:
            np.testing.assert_allclose(b.astype(np.float64), a.astype(np.float64), rtol=1e-2)
        else:
            np.testing.assert_array_equal(b, a)
    assert not np.array_equal(found["cupy"][0], found["cupy"][1])


def test_a_stream_goes_on_where_another_fetch_left_it() -> None:
    """The numbers of an operation follow one another, whether it is drawn inside of a step or fetched by itself."""
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default(), tf.Session(backend=backend) as session:
            numbers = tf.random_uniform([24, 36], seed=1)
            inside = tf.nn.relu(numbers - 0.5)
            found[backend] = [session.run(fetch) for fetch in (inside, numbers, inside, [inside, numbers][0], numbers)]
    for a, b in zip(found["numpy"], found["cupy"], strict=True):
        np.testing.assert_array_equal(b, a)
