"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.contrib.tensorboard.plugins import projector as projector

__all__ = [
    "projector",
]
