"""Convolutions with a bias and an activation (`scopert_cupy.join_products`): their products have epilogues."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from scopert_cupy.command import Command, Emitted, Gemm, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters import convolving

#: What may follow a convolution.
JOINED = tuple([words for words in product((("bias",), ()), (("relu",), ("gelu",), ())) if words != ((), ())])


def _joined(op: str, bias: bool, activation: str) -> Emitter:
    def emit(request: Request) -> Emitted | None:
        found = convolving.TABLE[op](request)
        if found is None:
            return None
        filters = request.inputs[1].shape
        assert filters is not None
        assert filters[-1] is not None
        row = filters[-1] * request.outputs[0].dtype.base.np.itemsize
        commands: list[Command] = []
        for command in found.commands:
            if isinstance(command, Gemm) and command.out.at.role == "output":
                # The product of a group makes some columns, which have their part of the bias.
                vector = Operand("input", 2, command.out.at.offset % row) if bias else None
                command = replace(command, bias=vector, epilogue=activation)
            commands.append(command)
        return replace(found, commands=tuple(commands))

    return emit


TABLE: dict[str, Emitter] = {
    "+".join([op, *bias, *activation]): _joined(op, bool(bias), "".join(activation))
    for op in ("Conv2D", "Conv3D")
    for bias, activation in JOINED
}

__all__ = ["JOINED", "TABLE"]
