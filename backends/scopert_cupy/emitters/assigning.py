"""Assignments to variables: whole ones, parts of them, and what is added to them."""

from __future__ import annotations

from math import prod

import numpy as np

from scopert_cupy.command import Copy, Emitted, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import Move, contiguous, moved
from scopert_cupy.emitters.source import INPUT, Passed, count_of, index_type, pointwise, shape_of, widest
from scopert_cupy.emitters.views import constants, cut_out
from scopert_cupy.prelude import stored

#: What the ops of references return: the variable.
SELF = ((0, 0),)


def variable_result(request: Request) -> tuple[tuple[int, int], ...]:
    """The aliases of an op that writes a variable: a reference is returned, a resource is not."""
    return SELF if request.outputs else ()


def _assigned(request: Request) -> Emitted | None:
    value = request.inputs[1]
    if shape_of(request.inputs[0]) != shape_of(value):
        return None
    nbytes = count_of(value.shape) * value.dtype.base.np.itemsize
    commands = (Copy(INPUT[0], INPUT[1], nbytes),) if nbytes else ()
    return Emitted(commands, alias=variable_result(request))


def _updated(operation: str) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        variable, value = request.inputs
        element, count = stored(value.dtype), count_of(value.shape)
        itemsize = value.dtype.base.np.itemsize
        if value.dtype.base.np.kind == "c":  # added part by part
            element, count, itemsize = ("float", "double")[itemsize // 16], 2 * count, itemsize // 2
        if element is None or shape_of(variable) != shape_of(value):
            return None
        if not count:
            return Emitted((), alias=variable_result(request))
        each = max(1, widest(count * itemsize) // itemsize)
        body = (
            f"sc_pack<{element}, {each}> old = sc_load<{each}>(variable + i * {each}), "
            f"more = sc_load<{each}>(value + i * {each});\n    for (int k = 0; k < {each}; ++k) "
            f"old.at[k] = sc_put<{element}>(sc_{operation}(sc_get(old.at[k]), sc_get(more.at[k])));\n"
            f"    sc_store<{each}>(variable + i * {each}, old);"
        )
        # The value may be the variable itself: no promise that they lie apart.
        parameters: list[Passed] = [(f"{element}* variable", INPUT[0]), (f"const {element}* value", INPUT[1])]
        stem, width = f"assign_{operation}", each * itemsize
        kind = index_type(count)
        launched = pointwise(stem, count // each, parameters, body, request.facts, width=width, kind=kind)
        return Emitted((launched,), alias=variable_result(request))

    return emitter


def _part_assigned(request: Request) -> Emitted | None:
    found = cut_out(request, shape_of(request.inputs[0]))
    if found is None:
        return None
    shape, access = found
    if prod(shape) and shape != shape_of(request.inputs[4]):
        return None
    move = Move(INPUT[0], INPUT[4], shape, access, contiguous(shape))
    commands = moved([move], request.inputs[4].dtype.base.np.itemsize, request.facts)
    return Emitted(commands, alias=variable_result(request))


def _counted(request: Request) -> Emitted | None:
    """The value before, and the variable one higher, unless it reached the limit."""
    element, limit = stored(request.outputs[0].dtype), request.attrs["limit"]
    parameters: list[Passed] = [
        (f"{element}* variable", INPUT[0]), (f"{element}* before", Operand("output", 0)),
        ("int* status", Operand("scratch", 0)),
    ]  # fmt: skip
    body = f"*before = *variable;\n    if (*variable >= {limit}) *status = 1; else *variable += 1;"
    return Emitted((pointwise("count_up", 1, parameters, body, request.facts),), scratch=4, status=0)


def _shape_of_variable(request: Request) -> Emitted | None:
    return constants(request, [np.array(shape_of(request.inputs[0]), request.outputs[0].dtype.np)])


TABLE: dict[str, Emitter] = {
    "Assign": _assigned,
    "AssignVariableOp": _assigned,
    "AssignAdd": _updated("add"),
    "AssignAddVariableOp": _updated("add"),
    "AssignSub": _updated("sub"),
    "AssignSubVariableOp": _updated("sub"),
    "StridedSliceAssign": _part_assigned,
    "ResourceStridedSliceAssign": _part_assigned,
    "CountUpTo": _counted,
    "ResourceCountUpTo": _counted,
    "VariableShape": _shape_of_variable,
}
