"""Pieces of CUDA C++ that emitters write functions with: types, index arithmetic, functions over all elements."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from math import prod
from string import Template
from typing import TypeAlias

import numpy as np

from scopert.backend import DType, Value
from scopert_cupy.command import Argument, Command, Emitted, Function, Launch, Operand
from scopert_cupy.device import Facts
from scopert_cupy.prelude import computed

#: Threads of a block, for functions that do not choose otherwise.
THREADS = 256
#: Blocks that one multiprocessor is given of a function that walks over its elements.
BLOCKS_EACH = 16
#: From here on 32 bits are too few to count elements.
LARGE = 2**31

_WORDS = {1: "unsigned char", 2: "unsigned short", 4: "unsigned", 8: "unsigned long long", 16: "uint4"}

#: A parameter of a function: how it is declared, and what is passed.
Passed: TypeAlias = tuple[str, Argument]


def is_half(dtype: DType) -> bool:
    """Whether it is a float of 16 bits."""
    return dtype.base.name in ("float16", "bfloat16")


def literal(value: object, dtype: DType) -> str:
    """A value in the wide type of `dtype`, as an expression that loses nothing."""
    kind = computed(dtype)
    number = np.asarray(value).astype(dtype.base.np)
    if dtype.base.np.kind in "biu":
        whole = int(number)
        if kind == "long long" and whole == np.iinfo(np.int64).min:
            return "(-9223372036854775807LL - 1)"
        suffix = {"long long": "LL", "unsigned long long": "ULL"}.get(kind, "")
        return f"(({kind}){whole}{suffix})" if kind != "int" or whole != np.iinfo(np.int32).min else "(-2147483647 - 1)"
    real = float(number)
    if kind == "double":
        return _exact(real, "") if np.isfinite(real) else f"__longlong_as_double({np.float64(real).view(np.int64)}LL)"
    if not np.isfinite(real):
        return f"__uint_as_float({np.float32(real).view(np.uint32)}u)"
    return _exact(real, "f")


def _exact(real: float, suffix: str) -> str:
    return f"({real!r}{suffix})" if "e" in repr(real) or "." in repr(real) else f"({real!r}.0{suffix})"


def word(nbytes: int) -> str:
    """The C++ type that carries so many bytes, whatever they mean."""
    return _WORDS[nbytes]


def no_word(nbytes: int) -> str:
    """A word of zeros."""
    return "make_uint4(0u, 0u, 0u, 0u)" if nbytes == 16 else f"({_WORDS[nbytes]})0"


def widest(*nbytes: int) -> int:
    """The largest word that all these numbers of bytes are multiples of."""
    for size in (16, 8, 4, 2):
        if all(n % size == 0 for n in nbytes):
            return size
    return 1


def index_type(*counts: int) -> str:
    """An unsigned type for indices below these counts."""
    return "unsigned long long" if max(counts, default=0) >= LARGE else "unsigned"


def decode(index: str, extents: Sequence[int], names: str, kind: str) -> str:
    """Statements that take a row-major index apart: ``names0``, ``names1``..., one for each extent."""
    lines = [f"{kind} {names}_ = {index};"] + [
        f"const {kind} {names}{axis} = {names}_ % {extents[axis]}u; {names}_ /= {extents[axis]}u;"
        for axis in reversed(range(1, len(extents)))
    ]
    if extents:
        lines.append(f"const {kind} {names}0 = {names}_;")
    return " ".join(lines)


def strided(names: str, strides: Sequence[int], offset: int, kind: str = "unsigned") -> str:
    """The expression ``offset + sum(names_k * strides_k)``, signed where a stride is."""
    signed = "long long" if kind != "unsigned" else "int"
    terms = [f"({signed}){names}{axis} * {stride}" for axis, stride in enumerate(strides) if stride]
    if offset or not terms:
        terms.insert(0, str(offset))
    return " + ".join(terms)


def define(
    stem: str, text: str, names: Mapping[str, object] | None = None, *, fibers: bool = False, width: int = 0,
    threads: int = THREADS,
) -> Function:  # fmt: skip
    """A function from a template: ``$NAME`` becomes its name, ``$THREADS`` its largest block.

    Templates bound their launches by ``__launch_bounds__($THREADS, n)``: told only the threads, ptxas aims at 32
    registers, and spills where it misses.

    Parameters
    ----------
    stem : str
        How its name begins.
    text : str
        The template (`string.Template`).
    names : mapping, optional
        What stands for the other ``$names``.
    fibers, width, threads
        As in `Function`.
    """
    body = Template(text).substitute({"NAME": "$NAME", "THREADS": threads, **(names or {})})
    name = f"{stem}_{hashlib.sha256(body.encode()).hexdigest()[:16]}"
    return Function(name, body.replace("$NAME", name), fibers, width, threads)


_POINTWISE = """SC_KERNEL void __launch_bounds__($THREADS, 4) $NAME($parameters) {
  for ($I i = ($I)blockIdx.x * blockDim.x + threadIdx.x; i < ${count}u; i += ($I)gridDim.x * blockDim.x) {
    $body
  }
}
"""


def pointwise(
    stem: str, count: int, parameters: Sequence[Passed], body: str, facts: Facts, *, width: int = 0,
    kind: str | None = None, helpers: str = "",
) -> Launch:  # fmt: skip
    """Runs `body` once for every ``i`` below `count`.

    Parameters
    ----------
    stem : str
    count : int
    parameters : sequence of (str, Argument)
    body : str
        Statements; ``i`` is of the type `kind` (default: what `count` asks for).
    facts : Facts
    width : int
        The bytes of the accesses that it claims.
    kind : str, optional
    helpers : str
        Definitions in front of the function.
    """
    names = {"I": kind or index_type(count), "count": count, "body": body}
    names["parameters"] = ", ".join([declaration for declaration, _ in parameters])
    function = define(stem, helpers + _POINTWISE, names, width=width)
    return launch(function, blocks(count, facts), THREADS, *[value for _, value in parameters])


def blocks(count: int, facts: Facts, each: int = THREADS) -> int:
    """Blocks for a walk over `count` elements."""
    return max(1, min(-(-count // each), facts.multiprocessors * BLOCKS_EACH))


def launch(function: Function, grid: int | tuple[int, int, int], threads: int, *arguments: Argument) -> Launch:
    """A launch of blocks of one axis."""
    return Launch(function, (grid, 1, 1) if isinstance(grid, int) else grid, (threads, 1, 1), tuple(arguments))


def reading(dtype: str, name: str) -> str:
    """The declaration of a pointer to what is only read."""
    return f"const {dtype}* __restrict__ {name}"


def writing(dtype: str, name: str) -> str:
    """The declaration of a pointer to what is written, and not read through another pointer."""
    return f"{dtype}* __restrict__ {name}"


def count_of(shape: Sequence[int | None] | None) -> int:
    """The number of elements of a shape that is known."""
    assert shape is not None
    return prod(n for n in shape if n is not None)


def done(*commands: Command, scratch: int = 0) -> Emitted:
    """Commands and nothing else."""
    return Emitted(tuple(commands), scratch)


def aligned(nbytes: int) -> int:
    """The next multiple of 256: where another piece of scratch may begin."""
    return -(-nbytes // 256) * 256


INPUT = [Operand("input", number) for number in range(64)]
OUTPUT = [Operand("output", number) for number in range(64)]


def shape_of(value: Value) -> tuple[int, ...]:
    """The shape of a value, which `emit` has checked to be known."""
    assert value.shape is not None
    return tuple([n or 0 for n in value.shape])
