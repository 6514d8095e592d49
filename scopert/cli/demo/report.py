"""What the demo shows: a progress bar, the scope tree, times, and the loss as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import scopert as tf


def progress(steps: int, losses: list[float], out: Any) -> Iterator[int]:
    """The steps, with a progress bar that shows the loss so far."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    loss = TextColumn("{task.fields[loss]}")
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), loss, TimeElapsedColumn())
    with Progress(*columns, console=out) as bar:
        task = bar.add_task("training", total=steps, loss="")
        for step in range(steps):
            yield step
            bar.update(task, advance=1, loss=f"loss {np.mean(losses[-20:]):.4f}" if losses else "")
    out.print()


def scope_tree(graph: Any) -> Any:
    """The name scopes with their variables; scopes without variables show their number of operations."""
    from rich.tree import Tree

    variables = {v.op.name: v for v in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)}
    counts: dict[str, int] = {}
    for op in graph.get_operations():
        parts = op.name.split("/")
        for depth in range(1, min(len(parts), 3)):
            scope = "/".join(parts[:depth])
            counts[scope] = counts.get(scope, 0) + 1
    tree = Tree("[bold]scopes[/] (operations)")
    nodes: dict[str, Any] = {"": tree}
    holders = {name[: position] for name in variables for position, letter in enumerate(name) if letter == "/"}
    hidden = ("gradients/", "Adam/", "save/")
    shown = [
        name for name, count in counts.items()
        if name not in variables and (name in holders or (count >= 5 and not name.startswith(hidden)))
    ]  # fmt: skip
    for scope in shown:
        parent, _, name = scope.rpartition("/")
        if parent in nodes:
            nodes[scope] = nodes[parent].add(f"[cyan]{name}/[/] ({counts[scope]})")
    for name, variable in variables.items():
        scope, _, short = name.rpartition("/")
        while scope not in nodes:
            scope, _, above = scope.rpartition("/")
            short = f"{above}/{short}"
        trained = "trained" if variable in graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES) else "state"
        nodes[scope].add(f"[green]{short}[/]  {variable.dtype.base_dtype.name} {variable.shape}  {trained}")
    return tree


def time_by_scope(metadata: Any, rows: int = 10) -> Any:
    """Where the time of one traced run went."""
    from rich.table import Table

    spent: dict[str, list[float]] = {}
    for record in metadata.steps:
        scope = record.name.split("/")[0] if "/" in record.name else record.name
        if scope == "gradients":
            scope = "/".join(record.name.split("/")[:2])
        spent.setdefault(scope, []).append(record.seconds)
    total = sum(sum(times) for times in spent.values())
    table = Table(title="One training step by scope")
    for title, justify in (("scope", "left"), ("steps", "right"), ("time", "right"), ("share", "right")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for scope, times in sorted(spent.items(), key=lambda item: -sum(item[1]))[:rows]:
        table.add_row(scope, str(len(times)), f"{sum(times) * 1e6:.0f} us", f"{sum(times) / total:.0%}")
    return table


def plot_loss(losses: list[float], path: Path) -> Path:
    """Writes the loss of every step, and its running mean, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), dpi=120)
    axes.plot(losses, linewidth=0.5, alpha=0.5, label="each step")
    width = min(25, len(losses))
    mean = np.convolve(losses, np.ones(width) / width, "valid")
    axes.plot(np.arange(width - 1, len(losses)), mean, label=f"mean of {width}")
    axes.set_xlabel("step")
    axes.set_ylabel("sigmoid cross-entropy")
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return path
