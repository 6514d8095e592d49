"""The code of docs/benchmarks.md runs, and the command has the options that it names."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from scopert.cli.bench import command
from scopert.cli.bench.peers import MODULES
from scopert.cli.bench.programs import FAMILIES, WORKLOADS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_the_code_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("10 runs, ") and "MatMul" in found.stdout


def test_the_commands_are_right():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    commands = [line.partition("#")[0].split()[2:] for line in lines if line.startswith("scopert bench")]
    assert len(commands) == 4
    for arguments in commands:
        args = parser.parse_args(arguments)
        assert all(name in WORKLOADS or name in FAMILIES for name in args.names)
        assert all(text.partition("=")[0].partition("-")[0] in MODULES for text in args.python)


def test_a_file_for_each_family():
    files = {path.stem.removeprefix("bench_") for path in (ROOT / "bench").glob("bench_*.py")}
    assert FAMILIES.keys() - {"construction"} <= files and "graph" in files
