"""What a traced run tells about itself."""

from __future__ import annotations

import time

from scopert.backend import TraceRow
from scopert.runtime.options import RunMetadata


def record_trace(trace: list[TraceRow] | None, device: str, metadata: RunMetadata) -> None:
    """Fills `metadata` from the steps that ran, or empties it."""
    metadata.Clear()
    if trace is None:
        return
    offset = time.time_ns() - time.perf_counter_ns()
    stats = metadata.step_stats.dev_stats.add(device=device)
    for step, start, end in trace:
        micros = (start + offset) // 1000
        duration = (end - start) // 1000
        stats.node_stats.add(
            node_name=step.origin.name, timeline_label=step.op, all_start_micros=micros,
            op_end_rel_micros=duration, all_end_rel_micros=duration, op_nanos=end - start,
        )  # fmt: skip
