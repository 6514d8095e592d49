"""Functions that put what a kernel computes into places that are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from scopert.backend import Value
from scopert_numpy.handed_out import HandedOut


def _bound(function: Callable[..., Any], out: Any) -> Callable[..., Any]:
    def call(*inputs: Any) -> Any:
        return function(*inputs, out=out)

    return call


def into_places(function: Callable[..., Any], outputs: list[Any], values: list[Value]) -> Callable[..., Any]:
    """Outputs without a place get new memory in each run."""
    missing: list[tuple[int, Callable[[], Any]]] = []
    for number, (out, value) in enumerate(zip(outputs, values, strict=True)):
        if out is None:
            missing.append((number, partial(np.empty, value.shape or (), value.dtype.np)))
        elif isinstance(out, HandedOut):
            missing.append((number, out.new))
    if len(outputs) == 1:
        if not missing:
            return _bound(function, outputs[0])
        new = missing[0][1]
        return lambda *inputs: function(*inputs, out=new())
    if not missing:
        return _bound(function, tuple(outputs))

    def call(*inputs: Any) -> Any:
        given = outputs.copy()
        for number, new in missing:
            given[number] = new()
        return function(*inputs, out=tuple(given))

    return call


def copying_to(
    function: Callable[..., Any], outputs: list[Any], others: Callable[[Any], Any]
) -> Callable[..., Any]:
    """Copies what `function` returns into the places that there are; `others` is applied to the rest."""

    def placed(made: Any, out: Any) -> Any:
        if not isinstance(made, (np.ndarray, np.generic)):
            return made
        if out is None or made.shape != out.shape:
            return others(made) if isinstance(made, np.ndarray) else made
        out[...] = made  # single numbers as well: others may look at the place
        return out

    if len(outputs) == 1:
        return lambda *inputs: placed(function(*inputs), outputs[0])
    return lambda *inputs: tuple([placed(made, out) for made, out in zip(function(*inputs), outputs, strict=True)])


def copier(targets: Sequence[Any]) -> Callable[..., tuple[()]]:
    """Copies arrays to their places; an array may be another one's place."""

    def copy(*arrays: Any) -> tuple[()]:
        kept = [
            array.copy() if any(np.may_share_memory(array, target) for target in targets) else array
            for array in arrays
        ]
        for target, array in zip(targets, kept, strict=True):
            target[...] = array
        return ()

    return copy
