"""The README's program runs, and its two commands are where `.ci/run` looks for them."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

CHECKS = """
assert [t.name for t in (a, b, x, y, y1)] == ["scope1/a:0", "scope1/b:0", "scope2/x:0", "scope2/y:0", "scope2_1/y:0"]
assert x1 is x and y1 is not y
"""


def test_the_program_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    found = subprocess.run([sys.executable, "-c", code + CHECKS], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["[np.int32(9),", "np.float32(2.0)]"]


def test_the_commands_come_first():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert "scopert demo" in blocks[0] and "pytest" in blocks[1]


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
