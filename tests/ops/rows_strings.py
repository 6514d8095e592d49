"""Rows of the string ops; their hashes and texts are compared with TensorFlow's in test_recorded_graphs."""

import numpy as np
from ops.conformance import Case

_WORDS = np.array([["Ab ", "c"], ["", "\u00e9x"]], dtype=object)


def _each(function, dtype=object):
    """A reference that works on each element, over text and not over bytes."""

    def reference(x, *others):
        made = np.empty(x.shape, dtype)
        for place in np.ndindex(x.shape):
            value = x[place]
            value = value.decode() if isinstance(value, bytes) else value
            result = function(value, *others)
            made[place] = result.encode() if isinstance(result, str) else result
        return made

    return reference


def _joined_rows(x, axes):
    return np.array(["".join(row).encode() for row in x], dtype=object)


ROWS = [
    Case("StringLength", [_WORDS], _each(lambda v: len(v.encode()), np.int32)),
    Case("StringLength", [_WORDS], _each(len, np.int32), attrs={"unit": "UTF8_CHAR"}, label="characters"),
    Case("StringLower", [_WORDS], _each(str.lower)),
    Case("StringUpper", [np.array(["ab", "C1"], dtype=object)], _each(str.upper)),
    Case("StringUpper", [_WORDS], _each(str.upper), attrs={"encoding": "utf-8"}, label="utf-8"),
    Case("StringStrip", [np.array([" a\n", "b c", ""], dtype=object)], _each(str.strip)),
    Case("Substr", [np.array(["hello", "world"], dtype=object), 1, 3], _each(lambda v, p, n: v[p : p + n])),
    Case("Substr", [np.array(["hello"], dtype=object), 9, 3], label="outside", error="out of range"),
    Case(
        "StaticRegexReplace", [np.array(["a1b2", ""], dtype=object)], _each(lambda v: v.replace("1", "-").replace("2", "-")),
        attrs={"pattern": "[0-9]", "rewrite": "-"},
    ),
    Case(
        "RegexReplace", [np.array(["aXa"], dtype=object), "a", "b"], _each(lambda v, *_: v.replace("a", "b", 1)),
        attrs={"replace_global": False},
    ),
    Case("RegexReplace", [np.array(["a"], dtype=object), "(", "b"], label="invalid", error="Invalid pattern"),
    Case(
        "StaticRegexFullMatch", [np.array(["ab", "abc"], dtype=object)], _each(lambda v: v == "ab", np.bool_),
        attrs={"pattern": "a."},
    ),
    Case("RegexFullMatch", [np.array(["ab", "b"], dtype=object), "a?b"], _each(lambda v, _: v in ("ab", "b"), np.bool_)),
    Case(
        "StringSplit", [np.array(["a b", "", "c"], dtype=object), " "],
        lambda x, d: (
            np.array([[0, 0], [0, 1], [2, 0]]), np.array([b"a", b"b", b"c"], dtype=object), np.array([3, 2])
        ),
    ),
    Case(
        "StringSplitV2", [np.array(["a  b", "c"], dtype=object), ""],
        lambda x, d: (
            np.array([[0, 0], [0, 1], [1, 0]]), np.array([b"a", b"b", b"c"], dtype=object), np.array([2, 2])
        ),
    ),
    Case("ReduceJoin", [np.array([["a", "b"], ["c", "d"]], dtype=object), np.int32(1)], _joined_rows),
    Case("ReduceJoin", [np.array(["a"], dtype=object), np.int32(1)], label="axis", error="Invalid reduction dimension"),
    Case("AsString", [np.array([1, -20], np.int32)], lambda x: np.array([b"1", b"-20"], dtype=object)),
    Case(
        "AsString", [[1.5, 2.0]], lambda x: np.array([f"{v:.2f}".encode() for v in x], dtype=object),
        attrs={"precision": 2}, label="precision",
    ),
    Case("AsString", [np.array([1], np.int32)], attrs={"scientific": True}, label="refused", error="not supported"),
    Case("StringToNumber", [np.array(["1.5", "-2e3"], dtype=object)], lambda x: np.array([1.5, -2000.0])),
    Case("StringToNumber", [np.array(["1.5x"], dtype=object)], label="no-number", error="could not correctly convert"),
    Case(
        "DecodeRaw", [np.array(["abcd", "efgh"], dtype=object)],
        lambda x: np.array([[int.from_bytes(v.encode(), "little")] for v in x], np.int32), attrs={"out_type": np.int32},
    ),
    Case(
        "DecodeRaw", [np.array(["ab", "c"], dtype=object)], attrs={"out_type": np.uint8}, label="lengths",
        error="same size",
    ),
    Case("EncodeBase64", [np.array(["a?>", ""], dtype=object)], lambda x: np.array([b"YT8-", b""], dtype=object)),
    Case("DecodeBase64", [np.array(["YT8-", "YQ"], dtype=object)], lambda x: np.array([b"a?>", b"a"], dtype=object)),
    Case("DecodeBase64", [np.array(["%%"], dtype=object)], label="invalid", error="Invalid character"),
    Case(
        "StringToHashBucketFast", [np.array(["a", "b", "c"], dtype=object)], lambda x: np.array([9, 2, 2]),
        attrs={"num_buckets": 10},
    ),
    Case(
        "StringToHashBucket", [np.array(["a", ""], dtype=object)], lambda x: np.zeros(2, np.int64),
        attrs={"num_buckets": 1},
    ),
    Case(
        "StringToHashBucketStrong", [np.array(["a", ""], dtype=object)], lambda x: np.zeros(2, np.int64),
        attrs={"num_buckets": 1, "key": [1, 2]},
    ),
]  # fmt: skip
