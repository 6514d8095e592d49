"""Emitters by op: each file of this package has a table of its own, and this is all of them."""

from __future__ import annotations

from scopert_cupy.emit import Emitter
from scopert_cupy.emitters import (
    arguments,
    assigning,
    convolving,
    depthwise,
    diagonals,
    filling,
    fused,
    gathering,
    joining,
    matmul,
    normalising,
    optimizers,
    padding,
    pooling,
    random,
    ranking,
    reductions,
    reversing,
    scanning,
    scattering,
    segments,
    softmax,
    space,
    views,
)

#: Op -> what makes its commands.
TABLE: dict[str, Emitter] = {
    **fused.TABLE,
    **views.TABLE,
    **joining.TABLE,
    **padding.TABLE,
    **space.TABLE,
    **filling.TABLE,
    **diagonals.TABLE,
    **gathering.TABLE,
    **reversing.TABLE,
    **random.TABLE,
    **assigning.TABLE,
    **matmul.TABLE,
    **optimizers.TABLE,
    **reductions.TABLE,
    **arguments.TABLE,
    **scanning.TABLE,
    **softmax.TABLE,
    **normalising.TABLE,
    **ranking.TABLE,
    **segments.TABLE,
    **scattering.TABLE,
    **pooling.TABLE,
    **convolving.TABLE,
    **depthwise.TABLE,
}
