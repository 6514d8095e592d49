"""The table behind the public namespace.

Every public object says where it appears below ``scopert``: a function or class by the decorator
`public`, a constant by `export`. The modules a user imports are generated from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PUBLIC: dict[str, tuple[str, str]] = {}
"""Dotted public name (below ``scopert``) -> (defining module, attribute)."""


def export(module_name: str, attribute: str, *names: str) -> None:
    """Record that `attribute` of module `module_name` is public under each of `names`.

    Raises
    ------
    ValueError
        If one of the names already belongs to another definition.
    """
    target = (module_name, attribute)
    for name in names:
        known = PUBLIC.setdefault(name, target)
        if known != target:
            raise ValueError(
                f"The public name '{name}' is defined twice: as {known[0]}.{known[1]} and as "
                f"{module_name}.{attribute}."
            )


def public(*names: str) -> Callable[[T], T]:
    """Decorate a module-level function or class that is public under each of `names`.

    The object itself is returned unchanged.
    """
    if not names:
        raise ValueError("public() needs at least one dotted name.")

    def record(definition: T) -> T:
        export(definition.__module__, definition.__qualname__, *names)  # type: ignore[attr-defined]
        return definition

    return record
