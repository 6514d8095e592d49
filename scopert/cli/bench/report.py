"""Tables, pictures and files of results."""

from __future__ import annotations

import importlib
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scopert.cli.bench.rounds import Result


def time_text(seconds: float | None) -> str:
    """Milliseconds, three digits."""
    if seconds is None:
        return "-"
    milliseconds = seconds * 1e3
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


def table_rows(results: Sequence[Result], peers: Sequence[str], base: str | None = None) -> list[list[str]]:
    """Cells: the workload, each peer's milliseconds, and how scopert stands.

    Parameters
    ----------
    base : str, optional
        Whom scopert is compared with: a peer, or the best of each workload.
    """
    rows = []
    for result in results:
        against = base or result.best_peer()
        ratio = result.ratio("scopert", against) if against else None
        stands = "-" if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f}..{ratio[2]:.2f})"
        times = [time_text(result.peers[name].median) if name in result.peers else "-" for name in peers]
        rows.append([result.workload, *times, stands, against or "-"])
    return rows


def headings(peers: Sequence[str]) -> list[str]:
    """Of `table_rows`."""
    return ["workload (ms)", *peers, "times as fast", "as"]


def mean_ratio(results: Sequence[Result], base: str | None = None) -> float | None:
    """The geometric mean of how many times as fast scopert is, or None if nothing can be compared."""
    found = [result.ratio("scopert", name) for result in results if (name := base or result.best_peer())]
    ratios = [ratio[0] for ratio in found if ratio is not None]
    return statistics.geometric_mean(ratios) if ratios else None


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that reads well as text."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.rjust(width) if column else cell.ljust(width)
                           for column, (cell, width) in enumerate(zip(row, widths, strict=True))) + " |"
        for row in (head, *rows)
    ]  # fmt: skip
    rules = ["-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)]
    lines.insert(1, f"|{'|'.join(rules)}|")
    return "\n".join(lines)


def show(results: Sequence[Result], peers: Sequence[str], base: str | None = None) -> None:
    """Prints the table: with rich, where it is installed."""
    head, rows = headings(peers), table_rows(results, peers, base)
    try:
        rich_console, rich_table = importlib.import_module("rich.console"), importlib.import_module("rich.table")
    except ImportError:
        print(plain_table(head, rows))
    else:
        table = rich_table.Table()
        for column, cell in enumerate(head):
            table.add_column(cell, justify="right" if column else "left")
        for row in rows:
            slower = row[-2] != "-" and float(row[-2].split()[0]) < 1
            table.add_row(*row[:-2], f"[{'red' if slower else 'green'}]{row[-2]}[/]", row[-1])
        rich_console.Console().print(table)
    mean = mean_ratio(results, base)
    if mean is not None:
        print(f"geometric mean: {mean:.2f} times as fast as {base or 'the best peer'}")
    for result in results:
        for name, measured in result.peers.items():
            if measured.problem:
                print(f"{result.workload}, {name}: {measured.problem}")


def document(results: Sequence[Result], machine: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What the file of a measurement holds."""
    versions = {name: m.version for result in results for name, m in result.peers.items() if m.version}
    return {
        "machine": machine, "settings": settings, "versions": versions,
        "results": [result.as_dict() for result in results],
    }  # fmt: skip


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Writes a document."""
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def draw(path: Path, results: Sequence[Result], title: str, base: str | None = None) -> str | None:
    """Draws how many times as fast scopert is, with the spread over the rounds.

    Returns
    -------
    str or None
        Why there is no picture.
    """
    rows = []
    for result in results:
        against = base or result.best_peer()
        ratio = result.ratio("scopert", against) if against else None
        if ratio is not None:
            rows.append((result.workload, against, *ratio))
    if not rows:
        return "nothing can be compared"
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ImportError:
        return "matplotlib is not installed"
    names = [f"{workload}  ({against})" for workload, against, *_ in rows]
    middle = [row[2] for row in rows]
    spread = [[row[2] - row[3] for row in rows], [row[4] - row[2] for row in rows]]
    figure = figures.Figure(figsize=(8, 0.9 + 0.32 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    colours = ["#2a7f62" if value >= 1 else "#b5533c" for value in middle]
    axes.barh(names, middle, xerr=spread, color=colours, error_kw={"elinewidth": 1, "ecolor": "#444444"})
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel(f"times as fast as {base or 'the fastest of the others (named)'}; above 1, scopert is faster")
    axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=110)
    return None
