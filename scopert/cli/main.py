"""``scopert``: the command line. Each subcommand is a module with `add_arguments` and `main`."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

#: Name of the subcommand, its module and what it does.
COMMANDS = (
    ("demo", "scopert.cli.demo.command", "train two towers that share their weights on handwritten digits"),
    ("bench", "scopert.cli.bench.command", "measure workloads beside TensorFlow, JAX and PyTorch, or another checkout"),
    ("devices", "scopert.cli.devices", "show which backends there are, which one is used and why not the others"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit status."""
    parser = argparse.ArgumentParser(prog="scopert", description=__doc__.partition(":")[0].strip("`"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules = {}
    for name, module_name, text in COMMANDS:
        module = modules[name] = importlib.import_module(module_name)
        module.add_arguments(commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + "."))
    args = parser.parse_args(argv)
    status: int = modules[args.command].main(args)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
