"""Numbers of bytes for people: as text, and added up by scope."""

from __future__ import annotations

from collections.abc import Iterable


def bytes_text(nbytes: int) -> str:
    """Bytes in the unit that a person would choose.

    >>> bytes_text(1000), bytes_text(1536), bytes_text(3 << 30)
    ('1000 bytes', '1.5 KiB', '3.00 GiB')
    """
    if nbytes < 1024:
        return f"{nbytes} bytes"
    if nbytes < 1024**2:
        return f"{nbytes / 1024:.1f} KiB"
    return f"{nbytes / 1024**2:.1f} MiB" if nbytes < 1024**3 else f"{nbytes / 1024**3:.2f} GiB"


def bytes_by_scope(rows: Iterable[tuple[str, int]], largest: int = 12) -> list[str]:
    """Names and bytes as lines, added up by outermost scope, the largest first."""
    totals: dict[str, list[int]] = {}
    for name, nbytes in rows:
        scope = name.partition("/")[0] if "/" in name else "(no scope)"
        entry = totals.setdefault(scope, [0, 0])
        entry[0] += 1
        entry[1] += nbytes
    ordered = sorted(totals.items(), key=lambda item: -item[1][1])
    lines = [f"  {bytes_text(nbytes):>12}  {count:>6}  {scope}" for scope, (count, nbytes) in ordered[:largest]]
    if len(ordered) > largest:
        rest = sum(nbytes for _, (_, nbytes) in ordered[largest:])
        lines.append(f"  {bytes_text(rest):>12}          in {len(ordered) - largest} more")
    return lines or ["  (none)"]
