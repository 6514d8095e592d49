"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.compat.version import GIT_VERSION as GIT_VERSION
from scopert.compat.version import VERSION as VERSION

__all__ = [
    "GIT_VERSION",
    "VERSION",
]
