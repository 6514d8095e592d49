"""The version that programs ask for: scopert's own, and the TensorFlow that it behaves like."""

from __future__ import annotations

from scopert.public import export

__version__ = "0.1.0"
#: The TensorFlow whose names and numbers are reproduced.
VERSION = "1.15.5"
GIT_VERSION = f"scopert-{__version__}"

export(__name__, "VERSION", "VERSION", "version.VERSION")
export(__name__, "GIT_VERSION", "GIT_VERSION", "version.GIT_VERSION")
