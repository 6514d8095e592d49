"""What a program goes through before it is planned; ``SCOPERT_CUPY_PASSES=0`` leaves only the joining of products."""

from __future__ import annotations

import os
from collections.abc import Mapping

from scopert.backend import Program
from scopert.program.passes.place import Place
from scopert_cupy.device import Facts
from scopert_cupy.emit import Emitter
from scopert_cupy.fused.drawing import draw_inside
from scopert_cupy.fused.recompute import recompute
from scopert_cupy.fused.small import join_small
from scopert_cupy.hold import hold
from scopert_cupy.join_attention import join_attention
from scopert_cupy.join_moves import join_moves
from scopert_cupy.join_products import join_products
from scopert_cupy.sink_assigned import sink_assigned
from scopert_cupy.take_halves import take_halves


def improved(program: Program, facts: Facts, table: Mapping[str, Emitter]) -> Program:
    """The program with fewer launches and less in memory; the same results."""
    if os.environ.get("SCOPERT_CUPY_PASSES", "1") in ("", "0"):
        return join_products(program, facts)
    # Laying out takes longer than the passes: it is done once.
    made = join_attention(program, facts, place=False)
    made = join_products(made, facts, place=False)
    made = take_halves(made, place=False)
    made = join_moves(made, place=False)
    made = recompute(made, facts, place=False)
    made = sink_assigned(made, place=False)
    made = join_small(made, place=False)
    made = draw_inside(made, facts, place=False)
    if program.memory is not None:
        made = hold(made, facts, table)
    return program if made is program else Place()(made)
