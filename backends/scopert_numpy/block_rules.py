"""Rules of optimizers as short lists of NumPy calls over blocks that stay in the cache, for where there is no LLVM.

A traced rule (`scopert_numpy.tracing`) becomes calls with ``out=``: results stand in the memory of a variable whose
old value is not needed any more, or in few scratch blocks. A variable's sum with something else, such as
``m + (g - m) * s``, is one call of NumPy's OpenBLAS (``axpby``: ``y = a * x + b * y``) instead of three.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import Any

import numpy as np

from scopert.backend import Node, as_dtype
from scopert_numpy.blocked_nodes import UFUNCS
from scopert_numpy.threads import blas_function
from scopert_numpy.tracing import Untraceable, trace

Array = Any

#: Elements of a block. Smaller ones would stay in the cache, but between calls threads wait for the interpreter's lock.
BLOCK = 1 << 18


class BlockRule:
    """``rule(np, *states, *others)`` for blocks of flat arrays.

    Raises
    ------
    Untraceable
        If the rule does more than compute.
    """

    def __init__(self, rule: Callable[..., None], states: int, full: Sequence[bool], dtype: Any, flags: Any) -> None:
        self._dtype = np.dtype(dtype)
        fused = trace(rule, states, full, as_dtype(dtype), flags)
        stored = [store.node for store in fused.stores]
        self._plain = _Plan(fused.nodes, stored, full, self._dtype, None)
        axpby = _axpby(self._dtype.char)
        self._quick = _Plan(*_factors_last(fused.nodes, stored), full, self._dtype, axpby) if axpby else self._plain
        self._free: list[Array] = []

    def prepared(self, numbers: Sequence[Any]) -> Callable[[Sequence[Array]], None]:
        """The function for these numbers (the others that are no arrays), of arrays of at most `BLOCK` elements."""
        plan = self._quick
        scalars = plan.values(numbers)
        # BLAS leaves out what is multiplied by zero, also infinities.
        if any(not scalars[k] or not isfinite(scalars[k]) for k in plan.factors):
            plan = self._plain
            scalars = plan.values(numbers)

        def run(arrays: Sequence[Array]) -> None:
            try:
                scratch = self._free.pop()
            except IndexError:
                scratch = np.empty((max(self._plain.scratch, self._quick.scratch), BLOCK), self._dtype)
            count = arrays[0].size
            blocks = [*arrays, *[row[:count] for row in scratch]]
            for call in plan.calls:
                call(blocks, scalars)
            self._free.append(scratch)

        return run


@dataclass(frozen=True)
class _Ufunc:
    """``function(*args, target)``; an argument is (whether it is a block, number of the block or scalar)."""

    function: Any
    args: tuple[tuple[bool, int], ...]
    target: int

    def __call__(self, blocks: Sequence[Array], scalars: Sequence[Any]) -> None:
        self.function(*[blocks[k] if is_block else scalars[k] for is_block, k in self.args], out=blocks[self.target])


@dataclass(frozen=True)
class _Sum:
    """``target = a * source + b * target``; `a` and `b` are numbers of scalars."""

    function: Any
    source: int
    a: int
    b: int
    target: int

    def __call__(self, blocks: Sequence[Array], scalars: Sequence[Any]) -> None:
        self.function(blocks[self.source], scalars[self.a], scalars[self.b], blocks[self.target])


def _copy(source: Array, out: Array) -> None:
    np.copyto(out, source)


def _rsqrt(x: Any, out: Any = None) -> Any:
    return np.divide(1, np.sqrt(x, out), out)


def _call_of(op: str) -> Any:
    return _rsqrt if op == "rsqrt" else UFUNCS[op]


def _factors_last(nodes: Sequence[Node], stored: Sequence[int]) -> tuple[list[Node], list[int]]:
    """The nodes with ``(a * s) / b`` as ``(a / b) * s`` for numbers `s`: the factor can be part of a sum behind it."""
    made: list[Node] = []
    place: list[int] = []

    def add(op: str, args: tuple[int, ...], like: Node) -> int:
        made.append(Node(op, args, like.dtype, frozenset().union(*[made[k].axes for k in args]), like.value))
        return len(made) - 1

    for node in nodes:
        top = nodes[node.args[0]] if node.op == "div" else None
        factors = [arg for arg in top.args if not nodes[arg].axes] if top is not None and top.op == "mul" else []
        if top is not None and len(factors) == 1 and top.axes:
            rest = next(arg for arg in top.args if nodes[arg].axes)
            quotient = add("div", (place[rest], place[node.args[1]]), node)
            place.append(add("mul", (quotient, place[factors[0]]), node))
        elif node.args:
            place.append(add(node.op, tuple([place[arg] for arg in node.args]), node))
        else:
            made.append(node)
            place.append(len(made) - 1)
    return made, [place[k] for k in stored]


class _Plan:
    """The calls for a list of nodes; blocks are numbered: variables, other arrays, scratch."""

    def __init__(
        self, nodes: Sequence[Node], stored: Sequence[int], full: Sequence[bool], dtype: Any, axpby: Any
    ) -> None:
        self._nodes, self._stored, self._dtype, self._axpby = nodes, list(stored), dtype, axpby
        self.calls: list[_Ufunc | _Sum] = []
        #: Numbers of scalars by which BLAS multiplies.
        self.factors: list[int] = []
        self.scratch = 0
        self._states, self._arrays = len(stored), len(stored) + sum(full)
        self._steps: list[Callable[[list[Any]], Any]] = []
        self._given = len(full) - sum(full)
        self._scalar: dict[int, int] = {}
        self._block: dict[int, int] = {}
        arrays, numbers = iter(range(self._states, self._arrays)), iter(range(self._given))
        for number, node in enumerate(nodes):
            if node.op == "load":
                if node.value < self._states:
                    self._block[number] = node.value
                elif full[node.value - self._states]:
                    self._block[number] = next(arrays)
                else:
                    self._scalar[number] = next(numbers)
        needed = self._needed()
        self._users = {number: [k for k in needed if number in nodes[k].args] for number in range(len(nodes))}
        sums = {number: found for number in needed if (found := self._sum(number)) is not None}
        absorbed = {number for _, inside in sums.values() for number in inside}
        self._free: list[int] = []
        for number in needed:
            if number not in absorbed and number not in self._block and nodes[number].axes:
                self._emit(number, sums.get(number))
        self._finish()

    def values(self, given: Sequence[Any]) -> list[Any]:
        """All scalars."""
        found = [self._dtype.type(item) for item in given]
        for step in self._steps:
            found.append(step(found))
        return found

    def _needed(self) -> list[int]:
        found = set(self._stored)
        for number in range(len(self._nodes) - 1, -1, -1):
            if number in found:
                found.update(self._nodes[number].args)
        return sorted(found)

    # Scalars

    def _add(self, step: Callable[[list[Any]], Any]) -> int:
        self._steps.append(step)
        return self._given + len(self._steps) - 1

    def _number(self, node: int) -> int:
        """The scalar that a node without axes is."""
        if node not in self._scalar:
            op, args = self._nodes[node].op, self._nodes[node].args
            if op == "const":
                value = self._dtype.type(self._nodes[node].value)
                self._scalar[node] = self._add(lambda _: value)
            else:
                operands, function = [self._number(arg) for arg in args], _call_of(op)
                self._scalar[node] = self._add(lambda found: function(*[found[k] for k in operands]))
        return self._scalar[node]

    # Sums into a variable's memory

    def _sum(self, number: int) -> tuple[tuple[int, Callable[[], int], int, Callable[[], int]], list[int]] | None:
        """(source, its factor, state, its factor) of a node that one call can add, and the nodes inside; else None."""
        node = self._nodes[number]
        if self._axpby is None or node.op not in ("add", "sub") or number not in self._stored:
            return None
        if not all(self._nodes[arg].axes for arg in node.args):
            return None
        state = self._stored.index(number)
        (left, p), (right, q) = terms = [self._term(arg) for arg in node.args]
        inside = [arg for arg, (_, factor) in zip(node.args, terms, strict=True) if factor is not None]
        inner = self._nodes[right]
        if self._block.get(left) == state and p is None and q is not None and node.op == "add":
            # x + (y - x) * s
            alone = self._users[right] == [node.args[1]] and right not in self._stored
            if inner.op == "sub" and inner.args[1] == left and self._nodes[inner.args[0]].axes and alone:
                if self._is_last(left, number, {number, right}):
                    factor, source = q, inner.args[0]
                    return (source, lambda: self._number(factor), state, lambda: self._rest(factor)), [*inside, right]
                return None
        sign = 1.0 if node.op == "add" else -1.0
        if self._block.get(left) == state and self._is_last(left, number, {number, *inside}):
            return (right, lambda: self._factor(q, sign), state, lambda: self._factor(p, 1.0)), inside
        if self._block.get(right) == state and self._is_last(right, number, {number, *inside}):
            return (left, lambda: self._factor(p, 1.0), state, lambda: self._factor(q, sign)), inside
        return None

    def _term(self, number: int) -> tuple[int, int | None]:
        """A node as a vector times a scalar, where nobody else needs the product; None stands for 1."""
        node = self._nodes[number]
        if node.op != "mul" or len(self._users[number]) != 1 or number in self._stored:
            return number, None
        scalars = [arg for arg in node.args if not self._nodes[arg].axes]
        if len(scalars) != 1:
            return number, None
        return next(arg for arg in node.args if self._nodes[arg].axes), scalars[0]

    def _is_last(self, load: int, number: int, inside: set[int]) -> bool:
        """Whether the old value of a variable is not needed behind a node, nor in two ways by it."""
        others = [k for k in self._users[load] if k not in inside]
        return load not in self._stored and all(k < number for k in others)

    def _factor(self, node: int | None, sign: float) -> int:
        if node is None:
            value = self._dtype.type(sign)
            return self._add(lambda _: value)
        number = self._number(node)
        return number if sign > 0 else self._add(lambda found: -found[number])

    def _rest(self, node: int) -> int:
        number, one = self._number(node), self._dtype.type(1)
        return self._add(lambda found: one - found[number])

    # Calls

    def _emit(self, number: int, found: Any) -> None:
        node = self._nodes[number]
        if found is not None:
            (source, a, state, b), _ = found
            call = _Sum(self._axpby, self._block[source], a(), b(), state)
            self.factors += [call.a, call.b]
            self.calls.append(call)
            self._block[number] = state
            self._release([source], number)
            return
        blocks = [self._block[arg] for arg in node.args if self._nodes[arg].axes]
        args = tuple([
            (True, self._block[arg]) if self._nodes[arg].axes else (False, self._number(arg)) for arg in node.args
        ])  # fmt: skip
        self._release([arg for arg in node.args if self._nodes[arg].axes], number)
        target = self._target(number, blocks)
        self.calls.append(_Ufunc(_call_of(node.op), args, target))
        self._block[number] = target

    def _release(self, nodes: Sequence[int], user: int) -> None:
        """Scratch blocks that nobody needs behind `user` can be taken."""
        for number in set(nodes):
            block = self._block[number]
            if block >= self._arrays and number not in self._stored and self._last_user(number) <= user:
                self._free.append(block)

    def _last_user(self, number: int) -> int:
        """The last node whose call reads a node: those inside a sum are read by the sum."""
        last = -1
        for user in self._users[number]:
            while user not in self._stored and len(self._users[user]) == 1 and self._sum(self._users[user][0]):
                user = self._users[user][0]
            last = max(last, user)
        return last

    def _target(self, number: int, operands: Sequence[int]) -> int:
        """The block for a value."""
        if number in self._stored:
            state = self._stored.index(number)
            load = next((k for k, block in self._block.items() if block == state and self._nodes[k].op == "load"), None)
            if load is None or (load not in self._stored and self._last_user(load) <= number):
                return state
        for block in operands:
            if block in self._free:
                self._free.remove(block)
                return block
        if self._free:
            return self._free.pop()
        self.scratch += 1
        return self._arrays + self.scratch - 1

    def _finish(self) -> None:
        """Copies what does not stand in its variable's memory yet."""
        moves = [(self._block[node], state) for state, node in enumerate(self._stored) if self._block[node] != state]
        sources = {source for source, _ in moves}
        if any(target in sources for _, target in moves):
            raise Untraceable("variables take each other's values")
        self.calls += [_Ufunc(_copy, ((True, source),), target) for source, target in moves]


@cache
def _axpby(char: str) -> Callable[[Array, float, float, Array], None] | None:
    """``y = a * x + b * y`` for contiguous vectors ``f(x, a, b, y)``; None where NumPy's BLAS has no such function."""
    found = blas_function({"f": "cblas_saxpby", "d": "cblas_daxpby"}[char])
    plain = blas_function({"f": "cblas_saxpy", "d": "cblas_daxpy"}[char])
    if found is None or plain is None:
        return None
    (general, integer), (simple, _) = found, plain
    number: Any = ctypes.c_float if char == "f" else ctypes.c_double
    general.argtypes = [integer, number, ctypes.c_void_p, integer, number, ctypes.c_void_p, integer]
    simple.argtypes = [integer, number, ctypes.c_void_p, integer, ctypes.c_void_p, integer]
    general.restype = simple.restype = None

    def axpby(x: Array, a: float, b: float, y: Array) -> None:
        source, target = x.__array_interface__["data"][0], y.__array_interface__["data"][0]
        if b == 1:
            simple(y.size, a, source, 1, target, 1)
        else:
            general(y.size, a, source, 1, b, target, 1)

    return axpby
