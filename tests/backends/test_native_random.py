"""Random numbers by machine code: the bits of the generic kernels, wherever a stream stands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.native import unavailable

import scopert as tf
from scopert.ops.philox import Philox
from scopert.ops.random_distributions import normal, truncated_normal, uniform

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
DRAWS = {"uniform": uniform, "normal": normal, "truncated": truncated_normal}


@settings(deadline=None)
@given(
    st.sampled_from(sorted(DRAWS)), st.integers(0, 2**64 - 1),
    st.integers(0, 2**128 - 1) | st.integers(2**64 - 40, 2**64 + 40), st.integers(0, 300),
)  # fmt: skip
def test_the_bits_of_the_generic_kernel(kind, key, counter, count):
    from scopert_numpy.native.random import fill

    out = np.full(count, np.nan, np.float32)
    if fill(kind, Philox(key, counter), out):
        assert out.tobytes() == DRAWS[kind](np, Philox(key, counter), count, np.float32).tobytes()
    else:
        assert (counter & (2**64 - 1)) + 2**17 > 2**64  # the counter's lower half would overflow


@pytest.mark.parametrize("kind", sorted(DRAWS))
def test_many_numbers_shared_by_threads(kind):
    from scopert_numpy.native.random import fill

    out = np.empty(100_003, np.float32)
    assert fill(kind, Philox(7, 5 << 64), out)
    assert out.tobytes() == DRAWS[kind](np, Philox(7, 5 << 64), out.size, np.float32).tobytes()


@pytest.mark.parametrize("make", [tf.random_uniform, tf.random_normal, tf.truncated_normal])
def test_a_session_goes_on_in_the_stream(make, monkeypatch):
    found = []
    for native in ("1", "0"):
        monkeypatch.setenv("SCOPERT_NATIVE", native)
        with tf.Graph().as_default(), tf.Session() as sess:
            numbers, empty = make([50, 7], seed=3), make([0, 3], seed=4)
            found.append([sess.run([numbers, empty]) for _ in range(3)])
    for one, other in zip(*found, strict=True):
        assert [x.tobytes() for x in one] == [x.tobytes() for x in other]
        assert one[1].shape == (0, 3)
    assert not np.array_equal(found[0][0][0], found[0][1][0])
