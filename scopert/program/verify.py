"""The rules that every Program obeys, whatever passes it went through."""

from __future__ import annotations

from scopert.program import expression
from scopert.program.ir import FUSED, LOOP, READ, TOGETHER, Loop, Program, Together


def verify(program: Program) -> None:
    """Checks a Program.

    Raises
    ------
    ValueError
        Naming the rule that is broken and where.
    """
    filled = {*program.feeds, *program.constants, *program.variables}
    if len(filled) != len(program.feeds) + len(program.constants) + len(program.variables):
        raise ValueError("a slot is filled twice before the first step")
    for value in program.values:
        if program.values[value.number] is not value:
            raise ValueError(f"value {value.number} stands in another place")
    for position, step in enumerate(program.steps):
        where = f"step {position} ({step.op} of {step.origin.name})"
        for slot in (*step.inputs, *step.guards):
            if slot not in filled:
                raise ValueError(f"{where} uses %{slot}, which nothing before it fills")
        for slot in step.outputs:
            if slot in filled:
                raise ValueError(f"{where} fills %{slot}, which is filled already")
            filled.add(slot)
        if step.op == FUSED:
            if not isinstance(step.body, expression.Fused):
                raise ValueError(f"{where} has no fused body")
            if len(step.body.loads) != len(step.inputs) or len(step.body.stores) != len(step.outputs):
                raise ValueError(f"{where} has other inputs or outputs than its body")
            expression.check(step.body)
        elif step.op == READ:
            if not program.values[step.inputs[0]].dtype.is_ref and step.inputs[0] not in program.variables:
                raise ValueError(f"{where} reads %{step.inputs[0]}, which is no variable")
        elif step.op == TOGETHER:
            if not isinstance(step.body, Together):
                raise ValueError(f"{where} has no members")
            members = step.body.members
            if step.inputs != tuple([slot for member in members for slot in member.inputs]):
                raise ValueError(f"{where} has other inputs than its members")
            if step.outputs != tuple([slot for member in members for slot in member.outputs]):
                raise ValueError(f"{where} has other outputs than its members")
        elif step.op == LOOP:
            if not isinstance(step.body, Loop):
                raise ValueError(f"{where} has no loop")
            verify(step.body.program)
    for fetch in program.fetches:
        if fetch.slot not in filled:
            raise ValueError(f"%{fetch.slot} is fetched, but nothing fills it")
