"""Cases of ops that hand on, reshape, reorder, join and cut tensors."""

import numpy as np
from ops.conformance import COMPLEX, FLOATS, HALVES, Case, Many

import scopert as tf

A = [[-2.5, 0.75, 3.0], [1.5, -0.25, 4.0]]
CUBE = np.arange(24.0).reshape(2, 3, 4) / 4 - 2
EMPTY = np.zeros((0, 3))
C = [[1 + 2j, -0.5j], [2 - 1j, -1.5 + 0.5j]]
STRINGS = np.array([[b"a", b"bc"], [b"", b"d\0"]], object)


def i32(*values):
    return np.array(values, np.int32) if len(values) != 1 else np.array(values[0], np.int32)


def vector(*values):
    return np.array(values, np.int32)


def i64(*values):
    return np.array(values, np.int64)


def scalar(value):
    return np.array(value, np.int32)


IDENTITIES = [
    Case(op, [value], lambda x: x, attrs=attrs, dtypes=dtypes, label=label, gradient=gradient)
    for op, attrs, gradient in (
        ("Identity", {}, None), ("Snapshot", {}, None), ("StopGradient", {}, False), ("PreventGradient", {}, False),
        ("GuaranteeConst", {}, False), ("CheckNumerics", {"message": "here"}, None),
        ("EnsureShape", {"shape": None}, None),
    )
    for value, dtypes, label in ((A, HALVES, "matrix"), (EMPTY, FLOATS, "empty"), (1.5, FLOATS, "scalar"))
]  # fmt: skip

ROWS = [
    *IDENTITIES,
    Case("Identity", [STRINGS], lambda x: x, dtypes=("string",), label="strings", fed=(0,)),
    Case("IdentityN", [Many([A, [1.0, 2.0]])], lambda xs: tuple(xs)),
    Case("CheckNumerics", [[1.0, np.nan]], attrs={"message": "here"}, error="here : Tensor had NaN values", label="nan"),
    Case("CheckNumerics", [[np.inf, 1.0]], attrs={"message": "here"}, error="Tensor had Inf values", label="inf"),
    Case("EnsureShape", [A], lambda x: x, attrs={"shape": (2, None)}, label="known"),
    Case("EnsureShape", [A], attrs={"shape": (3, None)}, error="is not compatible with expected shape", label="wrong",
         dtypes=("float32",), run=lambda x: tf.ensure_shape(tf.placeholder_with_default(tf.zeros([2, 3]), None), [3, None])),
    Case("PlaceholderWithDefault", [A], lambda x: x, attrs={"shape": None}),
    Case("Shape", [A], lambda x: np.array([2, 3], np.int32)),
    Case("Shape", [CUBE], lambda x: np.array([2, 3, 4], np.int64), attrs={"out_type": tf.int64}, label="int64"),
    Case("Shape", [1.0], lambda x: np.array([], np.int32), label="scalar"),
    Case("Shape", [STRINGS], lambda x: np.array([2, 2], np.int32), dtypes=("string",), label="strings", fed=(0,)),
    Case("ShapeN", [Many([A, EMPTY])], lambda xs: (np.array([2, 3], np.int32), np.array([0, 3], np.int32))),
    Case("Size", [CUBE], lambda x: np.int32(24)), Case("Size", [EMPTY], lambda x: np.int64(0), attrs={"out_type": tf.int64}, label="empty"),
    Case("Rank", [CUBE], lambda x: np.int32(3)), Case("Rank", [1.0], lambda x: np.int32(0), label="scalar"),
    Case("Reshape", [CUBE, vector(4, -1)], lambda x, s: x.reshape(4, 6), dtypes=HALVES),
    Case("Reshape", [CUBE, vector(4, -1)], lambda x, s: x.reshape(4, 6), fed=(1,), label="fed shape"),
    Case("Reshape", [[[2.0]], vector()], lambda x, s: x.reshape(()), label="to scalar"),
    Case("Reshape", [EMPTY, i64(3, 0)], lambda x, s: x.reshape(3, 0), label="empty"),
    Case("Reshape", [STRINGS, vector(4)], lambda x, s: x.reshape(4), dtypes=("string",), label="strings", fed=(0,)),
    Case("Reshape", [A, vector(4, 2)], error="tensor with 6 values, but the requested shape has 8", fed=(1,), label="size"),
    Case("Reshape", [A, vector(4, -1)], error="requires a multiple of 4", fed=(1,), label="multiple"),
    Case("Reshape", [EMPTY, vector(0, -1)], lambda x, s: x.reshape(0, 3), fed=(1,), label="missing"),
    Case("Reshape", [A, vector(-1, -1)], error="non-negative", fed=(1,), label="two unknown"),
    Case("ExpandDims", [A, scalar(1)], lambda x, d: x[:, None], dtypes=HALVES),
    Case("ExpandDims", [A, scalar(-1)], lambda x, d: x[..., None], fed=(1,), label="last"),
    Case("ExpandDims", [2.0, scalar(0)], lambda x, d: x[None], label="scalar"),
    Case("ExpandDims", [A, scalar(5)], error="Tried to expand dim index 5", fed=(1,), label="out of range"),
    Case("Squeeze", [np.ones((1, 2, 1, 3)) * 0.5], lambda x: x.reshape(2, 3), dtypes=HALVES),
    Case("Squeeze", [np.ones((1, 2, 1, 3)) * 0.5], lambda x: x.reshape(1, 2, 3), attrs={"squeeze_dims": [-2]}, label="one"),
    Case("Squeeze", [A], attrs={"squeeze_dims": [0]}, error="expected a dimension of 1, got 2", label="wrong"),
    Case("Transpose", [CUBE, vector(2, 0, 1)], lambda x, p: x.transpose(2, 0, 1), dtypes=HALVES),
    Case("Transpose", [CUBE, i64(1, 0, 2)], lambda x, p: x.transpose(1, 0, 2), fed=(1,), label="fed perm"),
    Case("Transpose", [3.0, vector()], lambda x, p: x, label="scalar"),
    Case("Transpose", [A, vector(0, 0)], error="1 is missing from {0,0}", fed=(1,), label="no permutation"),
    Case("ConjugateTranspose", [C, vector(1, 0)], lambda x, p: np.conj(x).T, dtypes=COMPLEX),
    Case("InvertPermutation", [vector(2, 0, 3, 1)], lambda x: np.array([1, 3, 0, 2], np.int32), dtypes=("int32",), fed=(0,)),
    Case("InvertPermutation", [vector(2, 0, 2)], error="duplicated", dtypes=("int32",), fed=(0,), label="twice"),
    Case("InvertPermutation", [vector(3, 0, 1)], error="is not between 0 and 3", dtypes=("int32",), fed=(0,), label="range"),
    # Joining
    Case("ConcatV2", [Many([A, [[1.0, 2.0, 3.0]]]), scalar(0)], lambda xs, a: np.concatenate(xs), dtypes=HALVES),
    Case("ConcatV2", [Many([CUBE, CUBE[:, :, :1]]), i64(-1)[0]], lambda xs, a: np.concatenate(xs, -1), label="last", fed=(1,)),
    Case("ConcatV2", [Many([A, EMPTY]), scalar(0)], lambda xs, a: np.array(A), label="empty"),
    Case("ConcatV2", [Many([A, CUBE[0]]), scalar(0)], error="Dimensions of inputs should match", label="mismatch", fed=(1,)),
    Case("ConcatV2", [Many([A, A]), scalar(3)], error="dimensions in the range", label="axis", fed=(1,)),
    Case("Concat", [scalar(1), Many([A, A])], lambda a, xs: np.concatenate(xs, 1)),
    Case("ConcatOffset", [scalar(1), Many([vector(2, 3), vector(2, 5)])], lambda a, s: (vector(0, 0), vector(0, 3)),
         dtypes=("int32",)),
    Case("Pack", [Many([A, A])], lambda xs: np.stack(xs), dtypes=HALVES),
    Case("Pack", [Many([A, A, A])], lambda xs: np.stack(xs, -1), attrs={"axis": -1}, label="last"),
    Case("Pack", [Many([1.5, 2.5])], lambda xs: np.array(xs), label="scalars"),
    Case("Pack", [Many([A, [1.0, 2.0]])], error="Shapes of all inputs must match", label="mismatch"),
    Case("ParallelConcat", [Many([A, A])], lambda xs: np.concatenate(xs), attrs={"shape": (4, 3)}),
    Case("Unpack", [CUBE], lambda x: (x[:, 0], x[:, 1], x[:, 2]), attrs={"num": 3, "axis": 1}, dtypes=HALVES),
    Case("Unpack", [[1.0, 2.0]], lambda x: (x[0], x[1]), attrs={"num": 2}, label="vector"),
    Case("Unpack", [[[1.0, 2.0]]], lambda x: x[0], attrs={"num": 1}, label="one"),
    Case("Unpack", [A], attrs={"num": 3}, error="must equal 3", label="number"),
    Case("Split", [scalar(1), CUBE[:, :2]], lambda a, x: (x[:, :1], x[:, 1:]), attrs={"num_split": 2}, dtypes=HALVES),
    Case("Split", [scalar(-1), CUBE], lambda a, x: (x[..., :2], x[..., 2:]), attrs={"num_split": 2}, fed=(0,), label="last"),
    Case("Split", [scalar(1), CUBE], attrs={"num_split": 2}, error="should evenly divide", fed=(0,), label="uneven"),
    Case("Split", [scalar(4), CUBE], attrs={"num_split": 2}, error="split_dim", fed=(0,), label="axis"),
    Case("SplitV", [CUBE, vector(1, 3), scalar(2)], lambda x, s, a: (x[..., :1], x[..., 1:]), attrs={"num_split": 2}),
    Case("SplitV", [CUBE, i64(-1, 3), scalar(2)], lambda x, s, a: (x[..., :1], x[..., 1:]), attrs={"num_split": 2},
         fed=(1, 2), label="rest"),
    Case("SplitV", [CUBE, vector(1, 4), scalar(2)], attrs={"num_split": 2}, error="size_splits|split_dim", fed=(1,), label="sizes"),
    # Cutting
    Case("Slice", [CUBE, vector(0, 1, 2), vector(2, -1, 1)], lambda x, b, s: x[:, 1:, 2:3], dtypes=HALVES),
    Case("Slice", [CUBE, i64(0, 1, 2), i64(2, -1, 0)], lambda x, b, s: x[:, 1:, 2:2], fed=(1, 2), label="empty"),
    Case("Slice", [A, vector(3, 0), vector(1, 1)], error=r"Expected begin\[0\] in \[0, 2\]", fed=(1, 2), label="begin"),
    Case("Slice", [A, vector(1, 0), vector(2, 1)], error=r"Expected size\[0\] in \[0, 1\]", fed=(1, 2), label="size"),
    *(
        Case("StridedSlice", [CUBE], reference, run=reference, label=label)
        for label, reference in (
            ("range", lambda x: x[:, 1:3]), ("index", lambda x: x[1]), ("negative", lambda x: x[..., -1]),
            ("steps", lambda x: x[::-1, ::2, 3:0:-2]), ("new axis", lambda x: x[None, 0, ..., None, 1]),
            ("all", lambda x: x[...]), ("far", lambda x: x[:, 1:100, -100:2]), ("nothing", lambda x: x[:, 2:1]),
            ("two indices", lambda x: x[1, 2]), ("scalar", lambda x: x[1, 2, 3]),
        )
    ),
    Case("StridedSlice", [CUBE, vector(2), vector(3), vector(1)], attrs={"shrink_axis_mask": 1}, fed=(1, 2),
         error="slice index 2 of dimension 0 out of bounds", label="out of bounds"),
    Case("StridedSlice", [CUBE, vector(0), vector(3), vector(0)], error="must be non-zero", fed=(3,), label="zero step"),
    Case("StridedSliceGrad", [vector(4), vector(3), vector(0), vector(-2), [5.0, 6.0]],
         lambda s, b, e, t, dy: np.array([0, dy[1], 0, dy[0]])),
]
