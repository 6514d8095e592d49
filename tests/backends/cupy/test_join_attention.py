"""Attention as one step: what is recognised, what is not, and that the numbers stay."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scopert_cupy.attention_body import divided
from scopert_cupy.backend import CupyBackend
from scopert_cupy.emitters.attention import ENDS, OPERATION, STARTS
from scopert_cupy.host import attending, operations
from scopert_cupy.host.device import HostDevice
from scopert_cupy.join_attention import join_attention
from scopert_cupy.operation import Attention, AttentionGradient, Tensor

import scopert as tf
from scopert.program.passes.pipeline import DEVICE_PIPELINE, optimised
from scopert.program.verify import verify
from scopert.runtime import backends

LENGTH = 16
LOWER = np.tri(LENGTH, dtype=bool)
_SIZES = {"batch": 2, "heads": 4, "size": 8}


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Opens a host device with or without a library as ``cupy``."""

    def opened(library: bool, **options: Any) -> None:
        backend = CupyBackend(HostDevice(library=library, **options))
        monkeypatch.setitem(backends._registry._opened, ("cupy", 0), backend)

    return opened


def _optimised(fetches: Any, feeds: Any) -> Any:
    with tf.Session(backend="numpy") as session:
        shapes = [tuple(feed.shape.as_list()) for feed in feeds]
        return optimised(session.program(fetches, (), feeds), shapes, DEVICE_PIPELINE)


def _program(fetches: Any, feeds: Any) -> Any:
    before = _optimised(fetches, feeds)
    after = join_attention(before, HostDevice(library=True).facts)
    verify(after)
    assert join_attention(before, HostDevice(library=False).facts) is before
    return after


def _ops(fetches: Any, feeds: Any) -> list[str]:
    return [step.op for step in _program(fetches, feeds).steps]


def _operations(program: Any) -> list[Any]:
    return [step.origin.attrs[OPERATION] for step in program.steps if OPERATION in step.origin.attrs]


# Ways to write a mask, of scores of any floating type.


def _none(scores: Any) -> Any:
    return scores


def _added(scores: Any) -> Any:
    return scores + tf.constant(np.where(LOWER, 0, -6e4 if scores.dtype == tf.float16 else -1e9), scores.dtype)


def _infinite(scores: Any) -> Any:
    return scores + tf.constant(np.where(LOWER, 0, -np.inf).astype(np.float32), scores.dtype)


def _multiplied(scores: Any) -> Any:
    mask = tf.cast(
        tf.reshape(tf.matrix_band_part(tf.ones([LENGTH, LENGTH]), -1, 0), [1, 1, LENGTH, LENGTH]), scores.dtype
    )
    return scores * mask - tf.cast(1e4, scores.dtype) * (1 - mask)


def _chosen(scores: Any) -> Any:
    shape = scores.shape.as_list()
    return tf.where(np.broadcast_to(LOWER, shape), scores, tf.fill(shape, tf.cast(-1e4, scores.dtype)))


def _compared(scores: Any) -> Any:
    seen = tf.range(LENGTH)[:, None] >= tf.range(LENGTH)
    return scores - 30000.0 * tf.cast(tf.logical_not(seen), scores.dtype)


MASKS = {f.__name__[1:]: f for f in (_none, _added, _infinite, _multiplied, _chosen, _compared)}


def _scale(scores: Any) -> Any:
    return scores * 8**-0.5


def _heads(x: Any, batch: int, heads: int, size: int) -> Any:
    return tf.transpose(tf.reshape(x, [batch, LENGTH, heads, size]), [0, 2, 1, 3])


def _attention(
    dtype: Any, mask: Any, batch: int = 2, heads: int = 4, size: int = 8, wide: bool = False, scale: Any = _scale
) -> tuple[Any, Any, Any]:  # fmt: skip
    """A placeholder, queries, keys and values of one product, and attention as a matrix."""
    width, rng = heads * size, np.random.RandomState(1)
    x = tf.placeholder(tf.float32, [batch * LENGTH, width])
    w = tf.get_variable("w", initializer=tf.constant(rng.normal(size=(width, 3 * width)) * 0.3, tf.float32))
    query, key, value = [
        _heads(part, batch, heads, size)
        for part in tf.split(tf.matmul(tf.cast(x, dtype), tf.cast(w, dtype)), 3, axis=1)
    ]
    scores = tf.matmul(query, key, transpose_b=True)
    scores = tf.cast(scores, tf.float32) if wide else scores
    weights = tf.cast(tf.nn.softmax(mask(scale(scores))), dtype)
    joined = tf.reshape(tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3]), [batch * LENGTH, width])
    return x, w, joined


def _loss(joined: Any) -> Any:
    return tf.reduce_sum(tf.square(tf.cast(joined, tf.float32)))


def _values(fetches: Any, x: Any) -> tuple[list[Any], str]:
    feed = {x: np.random.RandomState(2).normal(size=x.shape.as_list())}
    with tf.Session(backend="cupy") as session:
        session.run(tf.global_variables_initializer())
        found = [session.run(fetches, feed) for _ in range(3)]
        text = str(session.executable(fetches, feed))
    for again in found[1:]:
        assert [a.tobytes() for a in again] == [a.tobytes() for a in found[0]]
    return [np.asarray(a, np.float64) for a in found[0]], text


def _expected(x: Any, mask: str) -> list[Any]:
    """The result, and the gradients of the sum of its squares, in float64."""
    rng = np.random.RandomState(1)
    fed, w = np.random.RandomState(2).normal(size=x.shape.as_list()), rng.normal(size=(32, 96)) * 0.3
    product = fed @ w
    q, k, v = [part.reshape(2, LENGTH, 4, 8).transpose(0, 2, 1, 3) for part in np.split(product, 3, axis=1)]
    scores = q @ k.swapaxes(-1, -2) * 8**-0.5
    scores = scores if mask == "none" else np.where(LOWER, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    o = weights @ v

    def flat(a: Any) -> Any:
        return a.transpose(0, 2, 1, 3).reshape(2 * LENGTH, 32)

    do = 2 * o
    dweights = do @ v.swapaxes(-1, -2)
    inner = weights * (dweights - (dweights * weights).sum(-1, keepdims=True)) * 8**-0.5
    dproduct = np.concatenate(
        [flat(inner @ k), flat(inner.swapaxes(-1, -2) @ q), flat(weights.swapaxes(-1, -2) @ do)], 1
    )
    return [flat(o), fed.T @ dproduct, dproduct @ w.T]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(("dtype", "wide", "tolerance"), [
    (tf.bfloat16, True, 0.03), (tf.bfloat16, False, 0.03), (tf.float16, True, 4e-3), (tf.float16, False, 4e-3),
])  # fmt: skip
def test_the_numbers_stay(mask: str, dtype: Any, wide: bool, tolerance: float, use: Any) -> None:
    x, w, joined = _attention(dtype, MASKS[mask], wide=wide)
    fetches = [joined, *tf.gradients(_loss(joined), [w, x])]
    use(True)
    by_library, text = _values(fetches, x)
    assert "AttentionGradient" in text
    assert not re.search(r"BatchMatMul|Softmax|Transpose", text)
    use(False)
    generated, text = _values(fetches, x)
    assert text.count("BatchMatMul") == 6
    for found, other, expected in zip(by_library, generated, _expected(x, mask), strict=True):
        size = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=tolerance * size, rtol=tolerance)
        np.testing.assert_allclose(other, expected, atol=2 * tolerance * size, rtol=2 * tolerance)
        # Scores that are never rounded to 16 bits are nearer.
        assert np.abs(found - expected).mean() <= 1.2 * np.abs(other - expected).mean()


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of scores so long that their gradient computes the softmax again, from what is kept of each row."""
    monkeypatch.setitem(globals(), "LENGTH", 64)
    monkeypatch.setitem(globals(), "LOWER", np.tri(64, dtype=bool))


@pytest.mark.parametrize("mask", MASKS)
def test_a_softmax_that_is_computed_again(mask: str, use: Any, long: None) -> None:
    x, w, joined = _attention(tf.bfloat16, MASKS[mask], wide=True)
    fetches = [joined, *tf.gradients(_loss(joined), [w, x])]
    before = _optimised(fetches, [x])
    (softmax,) = [
        step for step in before.steps if step.body is not None and "max_over" in {n.op for n in step.body.nodes}
    ]
    # A mask of the scores' own size is not read again: then the softmax is kept.
    assert len(softmax.outputs) == (2 if mask == "chosen" else 3)
    assert [step.op for step in join_attention(before, HostDevice(library=True).facts).steps].count(
        "AttentionGradient"
    ) == 1
    use(True)
    found, text = _values(fetches, x)
    assert "BatchMatMul" not in text
    for one, expected in zip(found, _expected(x, mask), strict=True):
        np.testing.assert_allclose(one, expected, rtol=0.03, atol=0.03 * np.abs(expected).max())


def test_a_bias_beside_a_softmax_that_is_computed_again(long: None) -> None:
    bias = tf.placeholder(tf.float32, [2, 1, 1, LENGTH])
    x, w, joined = _attention(tf.bfloat16, lambda scores: _added(scores + bias), wide=True)
    forward, backward = _operations(_program([joined, *tf.gradients(_loss(joined), [w])], [x, bias]))
    assert backward.forward is forward
    assert forward.bias.shape == (2, 1, 1, LENGTH)
    assert forward.causal


@pytest.mark.parametrize("mask", MASKS)
def test_what_the_library_is_told(mask: str) -> None:
    x, w, joined = _attention(tf.bfloat16, MASKS[mask], wide=True)
    program = _program([joined, *tf.gradients(_loss(joined), [w])], [x])
    forward, backward = _operations(program)
    part = Tensor((2, 4, LENGTH, 8), (96 * LENGTH, 8, 96, 1), "bfloat16")
    whole = replace(part, strides=(32 * LENGTH, 8, 32, 1))
    assert forward == Attention(part, part, part, whole, forward.scale, mask != "none", None, True)
    assert forward.scale == pytest.approx(8**-0.5)
    # The gradient of the result is made as it is read: turned by the step that squares.
    assert backward == AttentionGradient(forward, replace(whole, strides=(512, 128, 8, 1)), part, part, part)
    steps = [step for step in program.steps if OPERATION in step.origin.attrs]
    assert [step.origin.attrs[STARTS] for step in steps] == [(0, 64, 128), (0, 64, 128, 0, 0, 0)]
    assert [step.origin.attrs[ENDS] for step in steps] == [((0, 0), (1, 0)), ((0, 0), (0, 64), (0, 128))]
    assert "ConcatV2" not in {step.op for step in program.steps}


@pytest.mark.parametrize("axis", [0, 2])
def test_gradients_are_written_where_they_are_put_together(axis: int, use: Any) -> None:
    """Of a product whose axes say which of the three a column belongs to."""
    shape = [2, LENGTH, 4, 8]
    shape.insert(axis, 3)
    x = tf.placeholder(tf.float32, shape)
    q, k, v = [tf.transpose(part, [0, 2, 1, 3]) for part in tf.unstack(tf.cast(x, tf.bfloat16), axis=axis)]
    joined = tf.matmul(tf.nn.softmax(_scale(tf.matmul(q, k, transpose_b=True))), v)
    (gradient,) = tf.gradients(_loss(joined), [x])
    program = _program([gradient], [x])
    assert not {"Pack", "Transpose", "Unpack"} & {step.op for step in program.steps}
    _, backward = _operations(program)
    row = 96 if axis else 32
    assert backward.dq == backward.dk == backward.dv == Tensor((2, 4, LENGTH, 8), (LENGTH * row, 8, row, 1), "bfloat16")
    results = []
    for library in (True, False):
        use(library)
        results.append(_values([gradient], x)[0][0])
    np.testing.assert_allclose(*results, rtol=0.03, atol=0.03 * np.abs(results[1]).max())


def test_gradients_that_are_not_all_put_together_are_apart() -> None:
    given = [tf.placeholder(tf.bfloat16, [2, LENGTH, 4, 8]) for _ in range(3)]
    q, k, v = [tf.transpose(each, [0, 2, 1, 3]) for each in given]
    joined = tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True)), v)
    found = tf.gradients(tf.square(joined), given)
    for put in (found[:2], [*found, found[0]], [*found, given[0]]):
        ops = _ops([tf.concat(put, 2), found[2]], given)
        assert "AttentionGradient" in ops
        assert "ConcatV2" in ops
    # Parts that begin in the middle of 16 bytes.
    narrow = [tf.reshape(each, [2, LENGTH, 32]) for each in found]
    assert "ConcatV2" in _ops([tf.concat([tf.zeros([2, LENGTH, 1], tf.bfloat16), *narrow], 2)], given)
    assert "ConcatV2" not in _ops([tf.concat(narrow[::-1], 2)], given)


BEFORE = """\
%0 = feed bfloat16 (2, 16, 4, 8)
%1 = feed bfloat16 (2, 16, 4, 8)
%2 = feed bfloat16 (2, 16, 4, 8)
%3 = const int32 (4,)
%12 = const bfloat16 (16, 16)
%4 = Transpose %0 %3 bfloat16 (2, 4, 16, 8)
%6 = Transpose %1 %3 bfloat16 (2, 4, 16, 8)
%8 = Transpose %2 %3 bfloat16 (2, 4, 16, 8)
%9 = BatchMatMulV2 %4 %6 bfloat16 (2, 4, 16, 16)
%14 = fused %9 %12 bfloat16 (2, 4, 16, 16)
fused 8 x 16 x 16, 2 row axes
0 = load 0 [256, 16, 1]
1 = const 0.353515625
2 = mul 0 1
3 = load 1 [0, 16, 1]
4 = add 2 3
5 = cast 4 float32
6 = max_over 5 over columns
7 = sub 5 6
8 = exp 7
9 = sum 8 over columns
10 = div 8 9
11 = cast 10 bfloat16
store 0 = 11 [256, 16, 1]
%15 = BatchMatMulV2 %14 %8 bfloat16 (2, 4, 16, 8)
%17 = Transpose %15 %3 bfloat16 (2, 16, 4, 8)
fetch %17
"""
AFTER = """\
%0 = feed bfloat16 (2, 16, 4, 8)
%1 = feed bfloat16 (2, 16, 4, 8)
%2 = feed bfloat16 (2, 16, 4, 8)
%17 = Attention %0 %1 %2 bfloat16 (2, 16, 4, 8)
fetch %17
"""
TRAINED = """\
%0 = feed bfloat16 (2, 16, 4, 8)
%1 = feed bfloat16 (2, 16, 4, 8)
%2 = feed bfloat16 (2, 16, 4, 8)
%3 = const int32 (4,)
%15 = Attention %0 %1 %2 bfloat16 (2, 4, 16, 8)
%63 = .. float32 (2, 4, 16, 1)
%17 = Transpose %15 %3 bfloat16 (2, 16, 4, 8)
%25 = fused %15 bfloat16 (2, 4, 16, 8)
fused 2 x 16 x 4 x 8, 4 row axes
0 = load 0 [512, 8, 128, 1]
1 = const 2.0
2 = mul 0 1
3 = const 1.0
4 = mul 3 2
store 0 = 4 [512, 8, 128, 1]
%55 = AttentionGradient %0 %1 %2 %15 %25 %63 bfloat16 (2, 16, 4, 8)
%57 = .. bfloat16 (2, 16, 4, 8)
%50 = .. bfloat16 (2, 16, 4, 8)
fetch %17 %55 %57 %50
"""


def _text(program: Any) -> str:
    """A program without where it comes from."""
    lines = [re.sub(r"\s+", " ", line.partition(";")[0]).strip() for line in str(program).splitlines()[1:]]
    return "".join([re.sub(r"(feed|const) \S+:0", r"\1", line) + "\n" for line in lines])


def test_the_program_before_and_after() -> None:
    given = [tf.placeholder(tf.bfloat16, [2, LENGTH, 4, 8]) for _ in range(3)]
    q, k, v = [tf.transpose(each, [0, 2, 1, 3]) for each in given]
    weights = tf.nn.softmax(_added(_scale(tf.matmul(q, k, transpose_b=True))))
    joined = tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3])
    assert _text(_optimised([joined], given)) == BEFORE
    assert _text(_program([joined], given)) == AFTER
    # The result is read in two orders: it lies as the product made it.
    assert _text(_program([joined, *tf.gradients(tf.square(joined), given)], given)) == TRAINED


def test_one_head_and_no_heads(use: Any) -> None:
    q, k, v = (tf.placeholder(tf.float16, [6, rows, size]) for rows, size in ((5, 8), (7, 8), (7, 16)))
    joined = tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True)), v)
    program = _program([joined, *tf.gradients(tf.square(joined), [q, k, v])], [q, k, v])
    forward, _ = _operations(program)
    assert (forward.q.shape, forward.v.shape, forward.scale) == ((6, 1, 5, 8), (6, 1, 7, 16), 1.0)
    use(True)
    rng = np.random.RandomState(0)
    feed = {each: rng.normal(size=each.shape.as_list()) for each in (q, k, v)}
    with tf.Session(backend="cupy") as session:
        found = session.run(joined, feed)
    with tf.Session(backend="numpy") as session:
        np.testing.assert_allclose(found, session.run(joined, feed), rtol=4e-3, atol=4e-3)


@pytest.mark.parametrize(
    "shape", [(2, 1, 1, LENGTH), (1, 4, LENGTH, LENGTH), (2, 4, 1, LENGTH), (2, 4, LENGTH, LENGTH), (LENGTH,)]
)
@pytest.mark.parametrize("causal", [False, True])
def test_what_is_added_at_run_time(shape: tuple[int, ...], causal: bool, use: Any) -> None:
    bias = tf.placeholder(tf.float32, shape)
    x, w, joined = _attention(tf.bfloat16, lambda scores: (_added if causal else _none)(scores + bias), wide=True)
    fetches = [joined, *tf.gradients(_loss(joined), [w])]
    forward, _ = _operations(_program(fetches, [x, bias]))
    assert forward.causal == causal
    assert forward.bias.shape == (1,) * (4 - len(shape)) + shape
    rng = np.random.RandomState(4)
    feed = {x: rng.normal(size=x.shape.as_list()), bias: rng.normal(size=shape) * 3}
    results = []
    for library in (True, False):
        use(library)
        with tf.Session(backend="cupy") as session:
            session.run(tf.global_variables_initializer())
            results.append(session.run(fetches, feed))
            assert ("cudnn" in str(session.executable(fetches, feed))) == library
    for found, other in zip(*results, strict=True):
        found, other = np.asarray(found, np.float64), np.asarray(other, np.float64)
        np.testing.assert_allclose(found, other, rtol=0.05, atol=0.05 * np.abs(other).max())


@pytest.mark.parametrize("taken_away", [False, True])
@pytest.mark.parametrize("rows", [16, 64])
@pytest.mark.parametrize("wide", [False, True])
def test_what_is_added_may_be_computed(
    taken_away: bool, rows: int, wide: bool, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask of tokens, as BERT writes it: short rows keep the softmax for the gradient, long ones compute it again."""
    monkeypatch.setitem(globals(), "LENGTH", rows)
    present = tf.placeholder(tf.int32, [2, rows])

    def hidden(scores: Any) -> Any:
        added = (1.0 - tf.cast(present[:, None, None, :], scores.dtype)) * (1e4 if taken_away else -1e4)
        return scores - added if taken_away else scores + added

    x, w, joined = _attention(tf.bfloat16, hidden, wide=wide)
    fetches = [joined, *tf.gradients(_loss(joined), [w])]
    program = _program(fetches, [x, present])
    forward, _ = _operations(program)
    assert forward.bias == Tensor((2, 1, 1, rows), (rows, 1, 1, 1), "float32" if wide else "bfloat16")
    if rows == 16:  # nothing but the softmax would have used it: it has a step of its own now
        assert any(value.name.endswith("/added") for value in program.values)
    rng = np.random.RandomState(4)
    feed = {x: rng.normal(size=x.shape.as_list()), present: (np.arange(rows) < [[rows - 3], [rows // 2]]).astype(int)}
    results = []
    for library in (True, False):
        use(library)
        with tf.Session(backend="cupy") as session:
            session.run(tf.global_variables_initializer())
            results.append(session.run(fetches, feed))
    for found, other in zip(*results, strict=True):
        found, other = np.asarray(found, np.float64), np.asarray(other, np.float64)
        np.testing.assert_allclose(found, other, rtol=0.05, atol=0.05 * np.abs(other).max())


def test_training_goes_on_as_without(use: Any) -> None:
    def train() -> list[float]:
        with tf.Graph().as_default():
            x, _, joined = _attention(tf.bfloat16, _added, wide=True)
            loss = _loss(joined)
            step = tf.train.AdamOptimizer(0.01).minimize(loss)
            feed = {x: np.random.RandomState(2).normal(size=x.shape.as_list())}
            with tf.Session(backend="cupy") as session:
                session.run(tf.global_variables_initializer())
                losses = [float(session.run([loss, step], feed)[0]) for _ in range(8)]
                assert "graph of" in str(session.executable([loss, step], feed))
        return losses

    use(True)
    joined = train()
    use(False)
    apart = train()
    assert joined[-1] < 0.8 * joined[0]
    np.testing.assert_allclose(joined, apart, rtol=0.02)


# What is not joined.


def _unjoined(fetches: Any, feeds: Any) -> bool:
    return not {"Attention", "AttentionGradient"} & set(_ops(fetches, feeds))


@pytest.mark.parametrize("seen", [
    LOWER.T, np.tri(LENGTH, k=1, dtype=bool), np.tri(LENGTH, k=-1, dtype=bool) | np.eye(LENGTH, dtype=bool)[:, ::-1],
    np.tri(LENGTH, dtype=bool) & ~np.tri(LENGTH, k=-4, dtype=bool),
])  # fmt: skip
def test_other_masks_stay(seen: Any) -> None:
    x, _, joined = _attention(
        tf.bfloat16, lambda scores: scores + tf.constant(np.where(seen, 0, -1e9), scores.dtype), wide=True
    )
    assert _unjoined([joined], [x])


@pytest.mark.parametrize("change", [
    lambda s: s + tf.constant(np.where(LOWER, 0, -100.0), s.dtype),  # too little to hide anything
    lambda s: s * tf.constant(np.linspace(1, 2, LENGTH), s.dtype),  # another scale for each column
    lambda s: s + tf.constant(np.linspace(1, 2, LENGTH), s.dtype),
    lambda s: tf.tanh(s), lambda s: tf.minimum(s, 3.0), lambda s: s * s, lambda s: 1.0 / s, lambda s: -1.0 - s * s,
])  # fmt: skip
def test_other_scores_stay(change: Any) -> None:
    x, _, joined = _attention(tf.bfloat16, change, wide=True)
    assert _unjoined([joined], [x])


@pytest.mark.parametrize(("dtype", "size"), [(tf.float32, 8), (tf.float64, 8), (tf.bfloat16, 12), (tf.bfloat16, 264)])
def test_other_types_and_sizes_stay(dtype: Any, size: int) -> None:
    x, _, joined = _attention(dtype, _none, size=size)
    assert _unjoined([joined], [x])


def test_large_heads_are_joined_without_their_gradient_only() -> None:
    x, w, joined = _attention(tf.bfloat16, _none, size=136)
    assert not _unjoined([joined], [x])
    assert _unjoined([joined, *tf.gradients(_loss(joined), [w])], [x])


def test_what_others_look_at_stays() -> None:
    q, k, v = (tf.placeholder(tf.bfloat16, [2, 4, LENGTH, 8]) for _ in range(3))
    mask = tf.placeholder(tf.bfloat16, [LENGTH, LENGTH])
    product = tf.matmul(q, k, transpose_b=True)
    weights = tf.nn.softmax(product * 0.3 + mask)
    joined = tf.matmul(weights, v)
    feeds = [q, k, v, mask]
    assert not _unjoined([joined], feeds)
    assert _unjoined([joined, weights], feeds)
    assert _unjoined([joined, product], feeds)
    assert _unjoined([joined, tf.reduce_max(weights)], feeds)
    # Its gradient with respect to the mask needs that of the scores; that of the values alone, the softmax.
    assert _unjoined([joined, *tf.gradients(tf.square(joined), [q, k, v, mask])], feeds)
    assert _unjoined([joined, *tf.gradients(tf.square(joined), [v])], feeds)
    # A softmax with something done to it, such as dropout.
    assert _unjoined([tf.matmul(tf.nn.dropout(weights, 0.9), v)], feeds)
    assert _unjoined([tf.matmul(weights * 2.0, v)], feeds)
    # A softmax over the rows.
    assert _unjoined([tf.matmul(tf.nn.softmax(product, axis=-2), v)], feeds)
    # Keys that stand for all heads.
    shared = tf.placeholder(tf.bfloat16, [2, 1, LENGTH, 8])
    other = tf.matmul(tf.nn.softmax(tf.matmul(q, shared, transpose_b=True)), v)
    assert _unjoined([other], [q, shared, v])


def test_products_stay_before_what_changes_their_operands() -> None:
    q, v = (tf.placeholder(tf.bfloat16, [2, 4, LENGTH, 8]) for _ in range(2))
    k = tf.get_variable("k", initializer=tf.ones([2, 4, LENGTH, 8], tf.bfloat16))
    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True))
    with tf.control_dependencies([weights]):
        change = tf.assign(k, tf.zeros_like(k))
    with tf.control_dependencies([change]):
        joined = tf.matmul(weights, tf.identity(v))
    assert _unjoined([joined], [q, v])
    assert not _unjoined([tf.matmul(weights, v)], [q, v])


def test_transpositions_that_are_used_otherwise_stay() -> None:
    x = tf.placeholder(tf.bfloat16, [2, LENGTH, 4, 8])
    q = tf.transpose(x, [0, 2, 1, 3])
    joined = tf.matmul(tf.nn.softmax(tf.matmul(q, q, transpose_b=True)), q)
    turned = tf.transpose(joined, [0, 2, 1, 3])
    program = _program([turned, joined], [x])
    (forward,) = _operations(program)
    assert [step.op for step in program.steps].count("Transpose") == 1
    assert forward.o.strides == (4 * LENGTH * 8, LENGTH * 8, 8, 1)
    assert forward.q.strides == (LENGTH * 32, 8, 32, 1)


def test_attention_upon_attention(use: Any) -> None:
    """Of a part of what was transposed: the transposition is gone, and what it read was never written."""
    x = tf.placeholder(tf.bfloat16, [2, LENGTH, 4, 8])
    h = x
    for rows in (LENGTH, LENGTH // 2):
        q = tf.transpose(h[:, :rows], [0, 2, 1, 3])
        h = tf.transpose(tf.matmul(tf.nn.softmax(_scale(tf.matmul(q, q, transpose_b=True))), q), [0, 2, 1, 3])
    fetches = [h, *tf.gradients(_loss(h), [x])]
    program = _program(fetches, [x])
    assert [type(operation).__name__ for operation in _operations(program)].count("Attention") == 2
    results = []
    for library in (True, False):
        use(library)
        results.append(_values(fetches, x)[0])
    for found, other in zip(*results, strict=True):
        np.testing.assert_allclose(found, other, rtol=0.05, atol=0.05 * np.abs(other).max())


def test_rows_that_are_not_whole_where_they_lie_are_copied() -> None:
    x, y = tf.placeholder(tf.bfloat16, [2, 4, LENGTH, 8]), tf.placeholder(tf.bfloat16, [2, LENGTH, 4 * 9 + 4])
    (part,) = tf.unstack(tf.reshape(y[:, :, 2:34], [1, 2, LENGTH, 4, 8]))
    values = tf.transpose(part, [0, 2, 1, 3])
    program = _program([tf.matmul(tf.nn.softmax(tf.matmul(x, x, transpose_b=True)), values)], [x, y])
    (forward,) = _operations(program)
    # They begin at 4 bytes behind a multiple of 16: the copy that is read lies as the slice did.
    assert [step.op for step in program.steps] == ["StridedSlice", "Attention"]
    assert forward.v.strides == (LENGTH * 32, 8, 32, 1)


@pytest.mark.parametrize(("extents", "strides", "expected"), [
    ((2, 4, 16, 16), (0, 0, 16, 1), (0, 0, 16, 1)), ((8, 16, 16), (0, 16, 1), (0, 0, 16, 1)), ((128, 16), (0, 1), (0, 0, 0, 1)),
    ((128, 16), (16, 1), (1024, 256, 16, 1)), ((2, 64, 16), (16, 0, 1), (16, 0, 0, 1)), ((2048,), (1,), (1024, 256, 16, 1)),
    ((4, 512), (1, 1), None), ((2, 1, 4, 16, 16), (3, 7, 0, 0, 1), (3, 0, 0, 1)),
])  # fmt: skip
def test_strides_over_joined_axes(extents: Any, strides: Any, expected: Any) -> None:
    assert divided(extents, strides, (2, 4, 16, 16)) == expected


# What the host device computes.


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_the_gradient_of_the_host_is_a_gradient(causal: bool, biased: bool) -> None:
    """Against differences of float32 results: of one direction in q, k and v each."""
    rng = np.random.RandomState(0)
    shapes = {"q": (1, 2, 5, 8), "k": (1, 2, 6, 8), "v": (1, 2, 6, 16), "bias": (1, 1, 5, 6)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}

    def tensor(shape: tuple[int, ...]) -> Tensor:
        return Tensor(shape, tuple([int(np.prod(shape[k + 1 :])) for k in range(4)]), "float16")

    o = tensor((1, 2, 5, 16))
    forward = Attention(
        *[tensor(shapes[name]) for name in ("q", "k", "v")], o, 0.4, causal, tensor(shapes["bias"]) if biased else None, True
    )  # fmt: skip

    def computed(**changed: Any) -> dict[str, Any]:
        return attending.made(forward, {**arrays, **changed})

    made = computed()
    do = rng.normal(size=o.shape).astype(np.float32)
    back = AttentionGradient(forward, o, forward.q, forward.k, forward.v)
    gradients = attending.made(back, {**arrays, **made, "do": do})
    for name in ("q", "k", "v"):
        direction, step = rng.normal(size=shapes[name]).astype(np.float32), np.float32(1e-2)
        up, down = (computed(**{name: arrays[name] + sign * step * direction})["o"] for sign in (1, -1))
        expected = float((do * (up - down)).sum() / (2 * step))
        assert float((gradients["d" + name] * direction).sum()) == pytest.approx(expected, rel=5e-3, abs=5e-3)


def test_what_the_host_takes_of_attention() -> None:
    def tensor(size: int, dtype: str = "float16") -> Tensor:
        return Tensor((1, 1, 4, size), (4 * size, 4 * size, size, 1), dtype)

    def made(size: int, dtype: str = "float16") -> Attention:
        return Attention(*[tensor(size, dtype)] * 4, 1.0, statistics=True)

    for size, computed, back in (
        (8, True, True),
        (12, False, False),
        (128, True, True),
        (136, True, False),
        (264, False, False),
    ):
        forward = made(size)
        assert operations.computes(forward) == computed
        assert operations.computes(AttentionGradient(forward, *[tensor(size)] * 4)) == back
    assert not operations.computes(made(8, "float32"))
    turned = replace(tensor(8), strides=(32, 32, 1, 4))
    assert not operations.computes(replace(made(8), k=turned))


# Programs that nobody thought of.


def _random_program(rng: Any) -> tuple[list[Any], list[Any]]:
    """A few layers of attention, with operands that come and results that go in several ways; fetches and feeds."""
    batch, rows, width = 2, int(rng.choice([8, 12])), 32
    x = tf.placeholder(tf.float16, [batch, rows, width])
    memory = tf.placeholder(tf.float16, [batch, 4, 10, 8])
    kept: list[Any] = []

    def dense(y: Any, many: int = 1) -> Any:
        w = tf.constant(rng.normal(size=(width, many * width)) * 0.25, tf.float16)
        return tf.matmul(tf.reshape(y, [-1, width]), w)

    def heads(y: Any, many: int = 4) -> Any:
        return tf.transpose(tf.reshape(y, [batch, -1, many, width // many]), [0, 2, 1, 3])

    def operands(h: Any) -> tuple[Any, Any, Any]:
        way, many = rng.choice(["split", "unstack", "apart", "same", "memory", "slice"]), int(rng.choice([2, 4]))
        if way == "split":
            return tuple([heads(part, many) for part in tf.split(dense(h, 3), 3, axis=1)])  # type: ignore[return-value]
        if way == "unstack":
            parts = tf.unstack(tf.reshape(dense(h, 3), [batch, rows, 3, many, width // many]), axis=2)
            return tuple([tf.transpose(part, [0, 2, 1, 3]) for part in parts])  # type: ignore[return-value]
        if way == "apart":
            return heads(dense(h), many), heads(dense(h), many), heads(dense(h), many)
        if way == "memory":
            return heads(h), memory, memory if rng.rand() < 0.5 else memory * 0.5
        if way == "slice":
            return heads(h[:, ::2], many), heads(h, many), heads(h, many)
        return heads(h, many), heads(h, many), heads(h, many)

    def attended(h: Any) -> Any:
        q, k, v = operands(h)
        scores = tf.matmul(q, k, transpose_b=True)
        long, wide = rng.rand() < 0.5, scores.shape.as_list()[-1]
        scores = tf.cast(scores, tf.float32) if long else scores
        scores = scores * 0.3 if rng.rand() < 0.7 else scores
        mask = rng.choice(["none", "causal", "run"])
        if mask == "causal":
            seen = np.tri(*scores.shape.as_list()[-2:], dtype=bool)
            scores += tf.constant(np.where(seen, 0, -3e4), scores.dtype)
        if mask == "run":
            scores += tf.cast(x[:, None, :1, :wide], scores.dtype) if wide <= width else 0.0
        weights = tf.cast(tf.nn.softmax(scores), tf.float16)
        if rng.rand() < 0.1:
            kept.append(weights)
        made = tf.matmul(weights, v)
        if rng.rand() < 0.2:
            kept.append(made)
        return tf.reshape(tf.transpose(made, [0, 2, 1, 3]), [batch, -1, width])

    h = x
    for _ in range(int(rng.choice([1, 2, 3]))):
        made = attended(h)
        rows_now = made.shape.as_list()[1]
        after = rng.choice(["plain", "dense", "residual"])
        made = tf.reshape(dense(made), [batch, rows_now, width]) if after == "dense" else made
        made = made + h if after == "residual" and rows_now == rows else made
        h = made if rows_now == rows else tf.concat([made, made], 1)[:, :rows]
    if rng.rand() < 0.3:
        kept.append(h[:, :1])
    loss = tf.reduce_sum(tf.square(tf.cast(h, tf.float32)))
    wanted = [each for each in (x, memory) if rng.rand() < 0.7]
    found = [gradient for gradient in tf.gradients(loss, wanted) if gradient is not None] if wanted else []
    return [loss, *found, *kept], [x, memory]


@pytest.mark.parametrize("seed", range(16))
def test_random_programs(seed: int, use: Any) -> None:
    rng = np.random.RandomState(seed)
    fetches, (x, memory) = _random_program(rng)
    _program(fetches, [x, memory])  # it stays well-formed
    feed = {x: rng.normal(size=x.shape.as_list()) * 0.5, memory: rng.normal(size=memory.shape.as_list()) * 0.5}
    results = []
    for library in (True, False):
        use(library)
        with tf.Session(backend="cupy") as session:
            results.append(session.run(fetches, feed))
    for found, other in zip(*results, strict=True):
        found, other = np.asarray(found, np.float64), np.asarray(other, np.float64)
        assert np.isfinite(other).all()
        np.testing.assert_allclose(found, other, rtol=0.03, atol=0.03 * np.abs(other).max())
