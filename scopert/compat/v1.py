"""``tf.compat.v1``: all names of the package once more, as programs for TensorFlow 1.13 and later write them."""

from __future__ import annotations

from typing import Any

from scopert.public import export


def __getattr__(name: str) -> Any:
    import scopert  # at import time the package is not complete yet

    return getattr(scopert, name)


def __dir__() -> list[str]:
    import scopert

    return list(scopert.__all__)


export("scopert.compat", "v1", "compat.v1")
