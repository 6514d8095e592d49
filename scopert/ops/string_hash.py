"""Hashes of strings, the same as TensorFlow's, so that buckets learned there are right here.

`fingerprint` is FarmHash's Fingerprint64 (G. Pike, 2014), `murmur` MurmurHash2 in 64 bits (A. Appleby), both with
their published constants; `siphash` is SipHash-2-4 (J.-P. Aumasson and D. J. Bernstein, 2012).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import HOST, define_op
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Tensor
from scopert.ops.string_map import map_elements
from scopert.public import public

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _u64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _rotate(value: int, by: int) -> int:
    value &= _MASK
    return (value >> by | value << (64 - by)) & _MASK


def _mix(value: int) -> int:
    value &= _MASK
    return value ^ value >> 47


def _combine(u: int, v: int, factor: int) -> int:
    a = _mix((u ^ v) * factor)
    return _mix((v ^ a) * factor) * factor & _MASK


def fingerprint(data: bytes) -> int:
    """FarmHash's Fingerprint64 of a string."""
    length = len(data)
    if length <= 16:
        return _fingerprint_16(data, length)
    if length <= 32:
        factor = _K2 + length * 2
        a = _u64(data, 0) * _K1
        b = _u64(data, 8)
        c = _u64(data, length - 8) * factor
        d = _u64(data, length - 16) * _K2
        high = _rotate(a + b, 43) + _rotate(c, 30) + d & _MASK
        return _combine(high, a + _rotate(b + _K2, 18) + c & _MASK, factor)
    if length <= 64:
        return _fingerprint_64(data, length)
    return _fingerprint_long(data, length)


def _fingerprint_16(data: bytes, length: int) -> int:
    if length >= 8:
        factor = _K2 + length * 2
        a = _u64(data, 0) + _K2 & _MASK
        b = _u64(data, length - 8)
        c = _rotate(b, 37) * factor + a & _MASK
        d = (_rotate(a, 25) + b) * factor & _MASK
        return _combine(c, d, factor)
    if length >= 4:
        return _combine(length + (_u32(data, 0) << 3), _u32(data, length - 4), _K2 + length * 2)
    if length:
        y = data[0] + (data[length >> 1] << 8)
        z = length + (data[-1] << 2)
        return _mix(y * _K2 ^ z * _K0) * _K2 & _MASK
    return _K2


def _fingerprint_64(data: bytes, length: int) -> int:
    factor = _K2 + length * 2
    a = _u64(data, 0) * _K2 & _MASK
    b = _u64(data, 8)
    c = _u64(data, length - 8) * factor & _MASK
    d = _u64(data, length - 16) * _K2 & _MASK
    y = _rotate(a + b, 43) + _rotate(c, 30) + d & _MASK
    z = _combine(y, a + _rotate(b + _K2, 18) + c & _MASK, factor)
    e = _u64(data, 16) * factor & _MASK
    f = _u64(data, 24)
    g = (y + _u64(data, length - 32)) * factor & _MASK
    h = (z + _u64(data, length - 24)) * factor & _MASK
    return _combine(_rotate(e + f, 43) + _rotate(g, 30) + h & _MASK, e + _rotate(f + a, 18) + g & _MASK, factor)


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_u64(data, at + offset) for offset in (0, 8, 16, 24))
    a = a + w
    b = _rotate(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z & _MASK, b + _rotate(a, 44) + c & _MASK


def _fingerprint_long(data: bytes, length: int) -> int:
    x = 81 * _K2 + _u64(data, 0) & _MASK
    y = 81 * _K1 + 113 & _MASK
    z = _mix(y * _K2 + 113) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    end = (length - 1) // 64 * 64
    last = end + ((length - 1) & 63) - 63
    for at in range(0, end, 64):
        x = _rotate(x + y + v[0] + _u64(data, at + 8), 37) * _K1 & _MASK
        y = _rotate(y + v[1] + _u64(data, at + 48), 42) * _K1 & _MASK
        x ^= w[1]
        y = y + v[0] + _u64(data, at + 40) & _MASK
        z = _rotate(z + w[0], 33) * _K1 & _MASK
        v = _weak(data, at, v[1] * _K1, x + w[0])
        w = _weak(data, at + 32, z + w[1], y + _u64(data, at + 16))
        z, x = x, z
    factor = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + ((length - 1) & 63) & _MASK, w[1])
    v = (v[0] + w[0] & _MASK, v[1])
    w = (w[0] + v[0] & _MASK, w[1])
    x = _rotate(x + y + v[0] + _u64(data, last + 8), 37) * factor & _MASK
    y = _rotate(y + v[1] + _u64(data, last + 48), 42) * factor & _MASK
    x ^= w[1] * 9 & _MASK
    y = y + v[0] * 9 + _u64(data, last + 40) & _MASK
    z = _rotate(z + w[0], 33) * factor & _MASK
    v = _weak(data, last, v[1] * factor, x + w[0])
    w = _weak(data, last + 32, z + w[1], y + _u64(data, last + 16))
    z, x = x, z
    return _combine(
        _combine(v[0], w[0], factor) + _mix(y) * _K0 + z & _MASK, _combine(v[1], w[1], factor) + x & _MASK, factor
    )


def murmur(data: bytes, seed: int = 0xDECAFCAFFE) -> int:
    """MurmurHash2 of a string, in 64 bits."""
    factor = 0xC6A4A7935BD1E995
    made = (seed ^ len(data) * factor) & _MASK
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        word = _u64(data, at) * factor & _MASK
        word = (word ^ word >> 47) * factor & _MASK
        made = (made ^ word) * factor & _MASK
    if whole < len(data):
        made = (made ^ int.from_bytes(data[whole:], "little")) * factor & _MASK
    made = _mix(made) * factor & _MASK
    return _mix(made)


def siphash(data: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 of a string under a key of two words."""
    k0, k1 = key[0] & _MASK, key[1] & _MASK
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = v[0] + v[1] & _MASK
            v[2] = v[2] + v[3] & _MASK
            v[1] = _rotate(v[1], 64 - 13) ^ v[0]
            v[3] = _rotate(v[3], 64 - 16) ^ v[2]
            v[0] = _rotate(v[0], 32)
            v[2] = v[2] + v[1] & _MASK
            v[0] = v[0] + v[3] & _MASK
            v[1] = _rotate(v[1], 64 - 17) ^ v[2]
            v[3] = _rotate(v[3], 64 - 21) ^ v[0]
            v[2] = _rotate(v[2], 32)

    whole = len(data) // 8 * 8
    words = [_u64(data, at) for at in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for word in words:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


TO_HASH_BUCKET_FAST = define_op(
    "StringToHashBucketFast", inputs="input: string", outputs="output: int64", attrs="num_buckets: int >= 1",
    shape=same_as_first,
    kernel=lambda xp, x, *, num_buckets: map_elements(lambda item: fingerprint(item) % num_buckets, np.int64, x),
    traits=HOST, differentiable=False,
)  # fmt: skip
TO_HASH_BUCKET = define_op(
    "StringToHashBucket", inputs="string_tensor: string", outputs="output: int64", attrs="num_buckets: int >= 1",
    shape=same_as_first,
    kernel=lambda xp, x, *, num_buckets: map_elements(lambda item: murmur(item) % num_buckets, np.int64, x),
    traits=HOST, differentiable=False,
)  # fmt: skip


def _strong(xp: Any, x: Any, *, num_buckets: int, key: list[int]) -> Any:
    if len(key) != 2:
        raise InvalidArgumentError(None, None, f"Key must have 2 elements, got {len(key)}")
    words = (key[0], key[1])
    return map_elements(lambda item: siphash(item, words) % num_buckets, np.int64, x)


TO_HASH_BUCKET_STRONG = define_op(
    "StringToHashBucketStrong", inputs="input: string", outputs="output: int64",
    attrs="num_buckets: int >= 1; key: list(int)", shape=same_as_first, kernel=_strong, traits=HOST,
    differentiable=False,
)  # fmt: skip


@public("string_to_hash_bucket_fast", "strings.to_hash_bucket_fast")
def string_to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Tensor:
    """Strings to numbers below `num_buckets`, by a hash (FarmHash's Fingerprint64) that is the same everywhere.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.string_to_hash_bucket_fast(["a", "b", "c"], 10)))
    [9 2 2]
    """
    made: Tensor = apply(TO_HASH_BUCKET_FAST, input, num_buckets=num_buckets, name=name)
    return made


@public("string_to_hash_bucket", "strings.to_hash_bucket")
def string_to_hash_bucket(
    string_tensor: Any = None, num_buckets: int | None = None, name: str | None = None, input: Any = None
) -> Tensor:
    """The same by another hash, MurmurHash2.

    Raises
    ------
    ValueError
        If both names of the strings are given.
    """
    if string_tensor is not None and input is not None:
        raise ValueError("Cannot specify both 'string_tensor' and 'input'")
    value = input if string_tensor is None else string_tensor
    made: Tensor = apply(TO_HASH_BUCKET, value, num_buckets=num_buckets, name=name)
    return made


@public("string_to_hash_bucket_strong", "strings.to_hash_bucket_strong")
def string_to_hash_bucket_strong(input: Any, num_buckets: int, key: list[int], name: str | None = None) -> Tensor:
    """The same by a hash that nobody can find collisions of without the `key`, two integers: SipHash-2-4."""
    made: Tensor = apply(TO_HASH_BUCKET_STRONG, input, num_buckets=num_buckets, key=key, name=name)
    return made
