"""Reductions, scans, arguments of extremes, rows, ranks and normalisations on the host device."""

from __future__ import annotations

import numpy as np
import pytest
from backends.cupy.checking import check, kept
from backends.cupy.recorded import of_table, record
from ops.conformance import HALVES, Case
from scopert_cupy.emitters import arguments, normalising, ranking, reductions, scanning, softmax

FILES = {
    "reductions": reductions, "arguments": arguments, "scanning": scanning, "softmax": softmax, "ranking": ranking,
    "normalising": normalising,
}  # fmt: skip
#: Their inputs are constants in the table, so they are folded; `CASES` has them.
FOLDED = frozenset({"InTopK", "InTopKV2"})


@pytest.mark.parametrize("name", FILES)
def test_rows_of_the_table(name: str) -> None:
    table = FILES[name].TABLE
    counts = check([step for op in table for step in of_table().get(op, ())], tolerance=40.0)
    missing = set(table) - set(counts) - FOLDED
    assert not missing, f"no row was emitted of {sorted(missing)}"


_R = np.random.RandomState(0)


def _reductions() -> list[Case]:
    """All layouts of kept and reduced axes; rows and columns that are cut into parts."""
    found = []
    for shape, axes in (
        ((20000,), (0,)), ((3, 17000), (1,)), ((5000, 3), (0,)), ((900, 64), (0,)), ((90, 5, 8), (0, 2)),
        ((90, 5, 8), (1,)), ((4, 30, 26, 5), (0, 2)), ((17, 3, 129), (0, 1)), ((17, 3, 129), (0, 2)),
        ((3, 2, 1025), (2,)), ((2, 2, 2, 2, 2, 2), (0, 2, 4)), ((2, 2, 2, 2, 2, 2), (1, 3, 5)), ((0, 5), (0,)),
        ((5, 0), (0,)), ((3, 4), ()),
    ):  # fmt: skip
        x, over, options = _R.uniform(-1, 1, shape), np.array(axes, np.int32), {"gradient": False, "label": str(shape)}
        numbers = _R.randint(-100, 100, shape)
        found += [
            Case("Sum", [x, over], dtypes=("float32", "float16"), **options),
            Case("Max", [x, over], dtypes=("float32", "bfloat16"), **options),
            Case("Mean", [x, over], dtypes=("float32", "float64"), **options),
            Case("Sum", [numbers.astype(np.int64), over], fed=(0,), dtypes=("int64",), **options),
            Case("Min", [numbers.astype(np.int8), over], fed=(0,), dtypes=("int8",), **options),
            Case("All", [numbers > -99, over], fed=(0,), dtypes=("bool",), **options),
            Case("Any", [numbers > 95, over], fed=(0,), dtypes=("bool",), **options),
        ]
    return found


def _rows() -> list[Case]:
    """Rows in registers of a warp and of a block, and rows that are read anew."""
    found = []
    for shape in ((3, 7), (2, 1), (3, 1001), (2, 2049), (2, 9000), (1, 20001)):
        x, numbers = _R.normal(size=shape) * 3, _R.randint(0, 40, shape)
        columns, options = shape[1], {"gradient": False, "label": str(shape)}
        types = HALVES if columns < 3000 else ("float32",)
        labels, classes = _R.dirichlet(np.ones(columns), shape[0]), _R.randint(0, columns, shape[0])
        found += [
            Case("Softmax", [x], dtypes=types, **options), Case("LogSoftmax", [x], dtypes=types, **options),
            Case("SoftmaxCrossEntropyWithLogits", [x, labels], dtypes=types, **options),
            Case("SoftmaxCrossEntropyWithLogits", [x, labels[:1]], dtypes=("float32",), **options),
            Case("SparseSoftmaxCrossEntropyWithLogits", [x, classes], fed=(1,), dtypes=types, **options),
            Case("InTopK", [x, classes], attrs={"k": columns // 2 + 1}, fed=(1,), dtypes=("float32",), **options),
            Case("InTopKV2", [x, classes, np.int64(2)], fed=(1,), dtypes=("float32",), **options),
        ]  # fmt: skip
        for k in (1, 2, 100):
            if k <= columns:
                found.append(Case("TopKV2", [x, np.int32(k)], dtypes=("float32", "bfloat16"), **options))
                found.append(Case("TopKV2", [numbers, np.int32(k)], fed=(0,), dtypes=("int64",), **options))
        for axis in (np.int32(0), np.int32(1)):
            found.append(Case("ArgMax", [x, axis], dtypes=("float32", "float16"), **options))
            found.append(Case("ArgMin", [numbers, axis], fed=(0,), dtypes=("int64",), **options))
            found.append(Case("CumulativeLogsumexp", [x, axis], dtypes=("float64",), **options))
            found += [
                Case(
                    "Cumsum", [numbers, axis], attrs={"exclusive": exclusive, "reverse": reverse}, fed=(0,),
                    dtypes=("int64",), **options,
                )
                for exclusive in (False, True) for reverse in (False, True)
            ]  # fmt: skip
    return found


def _no_numbers() -> list[Case]:
    none = np.array([[1, np.nan, 3, np.nan], [np.nan] * 4, [-np.inf] * 4, [-np.inf, np.nan, -np.inf, 0]])
    return [
        Case("ArgMax", [none, np.int32(1)], gradient=False), Case("ArgMin", [none, np.int32(1)], gradient=False),
        Case("TopKV2", [none, np.int32(3)], gradient=False), Case("TopKV2", [none, np.int32(1)], gradient=False),
        Case("InTopK", [none, np.array([0, 1, 2, 3])], attrs={"k": 2}, dtypes=("float32",), fed=(1,)),
        Case("InTopK", [none[:, :1], np.array([0, 7, 0, -1])], attrs={"k": 2}, dtypes=("float32",), fed=(1,)),
        Case("Max", [none, np.array([1], np.int32)], gradient=False), Case("Softmax", [none], gradient=False),
    ]  # fmt: skip


def _batches() -> list[Case]:
    found = []
    for shape in ((2, 9, 9, 3), (4, 30, 30, 8), (2, 5, 7, 64)):
        for layout in ("NHWC", "NCHW"):
            x, channels = _R.normal(size=shape) + 5, shape[1] if layout == "NCHW" else shape[3]
            scale, offset, mean, variance = (_R.uniform(0.5, 2, channels).astype(np.float32) for _ in range(4))
            none, dy = np.zeros(0, np.float32), _R.normal(size=shape)
            options = {"gradient": False, "dtypes": ("float32", "float16"), "label": f"{shape}{layout}"}
            for training in (True, False):
                attrs = {"epsilon": 0.01, "data_format": layout, "is_training": training}
                moments = [none, none] if training else [mean, variance]
                found += [
                    Case("FusedBatchNormV2", [x, scale, offset, *moments], attrs=attrs, fed=(1, 2, 3, 4), **options),
                    Case("FusedBatchNormGradV2", [dy, x, scale, mean, variance], attrs=attrs, fed=(2, 3, 4), **options),
                ]
    wide = _R.normal(size=(2, 3, 3, 17))
    found.append(Case("LRN", [wide], attrs={"depth_radius": 5}, dtypes=("float16", "float32"), gradient=(0,)))
    return found


GROUPS = {"reductions": _reductions(), "rows": _rows(), "no numbers": _no_numbers(), "batches": _batches()}


@pytest.mark.parametrize("name", GROUPS)
def test_larger_shapes(name: str) -> None:
    counts = check(record(kept(case.op for case in GROUPS[name]), GROUPS[name]), tolerance=200.0)
    assert set(counts) >= {case.op for case in GROUPS[name]}


@pytest.mark.parametrize("name", ["no numbers", "batches"])
def test_every_access_is_checked(name: str) -> None:
    check(record(kept(case.op for case in GROUPS[name]), GROUPS[name]), tolerance=200.0, checked=True)


def test_rows_of_a_table_are_checked() -> None:
    steps = [step for name in FILES for op in FILES[name].TABLE for step in of_table().get(op, ())[:4]]
    check(steps, tolerance=40.0, checked=True)

