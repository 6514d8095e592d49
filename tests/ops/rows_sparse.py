"""Cases of ops on sparse tensors, which come as indices, values and shape."""

import numpy as np
from ops.conformance import COMPLEX, HALVES, Case, Many

AT = np.array([[0, 1], [2, 0], [2, 2]], np.int64)
VALUES = [5.0, -6.0, 7.5]
SHAPE = np.array([3, 4], np.int64)
OTHER_AT = np.array([[0, 1], [1, 0]], np.int64)
OTHER = [1.25, 2.0]
DENSE = np.arange(12.0).reshape(3, 4) / 2 - 2
NOWHERE = np.zeros((0, 2), np.int64)


def i64(*values):
    return np.array(values, np.int64)


def i32(*values):
    return np.array(values, np.int32)


def dense(indices, values, shape, default=0.0):
    result = np.full(tuple(shape), default, np.asarray(values).dtype)
    for index, value in zip(indices, values):
        result[tuple(index)] = value
    return result


def stored(array, mask=None):
    """A dense array as indices and values of what is not 0, or of what a mask says."""
    where = np.argwhere(array if mask is None else mask)
    return where, array[tuple(where.T)]


def union(function):
    def reference(ai, av, ashape, bi, bv, bshape, *rest):
        a, b = dense(ai, av, ashape), dense(bi, bv, bshape)
        mask = dense(ai, np.ones(len(av)), ashape) + dense(bi, np.ones(len(bv)), bshape) > 0
        return stored(function(a, b), mask)
    return reference


def soft(indices, values, shape):
    grid = dense(indices, values, shape, -np.inf)
    powers = np.exp(grid - grid.max(-1, keepdims=True, initial=-1e30))
    return (powers / powers.sum(-1, keepdims=True))[tuple(indices.T)]


def largest(indices, values, shape, axis):
    grid = dense(indices, values, shape, -np.inf).max(axis)
    return np.where(np.isinf(grid), 0, grid)


SPARSE = [AT, VALUES, SHAPE]

ROWS = [
    Case("SparseToDense", [AT, SHAPE, VALUES, 0.5], lambda i, s, v, d: dense(i, v, s, 0.5), dtypes=HALVES),
    Case("SparseToDense", [i32(1, 3), i32(5), 2.5, 0.0], lambda i, s, v, d: np.array([0, 2.5, 0, 2.5, 0]), fed=(0, 1),
         label="one value", gradient=False),
    Case("SparseToDense", [np.array(1, np.int32), i32(3), 2.5, 0.0], lambda i, s, v, d: np.array([0, 2.5, 0]), label="one place",
         gradient=False),
    Case("SparseToDense", [i32(0), i32(2), np.array([b"a"], object), np.array(b"-", object)],
         lambda i, s, v, d: np.array([b"a", b"-"], object), dtypes=("string",), label="strings", fed=(2, 3)),
    Case("SparseToDense", [i32(3, 1), i32(5), 1.0, 0.0], lambda i, s, v, d: np.array([0, 1.0, 0, 1.0, 0]),
         attrs={"validate_indices": False}, label="any order", gradient=False),
    Case("SparseToDense", [i32(3, 1), i32(5), 1.0, 0.0], error=r"indices\[1\] = \[1\] is out of order", fed=(0,), label="order"),
    Case("SparseToDense", [i32(3, 3), i32(5), 1.0, 0.0], error=r"indices\[1\] = \[3\] is repeated", fed=(0,), label="repeated"),
    Case("SparseToDense", [i32(3, 7), i32(5), 1.0, 0.0], error=r"indices\[1\] = \[7\] is out of bounds", fed=(0,), label="bounds"),
    Case("SparseToDense", [AT, i64(3), VALUES, 0.0], error="incorrect number of elements", fed=(1,), label="rank"),
    Case("SparseToDense", [AT, SHAPE, [1.0, 2.0], 0.0], error="incorrect shape", fed=(0,), label="values"),
    Case("SparseToDense", [AT[None], SHAPE, VALUES, 0.0], error="scalar, vector, or matrix", fed=(0,), label="indices"),
    Case("SparseToDense", [AT, SHAPE[None], VALUES, 0.0], error="should be a vector", fed=(1,), label="shape"),
    Case("SparseToDense", [AT, SHAPE, VALUES, [0.0]], error="should be a scalar", label="default"),
    *(
        Case("SparseTensorDenseMatMul", [AT, VALUES, SHAPE, DENSE[:, :2] if a else DENSE.T[:, :2]],
             lambda i, v, s, b, a=a: (dense(i, v, s).T if a else dense(i, v, s)) @ b, attrs={"adjoint_a": a}, fed=(0, 2),
             label=f"adjoint {a}")
        for a in (False, True)
    ),
    Case("SparseTensorDenseMatMul", [AT, VALUES, SHAPE, DENSE], lambda i, v, s, b: dense(i, v, s) @ b.T,
         attrs={"adjoint_b": True}, label="adjoint b"),
    Case("SparseTensorDenseMatMul", [AT, [1j, 2 + 1j, -1.0], SHAPE, (1 + 1j) * DENSE],
         lambda i, v, s, b: dense(i, v, s) @ np.conj(b).T, attrs={"adjoint_b": True}, dtypes=COMPLEX, label="complex",
         gradient=False),
    Case("SparseTensorDenseMatMul", [AT, VALUES, SHAPE, DENSE], error="inner dimension does not match", fed=(2,), label="sizes"),
    Case("SparseTensorDenseMatMul", [AT + 2, VALUES, SHAPE, DENSE.T], error=r"k \(4\) from index\[2,1\] out of bounds", fed=(0,), label="index"),
    Case("SparseTensorDenseAdd", [*SPARSE, DENSE], lambda i, v, s, b: dense(i, v, s) + b, dtypes=HALVES),
    Case("SparseTensorDenseAdd", [*SPARSE, DENSE.T], error="do not match", fed=(2,), label="shape"),
    Case("SparseTensorDenseAdd", [AT + 2, VALUES, SHAPE, DENSE], error="invalid index", fed=(0,), label="index"),
    Case("SparseDenseCwiseAdd", [*SPARSE, DENSE], lambda i, v, s, b: v + b[tuple(i.T)], gradient=False),
    Case("SparseDenseCwiseMul", [*SPARSE, DENSE[:1]], lambda i, v, s, b: v * np.broadcast_to(b, s)[tuple(i.T)]),
    Case("SparseDenseCwiseMul", [*SPARSE, DENSE[0]], lambda i, v, s, b: v * np.broadcast_to(b, s)[tuple(i.T)], label="vector"),
    Case("SparseDenseCwiseMul", [*SPARSE, DENSE[:2]], error="broadcasts dense to sparse only", label="shape"),
    Case("SparseDenseCwiseDiv", [*SPARSE, DENSE + 20], lambda i, v, s, b: v / b[tuple(i.T)]),
    Case("SparseDenseCwiseDiv", [AT, np.array([7, -7, 9], np.int32), SHAPE, np.full((3, 4), 2, np.int32)],
         lambda i, v, s, b: np.array([3, -3, 4], np.int32), dtypes=("int32",), fed=(1, 3), label="integers"),
    Case("SparseDenseCwiseDiv", [AT, np.array([7, 7, 9], np.int32), SHAPE, np.zeros((3, 4), np.int32)],
         error="division by zero", dtypes=("int32",), fed=(1, 3), label="zero"),
    Case("SparseAdd", [*SPARSE, OTHER_AT, OTHER, SHAPE, 0.0], lambda *x: (*union(np.add)(*x), SHAPE), gradient=(1, 4)),
    Case("SparseAdd", [*SPARSE, AT, [-5.0, 6.5, 0.5], SHAPE, 1.0], lambda *x: (AT[2:], np.array([8.0]), SHAPE), label="threshold",
         gradient=False),
    Case("SparseAdd", [NOWHERE, np.zeros(0), SHAPE, OTHER_AT, OTHER, SHAPE, 0.0], lambda *x: (OTHER_AT, np.array(OTHER), SHAPE),
         label="empty", fed=(0,), gradient=False),
    Case("SparseAdd", [*SPARSE, OTHER_AT, OTHER, SHAPE[::-1].copy(), 0.0], error="shapes do not match", fed=(2,), label="shape"),
    Case("SparseAdd", [AT, OTHER, SHAPE, OTHER_AT, OTHER, SHAPE, 0.0], error="should be a matrix", label="parts"),
    Case("SparseAddGrad", [[1.0, 2.0, 3.0], AT[:2], OTHER_AT, np.array([[0, 1], [1, 0], [2, 0]])],
         lambda g, a, b, s: (np.array([1.0, 3.0]), np.array([1.0, 2.0]))),
    Case("SparseSparseMaximum", [*SPARSE, OTHER_AT, OTHER, SHAPE], union(np.maximum), gradient=False),
    Case("SparseSparseMinimum", [*SPARSE, OTHER_AT, OTHER, SHAPE], union(np.minimum), gradient=False),
    Case("SparseSoftmax", SPARSE, soft, tolerance=4),
    Case("SparseReorder", [AT[::-1].copy(), VALUES, SHAPE], lambda i, v, s: (i[::-1], v[::-1]), gradient=(1,)),
    Case("SparseReorder", [AT, OTHER, SHAPE], error="do not fit", label="parts"),
    Case("SparseReshape", [AT, SHAPE, i64(2, -1)],
         lambda i, s, n: (np.stack(np.unravel_index(np.ravel_multi_index(i.T, s), (2, 6)), 1), i64(2, 6)), dtypes=("int64",),
         fed=(0, 1, 2)),
    Case("SparseReshape", [AT, SHAPE, i64(5, -1)], error="requires a multiple of 5", dtypes=("int64",), fed=(2,), label="multiple"),
    Case("SparseReshape", [AT, SHAPE, i64(5, 2)], error="has 10", dtypes=("int64",), fed=(2,), label="size"),
    Case("SparseReshape", [AT, SHAPE, i64(-1, -1)], error="only one", dtypes=("int64",), fed=(2,), label="two unknown"),
    Case("SparseSlice", [*SPARSE, i64(1, 0), i64(2, 2)], lambda i, v, s, a, n: (i64(1, 0)[None], v[1:2], i64(2, 2)), gradient=(1,)),
    Case("SparseSlice", [*SPARSE, i64(0, 2), i64(3, 9)], lambda i, v, s, a, n: (i64(2, 0)[None], v[2:], i64(3, 2)), label="beyond",
         gradient=(1,)),
    Case("SparseSlice", [*SPARSE, i64(1), i64(2)], error="of length 2", fed=(3, 4), label="length"),
    Case("SparseSliceGrad", [[4.0], AT, i64(1, 0), i64(1, 0)[None]], lambda g, i, s, o: np.array([0, 4.0, 0])),
    Case("SparseSplit", [i64(1)[0], AT, VALUES, SHAPE],
         lambda a, i, v, s: (i[:2], i64(2, 0)[None], v[:2], v[2:], i64(3, 2), i64(3, 2)), attrs={"num_split": 2}),
    Case("SparseSplit", [i64(0)[0], AT, VALUES, SHAPE],
         lambda a, i, v, s: (i[:1], np.array([[0, 0], [0, 2]]), v[:1], v[1:], i64(2, 4), i64(1, 4)),
         attrs={"num_split": 2}, label="uneven", fed=(0,)),
    Case("SparseSplit", [i64(2)[0], AT, VALUES, SHAPE], attrs={"num_split": 2}, error="split_dim", fed=(0,), label="axis"),
    Case("SparseSplit", [i64(0)[0], AT, VALUES, SHAPE], attrs={"num_split": 4}, error="num_split", fed=(0,), label="number"),
    Case("SparseConcat", [Many([AT, OTHER_AT]), Many([VALUES, OTHER]), Many([SHAPE, SHAPE])],
         lambda i, v, s: (*stored(np.concatenate([dense(i[0], v[0], s[0]), dense(i[1], v[1], s[1])], 1)), i64(3, 8)),
         attrs={"concat_dim": -1}),
    Case("SparseConcat", [Many([AT, OTHER_AT]), Many([VALUES, OTHER]), Many([SHAPE, i64(3, 5)])], attrs={"concat_dim": 0},
         error="shapes must match", label="shape"),
    Case("SparseFillEmptyRows", [AT, VALUES, SHAPE, -1.0],
         lambda i, v, s, d: (np.array([[0, 1], [1, 0], [2, 0], [2, 2]]), np.array([v[0], d, v[1], v[2]]),
                             np.array([False, True, False]), i64(0, 2, 3)), gradient=(1, 3)),
    Case("SparseFillEmptyRows", [AT + 2, VALUES, SHAPE, -1.0], error="is not in", fed=(0,), label="index"),
    Case("SparseFillEmptyRowsGrad", [i64(0, 2, 3), [1.0, 2.0, 3.0, 4.0]], lambda m, g: (g[[0, 2, 3]], g[1])),
    *(
        Case("SparseReduceSum", [*SPARSE, axes], lambda i, v, s, a: dense(i, v, s).sum(tuple(a.reshape(-1))), label=label)
        for axes, label in ((i32(1), "rows"), (i32(0, 1), "all"), (i32(-2), "negative"), (i32(), "none"))
    ),
    Case("SparseReduceSum", [*SPARSE, i32(1)], lambda i, v, s, a: dense(i, v, s).sum(1, keepdims=True),
         attrs={"keep_dims": True}, label="kept"),
    Case("SparseReduceSum", [*SPARSE, i32(2)], error="Invalid reduction dimension", fed=(3,), label="axis"),
    Case("SparseReduceSumSparse", [*SPARSE, i32(0)], lambda i, v, s, a: (*stored(dense(i, v, s).sum(0)), i64(4))),
    Case("SparseReduceSumSparse", [*SPARSE, i32(1)], lambda i, v, s, a: (np.array([[0, 0], [2, 0]]), np.array([v[0], v[1] + v[2]]), i64(3, 1)),
         attrs={"keep_dims": True}, label="kept"),
    Case("SparseReduceMax", [*SPARSE, i32(1)], lambda i, v, s, a: largest(i, v, s, 1), gradient=False),
    Case("SparseReduceMaxSparse", [*SPARSE, i32(1)], lambda i, v, s, a: (np.array([[0], [2]]), np.array([v[0], v[2]]), i64(3))),
]

WORDS_AT = np.array([[0, 0], [0, 1], [1, 0]], np.int64)
TRUE_AT = np.array([[0, 0], [0, 1], [0, 2]], np.int64)
ROWS += [
    Case("EditDistance", [WORDS_AT, i32(1, 2, 3), i64(2, 2), TRUE_AT, i32(1, 3, 2), i64(2, 3)],
         lambda *x: np.array([1 / 3, np.inf], np.float32), dtypes=("int32",), fed=(0, 1, 3, 4)),
    Case("EditDistance", [WORDS_AT, np.array([b"k", b"i", b"t"], object), i64(2, 2), TRUE_AT,
                          np.array([b"k", b"a", b"i"], object), i64(2, 3)],
         lambda *x: np.array([1.0, 1.0], np.float32), attrs={"normalize": False}, dtypes=("string",), label="strings"),
    Case("EditDistance", [WORDS_AT, i32(1, 2, 3), i64(2, 2, 1), TRUE_AT, i32(1, 3, 2), i64(2, 3)], error="as many axes",
         dtypes=("int32",), fed=(2,), label="rank"),
    Case("EditDistance", [WORDS_AT, i32(1, 2), i64(2, 2), TRUE_AT, i32(1, 3, 2), i64(2, 3)], error="do not fit",
         dtypes=("int32",), fed=(1,), label="parts"),
    Case("EditDistance", [WORDS_AT + 5, i32(1, 2, 3), i64(2, 2), TRUE_AT, i32(1, 3, 2), i64(2, 3)], error="beyond the shape",
         dtypes=("int32",), fed=(0,), label="index"),
]
