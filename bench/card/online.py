"""A card: the tests that need it, a sanitizer's sample, and workloads beside their peers."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from card.peers import Peer, missing
from card.programs_torch import MODE
from card.tables import table
from card.workloads import BY_NAME, WORKLOADS, Workload

_ROOT = Path(__file__).resolve().parents[2]
_ROUNDS = 3
#: Seconds that one peer may take to be ready with a workload.
_READY = 75.0
_SANITIZERS = ("memcheck", "racecheck", "synccheck")


def run_tests(limit: float) -> dict[str, Any]:
    """Tests that need a card; of those that were not reached in time it says so."""
    command = [sys.executable, "-m", "pytest", "-vv", "-m", "gpu", "-p", "no:cacheprovider", "-n0", "--tb=short",
               "tests/backends/cupy"]  # fmt: skip
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT)
        found: dict[str, Any] = {}
        try:
            found["exit_code"] = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            found["late"] = f"not done in {limit:.0f} s"
        output.seek(0)
        text = output.read()
    for name, key in (("PASSED", "passed"), ("FAILED", "failed"), ("ERROR", "broken"), ("SKIPPED", "skipped")):
        found[key] = len(re.findall(rf"^tests\S*::.* {name}", text, re.M))
    found["wrong"] = re.findall(r"^(tests\S+) (?:FAILED|ERROR)", text, re.M) or re.findall(r"^ERROR (\S+)", text, re.M)
    found["output"] = text[-6000:] if found["wrong"] else text[-300:]
    return found


def run_sanitizers(limit: float) -> dict[str, str]:
    """What compute-sanitizer finds in a sample of kernels, by tool."""
    tool = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if tool is None:
        return {"compute-sanitizer": "missing"}
    found = {}
    for name in _SANITIZERS:
        command = [tool, "--tool", name, "--error-exitcode", "9", sys.executable, "-m", "card.sample"]
        options: dict[str, Any] = {"env": {**os.environ, "SCOPERT_CUPY_GRAPHS": "0"}, "timeout": limit / 3}
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        except subprocess.TimeoutExpired:
            found[name] = f"not done in {limit / 3:.0f} s"
            continue
        summary = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: .*", done.stdout + done.stderr)
        found[name] = summary[-1] if summary else f"exit code {done.returncode}: {done.stderr[-200:]}"
    return found


def agree(workload: Workload, ours: list[float], theirs: list[float]) -> bool:
    """Whether two peers computed the same."""
    scale = max(map(abs, ours))
    return all(abs(a - b) <= workload.tolerance * max(scale, abs(a)) for a, b in zip(ours, theirs, strict=True))


def measure(workload: Workload, peers: list[Peer], deadline: float) -> dict[str, Any]:
    """Makes a workload on every peer, then times them in turn."""
    row: dict[str, Any] = {"workload": workload.name, "precision": workload.precision, "peers": {}}

    def prepare(peer: Peer) -> dict[str, Any]:
        return peer.ask(min(_READY, deadline - time.monotonic()), do="make", name=workload.name)

    # Ours chooses among algorithms by timing them, so it is alone on the card. The others mostly compile, side by
    # side. While anything is timed nothing else runs.
    answers = {peers[0].name: prepare(peers[0])}
    with ThreadPoolExecutor(max(1, len(peers) - 1)) as pool:
        answers |= dict(zip([peer.name for peer in peers[1:]], pool.map(prepare, peers[1:]), strict=True))
    row["peers"] = {name: {**answer, "rounds": []} for name, answer in answers.items()}
    ready = [peer for peer in peers if "error" not in answers[peer.name]]
    for number in range(_ROUNDS):
        for peer in ready[number % max(len(ready), 1) :] + ready[: number % max(len(ready), 1)]:
            answer = peer.ask(min(30.0, deadline - time.monotonic()), do="time")
            found = row["peers"][peer.name]
            if "seconds" in answer:
                found["rounds"].append(answer["seconds"])
            else:
                found["error"] = answer["error"]
    ours = row["peers"]["scopert"]
    for name, found in row["peers"].items():
        if found["rounds"]:
            found["seconds"] = statistics.median(found["rounds"])
        if name != "scopert" and "numbers" in found and "numbers" in ours:
            found["agrees"] = agree(workload, ours["numbers"], found["numbers"])
        if name != "scopert" and found["rounds"] and ours["rounds"]:
            pairs = zip(ours["rounds"], found["rounds"], strict=False)
            found["ratio"] = statistics.median([a / b for a, b in pairs])
    return row


def _cells(row: dict[str, Any], names: list[str], rate: float, small: bool) -> list[str]:
    workload = BY_NAME[row["workload"]]
    sizes = workload.small if small else workload.full
    cells = [workload.name, workload.precision]
    ours = row["peers"]["scopert"].get("seconds")
    for name in names:
        found = row["peers"].get(name, {})
        seconds = found.get("seconds")
        cells.append("-" if seconds is None else f"{seconds * 1e6:.1f}")
    for name in names[1:]:
        found = row["peers"].get(name, {})
        ratio = found.get("ratio")
        cells.append("-" if ratio is None else f"{ratio:.2f}" + ("" if found.get("agrees") else " differs"))
    bound = "-"
    if ours and workload.traffic and rate:
        bound = f"{workload.traffic(sizes) / ours / rate:.2f} of copy"
    elif ours and workload.flops:
        bound = f"{workload.flops(sizes) / ours / 1e12:.0f} TFLOP/s"
    return [*cells, bound]


def main(options: argparse.Namespace) -> int:
    """Does it all within the time there is; the exit status."""
    start = time.monotonic()
    finish = start + options.minutes * 60 - 10
    deadline = finish if options.no_tests else start + 0.65 * (finish - start)
    os.environ[MODE] = options.torch_mode
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    ours = Peer("scopert", options.small)
    head = ours.ask(90, do="versions")
    if "error" in head:
        print(f"no card can be used: {head['error']}", file=sys.stderr)
        return 2
    if head["device"] == "host" and not options.small:
        print("the host device's times say nothing of a card (--small tries the programs)", file=sys.stderr)
        return 2
    record: dict[str, Any] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"), "machine": platform.platform(), "small": options.small,
        "scopert": head, "peers": {}, "missing": {}, "torch_mode": options.torch_mode, "workloads": [],
    }  # fmt: skip
    print(", ".join(f"{name} {value}" for name, value in head.items()), flush=True)
    peers = [ours]
    for name in options.peers:
        why = missing(name)
        peer = Peer(name, options.small)
        versions = {"error": why} if why else peer.ask(60, do="versions")
        if "error" in versions:
            record["missing"][name] = versions["error"]
        else:
            record["peers"][name] = versions
            peers.append(peer)
    record["copy_rate"] = ours.ask(60, do="copy").get("rate", 0.0)
    path = options.out / f"{record['when'][:10]}-{re.sub('[^a-z0-9]+', '-', head['device'].lower()).strip('-')}.json"
    options.out.mkdir(parents=True, exist_ok=True)
    for workload in () if options.tests_only else WORKLOADS:
        if options.only and workload.name not in options.only:
            continue
        record["workloads"].append(measure(workload, peers, deadline))
        path.write_text(json.dumps(record, indent=1), encoding="utf-8")  # whatever happens later, this is kept
        done = record["workloads"][-1]["peers"]
        print(f"{workload.name}: " + ", ".join(
            f"{name} {found['seconds'] * 1e6:.1f} us" if "seconds" in found else f"{name}: {found.get('error')}"
            for name, found in done.items()), flush=True)  # fmt: skip
    for peer in peers:
        peer.stop()
    if not options.no_tests:
        record["tests"] = run_tests(max(20.0, 0.7 * (finish - time.monotonic())))
        print("tests:", {key: value for key, value in record["tests"].items() if key != "output"}, flush=True)
        record["sanitizer"] = run_sanitizers(max(10.0, finish - time.monotonic()))
        print("sanitizer:", record["sanitizer"], flush=True)
        path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    _summarize(record, [peer.name for peer in peers], options.small)
    print(f"\n{path}, {time.monotonic() - start:.0f} s")
    untimed = [row for row in record["workloads"] if "seconds" not in row["peers"]["scopert"]]
    tests = record.get("tests", {})
    return 1 if untimed or tests.get("exit_code", 0) else 0


def _summarize(record: dict[str, Any], names: list[str], small: bool) -> None:
    head = ["microseconds a step", "precision", *names, *[f"to {name}" for name in names[1:]], "bound"]
    rows = [_cells(row, names, record["copy_rate"], small) for row in record["workloads"]]
    title = f"{record['scopert']['device']}, a copy moves {record['copy_rate'] / 1e12:.2f} TB/s"
    print("\n" + table(title, head, rows))
    for name, why in record["missing"].items():
        print(f"missing: {name}: {why}")
    for row in record["workloads"]:
        by_itself = row["peers"]["scopert"].get("by_itself")
        if by_itself:
            print(f"{row['workload']}: steps outside of graphs: {', '.join(sorted(set(by_itself)))}")
