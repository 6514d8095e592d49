"""Segments and scatters on the host device: the same bits in every run, and inputs that are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backends.cupy.checking import check, kept
from backends.cupy.recorded import of_table, record
from backends.cupy.running import Bench
from ops.conformance import Case
from ops.rows_state import on_ref, on_resource
from scopert_cupy.emit import emit
from scopert_cupy.emitters import TABLE, gathering, scattering, segments, sorting, sparse_updates
from scopert_cupy.host.device import HostDevice

FILES = {"segments": segments, "scattering": scattering, "sparse_updates": sparse_updates}
#: Their step count is an integer, which no rule takes.
EAGER = frozenset({"SparseApplyAdagradDA", "ResourceSparseApplyAdagradDA"})


@pytest.mark.parametrize("name", FILES)
def test_rows_of_the_table(name: str) -> None:
    table = FILES[name].TABLE
    counts = check([step for op in table for step in of_table().get(op, ())], tolerance=40.0)
    assert set(counts) == set(table) - EAGER


_R = np.random.RandomState(0)


def _cases() -> list[Case]:
    """Few numbers and many, few segments and many, runs of one number that are cut into parts."""
    found = []
    for count, rows, width in ((5, 3, 4), (1024, 7, 3), (1025, 7, 3), (2500, 3000, 8), (5000, 2, 1), (4200, 40000, 5)):
        ids, x, numbers = _R.randint(-1, rows, count), _R.normal(size=(count, width)), _R.randint(-50, 50, (count, width))
        size, options = np.int32(rows), {"gradient": False, "label": f"{count}-{rows}-{width}"}
        many = count > 2000  # enough to be sorted and folded in several ways
        for how in ("Sum",) if many else ("Sum", "Max", "Min"):
            found += [
                Case(f"UnsortedSegment{how}", [x, ids, size], fed=(1,), dtypes=("float32", "float16"), **options),
                Case(f"UnsortedSegment{how}", [numbers, ids, size], fed=(0, 1), dtypes=("int64",), **options),
            ]
        ids = ids.clip(0)
        data, chosen, ordered = _R.normal(size=(50, width)), _R.randint(0, 50, count), np.sort(ids).astype(np.int32)
        for how in ("Mean",) if many else ("Sum", "Mean", "SqrtN"):
            op = f"SparseSegment{how}WithNumSegments"
            found.append(Case(op, [data, chosen, ordered, size], fed=(1, 2), dtypes=("float32",), **options))
        for how in () if many else ("Mean", "SqrtN"):
            inputs = [_R.normal(size=(rows, width)), chosen, ordered, np.int32(50)]
            found.append(Case(f"SparseSegment{how}Grad", inputs, fed=(1, 2), dtypes=("float32",), **options))
        pairs = np.stack([ids, _R.randint(0, 2, count)], 1)
        shape = np.array([rows, 2, width])
        found.append(Case("ScatterNd", [pairs, x, shape], fed=(0,), dtypes=("float32",), **options))
        if rows < 4000:
            table, whole = _R.normal(size=(rows, width)), _R.randint(-9, 9, (rows, width))
            for kind in ("Add", "Update") if many else ("Add", "Sub", "Max", "Update"):
                ref, resource = f"Scatter{kind}", f"ResourceScatter{kind}"
                found += [
                    Case(ref, [table, ids, x], run=on_ref(ref), fed=(1,), dtypes=("float32",), **options),
                    Case(resource, [whole, ids, numbers], run=on_resource(resource), fed=(0, 1, 2), dtypes=("int64",),
                         **options),
                ]  # fmt: skip
    return found


CASES = _cases()


@pytest.mark.parametrize("counted", [None, 0], ids=["ranked", "digit by digit"])
def test_larger_shapes(counted: int | None, monkeypatch: Any) -> None:
    if counted is not None:
        monkeypatch.setattr(sorting, "_COUNTED", counted)
    counts = check(record(kept(case.op for case in CASES), CASES), tolerance=200.0)
    assert set(counts) == {case.op for case in CASES}


@pytest.mark.parametrize("counted", [8192, 0], ids=["ranked", "digit by digit"])
def test_every_access_is_checked(counted: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(sorting, "_COUNTED", counted)
    few = [case for case in CASES if case.label.startswith(("5-", "1025-"))]
    check(record(kept(case.op for case in few), few), tolerance=200.0, checked=True)


def _refused(op: str, wrong: dict[int, Any]) -> tuple[list[Any], list[Any], int]:
    """Outputs, inputs afterwards and status of the first emitted step of an op, with other values in some inputs."""
    device = HostDevice()
    for step in of_table()[op]:
        made = emit(replace(step.request, facts=device.facts), TABLE)
        if made is None or made.status is None:
            continue
        inputs = [wrong[k].astype(a.dtype).reshape(np.shape(a)) if k in wrong and np.size(wrong[k]) == np.size(a) else a
                  for k, a in enumerate(step.inputs)]  # fmt: skip
        if any(np.size(wrong[k]) != np.size(step.inputs[k]) for k in wrong):
            continue
        aliases = {output for output, _ in made.alias}
        outputs = [(np.shape(a), np.asarray(a).dtype) for k, a in enumerate(step.outputs) if k not in aliases]
        bench = Bench(device, [np.asarray(a) for a in inputs], outputs, made.scratch)
        device.fill(bench.held["scratch", 0].address, 0, made.scratch)
        results = bench.run(made.commands)
        status = int(bench.held["scratch", 0].array[made.status : made.status + 4].view(np.int32)[0])
        after = [bench.held["input", k].array for k in range(len(inputs))]
        return results, [a.view(np.asarray(i).dtype) for a, i in zip(after, inputs, strict=True)], status
    raise AssertionError(f"no step of {op} has these sizes")


@pytest.mark.parametrize(
    ("op", "number", "values"),
    [
        ("GatherV2", 1, [1, 9, 1]), ("GatherV2", 1, [1, -1, 0]), ("GatherNd", 1, [0, 1, 1, 7]),
        ("UnsortedSegmentSum", 1, [0, 1, 99]), ("ScatterNd", 0, [0, 9, 0]), ("ScatterAdd", 1, [2, 0, 5]),
        ("ResourceScatterUpdate", 1, [2, -3]), ("ScatterNdAdd", 1, [2, 0, 1, 4]), ("InvertPermutation", 0, [2, 0, 2, 1]),
        ("ReverseSequence", 1, [3, 9]), ("SparseSegmentSumWithNumSegments", 2, [1, 0, 0]),
    ],
)  # fmt: skip
def test_what_is_refused_is_told(op: str, number: int, values: list[int]) -> None:
    steps = of_table()[op]
    sizes = {np.size(step.inputs[number]) for step in steps}
    padded = np.array(values if len(values) in sizes else (values * 8)[: min(sizes - {0, 1}, default=1)])
    assert _refused(op, {number: padded})[2] != 0


def test_a_row_that_is_refused_is_zero_and_the_others_are_there() -> None:
    (found,), _, status = _refused("GatherV2", {1: np.array([1, 9, 0])})
    assert status and not found[1].any() and found[0].any() and found[2].any()


def test_right_inputs_leave_the_status_alone() -> None:
    assert _refused("GatherV2", {1: np.array([1, 0, 0])})[2] == 0


def test_ops_that_can_refuse_say_so() -> None:
    for op in gathering.TABLE:
        made = [emit(replace(s.request, facts=HostDevice().facts), TABLE) for s in of_table()[op]]
        assert any(one is not None and one.status == 0 for one in made), op
