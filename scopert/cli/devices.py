"""``scopert devices``: the backends of this machine, what computes, and what is held of a device's memory."""

from __future__ import annotations

import argparse

import scopert as tf
from scopert.backend import Described
from scopert.runtime.backends import open_backend


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def main(args: argparse.Namespace) -> int:
    """Prints the backends; the status is 1 if none can be used."""
    report = tf.backend_report()
    print(report)
    if report.used:
        backend = open_backend(report.used)
        if isinstance(backend, Described):
            print(backend.describe())
    return 0 if report.used else 1
