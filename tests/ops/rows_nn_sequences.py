"""Cases of connectionist temporal classification, sets and image patches."""

from itertools import groupby, product

import numpy as np
from ops.conformance import FLOATS, HALVES, Case

LOGITS = np.random.RandomState(0).normal(size=(4, 2, 3))
LENGTHS = np.array([4, 3], np.int32)
INDICES = np.array([[0, 0], [0, 1], [1, 0]])
VALUES = np.array([0, 1, 1], np.int32)
LABELS = [(0, 1), (1,)]


def path_sums(logits):
    """The probability of each label sequence: the sum over all paths, one by one."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = {}
    for path in product(range(logits.shape[1]), repeat=len(logits)):
        labels = tuple(s for s, _ in groupby(path) if s != logits.shape[1] - 1)
        found[labels] = found.get(labels, 0.0) + np.prod(p[range(len(logits)), path])
    return found


def loss(logits):
    return np.array([-np.log(path_sums(logits[:n, b])[LABELS[b]]) for b, n in enumerate(LENGTHS)])


def loss_and_slope(logits, *_):
    grad = np.zeros_like(logits)
    for at in np.ndindex(*logits.shape):
        ahead, behind = logits.copy(), logits.copy()
        ahead[at] += 1e-5
        behind[at] -= 1e-5
        grad[at] = (loss(ahead) - loss(behind))[at[1]] / 2e-5
    return loss(logits), grad


def best_path(logits, lengths):
    rows = []
    for b, n in enumerate(lengths):
        path = logits[:n, b].argmax(-1)
        rows.append([s for s, _ in groupby(path) if s != logits.shape[-1] - 1])
    scores = np.array([[-logits[:n, b].max(-1).sum()] for b, n in enumerate(lengths)])
    return (*as_sparse(rows), scores)


def best_labels(logits, lengths):
    """All label sequences by probability; wide enough a beam finds the best two."""
    ranked = [sorted(path_sums(logits[:n, b]).items(), key=lambda item: -item[1])[:2] for b, n in enumerate(lengths)]
    parts = [as_sparse([ranked[b][k][0] for b in range(len(lengths))]) for k in (0, 1)]
    scores = np.array([[np.log(p) for _, p in row] for row in ranked])
    return (*(p[0] for p in parts), *(p[1] for p in parts), *(p[2] for p in parts), scores)


def as_sparse(rows):
    indices = [(b, k) for b, row in enumerate(rows) for k in range(len(row))]
    return (
        np.array(indices, np.int64).reshape(-1, 2),
        np.array([s for row in rows for s in row], np.int64),
        np.array([len(rows), max(map(len, rows))]),
    )


A = np.array([[1, 2, 3, 3], [4, 4, 5, 0]])
B = np.array([[2, 9, 1], [4, 5, 5]])
B_INDICES = np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])
SHAPE = np.array([2, 3])
SETS = {
    "a-b": [[3], [0]],
    "b-a": [[9], []],
    "intersection": [[1, 2], [4, 5]],
    "union": [[1, 2, 3, 9], [0, 4, 5]],
}
A_INDICES = np.array([(b, k) for b in range(2) for k in range(4)])


def sets():
    for operation, rows in SETS.items():
        options = {"attrs": {"set_operation": operation}, "label": operation}
        expected = as_sparse(rows)

        def reference(*_, expected=expected):
            return expected

        yield Case("DenseToDenseSetOperation", [A, B], reference, **options)
        yield Case("DenseToSparseSetOperation", [A, B_INDICES, B.reshape(-1), SHAPE], reference, **options)
        yield Case(
            "SparseToSparseSetOperation",
            [A_INDICES, A.reshape(-1), np.array([2, 4]), B_INDICES, B.reshape(-1), SHAPE],
            reference,
            **options,
        )


def patches(x, ksizes, strides, rates, padding):
    """Each window, element by element."""
    pads, out = [], []
    for n, k, s, d in zip(x.shape[1:3], ksizes, strides, rates, strict=True):
        extent = (k - 1) * d + 1
        count = -(-n // s) if padding == "SAME" else (n - extent) // s + 1
        out.append(count)
        pads.append(max((count - 1) * s + extent - n, 0) // 2 if padding == "SAME" else 0)
    y = np.zeros((len(x), *out, *ksizes, x.shape[3]))
    for place in product(*map(range, out)):
        for tap in product(*map(range, ksizes)):
            at = [p * s + t * d - b for p, s, t, d, b in zip(place, strides, tap, rates, pads, strict=True)]
            if all(0 <= a < n for a, n in zip(at, x.shape[1:3], strict=True)):
                y[(slice(None), *place, *tap)] = x[:, at[0], at[1]]
    return y.reshape(len(x), *out, -1)


def patch_case(ksizes, strides, rates, padding, label, dtypes=FLOATS):
    attrs = {name: [1, *v, 1] for name, v in (("ksizes", ksizes), ("strides", strides), ("rates", rates))}
    return Case(
        "ExtractImagePatches",
        [np.random.RandomState(1).normal(size=(2, 5, 4, 2))],
        lambda x: patches(x, ksizes, strides, rates, padding),
        attrs={**attrs, "padding": padding},
        dtypes=dtypes,
        # Its gradient needs to know the number of channels, which these rows also leave open.
        gradient=False,
        label=label,
    )


ROWS = [
    Case("CTCLoss", [LOGITS, INDICES, VALUES, LENGTHS], loss_and_slope, gradient=False, tolerance=100),
    Case(
        "CTCLoss",
        [LOGITS, INDICES, VALUES, LENGTHS],
        lambda logits, *_: loss(logits),
        run=lambda *inputs: _raw("CTCLoss", *inputs)[0],
        tolerance=2,
        label="loss-alone",
    ),
    Case(
        "CTCLoss",
        [LOGITS, np.array([[0, k] for k in range(5)] + [[1, 0]]), np.array([0, 1, 0, 1, 0, 1], np.int32), LENGTHS],
        dtypes=("float32",),
        error=r"Not enough time for target transition sequence \(required: 5, available: 4\)",
        label="too-long",
    ),
    Case(
        "CTCLoss",
        [LOGITS, INDICES[:2], VALUES[:2], LENGTHS],
        dtypes=("float32",),
        error="Labels length is zero in batch 1",
        label="no-label",
    ),
    Case("CTCGreedyDecoder", [LOGITS, LENGTHS], best_path, attrs={"merge_repeated": True}),
    Case(
        "CTCBeamSearchDecoder",
        [LOGITS, LENGTHS],
        best_labels,
        attrs={"beam_width": 200, "top_paths": 2, "merge_repeated": False},
        tolerance=4,
    ),
    *sets(),
    Case("DenseToDenseSetOperation", [A, B], attrs={"set_operation": "xor"}, error="Invalid set_operation xor"),
    Case("SetSize", [A_INDICES, A.reshape(-1), np.array([2, 4])], lambda *_: np.array([3, 3])),
    patch_case((3, 2), (1, 1), (1, 1), "SAME", "same", HALVES),
    patch_case((2, 2), (2, 1), (1, 2), "VALID", "dilated"),
    Case(
        "ExtractImagePatches",
        [np.random.RandomState(2).normal(size=(1, 4, 3, 2))],
        lambda x: patches(x, (2, 3), (1, 2), (1, 1), "SAME"),
        run=lambda x: _patches_of_known_depth(x),
        label="gradient",
    ),
    Case(
        "ExtractImagePatches",
        [np.zeros((0, 4, 4, 1))],
        lambda x: np.zeros((0, 3, 3, 4)),
        attrs={"ksizes": [1, 2, 2, 1], "strides": [1, 1, 1, 1], "rates": [1, 1, 1, 1], "padding": "VALID"},
        dtypes=("float32",),
        gradient=False,
        label="empty",
    ),
]


def _raw(op, *inputs):
    from scopert.ops.raw import raw

    return raw(op, *inputs)


def _patches_of_known_depth(x):
    import scopert as tf

    x.set_shape([None, None, None, 2])
    return tf.extract_image_patches(x, [1, 2, 3, 1], [1, 1, 2, 1], [1, 1, 1, 1], "SAME")
