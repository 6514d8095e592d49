"""The conformance table on the host device: many rows in one program, so that little has to be compiled.

What is generated and what runs eagerly is listed in docs/gpu.md; ``python test_conformance.py --write`` makes it.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from backends.cupy.batches import batches, check_values, engines, gradients, planned, run_values
from ops.conformance import check_error, differentiable_inputs, rows

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gpu.md"
BEGIN, END = "<!-- engines: made by tests/backends/cupy/test_conformance.py -->", "<!-- end of engines -->"
BATCHES = batches()
FAILING = [case for case in rows() if case.error]
DIFFERENTIABLE = [case for case in rows() if differentiable_inputs(case)]
GROUPS = [DIFFERENTIABLE[k : k + 60] for k in range(0, len(DIFFERENTIABLE), 60)]


@pytest.mark.parametrize("trials", BATCHES, ids=lambda trials: trials[0].title)
def test_values(trials):
    failures = []
    for trial, (built, values) in zip(trials, run_values(trials, "cupy"), strict=True):
        try:
            check_values(trial, built, values)
        except AssertionError as error:
            failures.append(f"{trial.title}: {error}")
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("cases", GROUPS, ids=lambda cases: cases[0].title)
def test_gradients_are_those_of_numpy(cases):
    """Which are compared with finite differences elsewhere."""
    for case, found, expected in zip(cases, gradients(cases, "cupy"), gradients(cases, "numpy"), strict=True):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                one, other, rtol=1e-9 * case.tolerance, atol=1e-10 * case.tolerance, err_msg=case.title
            )


@pytest.mark.parametrize("start", range(0, len(FAILING), 40))
def test_errors(start):
    """A run that fails on NumPy fails here, with the same words."""
    failures = []
    for case in FAILING[start : start + 40]:
        try:
            text = check_error(case, case.dtypes[0], "cupy")
        except AssertionError as error:
            failures.append(f"{case.title}: {error}")
            continue
        if not re.search(case.error, text):
            failures.append(f"{case.title}: {text}")
    assert not failures, "\n\n".join(failures)


def _ran():
    """By op, what runs it in all rows."""
    found = {}
    for trials in BATCHES:
        for op, names in engines(planned(trials)).items():
            found.setdefault(op, set()).update(names)
    return found


def _table(ran):
    groups = {
        "generated": "All of its rows become commands of the device",
        "both": "Some rows do; others (a shape that is not known, a type) run eagerly or on the host",
        "eager": "The generic kernel, over the device's arrays",
        "host": "The generic kernel, on the host: strings, resources, callbacks",
    }
    members = {name: [] for name in groups}
    for op, names in sorted(ran.items()):
        own = {name for name in names if name in ("generated", "gemm")}
        kind = "both" if own and names - own else "generated" if own else "eager" if "eager" in names else "host"
        members[kind].append(op)
    lines = ["| engine | ops | |", "|---|---|---|"]
    for name, text in groups.items():
        lines.append(f"| {name} | {len(members[name])} | {text}: {', '.join(members[name])} |")
    return "\n".join(lines)


def _page():
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    return head, rest.partition(END)[0].strip(), rest.partition(END)[2]


def test_what_the_page_says_is_generated_is():
    """The page may be behind, but takes nothing back."""
    ran, said = _ran(), {}
    for line in _page()[1].splitlines()[2:]:
        kind, _, text = [cell.strip() for cell in line.strip("|").split("|")]
        said[kind] = set(text.partition(": ")[2].split(", "))
    lost = {op for op in said["generated"] | said["both"] if not ran.get(op, set()) & {"generated", "gemm"}}
    lost |= {op for op in said["generated"] if ran.get(op, set()) - {"generated", "gemm"}}
    assert said["generated"] | said["both"] <= ran.keys()
    assert not lost, f"docs/gpu.md says that these are generated: {sorted(lost)}"
    assert len(said["generated"]) > 150


if __name__ == "__main__":
    import os

    os.environ["SCOPERT_CUPY_DEVICE"] = "host"
    if "--write" in sys.argv:
        before, _, after = _page()
        PAGE.write_text(f"{before}{BEGIN}\n{_table(_ran())}\n{END}{after}", encoding="utf-8")
    else:
        print(_table(_ran()))
