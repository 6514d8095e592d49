"""Functions that fill an array with elements found elsewhere: each place of the result asks where from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from scopert_cupy.command import Command, Operand
from scopert_cupy.device import Facts
from scopert_cupy.emitters.source import Passed, decode, index_type, no_word, pointwise, reading, widest, word, writing

#: ``where(kind) -> (statements, inside, at)``: when the place is not inside, the result is zero.
Where = Callable[[str], tuple[str, str, str]]


def row_words(extents: Sequence[int], kept: int, itemsize: int) -> tuple[tuple[int, ...], int]:
    """Extents whose last `kept` axes became one axis of words, and the bytes of a word.

    Parameters
    ----------
    extents : sequence of int
        Of the result.
    kept : int
        So many axes at the end are alike in source and result.
    itemsize : int
    """
    outer = tuple(extents[: len(extents) - kept])
    row = prod(extents[len(extents) - kept :]) * itemsize
    size = max(itemsize, widest(row))
    return (*outer, row // size), size


def picked(
    stem: str, extents: Sequence[int], size: int, spans: Sequence[int], where: Where, source: Operand,
    target: Operand, facts: Facts, *, more: Sequence[Passed] = (), otherwise: str | None = None,
) -> tuple[Command, ...]:  # fmt: skip
    """Fills ``target[o0, o1, ...]`` with ``source[at]``.

    Parameters
    ----------
    stem : str
    extents : sequence of int
        Of the result, in words.
    size : int
        Bytes of a word.
    spans : sequence of int
        Numbers that an index must be able to count, in words.
    where : callable
        Given the index type, the statements over ``o0``, ``o1``..., the condition and the index.
    source, target : Operand
    facts : Facts
    more : sequence of (str, Argument)
        Further parameters.
    otherwise : str, optional
        What stands where the condition does not hold.
    """
    count = prod(extents)
    if not count:
        return ()
    kind = index_type(count, *spans)
    statements, inside, at = where(kind)
    value = f"source[{at}]"
    if inside != "true":
        value = f"{inside} ? {value} : {otherwise or no_word(size)}"
    body = f"{decode('i', extents, 'o', kind)}\n    {statements}\n    target[i] = {value};"
    parameters = [(reading(word(size), "source"), source), (writing(word(size), "target"), target), *more]
    return (pointwise(stem, count, parameters, body, facts, width=size, kind=kind),)
