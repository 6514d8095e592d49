"""Writes the public namespace from the table that ``@public`` fills.

::

    python scopert/compat/namespace.py --write     write the generated modules
    python scopert/compat/namespace.py --check     fail if they are out of date

A name without a dot stands in ``scopert/__init__.py``; ``nn.relu`` in ``scopert/nn.py``, or in
``scopert/nn/__init__.py`` where a package is needed. The files are plain explicit imports, so that
editors and type checkers see every name.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
MARK = '"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""'
#: Rooms that define public names. The command line is not one: it is a user of the library.
ROOMS = (
    "graph", "ops", "derivatives", "scope", "program", "runtime",
    "train", "layers", "rnn", "losses", "metrics", "summary", "io", "compat",
)  # fmt: skip
MODULES = ("public", "errors", "nest", "backend", "gradient_rules", "resource_loader")


def is_generated(path: Path) -> bool:
    """Whether a file was written by this program."""
    if not path.exists():
        return False
    with path.open(encoding="utf-8") as file:
        return file.readline().startswith(MARK)


def generated_files() -> list[Path]:
    """The generated files that there are."""
    return [path for path in sorted(ROOT.rglob("*.py")) if is_generated(path)]


def _stub(name: str, folder: Path) -> None:
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


def load_table() -> dict[str, tuple[str, str]]:
    """Imports every defining module and returns the table.

    Run as a program, it keeps the generated packages empty, so that outdated ones do no harm.
    """
    if "scopert" not in sys.modules:
        sys.path.insert(0, str(ROOT.parent))
        _stub("scopert", ROOT)
        for path in generated_files():
            if path.name == "__init__.py" and path.parent != ROOT:
                _stub(".".join(("scopert", *path.parent.relative_to(ROOT).parts)), path.parent)
    for module in MODULES:
        if (ROOT / f"{module}.py").exists():
            importlib.import_module(f"scopert.{module}")
    for room in ROOMS:
        if not (ROOT / room).is_dir():
            continue
        for info in pkgutil.walk_packages([str(ROOT / room)], f"scopert.{room}."):
            path = ROOT.parent / Path(*info.name.split("."))
            if not is_generated(path.with_suffix(".py")) and info.name != "scopert.compat.namespace":
                importlib.import_module(info.name)
    public: dict[str, tuple[str, str]] = importlib.import_module("scopert.public").PUBLIC
    return dict(public)


def render(table: dict[str, tuple[str, str]]) -> dict[Path, str]:
    """The text of every generated file."""
    names: dict[str, dict[str, tuple[str, str]]] = {"": {}}
    for dotted, target in table.items():
        package, _, name = dotted.rpartition(".")
        names.setdefault(package, {})[name] = target
        while package:
            package = package.rpartition(".")[0]
            names.setdefault(package, {})
    files = {}
    for package, members in names.items():
        module = ".".join(filter(None, ("scopert", package)))
        if package and members and all(target == (module, name) for name, target in members.items()):
            continue  # the module itself defines them
        parts = [other.rpartition(".") for other in names if other]
        children = sorted({name for parent, _, name in parts if parent == package})
        folder = ROOT.joinpath(*package.split(".")) if package else ROOT
        path = folder / "__init__.py" if children or folder.is_dir() or not package else folder.with_suffix(".py")
        files[path] = _render_module(module, members, [c for c in children if c not in members])
    files[ROOT / "__init__.py"] += _registrations({target[0] for target in table.values()})
    for room in ROOMS:
        path = ROOT / room / "__init__.py"
        if is_generated(path) and path not in files:
            files[path] = MARK + "\n"
    return files


def _render_module(module: str, members: dict[str, tuple[str, str]], children: list[str]) -> str:
    lines = [MARK, "# ruff: noqa", ""]
    lines += sorted(f"from {target[0]} import {target[1]} as {name}" for name, target in members.items())
    lines += [f"from {module} import {child} as {child}" for child in children]
    every = sorted([*members, *children])
    if module == "scopert":
        lines.append("from scopert.compat.version import __version__ as __version__")
        every.append("__version__")
    lines += ["", "__all__ = [", *(f'    "{name}",' for name in every), "]", ""]
    return "\n".join(lines)


def _registrations(imported: set[str]) -> str:
    """Imports of the modules that only register things: gradient rules, operators, ops without a wrapper."""
    found = [
        (room, path.stem)
        for room in ("ops", "derivatives")
        for path in sorted((ROOT / room).glob("*.py"))
        if path.stem != "__init__" and f"scopert.{room}.{path.stem}" not in imported
    ]
    return "".join(f"from scopert.{room} import {name} as _{room}_{name}\n" for room, name in found)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--write", action="store_true")
    group.add_argument("--check", action="store_true")
    args = parser.parse_args()
    files = render(load_table())
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    gone = [path for path in generated_files() if path not in files]
    if args.check:
        for path in [*stale, *gone]:
            print(f"out of date: {path.relative_to(ROOT.parent)}")
        return 1 if stale or gone else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    for path in gone:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
