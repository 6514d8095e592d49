"""The passes, in the order in which they run."""

from __future__ import annotations

import os
from collections.abc import Sequence

from scopert.program.collector import collector_rests
from scopert.program.ir import Program, Shape
from scopert.program.passes.bags import Bags
from scopert.program.passes.base import Pass, run_passes
from scopert.program.passes.branches import Branches
from scopert.program.passes.choose import Choose
from scopert.program.passes.cse import Cse
from scopert.program.passes.dead import Dead
from scopert.program.passes.decide import Decide
from scopert.program.passes.fold import Fold
from scopert.program.passes.fuse import Fuse
from scopert.program.passes.order import Order
from scopert.program.passes.place import Place
from scopert.program.passes.simplify import Simplify
from scopert.program.passes.specialise import Specialise
from scopert.program.passes.together import Join

#: What a program goes through once its feeds have shapes; `Specialise` comes before them.
PIPELINE: tuple[Pass, ...] = (
    Fold(),
    Decide(),
    Cse(),
    Simplify(),
    Branches(),
    Choose(),
    Bags(),
    Dead(),
    Fuse(),
    Join(),
    Order(),
    Place(),
)

# What a device computes while the host would read a predicate.
_LARGEST_CHOICE = 1 << 14


def _for_device(step: Pass) -> Pass:
    if isinstance(step, Fuse):
        return Fuse(costly=True, maps=32)
    return Choose(_LARGEST_CHOICE) if isinstance(step, Choose) else step


#: For devices with memory of their own, which compute much faster than they read.
DEVICE_PIPELINE: tuple[Pass, ...] = tuple(_for_device(step) for step in PIPELINE if not isinstance(step, Bags))

#: Without FUSED steps, for backends that do not run them and sessions that do not want them.
UNFUSED: tuple[Pass, ...] = tuple(step for step in PIPELINE if not isinstance(step, Bags | Fuse | Join))


def optimised(program: Program, shapes: Sequence[Shape], passes: Sequence[Pass] = UNFUSED) -> Program:
    """The program for feeds of these shapes, after all passes."""
    with collector_rests():
        return run_passes(program, (Specialise(tuple(shapes)), *passes), check=bool(os.environ.get("SCOPERT_VERIFY")))
