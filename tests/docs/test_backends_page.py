"""docs/backends.md is a whole backend; here its text is installed in a throw-away environment and used."""

import json
import os
import re
import subprocess
import sysconfig
import textwrap
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "backends.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


USE = """
    import json, numpy as np, scopert as tf
    w = tf.get_variable("w", [4], initializer=tf.ones_initializer())
    x = tf.placeholder(tf.float32, [None, 4])
    total = tf.reduce_sum(x * w)
    grow = tf.assign_add(w, tf.ones([4]))
    report = tf.backend_report()
    with tf.Session() as sess:
        sess.run(w.initializer)
        first = float(sess.run(total, {x: np.full((1, 4), 1000.3)}))
        sess.run(grow)
        second = sess.run(w).tolist()
        try:
            sess.run(total, {x: np.zeros((0, 3))})
        except ValueError as error:
            bad = str(error)
        rows = {row.name: row.reason for row in report.rows}
        print(json.dumps([sess.backend.name, report.used, rows, first, second, bad, sess.backend.steps_run > 3]))
"""


def check(output):
    name, used, rows, first, second, bad, counted = json.loads(output)
    assert (name, used, counted) == ("loud", "loud", True)
    assert rows["numpy"] is None and rows["loud"] is None
    assert first == 4002.0  # in half precision; 4001.2 in single
    assert second == [2.0] * 4
    assert "Cannot feed value of shape (0, 3)" in bad


@pytest.mark.slow
def test_the_page_is_a_backend_that_can_be_installed(tmp_path):
    python = make_environment(tmp_path / "environment")
    found = subprocess.run(
        [str(python), "-c", textwrap.dedent(USE)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(here()), "SCOPERT_BACKEND": "loud"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    check(found.stdout)
    devices = subprocess.run(
        [str(python), "-m", "scopert.cli.main", "devices"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(here())},
    )  # fmt: skip
    assert devices.returncode == 0, devices.stderr
    assert "half-precision sums" in devices.stdout and "from the package 'scopert-loud'" in devices.stdout
    assert any(line.startswith("used: numpy") for line in devices.stdout.splitlines())


def here():
    """Where this process finds scopert and NumPy."""
    return [str(ROOT), str(ROOT / "backends"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]


def make_environment(folder):
    """An environment with the page's package in it, put there as an installer does; no network, no pip."""
    venv.create(folder, with_pip=False)
    project = tomllib.loads(blocks("toml")[0])
    name, version = project["project"]["name"], project["project"]["version"]
    groups = project["project"]["entry-points"]
    site = min(folder.glob("[lL]ib/**/site-packages"))
    for module, code in zip(project["tool"]["setuptools"]["py-modules"], blocks("python"), strict=True):
        (site / f"{module}.py").write_text(code, encoding="utf-8")
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = []
    for group, rows in groups.items():
        lines += [f"[{group}]\n", *(f"{key} = {value}\n" for key, value in rows.items())]
    (metadata / "entry_points.txt").write_text("".join(lines), encoding="utf-8")
    return next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists())
