"""Which engine runs a step: commands of the device where there is an emitter, else arrays of it, else the host."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TypeAlias

from scopert.backend import HOST, LOOP, RANDOM, READ, Program, Step, Value, as_dtype
from scopert_cupy.actions import nbytes_of
from scopert_cupy.command import Copy, Emitted, Gemm, Launch, Operand, Operate
from scopert_cupy.device import Facts
from scopert_cupy.eager import KEEPERS
from scopert_cupy.emit import Emitter, Request, emit
from scopert_cupy.into_variables import ASSIGNS

_STRING, _RESOURCE, _VARIANT = as_dtype("string"), as_dtype("resource"), as_dtype("variant")
SWITCHES = frozenset({"Switch", "RefSwitch"})
MERGES = frozenset({"Merge", "RefMerge"})
#: What the host decides.
CONTROL = SWITCHES | MERGES | {LOOP}
#: Objects that hold arrays of the device: their kernels get arrays, and run as others do.
_HOLDERS = ("TensorArray", "Stack")
READS_VALUE = frozenset({READ, "ReadVariableOp"})

#: The engine's name, the commands if there are any, and why it is not the device.
Choice: TypeAlias = tuple[str, Emitted | None, str]


def is_handle(value: Value) -> bool:
    """Whether it stands for a variable or another resource."""
    return value.dtype.is_ref or value.dtype is _RESOURCE


def choose(
    step: Step, program: Program, variables: Container[int], facts: Facts, table: Mapping[str, Emitter]
) -> Choice:
    """The engine of a step; `variables` are the slots that stand for variables."""
    values = program.values
    if step.op == LOOP:
        return "loop", None, ""
    if step.op in SWITCHES:
        return "switch", None, ""
    if step.op in MERGES:
        return "merge", None, ""
    dtypes = [values[slot].dtype.base for slot in (*step.inputs, *step.outputs)]
    if HOST in step.traits:
        return "host", None, "works on host objects"
    if step.op in KEEPERS and _STRING not in step.origin.attrs.values():
        return "eager", None, "kept by the session"
    if _STRING in dtypes:
        return "host", None, "strings"
    unknown = [slot for slot in (*step.inputs, *step.outputs) if is_handle(values[slot]) and slot not in variables]
    if unknown and step.op != READ and not step.op.startswith(_HOLDERS):
        return "host", None, "a resource of the host"
    if unknown:
        return "eager", None, "an object of the host"
    if _VARIANT in dtypes:
        return "host", None, "variants"
    shapes = [values[slot].shape for slot in (*step.inputs, *step.outputs)]
    if any(shape is None or None in shape for shape in shapes):
        if RANDOM in step.traits:
            return "host", None, "random numbers of a shape that is not known before the run"
        return "eager", None, "a shape that is not known before the run"
    if step.op in ASSIGNS and values[step.inputs[0]].shape != values[step.inputs[1]].shape:
        return "eager", None, "another shape than the variable's"
    emitted = _emitted(step, program, facts, table)
    if emitted is None and RANDOM in step.traits:
        return "host", None, "random numbers, in no generated form"
    if emitted is None:
        return "eager", None, "not in this form" if step.op in table else "no emitter"
    return _name(emitted), emitted, ""


def _emitted(step: Step, program: Program, facts: Facts, table: Mapping[str, Emitter]) -> Emitted | None:
    if step.op in READS_VALUE:
        if step.copies:
            nbytes = nbytes_of(program.values[step.outputs[0]])
            return Emitted((Copy(Operand("output", 0), Operand("input", 0), nbytes),))
        return Emitted((), alias=((0, 0),))
    found = emit(Request(step, program, facts), table)
    return None if found is not None and step.copies and found.alias else found


def _name(emitted: Emitted) -> str:
    kinds = {type(command) for command in emitted.commands}
    if not kinds:
        return "alias"
    if Operate in kinds:
        return "cudnn"
    return "gemm" if Gemm in kinds else "generated" if Launch in kinds else "copy"
