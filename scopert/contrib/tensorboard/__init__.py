"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.contrib.tensorboard import plugins as plugins

__all__ = [
    "plugins",
]
