"""Runs emitted steps on a device by themselves: memory for each operand, one module for all functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scopert_cupy.command import Command, Copy, Emitted, Fill, Gemm, Launch, Operand, Operate, Table


@dataclass(frozen=True, slots=True, eq=False)
class OneStep:
    """A step with what goes in, and the shapes and types of what comes out.

    An output that is an alias of an input is given as None.
    """

    emitted: Emitted
    inputs: Sequence[Any]
    outputs: Sequence[tuple[tuple[int, ...], Any] | None]


def run(device: Any, steps: Sequence[OneStep]) -> list[tuple[list[Any], list[Any]]]:
    """For each step, its outputs and what its inputs hold afterwards."""
    functions = {}
    for step in steps:
        for command in step.emitted.commands:
            if isinstance(command, Launch):
                functions[command.function.name] = command.function
    text = "\n".join(function.source for function in functions.values())
    module = device.compile(text, [(name, function.fibers) for name, function in functions.items()])
    return [_run(device, module, step) for step in steps]


def _run(device: Any, module: Any, step: OneStep) -> tuple[list[Any], list[Any]]:
    emitted, held = step.emitted, []
    places: dict[tuple[str, int], int] = {}

    def put(role: str, number: int, array: Any) -> None:
        array = np.ascontiguousarray(array)
        allocation = device.allocate(array.nbytes)
        held.append(allocation)
        device.copy_in(allocation.address, array, array.nbytes)
        places[role, number] = allocation.address

    def address(operand: Operand) -> int:
        return places[operand.role, operand.number] + operand.offset

    for number, array in enumerate(step.inputs):
        put("input", number, array)
    aliased = dict(emitted.alias)
    for number, made in enumerate(step.outputs):
        if made is not None:
            put("output", number, np.full(made[0], 7, made[1]))
        else:
            places["output", number] = places["input", aliased[number]]
    put("scratch", 0, np.zeros(emitted.scratch, np.uint8))
    for number, table in enumerate(emitted.constants):
        if isinstance(table, Table):
            table = np.array([address(e) if isinstance(e, Operand) else e for e in table.entries], np.uint64)
        put("input", len(step.inputs) + number, table)
    for command in emitted.commands:
        _issue(device, module, command, address)
    outputs = [
        None if made is None else _take(device, places["output", number], *made)
        for number, made in enumerate(step.outputs)
    ]
    after = [_take(device, places["input", k], np.shape(a), np.asarray(a).dtype) for k, a in enumerate(step.inputs)]
    return outputs, after


def _issue(device: Any, module: Any, command: Command, address: Any) -> None:
    if isinstance(command, Launch):
        arguments = [np.uint64(address(a)) if isinstance(a, Operand) else a for a in command.arguments]
        device.launch(module.function(command.function.name), command.grid, command.block, command.shared, arguments)
    elif isinstance(command, Gemm):
        plan = device.plan_gemm(command)
        workspace = device.allocate(plan.workspace)
        vector = command.bias or command.bias_gradient
        at = [address(matrix.at) for matrix in (command.a, command.b, command.out)]
        more = [0 if operand is None else address(operand) for operand in (vector, command.aux)]
        device.gemm(plan, *at, more[0], workspace.address, more[1])
    elif isinstance(command, Operate):
        plan = device.plan_operation(command.operation)
        workspace = device.allocate(plan.workspace)
        device.operate(plan, [address(operand) for operand in command.operands], workspace.address)
    elif isinstance(command, Copy):
        device.copy(address(command.target), address(command.source), command.nbytes)
    elif isinstance(command, Fill):
        device.fill(address(command.target), command.byte, command.nbytes)
    else:
        raise TypeError(f"{command} is no command")


def _take(device: Any, at: int, shape: tuple[int, ...], dtype: Any) -> Any:
    made = np.empty(shape, dtype)
    flat = np.empty(made.nbytes, np.uint8)
    device.copy_out(flat, at, made.nbytes)
    device.synchronize()
    return flat.view(dtype).reshape(shape)
