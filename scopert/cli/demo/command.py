"""The arguments of ``scopert demo``."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the demo can be told."""
    parser.add_argument("--backend", default="auto", help="auto, numpy, cupy or another backend (default: auto)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same numbers (default: 1)")
    parser.add_argument("--steps", type=int, default=600, help="training steps (default: 600)")
    parser.add_argument("--logdir", default="scopert-demo", help="folder for log, checkpoint and picture")


def main(args: argparse.Namespace) -> int:
    """Runs the demo."""
    from rich.console import Console

    from scopert.cli.demo.run import run

    return run(args.backend, args.seed, args.steps, args.logdir, Console())
