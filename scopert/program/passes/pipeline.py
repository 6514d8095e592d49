"""The passes, in the order in which they run."""

from __future__ import annotations

from scopert.program.passes.base import Pass
from scopert.program.passes.cse import Cse
from scopert.program.passes.dead import Dead
from scopert.program.passes.fold import Fold

PIPELINE: tuple[Pass, ...] = (
    Fold(),
    Cse(),
    Dead(),
)
