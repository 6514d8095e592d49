"""Attention and its gradient, which `scopert_cupy.join_attention` found: one operation of a library."""

from __future__ import annotations

from scopert_cupy.command import Emitted, Operand, Operate
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.source import INPUT, OUTPUT, done

OPS = ("Attention", "AttentionGradient")
#: Attributes of these steps: the operation, and how many bytes each of its inputs begins behind the step's.
OPERATION, STARTS = "operation", "starts"


def _operated(request: Request) -> Emitted | None:
    inputs = [
        Operand("input", at.number, start) for at, start in zip(INPUT, request.attrs[STARTS], strict=False)
    ]  # fmt: skip
    return done(Operate(request.attrs[OPERATION], (*inputs, *OUTPUT[: len(request.outputs)])))


TABLE: dict[str, Emitter] = dict.fromkeys(OPS, _operated)

__all__ = ["OPERATION", "OPS", "STARTS", "TABLE"]
