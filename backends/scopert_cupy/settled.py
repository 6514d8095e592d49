"""Shapes that kernels settle where the graph's rules leave them open, as TensorFlow's rules do."""

from __future__ import annotations

from dataclasses import replace

from scopert.backend import Program

#: (op, number of an output) -> the shape that every kernel of ours gives it: cuDNN's workspace is one number here.
_SHAPES: dict[tuple[str, int], tuple[int, ...]] = {("FusedBatchNormV3", 5): ()}


def settled(program: Program) -> Program:
    """The program with these shapes, so that the steps with such outputs can be generated."""
    found = {
        slot: _SHAPES[step.op, number]
        for step in program.steps
        for number, slot in enumerate(step.outputs)
        if (step.op, number) in _SHAPES and program.values[slot].shape is None
    }
    if not found:
        return program
    values = [replace(v, shape=found[v.number]) if v.number in found else v for v in program.values]
    return replace(program, values=tuple(values))
