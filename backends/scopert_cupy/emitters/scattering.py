"""Updates of single rows or slices: of variables in place, of tensors in a copy, of zeros."""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Command, Copy, Emitted, Fill, Operand
from scopert_cupy.distinct import is_distinct
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.assigning import variable_result
from scopert_cupy.emitters.folding import Fold, folded, last_rows
from scopert_cupy.emitters.gathering import SET_STATUS, flat_row, status_parameter
from scopert_cupy.emitters.segments import MOST
from scopert_cupy.emitters.sorting import ordered
from scopert_cupy.emitters.source import INPUT, OUTPUT, Passed, count_of, pointwise, reading, shape_of
from scopert_cupy.prelude import stored

#: Kind of update -> how rows of one index are folded, and what the fold makes of the old value.
_FOLDS = {
    "Add": ("sc_sum", "sc_add(old, total)"), "Sub": ("sc_sum", "sc_sub(old, total)"),
    "Mul": ("sc_prod", "sc_mul(old, total)"), "Div": ("sc_prod", "sc_div(old, total)"),
    "Min": ("sc_min_over", "sc_min(old, total)"), "Max": ("sc_max_over", "sc_max(old, total)"),
}  # fmt: skip
_STATUS_BYTES = 256


def scattered(
    request: Request, kind: str, target: Operand, shape: tuple[int, ...], indices: int, updates: int, depth: int | None,
) -> tuple[tuple[Command, ...], int] | None:  # fmt: skip
    """The commands that update rows or slices of an array in place, and their scratch; the status is its first word.

    Parameters
    ----------
    request : Request
    kind : str
        ``Update`` (the last one of an index stays) or one of the folds.
    target : Operand
    shape : tuple of int
        Of the target.
    indices, updates : int
        Numbers of the inputs.
    depth : int or None
        The length of index vectors; None if indices are row numbers.
    """
    dtype, picks, given = request.inputs[updates].dtype, shape_of(request.inputs[indices]), request.inputs[updates]
    number, element = stored(request.inputs[indices].dtype), stored(dtype)
    leading = picks if depth is None else picks[:-1]
    taken = 1 if depth is None else depth
    expected, alike = leading + shape[taken:], depth is None and shape_of(given) == ()
    if number is None or taken > len(shape) or (not alike and shape_of(given) != expected):
        return None
    rows, count, width = prod(shape[:taken]), prod(leading), prod(shape[taken:])
    if max(rows, count) >= MOST or not shape:
        return None
    if not count * width:
        return ((), 0) if not count or rows else None
    alike = alike and expected != ()
    key = (
        f"{flat_row('indices', shape[:taken], 'i')}\n    if (!inside) {SET_STATUS}\n"
        f"    const unsigned key = inside ? (unsigned)at : {rows}u;"
    )
    parameters: list[Passed] = [(reading(number, "indices"), INPUT[indices]), status_parameter()]
    if kind in _FOLDS and element is not None and not alike and depth is None and is_distinct(request, indices):
        return (_each_once(request, kind, target, element, width, count, number, indices, updates),), 0
    order = ordered(count, rows, key, parameters, request.facts, _STATUS_BYTES)
    itemsize = dtype.base.np.itemsize
    if kind == "Update":
        if alike and itemsize > 8:
            return None
        last = last_rows(
            order, INPUT[updates], target, width * itemsize, request.facts, alike=itemsize if alike else 0
        )  # fmt: skip
        return (*order.commands, last), order.scratch
    if element is None or (kind == "Div" and dtype.base.np.kind in "iu"):
        return None
    operation, finish = _FOLDS[kind]
    fold = Fold(INPUT[updates], target, element, itemsize, width, operation, finish, alike=alike)
    folding, scratch = folded(fold, order, request.facts)
    return (*order.commands, *folding), scratch


def _each_once(
    request: Request, kind: str, target: Operand, element: str, width: int, count: int, number: str, indices: int,
    updates: int,
) -> Command:  # fmt: skip
    """Each index occurs once, or is -1 and passed over: rows are updated where they stand."""
    finish = _FOLDS[kind][1]
    body = (
        f"if ((long long)indices[i / {width}u] < 0) continue;\n"
        f"    {element}* to = target + (unsigned long long)indices[i / {width}u] * {width}u + i % {width}u;\n"
        f"    const sc_value<{element}> old = sc_get(*to), total = sc_get(updates[i]);\n"
        f"    *to = sc_put<{element}>({finish});"
    )
    parameters: list[Passed] = [
        (reading(number, "indices"), INPUT[indices]), (reading(element, "updates"), INPUT[updates]),
        (f"{element}* target", target),
    ]  # fmt: skip
    return pointwise("scatter_once", count * width, parameters, body, request.facts)


def _of_variable(kind: str, slices: bool) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        depth = shape_of(request.inputs[1])[-1] if slices and shape_of(request.inputs[1]) else None
        if slices and depth is None:
            return None
        made = scattered(request, kind, INPUT[0], shape_of(request.inputs[0]), 1, 2, depth)
        if made is None:
            return None
        return Emitted(made[0], made[1], alias=variable_result(request), status=0 if made[1] else None)

    return emitter


def _of_copy(kind: str) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        shape, picks = shape_of(request.outputs[0]), shape_of(request.inputs[1])
        if not picks:
            return None
        made = scattered(request, kind, OUTPUT[0], shape, 1, 2, picks[-1])
        if made is None:
            return None
        nbytes = count_of(shape) * request.outputs[0].dtype.np.itemsize
        first = (Copy(OUTPUT[0], INPUT[0], nbytes),) if nbytes else ()
        return Emitted((*first, *made[0]), made[1], status=0 if made[1] else None)

    return emitter


def _of_zeros(request: Request) -> Emitted | None:
    shape, picks = shape_of(request.outputs[0]), shape_of(request.inputs[0])
    if not picks or request.constant(2) is None:
        return None
    made = scattered(request, "Add", OUTPUT[0], shape, 0, 1, picks[-1])
    if made is None:
        return None
    nbytes = count_of(shape) * request.outputs[0].dtype.np.itemsize
    first = (Fill(OUTPUT[0], 0, nbytes),) if nbytes else ()
    return Emitted((*first, *made[0]), made[1], status=0 if made[1] else None)


TABLE: dict[str, Emitter] = {
    **{f"{prefix}Scatter{kind}": _of_variable(kind, slices=False)
       for prefix in ("", "Resource") for kind in ("Update", *_FOLDS)},
    **{f"{prefix}ScatterNd{kind}": _of_variable(kind, slices=True)
       for prefix in ("", "Resource") for kind in ("Update", "Add", "Sub")},
    "ScatterNd": _of_zeros,
    "TensorScatterUpdate": _of_copy("Update"),
    "TensorScatterAdd": _of_copy("Add"),
    "TensorScatterSub": _of_copy("Sub"),
    "ScatterNdNonAliasingAdd": _of_copy("Add"),
}  # fmt: skip
