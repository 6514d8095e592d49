"""Where the time of runs goes: `scopert.profile`."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from scopert.backend import FUSED, Origin, TraceRow
from scopert.public import public
from scopert.runtime.trace import OBSERVERS, operations_of

#: The row for what a run does besides its steps: compiling for new shapes, dispatch, copies of the results.
OUTSIDE = "(outside steps)"


@dataclass(frozen=True, slots=True)
class ProfiledStep:
    """A step that ran.

    Attributes
    ----------
    name, op : str
        The operation's name and type; type ``fused`` for a loop over many operations.
    operations : tuple of Origin
        All operations that the step stands for.
    start, end : int
        Nanoseconds of `time.perf_counter_ns`.
    own : int
        Nanoseconds without those of the steps inside it (of a loop).
    nbytes : int
        Size of the outputs, whether or not they took new memory.
    thread : int
    """

    name: str
    op: str
    operations: tuple[Origin, ...]
    start: int
    end: int
    own: int
    nbytes: int
    thread: int


@dataclass(frozen=True, slots=True)
class ProfiledRun:
    """One ``Session.run``: when it began and ended, and its steps in the order in which they began."""

    start: int
    end: int
    thread: int
    steps: tuple[ProfiledStep, ...]


@dataclass(slots=True)
class ProfileRow:
    """A line of a table: how often, how long (in seconds, without nested steps) and how many bytes of outputs."""

    label: str
    count: int = 0
    seconds: float = 0.0
    nbytes: int = 0


@public("profile")
class profile:
    """Measures every ``Session.run`` in a ``with`` block, in all threads and sessions.

    Outside of such a block nothing is measured, and nothing is slower. Within it, each step is timed.

    Attributes
    ----------
    runs : list of ProfiledRun

    Notes
    -----
    A fused step's time is shared equally among the operations it was made of (they run interleaved, point by
    point, and have no times of their own); its bytes count for the last of them. The table by step keeps it whole.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess, tf.profile() as prof:
    ...     x = tf.placeholder(tf.float32, [2, 2], name="x")
    ...     with tf.name_scope("net"):
    ...         y = tf.matmul(x, x)
    ...     _ = sess.run(y, {x: [[1, 2], [3, 4]]})
    >>> [(row.label, row.count, row.nbytes) for row in prof.rows("op") if row.nbytes]
    [('MatMul', 1, 16)]
    >>> [row.label for row in prof.rows("scope") if row.nbytes]
    ['net']
    """

    def __init__(self) -> None:
        self.runs: list[ProfiledRun] = []

    def __enter__(self) -> profile:
        OBSERVERS.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        OBSERVERS.remove(self)

    def note(self, start: int, end: int, trace: Sequence[TraceRow]) -> None:
        """Takes up a run; sessions call it."""
        thread = threading.get_ident()
        self.runs.append(ProfiledRun(start, end, thread, tuple(_steps(trace, thread))))

    @property
    def seconds(self) -> float:
        """How long all runs took together."""
        return sum([run.end - run.start for run in self.runs]) * 1e-9

    def rows(self, by: Literal["op", "scope", "step"] = "op", depth: int | None = None) -> list[ProfileRow]:
        """The time of all runs, largest first.

        Parameters
        ----------
        by : "op", "scope" or "step"
            By type of operation, by name scope, or by step.
        depth : int, optional
            How many levels of scopes to tell apart; all, by default.

        Raises
        ------
        ValueError
            For another `by`, or a `depth` without scopes or below 1.
        """
        if by not in ("op", "scope", "step"):
            raise ValueError(f"by must be 'op', 'scope' or 'step', got {by!r}")
        if depth is not None and (by != "scope" or depth < 1):
            raise ValueError(f"depth is the number of levels of scopes, with by='scope' and at least 1; got {depth!r}")
        found: dict[str, ProfileRow] = {}
        inside = 0
        for run in self.runs:
            for step in run.steps:
                inside += step.own
                for label, share, nbytes in _parts(step, by, depth):
                    row = found.setdefault(label, ProfileRow(label))
                    row.count += 1
                    row.seconds += share
                    row.nbytes += nbytes
        if self.runs:
            found[OUTSIDE] = ProfileRow(OUTSIDE, len(self.runs), self.seconds - inside * 1e-9)
        return sorted(found.values(), key=lambda row: -row.seconds)

    def table(self, by: Literal["op", "scope", "step"] = "op", depth: int | None = None, top: int = 20) -> str:
        """The first `top` of `rows` as text."""
        rows = self.rows(by, depth)
        total = self.seconds or 1.0
        shown = rows[:top]
        width = max([len(by), *(len(row.label) for row in shown)])
        lines = [f"{by:<{width}}  {'ms':>10}  {'share':>6}  {'times':>8}  {'MB':>10}"]
        lines += [
            f"{row.label:<{width}}  {row.seconds * 1e3:>10.3f}  {row.seconds / total:>6.1%}  {row.count:>8}  "
            f"{row.nbytes / 1e6:>10.3f}"
            for row in shown
        ]
        rest = rows[top:]
        if rest:
            seconds = sum(row.seconds for row in rest)
            lines.append(f"{f'({len(rest)} more)':<{width}}  {seconds * 1e3:>10.3f}  {seconds / total:>6.1%}")
        return "\n".join(lines)

    def __str__(self) -> str:
        head = f"{len(self.runs)} run{'s' if len(self.runs) != 1 else ''}, {self.seconds * 1e3:.3f} ms"
        return f"{head}\n\n{self.table('scope', depth=2)}\n\n{self.table('op')}"

    def chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the runs for ``chrome://tracing`` or Perfetto.

        Parameters
        ----------
        path : path-like
            A file, usually ending in ``.json``; it is replaced.
        """
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": list(self._events()), "displayTimeUnit": "ms"}, file)

    def _events(self) -> Iterator[dict[str, Any]]:
        process = os.getpid()
        yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": "scopert"}}
        # Small numbers: viewers take a thread's number for 32 bits.
        threads: dict[int, int] = {}
        for number, run in enumerate(self.runs):
            thread = threads.setdefault(run.thread, len(threads))
            place = {"ph": "X", "pid": process, "tid": thread}
            yield {**place, "name": f"run {number}", "cat": "run", **_times(run.start, run.end)}
            for step in run.steps:
                facts: dict[str, Any] = {"name": step.name, "bytes": step.nbytes, "where": step.operations[-1].where}
                if step.op == FUSED:
                    facts["operations"] = [f"{origin.type} {origin.name}" for origin in step.operations]
                yield {**place, "name": step.op, "cat": "step", **_times(step.start, step.end), "args": facts}


def _times(start: int, end: int) -> dict[str, float]:
    return {"ts": start / 1000, "dur": (end - start) / 1000}


def _steps(trace: Sequence[TraceRow], thread: int) -> Iterator[ProfiledStep]:
    """The rows in the order of their beginnings; a step ends after those inside it, which its own time leaves out."""
    inside: dict[int, int] = {}
    open_rows: list[int] = []
    ordered = sorted(trace, key=lambda row: (row[1], -row[2]))
    for number, (_, start, end, _) in enumerate(ordered):
        while open_rows and ordered[open_rows[-1]][2] <= start:
            open_rows.pop()
        if open_rows:
            inside[open_rows[-1]] = inside.get(open_rows[-1], 0) + end - start
        open_rows.append(number)
    for number, (step, start, end, nbytes) in enumerate(ordered):
        own = end - start - inside.get(number, 0)
        yield ProfiledStep(step.origin.name, step.op, operations_of(step.origin), start, end, own, nbytes, thread)


def _parts(step: ProfiledStep, by: str, depth: int | None) -> Iterator[tuple[str, float, int]]:
    """(label, seconds, bytes) of the lines that a step counts for."""
    if by == "step":
        yield _whole(step), step.own * 1e-9, step.nbytes
        return
    share = step.own * 1e-9 / len(step.operations)
    for origin in step.operations:
        if by == "scope":
            levels = origin.scope.split("/")
            label = "/".join(levels[:depth]) or "(no scope)"
        else:
            label = origin.type if len(step.operations) > 1 else step.op
        yield label, share, step.nbytes if origin is step.operations[-1] else 0


def _whole(step: ProfiledStep) -> str:
    if step.op != FUSED:
        return f"{step.op} {step.name}"
    kinds = [origin.type for origin in step.operations]
    shown = kinds if len(kinds) <= 6 else [*kinds[:5], f"... {len(kinds) - 5} more"]
    return f"{step.op} {step.name}: {', '.join(shown)}"
