"""TensorArrays and stacks in the arena (`scopert_cupy.held`): copies to and from an element that the device chooses.

A word for each element of an array says whether it was written and read, a word for each stack how much it holds.
What TensorFlow refuses (a second write, a read of what was cleared, an index out of range, a pop of nothing) is found
where the element is looked up: nothing is copied then, and the step's status says which element it was and what had
been done with it.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scopert_cupy.command import Command, Copy, Emitted, Fill, Function, Operand
from scopert_cupy.device import Facts
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    Passed,
    blocks,
    define,
    done,
    launch,
    reading,
    word,
    writing,
)
from scopert_cupy.held import HELD, Held, refused
from scopert_cupy.prelude import stored

# What one block copies by itself; of more, a launch of many blocks copies, and another one notes that it is done.
LARGEST_BLOCK = 1 << 16
MOST_THREADS = 1024

_STATUS = Operand("scratch", 0, 0)
# What `held.refused` takes apart; the first element that is refused makes the largest word.
_MOST = f"{1 << 27}ll"
_NEAR = f"(at > {_MOST} ? {_MOST} : at < -{_MOST} ? -{_MOST} : at)"
_REFUSE = f"atomicMax(status, 1u | (unsigned)state << 1 | (unsigned)({1 << 28}ll - {_NEAR}) << 3);"
_ONE = """SC_KERNEL void __launch_bounds__($THREADS, 1) $NAME($parameters) {
  $find
  if (ok) {
    for (unsigned i = threadIdx.x; i < ${words}u; i += $THREADS) { $copy }
  }$otherwise
  $barrier
  if (threadIdx.x == 0) { $mark }
}
"""
_MANY = """SC_KERNEL void __launch_bounds__(256, 4) $NAME($parameters) {
  for (unsigned long long k = (unsigned long long)blockIdx.x * 256 + threadIdx.x; k < ${count}ull;
       k += (unsigned long long)gridDim.x * 256) {
    const unsigned row = (unsigned)(k / ${words}ull), i = (unsigned)(k % ${words}ull);
    $find
    if (ok) { $copy }$otherwise
  }
}
"""
_MARKS = """SC_KERNEL void __launch_bounds__(256, 4) $NAME($parameters) {
  for (unsigned row = blockIdx.x * 256 + threadIdx.x; row < ${rows}u; row += gridDim.x * 256) {
    $find
    $mark
  }
}
"""


class _Element:
    """Copies between elements and rows of another array.

    Parameters
    ----------
    held : Held
    rows : int
        How many elements; 1 where the device finds the place by itself.
    find : str
        Statements that set ``at``, ``state`` and ``ok`` (of ``row``, where there are several).
    mark : str
        What is noted behind the copy.
    outside : Operand
        The other array.
    reads : bool
        From the elements to it.
    """

    def __init__(self, held: Held, rows: int, find: str, mark: str, outside: Operand, reads: bool) -> None:
        self.held = held
        self.rows = rows
        self.find = find
        self.mark = mark
        self.outside = outside
        self.reads = reads

    def _access(self) -> tuple[str, int]:
        """The type that is copied, and how many of it an element has."""
        held = self.held
        if held.adds and not self.reads:
            return str(stored(held.dtype)), prod(held.shape)
        return word(held.width), held.nbytes // held.width

    def commands(self, facts: Facts, more: list[Passed]) -> tuple[Command, ...]:
        held = self.held
        kind, words = self._access()
        place = f"elements[(unsigned long long)at * {words}ull + i]"
        other = "other[i]" if self.rows == 1 else f"other[(unsigned long long)row * {words}ull + i]"
        zero = "make_uint4(0u, 0u, 0u, 0u)" if kind == "uint4" else f"({kind})0"
        if self.reads:
            # What was never written is zeros, from now on too.
            unwritten = "" if held.kind == "stack" else f"if (!(state & 1)) {place} = {zero}; "
            copy, otherwise = f"{unwritten}{other} = {place};", f"{other} = {zero};"
        elif held.adds:
            added = f"sc_put<{kind}>(sc_get({place}) + sc_get({other}))"
            copy, otherwise = f"{place} = state & 1 ? {added} : {other};", ""
        else:
            copy, otherwise = f"{place} = {other};", ""
        head = [("int* head", Operand("input", 0, held.head)), ("unsigned* status", _STATUS), *more]
        passed: list[Passed] = [
            *head, (writing(kind, "elements"), Operand("input", 0, held.start)),
            (writing(kind, "other") if self.reads else reading(kind, "other"), self.outside),
        ]  # fmt: skip
        names = {"find": self.find, "copy": copy, "words": words, "mark": self.mark, "rows": self.rows}
        size = held.nbytes // words if words else 0
        if self.rows == 1 and held.nbytes <= LARGEST_BLOCK:
            threads = min(MOST_THREADS, -(-words // 32) * 32) if words > 1 else 1
            names |= {
                "otherwise": f" else for (unsigned i = threadIdx.x; i < {words}u; i += {threads}) {{ {otherwise} }}"
                if otherwise else "",
                "barrier": "__syncthreads();" if threads > 1 else "",
            }  # fmt: skip
            function = _defined("held", _ONE, names, passed, threads, threads > 1, size)
            return (launch(function, 1, threads, *[value for _, value in passed]),)
        count = self.rows * words
        names |= {"otherwise": f" else {{ {otherwise} }}" if otherwise else "", "count": count}
        copying = _defined("held_rows", _MANY, names, passed, 256, False, size)
        marking = _defined("held_marks", _MARKS, names, head, 256, False, 0)
        return (
            launch(copying, blocks(count, facts), 256, *[value for _, value in passed]),
            launch(marking, blocks(self.rows, facts), 256, *[value for _, value in head]),
        )


def _defined(
    stem: str, text: str, names: dict[str, object], passed: list[Passed], threads: int, fibers: bool, width: int
) -> Function:
    parameters = ", ".join([declaration for declaration, _ in passed])
    own = {key: value for key, value in names.items() if f"${key}" in text or f"${{{key}}}" in text}
    return define(
        stem, text, {**own, "parameters": parameters}, fibers=fibers, width=width, threads=threads
    )  # fmt: skip


# Arrays: ``head[0]`` says whether anything was written, ``head[1 + k]`` what was done with element k.


def _state(held: Held, index: str) -> str:
    return (
        f"const long long at = {index};\n    const bool inside = at >= 0 && at < {held.count}ll;\n"
        f"    const int state = inside ? head[1 + at] : 0;"
    )


def _readable(held: Held) -> tuple[str, list[Passed]]:
    """When an element may be read, and what is asked for that."""
    once = "!(state & 2)" if held.clears else "true"
    if held.is_declared:
        return f"inside && {once}", []
    # Of what was not written, the shape is known if all are alike and another one was, or the array's own was.
    known = ["(state & 1)"] + (["head[0]"] if held.identical else [])
    more: list[Passed] = []
    if held.parent is not None:
        known += ["own[1 + at]"] + (["own[0]"] if held.identical else [])
        more.append(("const int* own", Operand("input", 0, held.parent.head)))
    return f"inside && {once} && ({' || '.join(known)})", more


def _read(request: Request) -> Emitted | None:
    held: Held = request.attrs[HELD]
    ok, more = _readable(held)
    find = f"{_state(held, '*index')}\n    const bool ok = {ok};"
    mark = f"if (ok) head[1 + at] = 3; else if (!*status) {_REFUSE}"
    element = _Element(held, 1, find, mark, OUTPUT[0], reads=True)
    return _emitted(element, request, [("const int* index", INPUT[1]), *more])


def _writable(held: Held) -> str:
    return "inside && !(state & 2)" + ("" if held.adds else " && !(state & 1)")


def _write(request: Request) -> Emitted | None:
    held: Held = request.attrs[HELD]
    find = f"{_state(held, '*index')}\n    const bool ok = {_writable(held)};"
    mark = f"if (ok) {{ head[1 + at] = 1; head[0] = 1; }} else if (!*status) {_REFUSE}"
    element = _Element(held, 1, find, mark, INPUT[2], reads=False)
    return _emitted(element, request, [("const int* index", INPUT[1])])


def _rows(request: Request, number: int, outside: Operand, reads: bool) -> Emitted | None:
    """Several elements, whose numbers are a constant: each occurs once and exists."""
    held: Held = request.attrs[HELD]
    places = held.all_places() if number < 0 else np.asarray(request.constant(number))
    ok, more = _readable(held) if reads else (_writable(held), [])
    find = f"{_state(held, 'places[row]')}\n    const bool ok = {ok};"
    mark = "head[1 + at] = 3;" if reads else "{ head[1 + at] = 1; head[0] = 1; }"
    mark = f"if (ok) {mark} else {_REFUSE}"
    if not reads and len(places) > 1:
        mark = mark.replace("head[0] = 1;", "atomicOr(head, 1);")
    table = Operand("input", len(request.step.inputs))
    element = _Element(held, len(places), find, mark, outside, reads)
    if len(places) == 1:
        element.find = find.replace("places[row]", "places[0]")
    made = _emitted(element, request, [("const int* places", table), *more])
    return Emitted(made.commands, 4, constants=(places.astype(np.int32),), status=0, refusal=made.refusal)


def _gather(request: Request) -> Emitted | None:
    return _rows(request, 1, OUTPUT[0], reads=True)


def _scatter(request: Request) -> Emitted | None:
    return _rows(request, 1, INPUT[2], reads=False)


def _split(request: Request) -> Emitted | None:
    return _rows(request, -1, INPUT[1], reads=False)


def _concat(request: Request) -> Emitted | None:
    held: Held = request.attrs[HELD]
    made = _rows(request, -1, OUTPUT[0], reads=True)
    assert made is not None
    lengths = np.full(held.count, held.shape[0], np.int64)
    copy = Copy(OUTPUT[1], Operand("input", len(request.step.inputs) + 1), lengths.nbytes)
    return Emitted(
        (*made.commands, copy), 4, constants=(*made.constants, lengths), status=0, refusal=made.refusal
    )  # fmt: skip


def _emitted(element: _Element, request: Request, more: list[Passed]) -> Emitted:
    held, op = element.held, request.step.op
    commands = element.commands(request.facts, more) if held.nbytes else ()
    return Emitted(commands, 4, status=0, refusal=lambda code: refused(held, op, code))


def _make(request: Request) -> Emitted | None:
    root: Held = request.attrs[HELD]
    return done(Fill(OUTPUT[0], 0, root.heads))


# Stacks: ``head[0]`` says how many values it holds.


def _push(request: Request) -> Emitted | None:
    held: Held = request.attrs[HELD]
    find = f"const int state = 0; const long long at = head[0]; const bool ok = at < {held.count}ll;"
    element = _Element(held, 1, find, f"if (ok) head[0] = (int)at + 1; else if (!*status) {_REFUSE}", INPUT[1], False)
    return _emitted(element, request, [])


def _pop(request: Request) -> Emitted | None:
    held: Held = request.attrs[HELD]
    find = "const int state = 0; const long long at = (long long)head[0] - 1; const bool ok = at >= 0;"
    mark = f"if (ok) head[0] = (int)at; else if (!*status) {_REFUSE}"
    return _emitted(_Element(held, 1, find, mark, OUTPUT[0], True), request, [])


def _if_held(emitter: Emitter) -> Emitter:
    return lambda request: emitter(request) if HELD in request.attrs else None


TABLE: dict[str, Emitter] = {
    op: _if_held(emitter)
    for op, emitter in {
        "TensorArrayV3": _make, "TensorArrayReadV3": _read, "TensorArrayWriteV3": _write,
        "TensorArrayGatherV3": _gather, "TensorArrayScatterV3": _scatter, "TensorArrayConcatV3": _concat,
        "TensorArraySplitV3": _split,
        "StackV2": _make, "StackPushV2": _push, "StackPopV2": _pop,
    }.items()
}  # fmt: skip
