"""Optimizer steps for single rows: the rules of `scopert.ops.training_rules`, row by row.

Rows that occur more than once are updated one time after the other, in the order in which they stand, by the threads
of their first occurrence.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

from scopert.ops.training_ops import TRAINING_OPS, Update, row_update_of
from scopert_cupy.command import Command, Emitted
from scopert_cupy.distinct import is_distinct
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.assigning import variable_result
from scopert_cupy.emitters.gathering import SET_STATUS, status_parameter
from scopert_cupy.emitters.segments import MOST
from scopert_cupy.emitters.sorting import order_parameters, ordered
from scopert_cupy.emitters.source import (
    INPUT,
    THREADS,
    Passed,
    blocks,
    define,
    index_type,
    launch,
    reading,
    shape_of,
)
from scopert_cupy.prelude import stored
from scopert_cupy.rule_source import Symbol, Untraceable, Way, branches, ways

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_FUNCTION = """SC_KERNEL void __launch_bounds__($THREADS, 2) $NAME($parameters) {
  typedef sc_value<$T> A;
  $loads
  $body
}
"""
_Flags = tuple[tuple[str, bool], ...]


def _update(op: str) -> Update:
    found = row_update_of(op)
    assert found is not None
    return found


@cache
def _ways(op: str, flags: _Flags) -> tuple[Way, ...] | None:
    """What the op does to an element; None if its rule is more than a formula."""
    update = _update(op)
    names = [name for name in update.names if name != "indices"]

    def call(xp: Any, symbols: Sequence[Symbol]) -> None:
        update.rule(xp, *symbols, **dict(flags))

    try:
        return tuple(ways(call, [k < update.states or name == "grad" for k, name in enumerate(names)], update.states))
    except Untraceable:
        return None


def _rows(request: Request) -> Emitted | None:
    update = _update(request.step.op)
    at_indices, at_grad = update.names.index("indices"), update.names.index("grad")
    shape, dtype = shape_of(request.inputs[0]), request.inputs[0].dtype.base
    element, number = stored(dtype), stored(request.inputs[at_indices].dtype)
    given = [k for k in range(len(update.names)) if k != at_indices]
    if dtype.name not in _FLOATS or number is None or element is None or not shape:
        return None
    picks, grad = shape_of(request.inputs[at_indices]), shape_of(request.inputs[at_grad])
    if len(picks) != 1 or grad != (*picks, *shape[1:]):
        return None
    for k in given:
        expected = shape if k < update.states else grad if k == at_grad else ()
        if shape_of(request.inputs[k]) != expected or request.inputs[k].dtype.base is not dtype:
            return None
    found = _ways(request.step.op, tuple([(name, bool(request.attrs[name])) for name in update.flags]))
    rows, count, width = shape[0], picks[0], prod(shape[1:])
    if found is None or max(rows, count) >= MOST:
        return None
    if not count * width:
        return Emitted((), alias=variable_result(request)) if not count else None
    kind = index_type(count * width, rows * width)
    commands: tuple[Command, ...] = ()
    scratch, status = 0, None
    parameters: list[Passed]
    if is_distinct(request, at_indices):
        parameters = [(reading(number, "indices"), INPUT[at_indices])]
        chosen = "if ((long long)indices[r] < 0) continue; const unsigned key = (unsigned)indices[r];"
        turns, row = "", "r"
    else:
        key = (
            f"const long long id = (long long)indices[i];\n    const bool inside = id >= 0 && id < {rows}ll;\n"
            f"    if (!inside) {SET_STATUS}\n    const unsigned key = inside ? (unsigned)id : {rows}u;"
        )
        order = ordered(
            count, rows, key, [(reading(number, "indices"), INPUT[at_indices]), status_parameter()], request.facts, 256
        )  # fmt: skip
        commands, scratch, status = order.commands, order.scratch, 0
        parameters = order_parameters(order)
        chosen = (
            f"const unsigned key = keys[r]; if (key >= {rows}u || (r && keys[r - 1] == key)) continue;"
        )  # fmt: skip
        turns, row = f"for ({kind} j = r; j < {count}u && keys[j] == key; ++j) ", "places[j]"
    symbol = {k: place for place, k in enumerate(given)}
    numbers = [k for k in given if k >= update.states and k != at_grad]
    parameters += [(f"{element}* p{k}", INPUT[k]) for k in range(update.states)]
    # Not restricted: a gradient may be read from the variable itself.
    parameters += [(f"const {element}* grad", INPUT[at_grad])]
    parameters += [(reading(element, f"q{symbol[k]}"), INPUT[k]) for k in numbers]

    def loop(way: Way) -> str:
        changed = [(k, name) for k, name in enumerate(way.changed) if name != f"x{k}"]
        lines = [
            f"for ({kind} i = ({kind})blockIdx.x * blockDim.x + threadIdx.x; i < {count * width}u; "
            f"i += ({kind})gridDim.x * blockDim.x) {{",
            f"const {kind} r = i / {width}u, c = i % {width}u; {chosen}",
            f"const {kind} at = ({kind})key * {width}u + c;",
            *[f"A y{k} = sc_get(p{k}[at]);" for k in range(update.states)], f"{turns}{{",
            f"const A x{symbol[at_grad]} = sc_get(grad[({kind}){row} * {width}u + c]);",
            *[f"const A x{k} = y{k};" for k in range(update.states)], *way.inside,
            *[f"y{k} = {name};" for k, name in changed], "}",
            *[f"p{k}[at] = sc_put<{element}>(y{k});" for k, _ in changed], "}",
        ]  # fmt: skip
        return "\n  ".join(lines)

    loads = "\n  ".join([f"const A x{symbol[k]} = sc_get(*q{symbol[k]});" for k in numbers])
    names = {"T": element, "loads": loads, "body": branches(found, loop)}
    names["parameters"] = ", ".join([declaration for declaration, _ in parameters])
    function = define(request.step.op.lower(), _FUNCTION, names)
    command = launch(function, blocks(count * width, request.facts), THREADS, *[value for _, value in parameters])
    return Emitted((*commands, command), scratch, alias=variable_result(request), status=status)


TABLE: dict[str, Emitter] = {op: _rows for op in TRAINING_OPS if row_update_of(op) is not None}
