"""The code of docs/sessions.md runs, and what it says of options is true of the records."""

import re
import subprocess
import sys
from pathlib import Path

import scopert as tf

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sessions.md").read_text(encoding="utf-8")


def test_the_code_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("2 variables in one buffer of 512 bytes on numpy")


def test_the_options_exist():
    named = re.findall(r"`(ConfigProto|RunOptions|RunMetadata)\.([a-z_.]+)`", PAGE)
    assert len(named) > 10
    for kind, path in named:
        value = getattr(tf, kind)()
        for part in path.split("."):
            value = getattr(value, part)
