"""Kernels along an axis: the results of the generic ones, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.along import ALONG

import scopert as tf
from scopert.backend import as_dtype, generic_kernel

TYPES = ["float32", "float64", "int32", "int64", "uint8", "int8"]


def kernels(op):
    """The kernel that makes new memory, and the one that fills given memory."""
    return [next((k.function for k in ALONG if k.op == op and k.out is out), None) for out in (False, True)]


@st.composite
def arrays(draw, ranks=(1, 2, 3), specials=True):
    shape = draw(st.lists(st.integers(1, 40), min_size=min(ranks), max_size=max(ranks)))
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    rng = np.random.RandomState(draw(st.integers(0, 1000)))
    x = rng.randint(0, draw(st.sampled_from([3, 100])), shape).astype(dtype)  # with equals
    if dtype.kind == "f":
        x = x / np.array(3, dtype)
        if specials and draw(st.booleans()):
            x[rng.random_sample(x.shape) < 0.1] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return np.ascontiguousarray(x)


def same(found, wanted):
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes()


@settings(deadline=None)
@given(arrays(), st.integers(-3, 2), st.sampled_from(["ArgMax", "ArgMin"]), st.sampled_from(["int32", "int64"]))
def test_arg(x, axis, op, output):
    axis %= x.ndim
    new, into = kernels(op)
    wanted = np.asarray(generic_kernel(op)(np, x, np.int32(axis), output_type=as_dtype(output)))
    same(np.asarray(new(np, x, np.int32(axis), output_type=as_dtype(output))), wanted)
    out = np.full(wanted.shape, -1, output)
    into(np, x, np.int32(axis - x.ndim), output_type=as_dtype(output), out=out)
    same(out, wanted)


@settings(deadline=None)
@given(arrays(), st.integers(1, 40))
def test_top_k(x, k):
    k = min(k, x.shape[-1])
    for op, arguments, attrs in (("TopKV2", [np.int32(k)], {}), ("TopK", [], {"k": k})):
        new, _ = kernels(op)
        found, wanted = new(np, x, *arguments, **attrs), generic_kernel(op)(np, x, *arguments, **attrs)
        for one, other in zip(found, wanted, strict=True):
            same(one, other)


@settings(deadline=None)
@given(arrays(), st.integers(-3, 2), st.sampled_from(["Cumsum", "Cumprod"]), st.booleans(), st.booleans())
def test_running(x, axis, op, exclusive, reverse):
    axis %= x.ndim
    new, into = kernels(op)
    with np.errstate(all="ignore"):
        wanted = generic_kernel(op)(np, x, np.array(axis, np.int32), exclusive=exclusive, reverse=reverse)
        same(new(np, x, np.array(axis, np.int32), exclusive=exclusive, reverse=reverse), wanted)
        out = np.empty(x.shape, x.dtype)
        into(np, x, np.array(axis, np.int32), exclusive=exclusive, reverse=reverse, out=out)
    same(out, wanted)


def test_many_rows_shared_by_threads():
    x = np.random.RandomState(0).randn(300, 70, 5).astype(np.float32)
    values = tf.placeholder(tf.float32, x.shape)
    fetches = [tf.argmax(values, 1), tf.argmin(values, 0), tf.nn.top_k(tf.transpose(values, [0, 2, 1]), 9), tf.cumsum(values, 1)]
    with tf.Session() as sess:
        largest, smallest, top, sums = sess.run(fetches, {values: x})
    np.testing.assert_array_equal(largest, x.argmax(1))
    np.testing.assert_array_equal(smallest, x.argmin(0))
    np.testing.assert_array_equal(top.indices, np.argsort(-x.transpose(0, 2, 1), -1, kind="stable")[..., :9])
    np.testing.assert_allclose(sums, np.cumsum(x.astype(np.float64), 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_is_none(axis):
    x, place = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.int32, [])
    with tf.Session() as sess:
        for y in (tf.argmax(x, place), tf.cumsum(x, place)):
            with pytest.raises(tf.errors.InvalidArgumentError, match="in the range \\[-2, 2\\)"):
                sess.run(y, {x: np.ones((2, 3)), place: axis})
