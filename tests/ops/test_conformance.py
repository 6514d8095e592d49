"""Every op against its rows, and the registry against TensorFlow 1.15.5's."""

import gzip
import json
import re
from functools import cache
from pathlib import Path

import pytest
from ops.conformance import backends, check_error, check_gradient, check_values, differentiable_inputs, elsewhere, rows

import scopert  # noqa: F401  (it defines the ops)
from scopert.graph.opdef import HOST, RANDOM, READS, STATEFUL, WRITES, all_ops
from scopert.graph.signature import parse_args, parse_attrs

ROWS = rows()

# Ops whose kernel no row can run, and why.
WITHOUT_ROW: dict[str, str] = {
    "Const": "every case is full of them",
    "Placeholder": "every case is full of them",
    "Abort": "it ends the process",
    "RefIdentity": "it needs a variable: test_control_flow runs it in a loop",
}
# Stateful in TensorFlow, and not here.
NOT_STATEFUL = frozenset({"Placeholder"})


def _values():
    for case in ROWS:
        for dtype in case.dtypes if case.error == "" else case.dtypes[:1]:
            for backend in backends():
                yield pytest.param(case, dtype, backend, id=f"{case.title}-{dtype}-{backend}")


def _gradients():
    for case in ROWS:
        if differentiable_inputs(case):
            for backend in backends():
                yield pytest.param(case, backend, id=f"{case.title}-{backend}")


@pytest.mark.parametrize(("case", "dtype", "backend"), list(_values()))
def test_values(case, dtype, backend):
    if case.error:
        assert re.search(case.error, check_error(case, dtype, backend))
    else:
        check_values(case, dtype, backend)


@pytest.mark.parametrize(("case", "backend"), list(_gradients()))
def test_gradient(case, backend):
    check_gradient(case, backend)
    if case.second:
        check_gradient(case, backend, second=True, step=1e-5)


@cache
def _facts():
    with gzip.open(Path(__file__).parent / "facts" / "opdefs.json.gz") as file:
        return json.load(file)


def _own_ops():
    """The library's ops, without those that other tests define."""
    return {name: opdef for name, opdef in all_ops().items() if opdef.module.startswith("scopert.")}


@pytest.mark.parametrize("name", sorted(_own_ops()))
def test_signature(name):
    inputs, outputs, attrs, stateful = _facts()[name]
    opdef = all_ops()[name]
    attrs = re.sub(r": tensor = [^;]*", ": tensor", attrs)  # a default that the grammar has no notation for
    expected = {attr.name: attr for attr in parse_attrs(attrs)}
    assert opdef.inputs == parse_args(inputs, tuple(expected.values()))
    assert opdef.outputs == parse_args(outputs, tuple(expected.values()))
    assert set(opdef.attr_by_name) == set(expected)
    for key, attr in opdef.attr_by_name.items():
        other = expected[key]
        assert (attr.kind, attr.minimum) == (other.kind, other.minimum)
        assert attr.kind == "tensor" or attr.default == other.default
        assert set(attr.allowed or ()) == set(other.allowed or ())
    if stateful and name not in NOT_STATEFUL:
        assert opdef.traits & {STATEFUL, RANDOM, READS, WRITES, HOST}


def test_every_op_has_a_row():
    tested = {case.op for case in ROWS} | set(WITHOUT_ROW) | set(elsewhere())
    missing = sorted(name for name, opdef in _own_ops().items() if opdef.kernel is not None and name not in tested)
    assert not missing, f"{len(missing)} ops without a row: {', '.join(missing)}"


def test_rows_name_ops():
    unknown = {case.op for case in ROWS} - set(all_ops())
    assert not unknown


@pytest.mark.parametrize(("op", "path"), sorted(elsewhere().items()))
def test_elsewhere(op, path):
    """What a family tests elsewhere is a test that there is."""
    assert op in all_ops()
    assert (Path(__file__).parent.parent / path).is_file()
    assert op not in {case.op for case in ROWS}, "it has a row"
