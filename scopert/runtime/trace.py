"""What a traced run tells about itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from scopert.backend import Executable, Origin, TraceRow
from scopert.runtime.options import RunMetadata


def operations_of(origin: Origin) -> tuple[Origin, ...]:
    """The operations that a step stands for: a fused one names them."""
    return tuple(origin.attrs.get("fused", ())) or (origin,)


class Observer(Protocol):
    """What wants to know about every run (see `scopert.profile`)."""

    def note(self, start: int, end: int, trace: Sequence[TraceRow]) -> None:
        """A run began and ended, in nanoseconds of `time.perf_counter_ns`; called in the thread that ran it."""


#: Those that watch now. Empty, and asked once a run, unless somebody profiles.
OBSERVERS: list[Observer] = []


def run_observed(executable: Executable, feeds: Sequence[Any], trace: list[TraceRow] | None) -> list[Any]:
    """Runs with a trace and tells the observers, also about a run that fails."""
    rows: list[TraceRow] = [] if trace is None else trace
    observers = tuple(OBSERVERS)
    start = time.perf_counter_ns()
    try:
        return executable.run(feeds, rows)
    finally:
        end = time.perf_counter_ns()
        for observer in observers:
            observer.note(start, end, rows)


def record_trace(trace: list[TraceRow] | None, device: str, metadata: RunMetadata) -> None:
    """Fills `metadata` from the steps that ran, or empties it.

    The operations of a fused step get equal shares of its time, one after the other.
    """
    metadata.Clear()
    if trace is None:
        return
    offset = time.time_ns() - time.perf_counter_ns()
    stats = metadata.step_stats.dev_stats.add(device=device)
    for step, start, end, _ in trace:
        operations = operations_of(step.origin)
        share = (end - start) // len(operations)
        for number, operation in enumerate(operations):
            label = step.op if operation is step.origin else operation.type
            stats.node_stats.add(
                node_name=operation.name, timeline_label=label,
                all_start_micros=(start + offset + number * share) // 1000, op_end_rel_micros=share // 1000,
                all_end_rel_micros=share // 1000, op_nanos=share,
            )  # fmt: skip
