"""What a variable scope hands down."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scopert.graph.dtypes import DType, float32
from scopert.public import export


class _ReuseMode(enum.Enum):
    """``AUTO_REUSE``: get a variable if it is there, else make it."""

    AUTO_REUSE = 1


AUTO_REUSE = _ReuseMode.AUTO_REUSE
export(__name__, "AUTO_REUSE", "AUTO_REUSE")

Reuse = bool | _ReuseMode | None


@dataclass(frozen=True, slots=True)
class ScopeSettings:
    """The settings of a variable scope. An inner scope starts from a copy.

    Attributes
    ----------
    name : str
        The path, without final slash; the prefix of keys.
    name_scope : str
        The name scope that the scope opened (`original_name_scope`).
    reuse : bool or AUTO_REUSE
    initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource, constraint
        Defaults of `get_variable`.
    """

    name: str = ""
    name_scope: str | None = ""
    reuse: Any = False
    initializer: Any = None
    regularizer: Any = None
    caching_device: Any = None
    partitioner: Any = None
    custom_getter: Callable[..., Any] | None = None
    dtype: DType = float32
    use_resource: bool | None = None
    constraint: Any = None
