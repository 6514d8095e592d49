"""All that can be proven without a card: programs on the host device, kernels through NVRTC, tests, planted faults."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from card import kernels
from card.tables import table
from card.workloads import BY_NAME, WORKLOADS

_ROOT = Path(__file__).resolve().parents[2]
_TESTS = "tests/backends/cupy"
_STRICT = {
    "SCOPERT_CUPY_HOST_CHECK": "1", "SCOPERT_CUPY_HOST_SEED": "20261122", "SCOPERT_CUPY_HOST_MULTIPROCESSORS": "132",
}  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    """For children: the host device."""
    paths = [str(_ROOT), str(_ROOT / "backends"), str(_ROOT / "bench"), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ, "SCOPERT_CUPY_DEVICE": "host", "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more,
    }  # fmt: skip


def run_programs(keep: Path) -> tuple[list[list[Any]], list[str]]:
    """Rows of the workloads as they run on the host device, and what went wrong."""
    rows, wrong = [], []
    for workload in WORKLOADS:
        command = [sys.executable, "-m", "card.offline", workload.name]
        done = subprocess.run(
            command, env=environment(SCOPERT_CUPY_KEEP=str(keep)), capture_output=True, text=True, check=False
        )
        if done.returncode:
            wrong.append(f"{workload.name}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
            continue
        rows.append([workload.name, *done.stdout.split()[-5:]])
    return rows, wrong


def _one(name: str) -> None:
    """Runs a workload here, three times; prints what its step consists of."""
    from card import programs_scopert

    workload = BY_NAME[name]
    programs_scopert.prepare(workload)
    start = time.perf_counter()
    program = programs_scopert.make(workload, workload.small, workload.data(workload.small))
    for _ in range(3):
        program.step()
    program.wait()
    numbers = program.check()
    if not all(abs(number) < 1e6 for number in numbers):  # NaN too
        raise SystemExit(f"the result is {numbers}")
    from scopert_cupy.command import Gemm, Launch

    executable = programs_scopert.largest_executable(program)
    commands = [command for work in executable.plan.works() for command in work.emitted.commands]
    count = {kind: sum(isinstance(command, kind) for command in commands) for kind in (Launch, Gemm)}
    single = programs_scopert.by_itself(executable)
    print(len(executable.program.steps), count[Launch], count[Gemm], f"{time.perf_counter() - start:.1f}",
          ", ".join(sorted(set(single))).replace(" ", ":") or "-")  # fmt: skip


def run_tests(path: str, chosen: str = "", **more: str) -> tuple[list[list[Any]], list[str]]:
    """Rows of the test files: passed, failed, skipped, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", path]
        command += ["-k", chosen] if chosen else []
        subprocess.run(command, cwd=_ROOT, env=environment(**more), capture_output=True, text=True, check=False)
        if not report.exists():
            return [], [f"{path} did not run"]
        return results(ElementTree.parse(report))


def results(tree: Any) -> tuple[list[list[Any]], list[str]]:
    """Rows and failures of a report of pytest."""
    files: dict[str, list[float]] = {}
    wrong = []
    for case in tree.iter("testcase"):
        row = files.setdefault(case.get("classname", "").rpartition(".")[2], [0, 0, 0, 0.0])
        kinds = {child.tag for child in case}
        which = 1 if kinds & {"failure", "error"} else 2 if "skipped" in kinds else 0
        row[which] += 1
        row[3] += float(case.get("time", 0))
        if which == 1:
            wrong.append(f"{case.get('classname')}::{case.get('name')}")
    return [[name, *map(int, row[:3]), f"{row[3]:.1f}"] for name, row in sorted(files.items())], wrong


def main(tests: bool = True) -> int:
    """Does it all; the number of things that are wrong."""
    from scopert_cupy import nvrtc, source
    from scopert_cupy.host.builder import compiler

    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="scopert-kernels-") as folder:
        keep = Path(folder)
        print(f"host device through {compiler()}; NVRTC {nvrtc.version()}\n")
        rows, failed = run_programs(keep)
        wrong += failed
        print(
            table("programs on the host device", ["program", "steps", "launches", "products", "s", "by itself"], rows)
        )
        head = ["file", "passed", "failed", "skipped", "s"]
        if tests:
            rows, failed = run_tests(_TESTS)
            wrong += failed
            print(table("tests on the host device", head, rows), flush=True)
        # Many multiprocessors, as on a card: work is divided that a small device would do in one piece.
        # Rows that must fail are left out: of a permutation that is none, two threads write one place, and nobody
        # sees what.
        conformance, keeping = f"{_TESTS}/test_conformance.py", {"SCOPERT_CUPY_KEEP": str(keep)}
        rows, failed = run_tests(conformance, "values or gradients", **keeping, **_STRICT)
        wrong += failed
        print(table("every access checked, threads in a drawn order, 132 multiprocessors", head, rows), flush=True)
        functions = {function.name: function for function in (*source.kept(keep), *kernels.products())}
        every = list(functions.values())
        verdicts = [kernels.compile_all(every, architecture) for architecture in kernels.ARCHITECTURES]
        rows = [
            [v.architecture, v.count, len(v.refused), len(v.spilling), len(v.heavy), v.most, f"{v.seconds:.1f}"]
            for v in verdicts
        ]
        print(
            table(
                "kernels through NVRTC", ["card", "kernels", "refused", "spilling", "too heavy", "registers", "s"], rows
            )
        )
        narrow = kernels.narrow(every)
        claims = sum(function.width > 0 for function in every)
        print(
            table(
                "accesses in the PTX of sm_90",
                ["claim wide accesses", "narrower than claimed"],
                [[claims, len(narrow)]],
            )
        )
    for verdict in verdicts:
        wrong += [
            f"{verdict.architecture}: {name} is refused: {log.splitlines()[1:3]}"
            for name, log in verdict.refused.items()
        ]
        wrong += [f"{verdict.architecture}: {name} spills {nbytes} bytes" for name, nbytes in verdict.spilling.items()]
        wrong += [
            f"{verdict.architecture}: {name} takes {count} registers, too many for its block"
            for name, count in verdict.heavy.items()
        ]
    wrong += [f"{name}: accesses of {found} bytes, {claimed} claimed" for name, (found, claimed) in narrow.items()]
    for line in wrong:
        print("WRONG:", line)
    print(
        f"{len(every)} kernels, {len(rows) and len(wrong)} wrong" if wrong else f"{len(every)} kernels, all as claimed"
    )
    return len(wrong)


if __name__ == "__main__":
    _one(sys.argv[1])
