"""Attention and its gradient, which `scopert_cupy.join_attention` found: one operation of a library."""

from __future__ import annotations

from scopert_cupy.command import Emitted, Operand, Operate
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.source import INPUT, done

OPS = ("Attention", "AttentionGradient")
#: Attributes of these steps: the operation; how many bytes each of its inputs begins behind the step's; and in which
#: of the step's outputs, how many bytes behind its beginning, each of its results goes.
OPERATION, STARTS, ENDS = "operation", "starts", "ends"


def _operated(request: Request) -> Emitted | None:
    inputs = [
        Operand("input", at.number, start) for at, start in zip(INPUT, request.attrs[STARTS], strict=False)
    ]  # fmt: skip
    outputs = [Operand("output", number, start) for number, start in request.attrs[ENDS]]
    return done(Operate(request.attrs[OPERATION], (*inputs, *outputs)))


TABLE: dict[str, Emitter] = dict.fromkeys(OPS, _operated)

__all__ = ["ENDS", "OPERATION", "OPS", "STARTS", "TABLE"]
