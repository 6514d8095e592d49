"""The functions of emitters through NVRTC: no spills on any architecture, accesses as wide as they claim."""

from __future__ import annotations

from dataclasses import replace

import pytest
from backends.cupy.recorded import FACTS, of_table
from scopert_cupy import nvrtc
from scopert_cupy.command import Function, Launch
from scopert_cupy.emit import emit
from scopert_cupy.emitters import TABLE, fused, matmul, optimizers, random

#: Other files test these.
_OTHERS = {*fused.TABLE, *matmul.TABLE, *optimizers.TABLE, *random.TABLE}
#: Of functions of one kind so many are compiled.
_EACH = 2


@pytest.fixture(scope="module")
def functions() -> list[Function]:
    """A few of each kind, by the beginning of the name."""
    kinds: dict[tuple[str, int], dict[str, Function]] = {}
    for op, steps in of_table().items():
        if op in _OTHERS or op not in TABLE:
            continue
        for step in steps:
            made = emit(replace(step.request, facts=FACTS), TABLE)
            for command in made.commands if made is not None else ():
                if isinstance(command, Launch):
                    function = command.function
                    kind = kinds.setdefault((function.name.rsplit("_", 1)[0], function.width), {})
                    if len(kind) < _EACH:
                        kind[function.name] = function
    return [function for kind in kinds.values() for function in kind.values()]


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_nothing_spills(functions: list[Function], architecture: str) -> None:
    cubin = nvrtc.compile_cubin("\n".join([function.source for function in functions]), architecture)
    assert set(cubin.resources) == {function.name for function in functions}
    assert {name: found for name, found in cubin.resources.items() if found.spills} == {}
    for function in functions:
        assert cubin.resources[function.name].registers * function.threads <= 65536


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
def test_accesses_are_as_wide_as_they_claim(functions: list[Function]) -> None:
    wide = [function for function in functions if function.width]
    assert {function.width for function in wide} >= {4, 8, 16}
    ptx = nvrtc.compile_ptx("\n".join([function.source for function in wide]), "sm_90")
    found = {function.name: max(nvrtc.access_width(ptx, function.name)) for function in wide}
    assert {f.name: (f.width, found[f.name]) for f in wide if found[f.name] < f.width} == {}


def test_kinds_of_functions(functions: list[Function]) -> None:
    """What is compiled here is of all files: transpositions, poolings, the windows of convolutions."""
    kinds = {function.name.rsplit("_", 1)[0] for function in functions}
    assert {"move", "transpose", "reduce_rows", "reduce_columns", "rank", "fold", "columns", "pool"} <= kinds
