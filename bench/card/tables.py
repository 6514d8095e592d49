"""Plain tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table with a title: the first column left, the others right."""
    texts = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in texts) for k in range(len(head))]
    lines = ["  ".join([cell.ljust(width) if k == 0 else cell.rjust(width)
             for k, (cell, width) in enumerate(zip(row, widths, strict=True))]) for row in texts]  # fmt: skip
    return "\n".join([title, "-" * len(title), *lines, ""])
