"""Moves of elements between any two views, drawn at random, of all sizes of elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from backends.cupy.emitted_steps import OneStep, run
from scopert_cupy.command import Emitted, Launch
from scopert_cupy.emitters import copying
from scopert_cupy.emitters.copying import Move, contiguous, moved, reordered
from scopert_cupy.emitters.source import INPUT, OUTPUT
from scopert_cupy.host.device import HostDevice

from scopert.backend import Access

TYPES = ("uint8", "uint16", "uint32", "uint64", "complex128")
CASES = 60


def _view(random: Any, x: Any) -> Any:
    """A part of an array in another order: cut, turned round, transposed, repeated."""
    index = []
    for n in x.shape:
        start = random.randint(0, min(n, 3))
        step = random.choice([1, 1, 1, 2, -1])
        index.append(slice(start, None, step) if step > 0 else slice(n - 1 - start, None, -1))
    view = x[tuple(index)].transpose(random.permutation(x.ndim))
    if random.rand() < 0.3:
        view = np.broadcast_to(view[:, None], (view.shape[0], random.randint(1, 5), *view.shape[1:]))
    return view


def _access(view: Any, whole: Any) -> Access:
    place = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return Access(tuple([stride // whole.itemsize for stride in view.strides]), place // whole.itemsize)


def _array(random: Any, number: int) -> Any:
    shape = tuple(random.choice([1, 2, 3, 5, 8, 16, 33, 40], size=random.randint(1, 5)))
    while np.prod(shape) > 20000:
        shape = shape[1:]
    bits = random.randint(0, 256, (int(np.prod(shape)) * np.dtype(TYPES[number % 5]).itemsize,)).astype(np.uint8)
    return bits.view(np.uint8 if number % 5 == 4 else TYPES[number % 5]).reshape(shape if number % 5 < 4 else (-1, 16))


@pytest.mark.parametrize("checked", [False, True], ids=["in three orders", "checked"])
def test_what_a_view_shows_is_copied(checked: bool) -> None:
    random = np.random.RandomState(5)
    steps, views = [], []
    facts = HostDevice().facts
    for number in range(CASES):
        x = _array(random, number)
        if number % 5 == 4:  # sixteen bytes together are one element
            x = x.view("V16").reshape(-1)[: len(x) // 6 * 6].reshape(-1, 6) if len(x) >= 6 else x.view("V16")
        view = _view(random, x)
        move = reordered(OUTPUT[0], view.shape, INPUT[0], _access(view, x))
        made = Emitted(moved([move], x.itemsize, facts))
        raw = np.frombuffer(x.tobytes(), np.uint8)
        steps.append(OneStep(made, [raw], [((view.size * x.itemsize,), np.uint8)]))
        views.append(view)
    for seed in (0,) if checked else (0, 3, 6):
        for view, (outputs, _) in zip(views, run(HostDevice(seed=seed, checked=checked), steps), strict=True):
            assert outputs[0].tobytes() == np.ascontiguousarray(view).tobytes(), (view.shape, view.strides)


def test_what_fills_a_view_leaves_the_rest_alone() -> None:
    random = np.random.RandomState(6)
    steps, expected = [], []
    facts = HostDevice().facts
    for number in range(30):
        whole = _array(random, number % 4)
        target = whole.copy()
        part = target[tuple(slice(random.randint(0, min(n, 3)), None, random.choice([1, 1, 2])) for n in whole.shape)]
        part = part.transpose(random.permutation(part.ndim))
        source = random.randint(0, 250, part.shape).astype(whole.dtype)
        move = Move(INPUT[1], INPUT[0], part.shape, _access(part, target), contiguous(part.shape))
        steps.append(OneStep(Emitted(moved([move], whole.itemsize, facts)), [source, whole], []))
        part[...] = source
        expected.append(target)
    for (_, after), target in zip(run(HostDevice(), steps), expected, strict=True):
        np.testing.assert_array_equal(after[1], target)


def test_neighbours_become_wide_words_and_one_axis() -> None:
    facts = HostDevice().facts
    (plain,) = moved([reordered(OUTPUT[0], (4, 5, 6), INPUT[0], contiguous((4, 5, 6)))], 4, facts)
    assert type(plain).__name__ == "Copy" and plain.nbytes == 480
    (rows,) = moved([reordered(OUTPUT[0], (7, 8), INPUT[0], Access((16, 1), 4))], 4, facts)
    assert isinstance(rows, Launch) and rows.function.width == 16 and not rows.function.fibers
    (narrow,) = moved([reordered(OUTPUT[0], (7, 8), INPUT[0], Access((16, 1), 1))], 4, facts)
    assert isinstance(narrow, Launch) and narrow.function.width == 4
    (turned,) = moved([reordered(OUTPUT[0], (7, 8), INPUT[0], Access((1, 7)))], 4, facts)
    assert isinstance(turned, Launch) and turned.function.fibers
    several = moved([reordered(OUTPUT[k], (8,), INPUT[k], contiguous((8,))) for k in range(20)], 4, facts)
    assert len(several) == 2


def test_a_missing_barrier_is_seen(monkeypatch: Any) -> None:
    text = copying._TRANSPOSE.replace("    __syncthreads();\n", "", 1)
    monkeypatch.setattr(copying, "_TRANSPOSE", text)
    x = np.arange(40 * 33, dtype=np.float32).reshape(40, 33)
    move = reordered(OUTPUT[0], (33, 40), INPUT[0], Access((1, 33)))
    step = OneStep(Emitted(moved([move], 4, HostDevice().facts)), [x], [((33, 40), np.float32)])
    (((found,), _),) = run(HostDevice(), [step])
    assert not np.array_equal(found, x.T)
    with pytest.raises(RuntimeError, match="race"):
        run(HostDevice(checked=True), [step])
