"""``scopert devices``: the backends of this machine."""

from __future__ import annotations

import argparse

import scopert as tf


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def main(args: argparse.Namespace) -> int:
    """Prints the backends; the status is 1 if none can be used."""
    report = tf.backend_report()
    print(report)
    return 0 if report.used else 1
