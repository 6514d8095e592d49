"""Data movement and assignments on the host device: what emitters make, against NumPy's generic kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from backends.cupy.checking import check, kept
from backends.cupy.recorded import of_table, record
from ops.conformance import FLOATS, HALVES, Case, Many
from scopert_cupy.command import Launch
from scopert_cupy.emit import emit
from scopert_cupy.emitters import (
    TABLE,
    assigning,
    complexes,
    diagonals,
    filling,
    gathering,
    joining,
    padding,
    resizing,
    reversing,
    space,
    views,
)

FILES = {
    "views": views, "joining": joining, "padding": padding, "space": space, "filling": filling,
    "diagonals": diagonals, "gathering": gathering, "reversing": reversing, "assigning": assigning,
    "resizing": resizing, "complexes": complexes,
}  # fmt: skip
#: Ops that a program never has when it runs: their value is known before, or a pass takes them away.
FOLDED = frozenset({"Rank", "ShapeN", "StopGradient", "PreventGradient", "Snapshot"})


@pytest.mark.parametrize("name", FILES)
def test_rows_of_the_table(name: str) -> None:
    table: Mapping[str, object] = FILES[name].TABLE
    steps = [step for op in table for step in of_table().get(op, ())]
    counts = check(steps)
    missing = set(table) - set(counts) - FOLDED
    assert not missing, f"no row was emitted of {sorted(missing)}"


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


_R = np.random.RandomState(0)


def _transposes() -> list[Case]:
    found = []
    for shape, order in (
        ((70, 45), (1, 0)), ((3, 40, 37), (0, 2, 1)), ((5, 33, 8), (2, 1, 0)), ((2, 3, 34, 5), (0, 3, 1, 2)),
        ((2, 34, 3, 5), (0, 2, 3, 1)), ((4, 6, 5, 7), (3, 2, 1, 0)), ((1, 64, 1, 32), (0, 3, 2, 1)),
    ):  # fmt: skip
        found.append(Case("Transpose", [_R.normal(size=shape), _ints(*order)], dtypes=HALVES, label=str(shape)))
    return found


CASES = [
    *_transposes(),
    Case("Transpose", [_R.normal(size=(40, 35)) + 1j, _ints(1, 0)], dtypes=("complex64", "complex128")),
    # More pieces than one launch takes, of several widths.
    Case("ConcatV2", [Many([_R.normal(size=(3, 1 + k % 5)) for k in range(21)]), _ints(1)[0]], dtypes=("float32",)),
    Case("Pack", [Many([_R.normal(size=(8,)) for _ in range(17)])], attrs={"axis": 0}, dtypes=("float16",)),
    Case("Split", [_ints(1)[0], _R.normal(size=(4, 40))], attrs={"num_split": 20}, dtypes=("float32",)),
    Case("Pad", [_R.normal(size=(2, 5, 6, 8)), np.array([[0, 0], [1, 2], [3, 0], [0, 0]])], dtypes=HALVES),
    Case("Tile", [_R.normal(size=(3, 16)), _ints(4, 3)], dtypes=FLOATS),
    Case("GatherV2", [_R.normal(size=(30, 64)), _R.randint(0, 30, 90), _ints(0)[0]], fed=(1,), dtypes=HALVES),
    Case("BroadcastTo", [_R.normal(size=(1, 1, 40)), _ints(3, 50, 40)], dtypes=FLOATS),
    Case("StridedSlice", [_R.normal(size=(40, 64))], run=lambda x: x[::-2, 8:56:4], dtypes=FLOATS),
    Case("OneHot", [_R.randint(-1, 12, (9, 5)), _ints(11)[0], 2.0, -1.0], fed=(0,), dtypes=FLOATS),
    Case("Fill", [_ints(300, 7), 3.5], dtypes=HALVES),
]  # fmt: skip


def test_larger_shapes() -> None:
    assert check(record(kept(case.op for case in CASES), CASES))["Transpose"] > 20


def test_every_access_is_checked() -> None:
    """Bounds, alignment and races of each access, in one order."""
    check(record(kept(case.op for case in CASES), CASES), checked=True)


def _emitted_at(op: str, factor: int) -> list[str]:
    """Sources of the functions of a step whose arrays are `factor` times as long along the first axis."""
    for step in of_table()[op]:
        request = step.request
        used = {slot for slot in (*request.step.inputs, *request.step.outputs) if slot not in request.program.constants}
        values = tuple([
            replace(v, shape=(v.shape[0] * factor, *v.shape[1:])) if v.number in used and v.shape else v
            for v in request.program.values
        ])  # fmt: skip
        made = emit(replace(request, program=replace(request.program, values=values)), TABLE)
        found = [c.function.source for c in made.commands if isinstance(c, Launch)] if made is not None else []
        if found:
            return found
    raise AssertionError(f"no step of {op} can be so long")


@pytest.mark.parametrize("op", ["Pad", "ReverseV2", "Pack", "OnesLike", "GatherNd", "MatrixBandPart", "AssignAdd"])
def test_large_arrays_are_counted_in_64_bits(op: str) -> None:
    assert all("unsigned long long i =" not in text for text in _emitted_at(op, 1))
    assert any("unsigned long long i =" in text for text in _emitted_at(op, 2**30))
