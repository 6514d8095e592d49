"""Promises of the whole package: directions of imports, the public table, what an import costs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _python(*args):
    return subprocess.run([sys.executable, *args], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_point_down():
    pytest.importorskip("importlinter")
    found = _python("-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))")
    assert found.returncode == 0, found.stdout[-3000:]


def test_public_namespace_is_up_to_date():
    found = _python("scopert/compat/namespace.py", "--check")
    assert found.returncode == 0, found.stdout + found.stderr


def test_import_loads_no_heavy_package():
    heavy = ["tensorboard", "google.protobuf", "cupy", "scipy", "matplotlib", "rich", "sklearn", "tensorflow", "absl"]
    code = f"import sys, scopert; print([name for name in {heavy!r} if name in sys.modules])"
    found = _python("-c", code)
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


def test_public_names_are_all_documented():
    import scopert.public

    missing = []
    for name, (module, attribute) in scopert.public.PUBLIC.items():
        value = sys.modules[module]
        for part in attribute.split("."):
            value = getattr(value, part)
        if callable(value) and not (value.__doc__ or "").strip():
            missing.append(name)
    assert not missing


def test_no_module_of_leftovers():
    paths = [path for folder in ("scopert", "backends", "tests") for path in (ROOT / folder).rglob("*.py")]
    written = {path.name for path in paths if "Generated from" not in path.read_text(encoding="utf-8")[:40]}
    assert not written & {"utils.py", "util.py", "helpers.py", "misc.py", "common.py"}
