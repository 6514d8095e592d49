"""Cases of reductions, sums of many, running sums and matrix products."""

import ml_dtypes
import numpy as np
from ops.conformance import COMPLEX, HALVES, Case, Many

X = [[[1.5, -2.0], [0.5, 3.0], [-1.0, 2.5]], [[2.0, 0.25], [-0.5, 1.25], [4.0, -3.0]]]
C = [[1 + 2j, -0.5j, 3.0], [2 - 1j, -1.5 + 0.5j, 1j]]
M = np.array([[3, -4, 5], [7, 2, -6]], np.int32)
EMPTY = np.zeros((0, 3))


def axes(values):
    return np.array(values, np.int32)


def reduction(op, f, gradient=None, empty=True, dtypes=HALVES, complex_too=True):
    made = []
    for label, which in (("last", [2]), ("first", [0]), ("two", [0, 2]), ("all", [0, 1, 2]), ("negative", [-2]), ("none", [])):
        at = tuple(which)
        made += [
            Case(op, [X, axes(which)], lambda x, i, at=at: f(x, axis=at), dtypes=dtypes, label=label, gradient=gradient,
                 tolerance=2),
            Case(op, [X, axes(which)], lambda x, i, at=at: f(x, axis=at, keepdims=True), {"keep_dims": True},
                 dtypes=("float32",), label=label + "-kept", gradient=False),
        ]  # fmt: skip
    made += [
        Case(op, [X, np.array(1, np.int64)], lambda x, i: f(x, axis=1), dtypes=("float64",), label="scalar-axis",
             gradient=gradient if op != "Prod" else False),  # TensorFlow's takes int32 axes only
        Case(op, [X, axes([1])], lambda x, i: f(x, axis=1), dtypes=("float64",), label="fed-axis", gradient=gradient, fed=(1,)),
        Case(op, [2.5, axes([])], lambda x, i: x, dtypes=("float64",), label="scalar", gradient=gradient),
        Case(op, [X, axes([3])], label="no-axis", fed=(1,), error="Invalid reduction dimension"),
    ]  # fmt: skip
    if empty:
        made.append(Case(op, [EMPTY, axes([0])], lambda x, i: f(x, axis=0), label="empty", gradient=False))
    if complex_too:
        made.append(Case(op, [C, axes([1])], lambda x, i: f(x, axis=1), dtypes=COMPLEX, label="complex", gradient=False))
    return made


def scan(op, f, first):
    def reference(exclusive, reverse):
        def run(x, axis):
            v = np.moveaxis(x, axis, 0)
            v = v[::-1] if reverse else v
            rows = [f(v[: i + (0 if exclusive else 1)]) if i + (not exclusive) else np.full(v.shape[1:], first)
                    for i in range(len(v))]  # fmt: skip
            out = np.array(rows)
            return np.moveaxis(out[::-1] if reverse else out, 0, axis)

        return run

    return [
        Case(op, [X, np.array(axis, np.int32)], reference(exclusive, reverse),
             {"exclusive": exclusive, "reverse": reverse}, dtypes=("float16", "float32", "float64"),
             label=f"{axis}-{exclusive}-{reverse}", tolerance=4, gradient=None if op != "CumulativeLogsumexp" or not exclusive else False)
        for axis in (0, 1, -1) for exclusive in (False, True) for reverse in (False, True)
    ] + [Case(op, [X, np.array(3, np.int32)], error="Expected scan axis", label="no-axis", fed=(1,))]  # fmt: skip


A, B = [[1.5, -2.0, 0.5], [3.0, -1.0, 2.5]], [[2.0, 0.25], [-0.5, 1.25], [4.0, -3.0]]
AT, BT = np.transpose(A).tolist(), np.transpose(B).tolist()
BATCH = np.arange(12.0).reshape(2, 2, 3) / 4 - 1
BATCH_C = BATCH + 1j * BATCH[::-1]


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def products(op):
    for left, right, flip_a, flip_b in ((A, B, False, False), (AT, B, True, False), (A, BT, False, True), (AT, BT, True, True)):
        yield Case(op, [left, right], lambda a, b: np.asarray(A) @ np.asarray(B),
                   {"transpose_a": flip_a, "transpose_b": flip_b}, dtypes=HALVES if op == "MatMul" else ("float32", "bfloat16"),
                   label=f"{flip_a}-{flip_b}", second=op == "MatMul", gradient=None if op == "MatMul" else False)  # fmt: skip


def batches(op):
    for flip_x in (False, True):
        for flip_y in (False, True):
            x = np.swapaxes(BATCH, 1, 2) if flip_x else BATCH
            y = BATCH if flip_y else np.swapaxes(BATCH, 1, 2)
            yield Case(op, [x, y], lambda x, y, p=flip_x, q=flip_y: (adjoint(x) if p else x) @ (adjoint(y) if q else y),
                       {"adj_x": flip_x, "adj_y": flip_y}, dtypes=HALVES, label=f"{flip_x}-{flip_y}", tolerance=2)  # fmt: skip
    yield Case(op, [BATCH_C, np.swapaxes(BATCH_C, 1, 2)], lambda x, y: x @ y, dtypes=COMPLEX, label="complex", gradient=False)
    yield Case(op, [BATCH_C, BATCH_C], lambda x, y: x @ adjoint(y), {"adj_y": True}, dtypes=COMPLEX, label="adjoint",
               gradient=False)  # fmt: skip


ROWS = [
    *reduction("Sum", np.sum), *reduction("Mean", np.mean, empty=False), *reduction("Prod", np.prod),
    *reduction("Max", np.max, empty=False, complex_too=False), *reduction("Min", np.min, empty=False, complex_too=False),
    *reduction("EuclideanNorm", lambda x, axis, keepdims=False: np.sqrt(np.sum(np.abs(x) ** 2, axis=axis, keepdims=keepdims))
               if axis != () else x, gradient=False, complex_too=False)[:-2],
    Case("EuclideanNorm", [C, axes([1])], lambda x, i: np.sqrt(np.sum(np.abs(x) ** 2, axis=1)) + 0j, dtypes=COMPLEX, label="complex"),
    Case("Max", [EMPTY, axes([0])], lambda x, i: np.full(3, -np.inf), label="empty", gradient=False),
    Case("Min", [EMPTY, axes([0])], lambda x, i: np.full(3, np.inf), label="empty", gradient=False),
    Case("Mean", [EMPTY, axes([0])], lambda x, i: np.full(3, np.nan), label="empty", gradient=False),
    Case("Max", [[[1.0, 2.0, 2.0]], axes([1])], lambda x, i: np.array([2.0]), label="tie", gradient=False),
    Case("Prod", [[[1.0, 0.0, 3.0], [0.0, 0.0, 2.0]], axes([1])], lambda x, i: np.zeros(2), label="zeros"),
    Case("Sum", [np.array([300, 300, 300, 0.5] * 500, np.float16), axes([0])],
         lambda x, i: np.array(np.inf, np.float16), dtypes=("float16",), label="overflow"),
    Case("Sum", [np.full(1000, 1.0, ml_dtypes.bfloat16), axes([0])], lambda x, i: np.array(1000.0), dtypes=("bfloat16",),
         label="long", fed=(0,)),
    *(Case(op, [M, axes([1])], f, fed=(0,), dtypes=("int32",), label="integer") for op, f in (
        ("Sum", lambda x, i: x.sum(1)), ("Prod", lambda x, i: x.prod(1)), ("Max", lambda x, i: x.max(1)),
        ("Min", lambda x, i: x.min(1)), ("Mean", lambda x, i: np.trunc(x.mean(1))))),
    *(Case(op, [np.array([[True, False], [True, True]]), axes(which)], lambda x, i, f=f, at=tuple(which): f(x, axis=at),
           fed=(0,), dtypes=("bool",), label=str(which))
      for op, f in (("All", np.all), ("Any", np.any)) for which in ([0], [1], [0, 1])),
    *scan("Cumsum", lambda v: v.sum(0), 0.0), *scan("Cumprod", lambda v: v.prod(0), 1.0),
    *scan("CumulativeLogsumexp", lambda v: np.log(np.exp(v).sum(0)), -np.inf),
    Case("AddN", [Many([A, A, np.asarray(A) * 2])], lambda v: v[0] + v[1] + v[2], dtypes=HALVES),
    Case("AddN", [Many([A])], lambda v: v[0], label="one"),
    Case("AccumulateNV2", [Many([A, A])], lambda v: v[0] + v[1], {"shape": [2, 3]}, dtypes=HALVES),
    *products("MatMul"), *products("SparseMatMul"), *batches("BatchMatMul"), *batches("BatchMatMulV2"),
    Case("MatMul", [M, M.T], lambda a, b: a @ b, fed=(0, 1), dtypes=("int32",), label="integer"),
    Case("MatMul", [C, C], lambda a, b: a @ b.T, {"transpose_b": True}, dtypes=COMPLEX, label="complex", gradient=False),
    Case("MatMul", [np.zeros((0, 3)), np.zeros((3, 2))], lambda a, b: a @ b, label="no-rows"),
    Case("MatMul", [np.zeros((2, 0)), np.zeros((0, 3))], lambda a, b: a @ b, label="no-inner"),
    Case("BatchMatMulV2", [BATCH, np.transpose(A)], lambda x, y: x @ y, label="broadcast"),
    Case("BatchMatMulV2", [BATCH[None], np.swapaxes(BATCH, 1, 2)[:1]], lambda x, y: x @ y, label="both"),
]  # fmt: skip
