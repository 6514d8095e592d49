"""Steps of optimizers: the rules of `scopert.ops.training_rules` as kernels.

A TOGETHER step, the updates of all variables of a model, is one launch: a table says where each of them lies, and
blocks take chunks of them. Numbers (rate, decay, powers of beta) are read from device memory in every launch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from scopert.backend import TOGETHER, Together, Value, as_dtype
from scopert.ops.training_ops import FULL, TRAINING_OPS, Update, update_of
from scopert_cupy.command import Argument, Emitted, Function, Launch, Operand, Table
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.prelude import define, stored
from scopert_cupy.rule_source import Symbol, Untraceable, Way, branches, ways

_THREADS = 256
# Elements that a block does at a time: few where a model is small, so that all multiprocessors have some; else so many
# that looking up a range costs nothing.
_CHUNKS = (1024, 2048, 4096, 8192)
_CHUNKS_PER_MULTIPROCESSOR = 64
# Vectors that a thread does where there are more than threads.
_VECTORS = 4
#: What gradients of float32 variables may be instead (see `scopert_cupy.take_halves`).
HALVES = frozenset({"float16", "bfloat16"})
_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})

_Flags = tuple[tuple[str, bool], ...]


def _update(op: str) -> Update:
    found = update_of(op)
    assert found is not None
    return found


@cache
def _arrays(op: str) -> tuple[bool, ...]:
    """Which inputs of an op have an entry for each one of the variable; the others are numbers."""
    update = _update(op)
    return tuple([number < update.states or name in FULL for number, name in enumerate(update.names)])


def _flags(op: str, attrs: dict[str, Any]) -> _Flags:
    return tuple([(name, bool(attrs[name])) for name in _update(op).flags])


@cache
def _ways(op: str, flags: _Flags) -> tuple[Way, ...] | None:
    """What the op does to an element; None if its rule is more than a formula."""
    update = _update(op)

    def call(xp: Any, symbols: Sequence[Symbol]) -> None:
        update.rule(xp, *symbols, **dict(flags))

    try:
        return tuple(ways(call, _arrays(op), update.states))
    except Untraceable:
        return None


# The texts of kernels. In both, numbers are loaded first, and `update` is what happens to an element.

_ONE = """\
  const long long whole = n / W, first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (long long i = first; i < whole; i += (long long)gridDim.x * blockDim.x) {
%(packs)s
  }
  if (first < n %% W) {
    const long long at = n - 1 - first;
%(single)s
  }"""

_MANY = """\
  for (long long chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
    int low = 0, high = ranges;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if ((long long)table[middle] <= chunk) low = middle; else high = middle;
    }
    const unsigned long long* row = table + ranges + (long long)low * %(columns)d;
    const long long start = (chunk - (long long)table[low]) * size, left = (long long)row[0] - start;
    const int n = left < size ? (int)left : size;
%(pointers)s
    const bool wide = (%(bits)s) %% 16 == 0;  // chunks begin at whole vectors
    const int whole = wide ? n / W : 0;
    for (int i = threadIdx.x; i < whole; i += blockDim.x) {
%(packs)s
    }
    for (int at = whole * W + threadIdx.x; at < n; at += blockDim.x) {
%(single)s
    }
  }"""


def _text(op: str, dtype: str, found: Sequence[Way], many: bool, half: str) -> tuple[str, str]:
    """Parameters and body of the kernel; gradients may be of the 16-bit type `half`, if it is not empty."""
    states, arrays = _update(op).states, _arrays(op)
    kind = stored(as_dtype(dtype))
    assert kind is not None
    full = [number for number, each in enumerate(arrays) if each]
    numbers = [number for number, each in enumerate(arrays) if not each]
    width = 16 // as_dtype(dtype).np.itemsize

    def loop(way: Way) -> str:
        values = [f"A& y{k}" if k < states else f"const A x{k}" for k in full]
        lines = ["auto update = [&](" + ", ".join(values) + ") {"]
        lines += [f"  const A x{k} = y{k};" for k in range(states)]
        lines += [f"  {line}" for line in way.inside]
        lines += [f"  y{k} = {name};" for k, name in enumerate(way.changed) if name != f"x{k}"]
        lines.append("};")
        # Only what changes is written back.
        written = [k for k, name in enumerate(way.changed) if name != f"x{k}"]
        mixed = [k for k in full if k >= states and half]
        packs = [f"    sc_pack<T, W> v{k} = sc_load<W>(p{k} + (long long)i * W);" for k in full if k not in mixed]
        for k in mixed:
            packs.append(f"    A g{k}[W];")
            for test, at in (("if (narrow)", "h"), ("else", "p")):
                packs.append(f"    {test} {{ const auto from = sc_load<W>({at}{k} + (long long)i * W);")
                packs.append(f"      for (int j = 0; j < W; ++j) g{k}[j] = sc_get(from.at[j]); }}")
        packs += ["#pragma unroll", "    for (int j = 0; j < W; ++j) {"]
        packs += [f"      A z{k} = {f'g{k}[j]' if k in mixed else f'sc_get(v{k}.at[j])'};" for k in full]
        packs.append("      update(" + ", ".join(f"z{k}" for k in full) + ");")
        packs += [f"      v{k}.at[j] = sc_put<T>(z{k});" for k in written]
        packs.append("    }")
        packs += [f"    sc_store<W>(p{k} + (long long)i * W, v{k});" for k in written]
        single = [
            f"    A z{k} = {f'narrow ? sc_get(h{k}[at]) : ' if k in mixed else ''}sc_get(p{k}[at]);" for k in full
        ]
        single.append("    update(" + ", ".join(f"z{k}" for k in full) + ");")
        single += [f"    p{k}[at] = sc_put<T>(z{k});" for k in written]
        words: dict[str, object] = {"packs": "\n".join(packs), "single": "\n".join(single)}
        if not many:
            return "\n".join([*lines, _ONE % words])
        kinds = [f"{'' if k < states else 'const '}T*" for k in full]
        pointers = [f"    {kinds[at]} p{k} = ({kinds[at]})row[{at + 1}] + start;" for at, k in enumerate(full)]
        if mixed:
            pointers.append(f"    const bool narrow = row[{len(full) + 1}] != 0;")
            pointers += [f"    const H* h{k} = (const H*)row[{full.index(k) + 1}] + start;" for k in mixed]
        # Addresses from a table could be anywhere: that they are not in shared memory makes accesses simpler.
        names = [*(f"p{k}" for k in full), *(f"h{k}" for k in mixed)]
        pointers += ["#ifdef __CUDACC__", *(f"    __builtin_assume(__isGlobal({name}));" for name in names), "#endif"]
        bits = " | ".join(f"row[{at + 1}]" for at in range(len(full)))
        words |= {"pointers": "\n".join(pointers), "bits": bits, "columns": len(full) + 1 + bool(half)}
        return "\n".join([*lines, _MANY % words])

    loads = [f"const A x{k} = sc_get(*q{k});" for k in numbers]
    types = [f"typedef {kind} T; typedef sc_value<T> A; enum {{ W = {width} }};"]
    if half:
        types.append(f"typedef {stored(as_dtype(half))} H;")
    body = "\n".join([*types, *loads])
    body = f"{body}\n{branches(found, loop)}"
    parameters = [f"const {kind}* q{k}" for k in numbers]
    if many:
        parameters += ["const unsigned long long* table", "int ranges", "long long chunks", "int size"]
    else:
        # Not restricted: a gradient may be the variable itself, read and written by the same thread.
        parameters += [f"{'' if k < states else 'const '}{kind}* p{k}" for k in full] + ["long long n"]
    return ", ".join(parameters), body


@cache
def _function(op: str, dtype: str, flags: _Flags, many: bool, half: str = "") -> Function | None:
    found = _ways(op, flags)
    if found is None:
        return None
    stem = f"{op.lower()}{'_many' if many else ''}"
    return define(stem, *_text(op, dtype, found, many, half), width=16, threads=_THREADS)


def gradient_of(op: str, attrs: dict[str, Any]) -> int | None:
    """Which input of an update is its gradient, and may be of 16 bits in a step of many; None if none may."""
    if update_of(op) is None or _ways(op, _flags(op, attrs)) is None:
        return None
    states = _update(op).states
    found = [number for number, each in enumerate(_arrays(op)) if each and number >= states]
    return found[0] if len(found) == 1 else None


def _count(value: Value) -> int | None:
    shape = value.shape
    return None if shape is None or None in shape else math.prod(size for size in shape if size is not None)


def _size(values: Sequence[Value], arrays: Sequence[bool]) -> int | None:
    """Elements of each array of a step; None if they are not of one shape, or numbers are not numbers."""
    shape = values[0].shape
    if shape is None or None in shape:
        return None
    for value, each in zip(values, arrays, strict=True):
        if value.shape != (shape if each else ()) or value.dtype.base is not values[0].dtype.base:
            return None
    return math.prod(size for size in shape if size is not None)


def _one(request: Request) -> Emitted | None:
    """One step by itself."""
    op, values = request.step.op, request.inputs
    arrays = _arrays(op)
    dtype = values[0].dtype.base.name
    size = _size(values, arrays)
    if size is None or dtype not in _FLOATS:
        return None
    function = _function(op, dtype, _flags(op, request.attrs), False)
    if function is None:
        return None
    alias = tuple([(0, 0) for _ in request.step.outputs])
    if not size:
        return Emitted((), alias=alias)
    width = 16 // values[0].dtype.base.np.itemsize
    numbers = [Operand("input", k) for k, each in enumerate(arrays) if not each]
    full = [Operand("input", k) for k, each in enumerate(arrays) if each]
    blocks = -(-size // (width * _THREADS))
    if blocks > request.facts.multiprocessors * _VECTORS:
        blocks = -(-blocks // _VECTORS)
    arguments: tuple[Argument, ...] = (*numbers, *full, np.int64(size))
    return Emitted((Launch(function, (blocks, 1, 1), (_THREADS, 1, 1), arguments),), alias=alias)


def _together(request: Request) -> Emitted | None:
    """The updates of many variables."""
    assert isinstance(request.step.body, Together)
    members = request.step.body.members
    op, attrs, dtype = members[0].op, members[0].origin.attrs, request.inputs[0].dtype.base.name
    if update_of(op) is None or dtype not in _FLOATS:
        return None
    arrays = _arrays(op)
    count = len(arrays)
    halves, groups = [], []
    for first in range(0, len(request.inputs), count):
        group, half = list(request.inputs[first : first + count]), ""
        at = gradient_of(op, attrs)
        if at is not None and dtype == "float32" and group[at].dtype.base.name in HALVES:
            half = group[at].dtype.base.name
            if _count(group[at]) != _count(group[0]):
                return None
            group[at] = replace(group[at], dtype=group[0].dtype.base, shape=group[0].shape)
        halves.append(half)
        groups.append(group)
    kinds = {half for half in halves if half}
    if len(kinds) > 1:
        return None
    function = _function(op, dtype, _flags(op, attrs), True, next(iter(kinds), ""))
    if function is None:
        return None
    alias = tuple([(k, k * count) for k in range(len(request.step.outputs))])
    sizes = [_size(group, arrays) for group in groups]
    if any(size is None for size in sizes):
        return None
    total = sum(size for size in sizes if size is not None)
    if not total:
        return Emitted((), alias=alias)
    enough = request.facts.multiprocessors * _CHUNKS_PER_MULTIPROCESSOR
    chunk = next((chunk for chunk in _CHUNKS if total <= chunk * enough), _CHUNKS[-1])
    rows: list[list[Operand | int]] = []
    starts: list[Operand | int] = []
    chunks = 0
    for number, size in enumerate(sizes):
        if size:
            starts.append(chunks)
            full = [Operand("input", number * count + k) for k, each in enumerate(arrays) if each]
            rows.append([size, *full, *([int(bool(halves[number]))] if kinds else [])])
            chunks += -(-size // chunk)
    table = Operand("input", len(request.inputs))
    numbers = [Operand("input", k) for k, each in enumerate(arrays) if not each]
    arguments: tuple[Argument, ...] = (*numbers, table, np.int32(len(rows)), np.int64(chunks), np.int32(chunk))
    # A block a chunk: the card gives the next one to whichever multiprocessor is free.
    launch = Launch(function, (min(chunks, 2**31 - 1), 1, 1), (_THREADS, 1, 1), arguments)
    table_of = Table((*starts, *(entry for row in rows for entry in row)))
    return Emitted((launch,), constants=(table_of,), alias=alias)


TABLE: dict[str, Emitter] = {
    **{op: _one for op in TRAINING_OPS if update_of(op) is not None},
    TOGETHER: _together,
}

__all__ = ["HALVES", "TABLE", "gradient_of"]
