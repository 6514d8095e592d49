"""Cases of segments, counting, positions of extremes, and small ops."""

import numpy as np
from ops.conformance import FLOATS, HALVES, Case

X = [[1.5, -2.0], [0.5, 3.0], [-1.0, 2.5], [4.0, 0.25]]
SORTED = np.array([0, 0, 2, 2], np.int32)
MIXED = np.array([2, -1, 0, 2], np.int64)
PICKED = np.array([3, 0, 3, 1, 2], np.int32)
PICKED_INTO = np.array([0, 0, 1, 3, 3], np.int32)
A3, B3 = [[1.0, -2.0, 0.5], [3.0, 1.5, -1.0]], [[0.5, 2.0, -1.5], [1.0, -0.5, 2.0]]


def segments(f, empty):
    def reference(x, ids, *more):
        rows = int(more[0]) if more else int(ids[-1]) + 1
        return np.array([f(x[ids == i], axis=0) if (ids == i).any() else np.full(x.shape[1:], empty) for i in range(rows)])

    return reference


def picked(how, rows=None):
    def reference(x, indices, ids, *more):
        count = int(more[0]) if more else int(ids[-1]) + 1
        out = np.zeros((count, *x.shape[1:]))
        np.add.at(out, ids, x[indices])
        sizes = np.maximum(np.bincount(ids, minlength=count), 1)[:, None]
        return out / {"sum": 1, "mean": sizes, "sqrt": np.sqrt(sizes)}[how]

    return reference


def scattered(how):
    def reference(grad, indices, ids, rows):
        out = np.zeros((int(rows), *grad.shape[1:]))
        sizes = np.maximum(np.bincount(ids, minlength=len(grad)), 1)[:, None]
        np.add.at(out, indices, (grad / (sizes if how == "mean" else np.sqrt(sizes)))[ids])
        return out

    return reference


FEW = np.finfo(np.float64)

ROWS = [
    Case("SegmentSum", [X, SORTED], segments(np.sum, 0), dtypes=HALVES),
    Case("SegmentMean", [X, SORTED], segments(np.mean, 0), dtypes=HALVES),
    Case("SegmentProd", [X, SORTED], segments(np.prod, 1), dtypes=HALVES),
    Case("SegmentMin", [X, SORTED], segments(np.min, 0), dtypes=HALVES),
    Case("SegmentMax", [X, SORTED], segments(np.max, 0), dtypes=HALVES),
    Case("SegmentSum", [np.zeros((0, 2)), np.zeros(0, np.int32)], lambda x, i: np.zeros((0, 2)), label="empty",
         gradient=False),
    Case("SegmentSum", [X, np.array([1, 0, 2, 2], np.int32)], error="segment ids are not increasing", label="order"),
    Case("SegmentSum", [X, np.array([-1, 0, 2, 2], np.int32)], error="Segment id -1 out of range", label="negative"),
    Case("UnsortedSegmentSum", [X, MIXED, np.array(4, np.int32)], segments(np.sum, 0), dtypes=HALVES),
    Case("UnsortedSegmentProd", [X, MIXED, np.array(4, np.int32)], segments(np.prod, 1), dtypes=HALVES, gradient=False),
    Case("UnsortedSegmentProd", [[1.5, 0.0, 2.0, 0.0, 0.0, 3.0], np.array([0, 0, 0, 1, 1, 2]), np.array(3, np.int32)],
         lambda x, i, n: np.array([0, 0, 3.0]), label="zeros", gradient=False),
    Case("UnsortedSegmentProd", [X, np.array([2, 1, 0, 2]), np.array(4, np.int32)], segments(np.prod, 1), label="grad"),
    Case("UnsortedSegmentMax", [X, MIXED, np.array(3, np.int32)],
         lambda x, i, n: np.array([x[2], np.full(2, FEW.min), np.maximum(x[0], x[3])]), dtypes=("float64",), gradient=False),
    Case("UnsortedSegmentMin", [X, MIXED, np.array(3, np.int32)],
         lambda x, i, n: np.array([x[2], np.full(2, FEW.max), np.minimum(x[0], x[3])]), dtypes=("float64",), gradient=False),
    *(Case(f"UnsortedSegment{name}", [X, np.array([1, -1, 0, 1]), np.array(2, np.int32)], segments(f, 0), label="grad", known_shapes=True)
      for name, f in (("Max", np.max), ("Min", np.min))),
    Case("UnsortedSegmentSum", [X, np.array([[0, 1], [1, 2], [2, 0], [0, 0]]), np.array(3, np.int32)],
         lambda x, i, n: np.array([x[i == k].sum() for k in range(3)]), label="matrix"),
    Case("UnsortedSegmentSum", [X, MIXED, np.array(2, np.int32)], error="out of range", label="range"),
    *(Case("SparseSegment" + name, [X, PICKED, PICKED_INTO], picked(how))
      for name, how in (("Sum", "sum"), ("Mean", "mean"), ("SqrtN", "sqrt"))),
    *(Case(f"SparseSegment{name}WithNumSegments", [X, PICKED, PICKED_INTO, np.array(5, np.int32)], picked(how))
      for name, how in (("Sum", "sum"), ("Mean", "mean"), ("SqrtN", "sqrt"))),
    *(Case(f"SparseSegment{name}Grad", [X, PICKED, PICKED_INTO, np.array(6, np.int32)], scattered(how))
      for name, how in (("Mean", "mean"), ("SqrtN", "sqrt"))),
    Case("SparseSegmentSum", [X, np.array([9], np.int32), np.array([0], np.int32)], error="out of range", label="range"),
    Case("Bincount", [np.array([1, 1, 3, 9], np.int32), np.array(4, np.int32), np.array([], np.int64)],
         lambda a, n, w: np.array([0, 2, 0, 1])),
    Case("Bincount", [np.array([1, 1, 3], np.int32), np.array(5, np.int32), [0.5, 1.0, 2.0]],
         lambda a, n, w: np.array([0, 1.5, 0, 2, 0]), label="weights", gradient=False),
    Case("Bincount", [np.array([-1], np.int32), np.array(4, np.int32), np.array([], np.int64)], error="non-negative",
         label="negative"),
    Case("HistogramFixedWidth", [[-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], np.array(5, np.int32)],
         lambda v, r, n: np.array([2, 1, 1, 0, 2])),
    Case("HistogramFixedWidth", [[1.0], [5.0, 0.0], np.array(5, np.int32)], error="value_range should satisfy",
         label="range"),
    Case("Bucketize", [[-5.0, 10.0, 99.0, 0.0], ], lambda x: np.array([0, 2, 3, 1]), {"boundaries": [0.0, 10.0, 50.0]}),
    *(row for op, f in (("ArgMax", np.argmax), ("ArgMin", np.argmin)) for row in (
        Case(op, [X, np.array(0, np.int32)], lambda x, a, f=f: f(x, 0), dtypes=HALVES, gradient=False),
        Case(op, [X, np.array(-1, np.int64)], lambda x, a, f=f: f(x, 1), {"output_type": "int32"}, label="last", gradient=False),
        Case(op, [[[np.nan, 1.0, 2.0, np.nan, 0.0]], np.array(1, np.int32)], lambda x, a, f=f: f([[1.5, 1, 2, 1.5, 0]], 1),
             label="nan", gradient=False),
        Case(op, [[[1.0, 1.0, 0.0, 0.0]], np.array(1, np.int32)], lambda x, a, f=f: f(x, 1), label="ties", gradient=False),
        Case(op, [X, np.array(2, np.int32)], error="Expected dimension in the range", label="axis", fed=(1,)),
        Case(op, [np.zeros((2, 0)), np.array(1, np.int32)], error="is empty", label="empty", fed=(1,)))),
    Case("Cross", [A3, B3], np.cross, dtypes=HALVES, second=True),
    Case("NextAfter", [[1.0, -1.0, 0.0], [2.0, -2.0, 1.0]], np.nextafter, dtypes=("float64",), gradient=False),
    Case("ClipByValue", [[-2.0, 0.5, 3.0], -1.0, 1.0], np.clip, dtypes=FLOATS),
    Case("ClipByValue", [[-2.0, 0.5, 3.0], [-1.0, 0.0, 0.0], [1.0, 1.0, 2.0]], np.clip, dtypes=FLOATS, label="each"),
]  # fmt: skip
