"""Random fused bodies, for tests of printers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from scopert.graph.dtypes import DType, bool_, float16, float32, float64, int32, int64
from scopert.program.expression import Access, Fused, Node, Store, check

_UNARY = ("neg", "abs", "sign", "square", "exp", "tanh", "sigmoid", "softplus", "expm1", "floor", "ceil", "round")
_BINARY = ("add", "sub", "mul", "max", "min")
_COMPARE = ("lt", "le", "gt", "ge", "eq", "ne")
_TYPES = (float32, float32, float32, float64, int32, int64, float16)


def dense(extents: tuple[int, ...], axes: Any) -> tuple[int, ...]:
    """Strides of a contiguous array over some axes."""
    strides, count = [0] * len(extents), 1
    for k in reversed(range(len(extents))):
        if k in axes:
            strides[k] = count
            count *= extents[k]
    return tuple(strides)


def varying(extents: tuple[int, ...], strides: tuple[int, ...]) -> frozenset[int]:
    """Axes along which an access moves."""
    return frozenset(k for k, stride in enumerate(strides) if stride and extents[k] != 1)


@st.composite
def bodies(draw: Any, types: tuple[DType, ...] = _TYPES) -> tuple[Fused, list[DType], list[DType], list[int], list[int]]:
    """A body, its inputs' and outputs' types, and how many elements each has."""
    rank = draw(st.integers(1, 4))
    extents = tuple(draw(st.sampled_from((1, 2, 3, 5, 8, 17, 33, 70))) for _ in range(rank))
    rows = draw(st.integers(0, rank))
    columns = frozenset(range(rows, rank))
    every = frozenset(range(rank))
    kind = draw(st.sampled_from(types))
    nodes: list[Node] = []
    loads: list[Access] = []
    sizes: list[int] = []
    for _ in range(draw(st.integers(1, 3))):
        axes = draw(st.sampled_from((every, every, columns, every - columns, draw(st.frozensets(st.integers(0, rank - 1))))))
        strides, offset = dense(extents, axes), 0
        order = draw(st.permutations(range(rank)))
        if draw(st.booleans()):  # a transpose
            moved = [0] * rank
            count = 1
            for k in order:
                if k in axes:
                    moved[k] = count
                    count *= extents[k]
            strides = tuple(moved)
        if draw(st.booleans()):  # a slice of something larger, or a reversal
            step = draw(st.sampled_from((1, 2, -1)))
            offset = draw(st.integers(0, 3))
            if step < 0:
                offset += sum((n - 1) * s for n, s in zip(extents, strides, strict=True))
            strides = tuple(s * step for s in strides)
        reach = sum((n - 1) * max(s, 0) for n, s in zip(extents, strides, strict=True))
        nodes.append(Node("load", (), kind, varying(extents, strides), len(loads)))
        loads.append(Access(strides, offset))
        sizes.append(offset + reach + 1)
    if draw(st.booleans()):
        nodes.append(Node("const", (), kind, frozenset(), draw(st.sampled_from((0, 1, 2, 3)))))
    if draw(st.booleans()):
        axis = draw(st.integers(0, rank - 1))
        moving = frozenset({axis}) if extents[axis] != 1 else frozenset[int]()
        nodes.append(Node("index", (), int32, moving, axis))
        nodes.append(Node("cast", (len(nodes) - 1,), kind, moving))

    def pick(dtype: DType) -> int | None:
        found = [n for n, node in enumerate(nodes) if node.dtype is dtype
                 and not (node.op in ("sum", "max_over", "min_over") and node.value != columns)]  # fmt: skip
        return draw(st.sampled_from(found)) if found else None

    def axes_of(*args: int) -> frozenset[int]:
        return frozenset[int]().union(*(nodes[a].axes for a in args))

    stored: list[int] = []
    for _ in range(draw(st.integers(1, 8))):
        what = draw(st.sampled_from(("unary", "binary", "binary", "compare", "select", "reduce", "total", "logic")))
        a, c = pick(kind), pick(kind)
        assert a is not None and c is not None
        if what == "unary":
            op = draw(st.sampled_from(_UNARY if kind.is_floating else ("neg", "abs", "sign")))
            nodes.append(Node(op, (a,), kind, axes_of(a)))
        elif what == "binary":
            nodes.append(Node(draw(st.sampled_from(_BINARY)), (a, c), kind, axes_of(a, c)))
        elif what == "compare":
            nodes.append(Node(draw(st.sampled_from(_COMPARE)), (a, c), bool_, axes_of(a, c)))
        elif what == "select" and (condition := pick(bool_)) is not None:
            nodes.append(Node("select", (condition, a, c), kind, axes_of(condition, a, c)))
        elif what == "logic" and (condition := pick(bool_)) is not None:
            nodes.append(Node("not", (condition,), bool_, axes_of(condition)))
        elif what == "reduce" and columns:
            op = draw(st.sampled_from(("sum", "max_over", "min_over")))
            nodes.append(Node(op, (a,), kind, nodes[a].axes - columns, columns))
        elif what == "total":
            reduced = draw(st.frozensets(st.integers(0, rank - 1), min_size=1))
            op = draw(st.sampled_from(("sum", "max_over")))
            nodes.append(Node(op, (a,), kind, nodes[a].axes - reduced, reduced))
            stored.append(len(nodes) - 1)
    used = {arg for node in nodes for arg in node.args}
    stored = list(dict.fromkeys(stored + [n for n in range(len(nodes)) if n not in used][-3:]))
    stores, outputs, room = [], [], []
    for number in stored:
        axes = nodes[number].axes
        if nodes[number].op not in ("sum", "max_over", "min_over") and draw(st.booleans()):
            axes = every
        stores.append(Store(number, Access(dense(extents, axes))))
        outputs.append(nodes[number].dtype)
        room.append(prod(extents[k] for k in axes))
    body = Fused(extents, rows, tuple(nodes), tuple(loads), tuple(stores))
    check(body)
    return body, [kind] * len(loads), outputs, sizes, room


def numbers(dtype: DType, size: int, seed: int) -> np.ndarray:
    """Some input."""
    random = np.random.default_rng(seed)
    if dtype.is_floating:
        return random.uniform(-2, 2, size).astype(dtype.np)
    return random.integers(-5, 6, size).astype(dtype.np)
