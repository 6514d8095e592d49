"""Measuring: all peers of a workload in one run, one after the other, round after round.

The peers take turns, so that a machine that becomes slower or faster does so for all; ratios are taken within a round.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scopert.cli.bench.peers import Peer, PeerFailed, Process
from scopert.cli.bench.programs import WORKLOADS
from scopert.cli.bench.programs.registry import Workload


@dataclass(frozen=True)
class Options:
    """How to measure: rounds, seconds of each, threads of every peer, and how long to wait for an answer."""

    rounds: int = 5
    seconds: float = 0.2
    threads: int = 2
    patience: float = 120
    small: bool = False


@dataclass
class Measured:
    """One peer on one workload: seconds a step, by round; or why there are none."""

    times: list[float] = field(default_factory=list)
    problem: str = ""
    version: str = ""

    @property
    def median(self) -> float | None:
        """Seconds, or None."""
        return statistics.median(self.times) if self.times else None


@dataclass
class Result:
    """All peers on one workload."""

    workload: str
    peers: dict[str, Measured]

    def best_peer(self, own: Sequence[str] = ("scopert", "other", "numpy")) -> str | None:
        """The fastest of the other libraries (plain NumPy is none), or None."""
        medians = {name: m.median for name, m in self.peers.items() if name not in own and m.median is not None}
        return min(medians, key=lambda name: medians[name]) if medians else None

    def ratio(self, name: str, base: str) -> tuple[float, float, float] | None:
        """How many times as fast as `base` the peer `name` is: median over the rounds, least and largest."""
        mine, others = self.peers.get(name), self.peers.get(base)
        if mine is None or others is None or not mine.times or not others.times:
            return None
        ratios = [b / a for a, b in zip(mine.times, others.times, strict=False)]
        return statistics.median(ratios), min(ratios), max(ratios)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"workload": self.workload, "peers": {name: asdict(m) for name, m in self.peers.items()}}


def measure(names: Sequence[str], peers: Sequence[Peer], options: Options, say: Callable[[str], None]) -> list[Result]:
    """Measures workloads.

    Parameters
    ----------
    names : sequence of str
    peers : sequence of Peer
        Those that are there.
    options : Options
    say : callable
        Told about progress.
    """
    results = []
    with tempfile.TemporaryDirectory(prefix="scopert-bench-") as folder:
        for name in names:
            workload = WORKLOADS[name]
            say(f"{name}: {workload.what}")
            able = [peer for peer in peers if peer.kind in workload.programs]
            found = {peer.name: Measured() for peer in able}
            one = _fresh if workload.fresh else _steady
            one(workload, able, options, Path(folder), found)
            results.append(Result(name, found))
    return results


def _start(workload: Workload, peer: Peer, options: Options, folder: Path) -> Process:
    return Process(peer, workload.name, options.threads, folder / f"{workload.name}-{peer.name}.log")


def _steady(
    workload: Workload, peers: Sequence[Peer], options: Options, folder: Path, found: dict[str, Measured]
) -> None:
    reference = folder / f"{workload.name}.npz"
    working: dict[str, Process] = {}
    try:
        if not _write_reference(workload, peers, options, folder, reference, found):
            return
        for peer in peers:
            process = working[peer.name] = _start(workload, peer, options, folder)
            try:
                facts = process.ask(
                    options.patience, do="setup", reference=str(reference), write=False, small=options.small,
                    seconds=options.seconds,
                )  # fmt: skip
                found[peer.name].version = facts["version"]
                if facts["wrong"]:
                    raise PeerFailed(f"wrong results: {'; '.join(facts['wrong'][:3])}")
            except PeerFailed as failure:
                found[peer.name].problem = str(failure)
                working.pop(peer.name).close()
        order = list(working)
        chance = random.Random(workload.name)
        for _ in range(options.rounds):
            chance.shuffle(order)
            for name in tuple(order):
                try:
                    found[name].times.append(working[name].ask(options.patience, do="measure")["seconds"])
                except PeerFailed as failure:
                    found[name] = Measured(problem=str(failure))
                    order.remove(name)
    finally:
        for process in working.values():
            process.close()


def _write_reference(
    workload: Workload, peers: Sequence[Peer], options: Options, folder: Path, reference: Path,
    found: dict[str, Measured],
) -> bool:  # fmt: skip
    """The right results: scopert in float64, each operation by itself."""
    own = next((peer for peer in peers if peer.library == "scopert"), None)
    if own is None:
        raise ValueError("scopert is always among the peers: it computes the results that all are compared with")
    process = Process(own, workload.name, options.threads, folder / f"{workload.name}-reference.log")
    try:
        process.ask(
            options.patience, do="setup", reference=str(reference), write=True, small=options.small, seconds=0.0
        )
    except PeerFailed as failure:
        for measured in found.values():
            measured.problem = f"no reference: {failure}"
        return False
    finally:
        process.close()
    return True


def _fresh(
    workload: Workload, peers: Sequence[Peer], options: Options, folder: Path, found: dict[str, Measured]
) -> None:
    """A new process for each time; the first round fills the file cache and does not count."""
    for number in range(options.rounds + 1):
        for peer in peers:
            measured = found[peer.name]
            if measured.problem:
                continue
            process = _start(workload, peer, options, folder)
            try:
                facts = process.ask(
                    options.patience, do="setup", reference="", write=False, small=options.small, seconds=0.0
                )
                measured.version = facts["version"]
                if number:
                    measured.times.append(facts[workload.fresh])
            except PeerFailed as failure:
                found[peer.name] = Measured(problem=str(failure))
            finally:
                process.close()
