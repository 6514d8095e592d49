"""Rows of one key folded into one row, in the order in which they stood.

The first of the rows of a key does the work; so a key's result depends on nothing but its own rows. A long run of
one key is cut where the sorted keys are cut into parts of one size, and the parts are folded side by side first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isqrt

from scopert_cupy.command import Command, Operand
from scopert_cupy.device import Facts
from scopert_cupy.emitters.sorting import Order, order_parameters
from scopert_cupy.emitters.source import Passed, aligned, index_type, pointwise, reading, widest, word, writing

#: Fewer rows than this are not cut.
_UNCUT = 512


@dataclass(frozen=True, slots=True)
class Fold:
    """What is folded into which rows.

    Attributes
    ----------
    values, target : Operand
    element : str
        The C++ type in memory of both.
    itemsize : int
    width : int
        Elements of a row.
    operation : str
        One of the prelude's: ``sc_sum``...
    finish : str
        What is stored: an expression over ``total``, ``old`` (what the target holds) and ``length`` (rows of the key).
    row : str
        The row of the values that the place ``p`` stands for.
    scaled : str
        What is folded, over the element ``x`` and ``p``.
    to : str
        The row of the target, an expression over ``key`` and ``r``, the place of the key's first row in the order.
    alike : bool
        The values are one element, which stands for all.
    more : sequence of (str, Argument)
        Further parameters, which these expressions use.
    """

    values: Operand
    target: Operand
    element: str
    itemsize: int
    width: int
    operation: str
    finish: str = "total"
    row: str = "p"
    scaled: str = "x"
    to: str = "key"
    alike: bool = False
    more: Sequence[Passed] = field(default=())


def folded(fold: Fold, order: Order, facts: Facts) -> tuple[tuple[Command, ...], int]:
    """The commands, behind those of the order, and the bytes of scratch in use afterwards."""
    count, width = order.count, fold.width
    if not count * width:
        return (), order.scratch
    each = max(1, min(4, widest(width * fold.itemsize) // fold.itemsize))
    across = width // each
    step = max(_UNCUT, 1 << isqrt(count).bit_length())
    parts = -(-count // step)
    kind = index_type(count * across, order.limit * width)
    scratch = order.scratch
    # What is folded of a place: `each` elements beside each other.
    pack = f"sc_pack<{fold.element}, {each}>"
    place = f"((unsigned long long)({fold.row}) * {across}u + c) * {each}"
    read = (
        f"{pack} value; for (int w = 0; w < {each}; ++w) value.at[w] = values[0];"
        if fold.alike
        else f"const {pack} value = sc_load<{each}>(values + {place});"
    )
    take = (
        f"const unsigned p = places[j]; {read} for (int w = 0; w < {each}; ++w) "
        f"{{ const A x = sc_get(value.at[w]); total[w] = {fold.operation}::of(total[w], (A)({fold.scaled})); }}"
    )
    begin = f"typedef sc_value<{fold.element}> A;\n    A total[{each}];\n    for (int w = 0; w < {each}; ++w) "
    begin += f"total[w] = {fold.operation}::identity<A>();"
    passed: list[Passed] = [*order_parameters(order), (reading(fold.element, "values"), fold.values), *fold.more]
    commands: list[Command] = []
    partial = Operand("scratch", 0, aligned(scratch))
    rest = ""
    if parts > 1:
        body = (
            f"const {kind} part = i / {across}u + 1, c = i % {across}u, first = part * {step}u;\n"
            f"    const unsigned key = keys[first];\n"
            f"    if (key >= {order.limit}u || keys[first - 1] != key) continue;\n    {begin}\n"
            f"    for ({kind} j = first; j < first + {step}u && j < {count}u && keys[j] == key; ++j) {{ {take} }}\n"
            f"    for (int w = 0; w < {each}; ++w) partial[i * {each} + w] = total[w];"
        )
        parameters = [*passed, (writing(f"sc_value<{fold.element}>", "partial"), partial)]
        commands.append(pointwise("fold_parts", (parts - 1) * across, parameters, body, facts, kind=kind))
        scratch = aligned(partial.offset + (parts - 1) * width * max(fold.itemsize, 4))
        passed = [*passed, (reading(f"sc_value<{fold.element}>", "partial"), partial)]
        rest = (
            f"\n    for (; j == end && j < {count}u && keys[j] == key; j = end) {{\n"
            f"      for (int w = 0; w < {each}; ++w) total[w] = {fold.operation}::of(total[w], "
            f"partial[((j / {step}u - 1) * {across}u + c) * {each} + w]);\n      end += {step}u;\n    }}"
        )
    length = (
        f"{kind} low = r, high = {count}u;\n    while (low < high) {{ const {kind} m = low + (high - low) / 2; "
        "if (keys[m] == key) low = m + 1; else high = m; }\n    const A length = (A)(low - r);\n    "
        if "length" in fold.finish
        else ""
    )
    old = "const A old = sc_get(made.at[w]); " if "old" in fold.finish else ""
    body = (
        f"const {kind} r = i / {across}u, c = i % {across}u;\n    const unsigned key = keys[r];\n"
        f"    if (key >= {order.limit}u || (r && keys[r - 1] == key)) continue;\n    {begin}\n"
        f"    {kind} j = r, end = (r / {step}u + 1) * {step}u;\n"
        f"    for (; j < end && j < {count}u && keys[j] == key; ++j) {{ {take} }}{rest}\n    {length}"
        f"{fold.element}* to = target + ((unsigned long long)({fold.to}) * {across}u + c) * {each};\n"
        f"    {pack} made{f' = sc_load<{each}>(to)' if old else ''};\n"
        f"    for (int w = 0; w < {each}; ++w) {{ {old}const A sum = total[w]; "
        f"made.at[w] = sc_put<{fold.element}>((A)({fold.finish.replace('total', 'sum')})); }}\n"
        f"    sc_store<{each}>(to, made);"
    )
    parameters = [*passed, (f"{fold.element}* target", fold.target)]
    width_claimed = each * fold.itemsize
    commands.append(
        pointwise("fold", count * across, parameters, body, facts, kind=kind, width=width_claimed)
    )  # fmt: skip
    return tuple(commands), scratch


def last_rows(
    order: Order, values: Operand, target: Operand, nbytes: int, facts: Facts, alike: int = 0
) -> Command:  # fmt: skip
    """The last of the rows of a key replaces the target's; rows of `nbytes`, or one element of `alike` bytes."""
    size = alike or widest(nbytes)
    across = nbytes // size
    kind = index_type(order.count * across, order.limit * across)
    body = (
        f"const {kind} r = i / {across}u, c = i % {across}u;\n    const unsigned key = keys[r];\n"
        f"    if (key >= {order.limit}u || (r + 1 < {order.count}u && keys[r + 1] == key)) continue;\n"
        f"    target[({kind})key * {across}u + c] = values[{'0' if alike else f'({kind})places[r] * {across}u + c'}];"
    )
    parameters: list[Passed] = [
        *order_parameters(order), (reading(word(size), "values"), values), (f"{word(size)}* target", target)
    ]  # fmt: skip
    return pointwise("last_rows", order.count * across, parameters, body, facts, kind=kind, width=size)
