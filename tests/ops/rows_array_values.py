"""Cases of ops that fill, count, pad, pick, place, repeat and reorder."""

import numpy as np
from ops.conformance import FLOATS, HALVES, Case, Many

import scopert as tf

A = [[-2.5, 0.75, 3.0], [1.5, -0.25, 4.0]]
B = [[1.0, 2.0, -3.0], [0.5, 0.0, 8.0]]
CUBE = np.arange(24.0).reshape(2, 3, 4) / 4 - 2
EMPTY = np.zeros((0, 3))
STRINGS = np.array([b"a", b"bc", b""], object)
TRUE = np.array([[True, False, True], [False, False, True]])
BAND = np.arange(12.0).reshape(3, 4)


def vector(*values):
    return np.array(values, np.int32)


def i64(*values):
    return np.array(values, np.int64)


def table(*rows):
    return np.array(rows, np.int32)


def scalar(value):
    return np.array(value, np.int32)


def numpy_pad(mode):
    return lambda x, p: np.pad(x, p, mode)


def folded(mode):
    """The gradient of mirror padding, by its definition: the transpose of the linear map."""
    def reference(grad, paddings):
        shape = tuple(n - a - b for n, (a, b) in zip(grad.shape, paddings.tolist()))
        result = np.zeros(shape)
        for index in np.ndindex(*shape):
            one = np.zeros(shape)
            one[index] = 1
            result[index] = (np.pad(one, paddings, mode) * grad).sum()
        return result
    return reference


def scattered(base, indices, updates, function):
    result = np.array(base)
    for index, update in zip(indices.reshape(-1, indices.shape[-1]), updates.reshape(-1, *updates.shape[indices.ndim - 1:])):
        result[tuple(index)] = function(result[tuple(index)], update)
    return result


def batched(params, indices):
    return np.stack([params[i][:, indices[i]] for i in range(len(params))])


def diagonals(x, low, high, padding=0.0):
    rows, columns = x.shape[-2:]
    longest = min(rows + min(high, 0), columns - max(low, 0))
    result = np.full((high - low + 1, longest), padding)
    for place, d in enumerate(range(high, low - 1, -1)):
        found = np.diagonal(x, d)
        result[place, : len(found)] = found
    return result


def embedded(diagonal, rows, columns, low, high, padding=0.0):
    result = np.full((rows, columns), padding)
    for place, d in enumerate(range(high, low - 1, -1)):
        for j in range(min(rows + min(d, 0), columns - max(d, 0))):
            result[j + max(-d, 0), j + max(d, 0)] = diagonal[place, j]
    return result


def reversed_first(x, lengths):
    result = x.copy()
    for row, n in enumerate(lengths):
        result[row, :n] = x[row, :n][::-1]
    return result


def moved_to_batch(x, block, paddings):
    padded = np.pad(x, [(0, 0), *paddings.tolist()] + [(0, 0)] * (x.ndim - 1 - len(block)))
    parts = [padded[:, i::block[0], j::block[1]] for i in range(block[0]) for j in range(block[1])]
    return np.concatenate(parts)


def moved_from_batch(x, block, crops):
    n = len(x) // (block[0] * block[1])
    whole = np.zeros((n, x.shape[1] * block[0], x.shape[2] * block[1], *x.shape[3:]))
    for k in range(block[0] * block[1]):
        whole[:, k // block[1]::block[0], k % block[1]::block[1]] = x[k * n:(k + 1) * n]
    (a, b), (c, d) = crops.tolist()
    return whole[:, a:whole.shape[1] - b, c:whole.shape[2] - d]


PICTURE = np.arange(32.0).reshape(1, 4, 4, 2)
STACKED = np.arange(16.0).reshape(4, 2, 2, 1)
NONE = np.zeros((2, 2), np.int32)

ROWS = [
    Case("Fill", [vector(2, 3), 1.5], lambda d, v: np.full((2, 3), v), dtypes=HALVES),
    Case("Fill", [i64(2, 0), 1.5], lambda d, v: np.full((2, 0), v), fed=(0,), label="empty"),
    Case("Fill", [vector(), 1.5], lambda d, v: v, label="scalar"),
    Case("Fill", [vector(2), np.array(b"x", object)], lambda d, v: np.array([b"x", b"x"], object), dtypes=("string",),
         label="strings", fed=(1,)),
    Case("Fill", [vector(-1), 1.0], error="Dimension -1 must be >= 0", fed=(0,), label="negative"),
    Case("ZerosLike", [A], lambda x: np.zeros((2, 3)), dtypes=HALVES),
    Case("ZerosLike", [STRINGS], lambda x: np.array([b""] * 3, object), dtypes=("string",), label="strings", fed=(0,)),
    Case("OnesLike", [A], lambda x: np.ones((2, 3)), dtypes=HALVES), Case("OnesLike", [TRUE], lambda x: x | True, label="bools"),
    Case("Range", [scalar(3), scalar(18), scalar(4)], lambda a, b, c: np.arange(3, 18, 4, dtype=np.int32), dtypes=("int32",)),
    Case("Range", [scalar(9), scalar(0), scalar(-4)], lambda a, b, c: np.arange(9, 0, -4, dtype=np.int32), dtypes=("int32",),
         fed=(0, 1, 2), label="down"),
    Case("Range", [0.0, 1.0, 0.25], lambda a, b, c: np.array([0, 0.25, 0.5, 0.75]), label="floats"),
    Case("Range", [scalar(3), scalar(3), scalar(1)], lambda a, b, c: np.zeros(0, np.int32), dtypes=("int32",), label="empty"),
    Case("Range", [scalar(3), scalar(0), scalar(1)], error="Requires start <= limit", fed=(0, 1, 2), label="away"),
    Case("Range", [scalar(3), scalar(0), scalar(0)], error="Requires delta != 0", fed=(0, 1, 2), label="still"),
    Case("LinSpace", [1.0, 3.0, scalar(5)], lambda a, b, n: np.linspace(1, 3, 5)),
    Case("LinSpace", [1.0, 3.0, i64(1)[0]], lambda a, b, n: np.array([1.0]), label="one", fed=(2,)),
    Case("LinSpace", [1.0, 3.0, scalar(0)], error="Requires num > 0", label="none", fed=(2,)),
    Case("OneHot", [i64(2, 0, 5, -1), scalar(3), 2.0, -1.0],
         lambda i, d, on, off: np.where(i[:, None] == np.arange(3), on, off), dtypes=HALVES),
    Case("OneHot", [table([0, 2], [1, 1]), scalar(3), 1.0, 0.0],
         lambda i, d, on, off: (i[:, None, :] == np.arange(3)[None, :, None]).astype(float), attrs={"axis": 1}, fed=(0, 1),
         label="axis"),
    Case("OneHot", [i64(0), scalar(-1), 1.0, 0.0], error="non-negative", fed=(1,), label="depth"),
    Case("BroadcastTo", [[[1.0], [2.0]], vector(3, 2, 4)], lambda x, s: np.broadcast_to(x, (3, 2, 4)), dtypes=HALVES),
    Case("BroadcastTo", [A, vector(2, 4)], error="Incompatible shapes", fed=(1,), label="wrong"),
    Case("BroadcastArgs", [vector(2, 1), vector(3)], lambda a, b: vector(2, 3), dtypes=("int32",), fed=(0, 1)),
    Case("BroadcastArgs", [vector(2), vector(3)], error="Incompatible shapes", fed=(0, 1), label="wrong"),
    # Padding, repeating
    Case("Pad", [A, table([1, 0], [0, 2])], lambda x, p: np.pad(x, p), dtypes=HALVES),
    Case("Pad", [EMPTY, np.array([[1, 1], [0, 0]], np.int64)], lambda x, p: np.zeros((2, 3)), fed=(1,), label="empty"),
    Case("Pad", [STRINGS, table([1, 0])], lambda x, p: np.array([b"", *x], object), dtypes=("string",), label="strings", fed=(0,)),
    Case("Pad", [A, table([1, 0])], error="must be the rank of inputs", fed=(1,), label="rank"),
    Case("Pad", [A, table([1, 0], [-1, 0])], error="non-negative", fed=(1,), label="negative"),
    Case("PadV2", [A, table([1, 0], [0, 2]), 7.5], lambda x, p, c: np.pad(x, p, constant_values=7.5), gradient=(0,)),
    *(
        case
        for mode, name in (("reflect", "REFLECT"), ("symmetric", "SYMMETRIC"))
        for case in (
            Case("MirrorPad", [A, table([1, 0], [2, 1])], numpy_pad(mode), attrs={"mode": name}, label=mode, dtypes=HALVES),
            Case("MirrorPad", [CUBE, table([0, 1], [0, 0], [2, 2])], numpy_pad(mode), attrs={"mode": name}, fed=(1,),
                 label=mode + "-cube"),
            Case("MirrorPadGrad", [np.arange(18.0).reshape(3, 6), table([1, 0], [2, 1])], folded(mode), attrs={"mode": name},
                 label=mode),
            Case("MirrorPad", [A, table([3, 0], [0, 0])], attrs={"mode": name}, error="paddings must be", fed=(1,),
                 label=mode + "-too-much"),
        )
    ),
    Case("Tile", [A, vector(2, 3)], lambda x, m: np.tile(x, (2, 3)), dtypes=HALVES),
    Case("Tile", [A, i64(0, 1)], lambda x, m: np.zeros((0, 3)), fed=(1,), label="nothing"),
    Case("Tile", [A, vector(2)], error="vector of length 2", fed=(1,), label="length"),
    Case("Tile", [A, vector(2, -1)], error="multiples >= 0", fed=(1,), label="negative"),
    # Choosing
    Case("Where", [np.array(TRUE)], lambda x: np.argwhere(x), fed=(0,)),
    Case("Where", [A], lambda x: np.argwhere(x), label="numbers"),
    Case("Where", [np.zeros((2, 0), bool)], lambda x: np.zeros((0, 2), np.int64), label="empty", fed=(0,)),
    Case("Select", [TRUE, A, B], lambda c, x, y: np.where(c, x, y), dtypes=HALVES, fed=(0,)),
    Case("Select", [np.array([True, False]), A, B], lambda c, x, y: np.where(c[:, None], x, y), label="rows"),
    Case("Select", [np.array(False), A, B], lambda c, x, y: y, label="scalar"),
    Case("Select", [TRUE, A, CUBE[0]], error="must have the same size", fed=(0,), label="mismatch"),
    Case("Select", [np.array([True] * 3), A, B], error="same size and shape", fed=(0,), label="condition"),
    Case("SelectV2", [TRUE, A, [[1.0], [2.0]]], lambda c, x, y: np.where(c, x, y), fed=(0,)),
    Case("SelectV2", [np.array([True, False, True]), A, 5.0], lambda c, x, y: np.where(c, x, y), label="broadcast"),
    Case("SelectV2", [np.array([True, False]), A, B], error="broadcast", fed=(0,), label="mismatch"),
    # Picking and placing
    Case("GatherV2", [A, vector(1, 0, 1), scalar(0)], lambda p, i, a: p[i], dtypes=HALVES),
    Case("GatherV2", [CUBE, table([2, 0], [1, 1]), i64(1)[0]], lambda p, i, a: p[:, i], fed=(1, 2), label="axis"),
    Case("GatherV2", [CUBE, i64(3)[0], scalar(-1)], lambda p, i, a: p[..., 3], label="last"),
    Case("GatherV2", [CUBE, table([0, 1], [3, 3]), scalar(2)], lambda p, i, a: batched(p, i),
         attrs={"batch_dims": 1}, label="batch"),
    Case("GatherV2", [STRINGS, vector(2, 0), scalar(0)], lambda p, i, a: p[i], dtypes=("string",), label="strings", fed=(0,)),
    Case("GatherV2", [A, vector(0, 2), scalar(0)], error=r"indices\[1\] = 2 is not in \[0, 2\)", fed=(1,), label="index"),
    Case("GatherV2", [A, vector(-1), scalar(0)], error=r"indices\[0\] = -1 is not in", fed=(1,), label="negative"),
    Case("GatherV2", [A, vector(0), scalar(2)], error=r"Expected axis in the range \[-2, 2\), but got 2", fed=(2,), label="no axis"),
    Case("Gather", [A, vector(1, 0, 1)], lambda p, i: p[i]),
    Case("GatherNd", [CUBE, table([0, 1], [1, 2])], lambda p, i: p[i[:, 0], i[:, 1]], dtypes=HALVES),
    Case("GatherNd", [CUBE, np.array([[[1]], [[0]]], np.int64)], lambda p, i: p[i[..., 0]], fed=(1,), label="rows"),
    Case("GatherNd", [A, np.zeros((2, 0), np.int32)], lambda p, i: np.stack([p, p]), label="whole", gradient=False),
    Case("GatherNd", [A, table([0, 3])], error=r"indices\[0\] = \[0,3\] does not index into param shape", fed=(1,), label="index"),
    Case("ScatterNd", [table([0], [2], [0]), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], vector(4, 2)],
         lambda i, u, s: scattered(np.zeros((4, 2)), i, u, np.add), dtypes=HALVES),
    Case("ScatterNd", [np.array([[1, 1]]), [2.5], i64(2, 2)], lambda i, u, s: np.array([[0, 0], [0, 2.5]]), fed=(0, 2),
         label="elements"),
    Case("ScatterNd", [table([4]), [1.0], vector(4)], error="does not index into shape", fed=(0, 2), label="index"),
    Case("ScatterNd", [table([1]), [1.0, 2.0], vector(4)], error="Must have updates.shape", fed=(0, 2), label="updates"),
    *(
        Case(op, [A, table([1, 2], [0, 0]), [10.0, 20.0]], lambda t, i, u, f=function: scattered(t, i, u, f))
        for op, function in (
            ("TensorScatterUpdate", lambda old, new: new), ("TensorScatterAdd", np.add), ("TensorScatterSub", np.subtract),
            ("ScatterNdNonAliasingAdd", np.add),
        )
    ),
    Case("TensorScatterAdd", [A, table([1], [1]), [[1.0, 2.0, 3.0]] * 2],
         lambda t, i, u: scattered(t, i, u, np.add), label="twice"),
    Case("TensorScatterUpdate", [A, table([5, 0]), [1.0]], error="does not index", fed=(1,), label="index"),
    # Diagonals
    Case("Diag", [A], lambda x: np.diag(x.reshape(-1)).reshape(2, 3, 2, 3)),
    Case("DiagPart", [np.arange(36.0).reshape(2, 3, 2, 3)], lambda x: np.diagonal(x.reshape(6, 6)).reshape(2, 3)),
    Case("DiagPart", [CUBE[0][None][:, :, None]], error="must agree", label="halves", dtypes=("float32",)),
    Case("MatrixDiag", [A], lambda x: np.stack([np.diag(r) for r in x]), dtypes=HALVES),
    Case("MatrixDiagPart", [CUBE], lambda x: np.diagonal(x, axis1=1, axis2=2), dtypes=HALVES),
    Case("MatrixDiagPart", [CUBE[:, :, :3]], lambda x: np.diagonal(x, axis1=1, axis2=2), label="square"),
    Case("MatrixSetDiag", [BAND, [7.0, 8.0, 9.0]], lambda x, d: x - np.diag(np.diagonal(x)) @ np.eye(3, 4) + np.diag(d) @ np.eye(3, 4)),
    Case("MatrixSetDiag", [BAND, [7.0, 8.0]], error="first dimensions of diagonal don't match", label="length"),
    Case("MatrixDiagPartV2", [BAND, vector(-1, 1), 0.5], lambda x, k, p: diagonals(x, -1, 1, 0.5), gradient=(0,)),
    Case("MatrixDiagPartV2", [BAND, scalar(1), 0.0], lambda x, k, p: np.diagonal(x, 1), label="one", gradient=(0,)),
    Case("MatrixDiagPartV2", [BAND, scalar(4), 0.0], error="k must lie between", label="range", fed=(1,)),
    Case("MatrixDiagV2", [[[1.0, 2.0], [3.0, 4.0]], vector(0, 1), scalar(-1), scalar(-1), 0.5],
         lambda d, k, r, c, p: embedded(d, 2, 2, 0, 1, 0.5), gradient=(0,)),
    Case("MatrixDiagV2", [[1.0, 2.0], scalar(-1), scalar(3), scalar(3), 0.0],
         lambda d, k, r, c, p: np.diag(d, -1), label="one", gradient=(0,)),
    Case("MatrixSetDiagV2", [BAND, [7.0, 8.0, 9.0], scalar(1)],
         lambda x, d, k: x + embedded(d[None] - np.diagonal(x, 1)[None], 3, 4, 1, 1)),
    Case("MatrixBandPart", [BAND, i64(1)[0], i64(0)[0]], lambda x, a, b: np.tril(x) - np.tril(x, -2), dtypes=HALVES),
    Case("MatrixBandPart", [CUBE, scalar(-1), scalar(0)], lambda x, a, b: np.tril(x), label="batch"),
    Case("MatrixBandPart", [BAND, i64(7)[0], i64(0)[0]], error="num_lower", fed=(1,), label="too many"),
    # Order
    Case("ReverseV2", [CUBE, vector(-1, 0)], lambda x, a: x[::-1, :, ::-1], dtypes=HALVES),
    Case("ReverseV2", [A, vector()], lambda x, a: x, label="none", fed=(1,)),
    Case("ReverseV2", [A, vector(0, -2)], error="more than once", fed=(1,), label="twice"),
    Case("ReverseV2", [A, vector(2)], error="out of valid range", fed=(1,), label="range"),
    Case("Reverse", [A, np.array([False, True])], lambda x, d: x[:, ::-1]),
    Case("ReverseSequence", [CUBE, i64(3, 1)], lambda x, n: reversed_first(x, n), attrs={"seq_dim": 1}, dtypes=HALVES),
    Case("ReverseSequence", [CUBE, vector(1, 4, 2)],
         lambda x, n: reversed_first(x.transpose(1, 2, 0), n).transpose(2, 0, 1), attrs={"seq_dim": 2, "batch_dim": 1},
         label="axes", fed=(1,)),
    Case("ReverseSequence", [CUBE, i64(4, 1)], attrs={"seq_dim": 1}, error="seq_lens", label="too long", fed=(1,)),
    Case("ReverseSequence", [CUBE, i64(1)], attrs={"seq_dim": 1}, error="one entry for each", label="number", fed=(1,)),
    Case("Roll", [A, vector(1, -1), vector(0, 1)], lambda x, s, a: np.roll(x, (1, -1), (0, 1)), dtypes=HALVES),
    Case("Roll", [A, scalar(7), i64(1)[0]], lambda x, s, a: np.roll(x, 7, 1), fed=(1, 2), label="scalar"),
    Case("Roll", [A, vector(1), vector(2)], error="out of range", fed=(2,), label="range"),
    # Space
    Case("SpaceToBatchND", [PICTURE, vector(2, 2), NONE], moved_to_batch, dtypes=HALVES),
    Case("SpaceToBatchND", [PICTURE, i64(3, 2), table([1, 1], [0, 0])], moved_to_batch, fed=(1, 2), label="padded"),
    Case("SpaceToBatchND", [PICTURE, vector(3, 2), NONE], error="not divisible by block_shape", fed=(1, 2), label="uneven"),
    Case("BatchToSpaceND", [STACKED, vector(2, 2), table([1, 0], [0, 1])], moved_from_batch, dtypes=HALVES),
    Case("BatchToSpaceND", [STACKED, i64(3, 1), NONE], error="not divisible by product", fed=(1, 2), label="uneven"),
    Case("SpaceToBatch", [PICTURE, NONE], lambda x, p: moved_to_batch(x, (2, 2), p), attrs={"block_size": 2}),
    Case("BatchToSpace", [STACKED, NONE], lambda x, p: moved_from_batch(x, (2, 2), p), attrs={"block_size": 2}),
    Case("SpaceToDepth", [PICTURE], lambda x: x.reshape(1, 2, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 2, 8),
         attrs={"block_size": 2}, dtypes=HALVES),
    Case("SpaceToDepth", [PICTURE.transpose(0, 3, 1, 2)],
         lambda x: x.transpose(0, 2, 3, 1).reshape(1, 2, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 2, 8).transpose(0, 3, 1, 2),
         attrs={"block_size": 2, "data_format": "NCHW"}, label="channels first"),
    Case("SpaceToDepth", [PICTURE], attrs={"block_size": 3}, error="divisible by block_size", label="uneven"),
    Case("DepthToSpace", [np.arange(16.0).reshape(1, 1, 2, 8)],
         lambda x: x.reshape(1, 1, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 4, 2), attrs={"block_size": 2}),
    Case("DepthToSpace", [PICTURE], attrs={"block_size": 2}, error="should be divisible by: 4", label="uneven"),
    # Sets
    Case("Unique", [vector(4, 1, 4, 9, 1)], lambda x: (vector(4, 1, 9), vector(0, 1, 0, 2, 1)), dtypes=("int32",), fed=(0,)),
    Case("Unique", [STRINGS[[1, 0, 1]]], lambda x: (np.array([b"bc", b"a"], object), i64(0, 1, 0)), dtypes=("string",),
         attrs={"out_idx": tf.int64}, label="strings", fed=(0,)),
    Case("UniqueWithCounts", [vector(4, 1, 4)], lambda x: (vector(4, 1), vector(0, 1, 0), vector(2, 1)), dtypes=("int32",)),
    Case("UniqueV2", [[[1.0, 0.0], [1.0, 0.0], [2.0, 1.0]], i64(0)], lambda x, a: (x[[0, 2]], vector(0, 0, 1))),
    Case("UniqueWithCountsV2", [[[1.0, 2.0, 1.0]], i64(1)], lambda x, a: (x[:, :2], vector(0, 1, 0), vector(2, 1))),
    Case("ListDiff", [vector(5, 1, 4, 1), vector(1, 9)], lambda x, y: (vector(5, 4), vector(0, 2)), dtypes=("int32",), fed=(0, 1)),
    Case("LowerBound", [[[1.0, 2.0, 2.0, 5.0]], [[2.0, 0.0, 9.0]]], lambda s, v: np.array([[1, 0, 4]], np.int32)),
    Case("UpperBound", [[[1.0, 2.0, 2.0, 5.0]], [[2.0, 0.0, 9.0]]], lambda s, v: np.array([[3, 0, 4]], np.int64),
         attrs={"out_type": tf.int64}),
    Case("UnravelIndex", [vector(5, 11), vector(3, 4)], lambda i, d: np.array([[1, 2], [1, 3]], np.int32), dtypes=("int32",)),
    Case("UnravelIndex", [vector(12), vector(3, 4)], error="out of bound", fed=(0,), label="range", dtypes=("int32",)),
    Case("Bitcast", [np.array([1.0, -2.0], np.float32)], lambda x: np.array([0x3F800000, -0x40000000], np.int32),
         attrs={"type": tf.int32}, dtypes=("float32",)),
    Case("Bitcast", [np.array([0x01020304], np.int32)], lambda x: np.array([[4, 3, 2, 1]], np.uint8), attrs={"type": tf.uint8},
         dtypes=("int32",), label="smaller"),
    Case("Bitcast", [np.array([[4, 3, 2, 1]], np.uint8)], lambda x: np.array([0x01020304], np.int32), attrs={"type": tf.int32},
         dtypes=("uint8",), label="larger", fed=(0,)),
    Case("Bitcast", [np.array([4, 3], np.uint8)], attrs={"type": tf.int32}, error="Cannot bitcast due to shape", fed=(0,),
         dtypes=("uint8",), label="shape"),
    # Rows dealt out and put together
    Case("DynamicPartition", [A, vector(1, 0)], lambda d, p: (d[1:], d[:1], np.zeros((0, 3))), attrs={"num_partitions": 3},
         dtypes=HALVES),
    Case("DynamicPartition", [A, table([0, 1, 0], [1, 1, 0])], lambda d, p: (d[p == 0], d[p == 1]),
         attrs={"num_partitions": 2}, label="elements", fed=(1,)),
    Case("DynamicPartition", [A, vector(0, 2)], attrs={"num_partitions": 2}, error=r"partitions\[1\] = 2 is not in", fed=(1,),
         label="range"),
    *(
        case
        for op in ("DynamicStitch", "ParallelDynamicStitch")
        for case in (
            Case(op, [Many([vector(2, 0), scalar(1)]), Many([A, [1.0, 2.0, 3.0]])],
                 lambda i, d: np.stack([d[0][1], d[1], d[0][0]])),
            Case(op, [Many([vector(3), vector(0)]), Many([[1.5], [2.5]])], lambda i, d: np.array([2.5, 0, 0, 1.5]),
                 label="gap"),
        )
    ),
    Case("DynamicStitch", [Many([vector(0), vector(0)]), Many([[1.5], [2.5]])], lambda i, d: np.array([2.5]), label="twice"),
]


def volume_patches(x, size, stride, padding):
    """Patch by patch, element by element."""
    counts, before = [], []
    for n, k, s in zip(x.shape[1:4], size, stride):
        counts.append(-(-n // s) if padding == "SAME" else (n - k) // s + 1)
        before.append(max((counts[-1] - 1) * s + k - n, 0) // 2 if padding == "SAME" else 0)
    result = np.zeros((len(x), *counts, *size, x.shape[-1]))
    for index in np.ndindex(*counts, *size):
        at = [i * s + j - b for i, j, s, b in zip(index[:3], index[3:], stride, before)]
        if all(0 <= i < n for i, n in zip(at, x.shape[1:4])):
            result[(slice(None), *index)] = x[(slice(None), *at)]
    return result.reshape(len(x), *counts, -1)


VOLUME = np.arange(96.0).reshape(1, 4, 4, 3, 2)
ROWS += [
    Case("ExtractVolumePatches", [VOLUME], lambda x: volume_patches(x, (2, 3, 2), (2, 1, 1), "VALID"), known_shapes=True,
         attrs={"ksizes": [1, 2, 3, 2, 1], "strides": [1, 2, 1, 1, 1], "padding": "VALID"}, dtypes=FLOATS),
    Case("ExtractVolumePatches", [VOLUME], lambda x: volume_patches(x, (3, 2, 2), (2, 3, 1), "SAME"), known_shapes=True,
         attrs={"ksizes": [1, 3, 2, 2, 1], "strides": [1, 2, 3, 1, 1], "padding": "SAME"}, label="same"),
]
