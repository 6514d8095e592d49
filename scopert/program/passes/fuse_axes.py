"""Axes of iteration spaces, and how the axes of arrays lie on them.

A *layout* says for each axis of an array which axes of the space enumerate it, the slowest first; an axis of
size 1 has none. Reshapes keep the sequence of all axes and only group them differently, transposes permute
it, reductions take some out: so an array keeps its place in a space through all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import TypeAlias


class Axis:
    """One loop of a space. It may be split into several later, or become one with another space's."""

    __slots__ = ("extent", "parts")

    def __init__(self, extent: int) -> None:
        self.extent = extent
        self.parts: tuple[Axis, ...] | None = None

    def __repr__(self) -> str:
        return f"<{self.extent}>"


Axes: TypeAlias = tuple[Axis, ...]
Layout: TypeAlias = tuple[Axes, ...]


def resolve(axes: Iterable[Axis]) -> Axes:
    """The axes that stand for these now."""
    axes = tuple(axes)
    for axis in axes:
        if axis.parts is not None:
            break
    else:
        return axes
    found: list[Axis] = []
    for axis in axes:
        if axis.parts is None:
            found.append(axis)
        else:
            axis.parts = resolve(axis.parts)
            found += axis.parts
    return tuple(found)


def resolved(layout: Layout) -> Layout:
    """The same of a whole layout."""
    return tuple([resolve(axes) for axes in layout])


def flat(layout: Layout) -> Axes:
    """All axes in the order of memory."""
    return tuple([axis for axes in layout for axis in resolve(axes)])


def fresh(shape: Sequence[int]) -> Layout:
    """A layout on new axes."""
    return tuple([(Axis(n),) if n > 1 else () for n in shape])


def split(axis: Axis, outer: int) -> Axes:
    """Makes an axis two; `outer` divides its extent."""
    axis.parts = Axis(outer), Axis(axis.extent // outer)
    return axis.parts


def regroup(axes: Axes, shape: Sequence[int]) -> Layout | None:
    """Axes grouped into the axes of a shape of as many elements; None if they do not fall into it."""
    rest = list(reversed(resolve(axes)))
    layout: list[Axes] = []
    for size in shape:
        own: list[Axis] = []
        while size > 1:
            if not rest:
                return None
            axis = rest.pop()
            if size % axis.extent:
                if axis.extent % size:
                    return None
                axis, behind = split(axis, size)
                rest.append(behind)
            own.append(axis)
            size //= axis.extent
        layout.append(tuple(own))
    return tuple(layout) if not rest else None


def pairs(left: Axes, right: Axes) -> list[tuple[Axis, Axis]] | None:
    """Two sequences over as many elements, split until they correspond axis by axis; None if they cannot."""
    found: list[tuple[Axis, Axis]] = []
    ahead, other = list(reversed(resolve(left))), list(reversed(resolve(right)))
    while ahead and other:
        a, b = ahead.pop(), other.pop()
        if a.extent != b.extent:
            long, short, rest = (a, b, ahead) if a.extent > b.extent else (b, a, other)
            if long.extent % short.extent:
                return None
            first, behind = split(long, short.extent)
            rest.append(behind)
            a, b = (first, b) if long is a else (a, first)
            if any(axis.parts is not None for axis in (*ahead, *other)):  # it stood in the other one too
                return pairs(left, right)
        found.append((a, b))
    if any(axis.parts is not None for pair in found for axis in pair):
        return pairs(left, right)
    return found if not ahead and not other else None


def size(axes: Iterable[Axis]) -> int:
    """How many points they span."""
    return prod([axis.extent for axis in axes])
