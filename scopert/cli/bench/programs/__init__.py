"""The workloads: each a program for every peer, over the same data."""

from __future__ import annotations

from . import (
    construction,
    convolution,
    elementwise,
    embedding,
    mlp,
    normalization,
    optimizer,
    recurrent,
    session,
    transformer,
)
from .registry import Workload

FAMILIES = {
    "elementwise": elementwise, "normalization": normalization, "mlp": mlp, "convolution": convolution,
    "transformer": transformer, "recurrent": recurrent, "embedding": embedding, "optimizer": optimizer,
    "session": session, "construction": construction,
}  # fmt: skip

#: Name -> workload, in the order of the tables.
WORKLOADS: dict[str, Workload] = {
    workload.name: workload for family in FAMILIES.values() for workload in family.WORKLOADS
}
