"""The arguments of ``scopert demo``."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's options."""
    parser.add_argument("--backend", default="auto", help="numpy, cupy, or auto (default): the best that there is")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same numbers (default 1)")
    parser.add_argument("--steps", type=_positive, default=1500, help="training steps (default 1500)")
    parser.add_argument("--logdir", default="scopert-demo", help="where the log, checkpoint and picture go")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return value


def main(args: argparse.Namespace) -> int:
    """Runs the demo; 2 if a package that it needs is missing."""
    try:
        import matplotlib  # noqa: F401
        import rich.console
        import sklearn  # noqa: F401
        import tensorboard  # noqa: F401
    except ImportError as error:
        print(f"scopert demo needs {error.name}: pip install 'scopert[demo]'", file=sys.stderr)
        return 2
    from scopert.cli.demo.run import run

    return run(args.backend, args.seed, args.steps, args.logdir, rich.console.Console())
