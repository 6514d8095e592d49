"""Bodies that stand for all that the printer of kernels does, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from scopert_cupy.command import Operand
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.space import Array, Nest

from scopert.graph.dtypes import DType, bfloat16, bool_, float16, float32, float64, int32, int64, uint8
from scopert.program.expression import Access, Fused, Node, Store, check

NONE = frozenset[int]()


@dataclass(frozen=True)
class Example:
    """A body, and the types and sizes of its inputs and outputs.

    Attributes
    ----------
    width : int
        Bytes of the widest access that each of its functions should have at least.
    kinds : str
        What its functions are called, one after another.
    limit : int
        Bytes of shared memory that a block may have.
    """

    body: Fused
    inputs: tuple[DType, ...]
    outputs: tuple[DType, ...]
    sizes: tuple[int, ...]
    room: tuple[int, ...]
    kinds: str
    width: int = 16
    limit: int = 227 << 10

    def kernels(self, wide: bool = False) -> Kernels:
        made = Kernels(self.limit, wide)
        loads = [Array(Operand("input", k), dtype) for k, dtype in enumerate(self.inputs)]
        stores = [Array(Operand("output", k), dtype) for k, dtype in enumerate(self.outputs)]
        made.add(Nest(self.body, tuple(loads), tuple(stores)))
        return made

    def arrays(self, seed: int = 0) -> list[Any]:
        random = np.random.default_rng(seed)
        made = []
        for dtype, n in zip(self.inputs, self.sizes, strict=True):
            if dtype.is_floating:
                made.append(random.uniform(-2, 2, n).astype(dtype.np))
            else:
                made.append(random.integers(0 if dtype.is_unsigned or dtype.is_bool else -5, 2 if dtype.is_bool else 6, n).astype(dtype.np))
        return made


class Write:
    """Nodes with axes that follow."""

    def __init__(self, extents: tuple[int, ...], rows: int) -> None:
        self.extents, self.rows = extents, rows
        self.nodes: list[Node] = []
        self.loads: list[Access] = []
        self.columns = frozenset(range(rows, len(extents)))

    def load(self, dtype: DType, *strides: int, offset: int = 0) -> int:
        axes = frozenset(k for k, stride in enumerate(strides) if stride and self.extents[k] != 1)
        self.loads.append(Access(strides, offset))
        return self._add(Node("load", (), dtype, axes, len(self.loads) - 1))

    def const(self, value: Any, dtype: DType) -> int:
        return self._add(Node("const", (), dtype, NONE, value))

    def index(self, axis: int) -> int:
        return self._add(Node("index", (), int32, frozenset({axis} if self.extents[axis] != 1 else ()), axis))

    def __call__(self, op: str, *args: int, dtype: DType | None = None) -> int:
        axes = frozenset[int]().union(*[self.nodes[arg].axes for arg in args])
        return self._add(Node(op, args, dtype or self.nodes[args[-1]].dtype, axes))

    def over(self, op: str, arg: int, axes: Any = None) -> int:
        axes = self.columns if axes is None else frozenset(axes)
        return self._add(Node(op, (arg,), self.nodes[arg].dtype, self.nodes[arg].axes - axes, axes))

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def done(self, *stores: tuple[int, tuple[int, ...]], kinds: str, **more: Any) -> Example:
        body = Fused(
            self.extents, self.rows, tuple(self.nodes), tuple(self.loads), tuple([Store(n, Access(s)) for n, s in stores])
        )  # fmt: skip
        check(body)
        inputs = [node.dtype for node in self.nodes if node.op == "load"]
        reach = [
            a.offset + 1 + sum((n - 1) * max(s, 0) for n, s in zip(self.extents, a.strides, strict=True))
            for a in (*self.loads, *[Access(s) for _, s in stores])
        ]
        return Example(
            body, tuple(inputs), tuple([self.nodes[n].dtype for n, _ in stores]), tuple(reach[: len(inputs)]),
            tuple(reach[len(inputs) :]), kinds, **more,
        )  # fmt: skip


def softmax(n: int, m: int, dtype: DType, **more: Any) -> Example:
    w = Write((n, m), 1)
    x = w.load(dtype, m, 1)
    e = w("exp", w("sub", x, w.over("max_over", x)))
    return w.done((w("div", e, w.over("sum", e)), (m, 1)), kinds="rows", **more)


def wide_softmax(n: int, m: int, **more: Any) -> Example:
    """Of bfloat16, computed in float32."""
    w = Write((n, m), 1)
    x = w("cast", w.load(bfloat16, m, 1), dtype=float32)
    e = w("exp", w("sub", x, w.over("max_over", x)))
    return w.done((w("cast", w("div", e, w.over("sum", e)), dtype=bfloat16), (m, 1)), kinds="rows", **more)


def cross_entropy(n: int, m: int, dtype: DType, **more: Any) -> Example:
    """Loss and gradient by labels that are numbers of classes."""
    w = Write((n, m), 1)
    x, label = w.load(dtype, m, 1), w.load(int32, 1, 0)
    s = w("sub", x, w.over("max_over", x))
    e = w("exp", s)
    total = w.over("sum", e)
    chosen = w("eq", w.index(1), label, dtype=bool_)
    zero, one = w.const(0.0, dtype), w.const(1.0, dtype)
    own = w.over("sum", w("select", chosen, s, zero))
    loss = w("sub", w("log", total), own)
    return w.done((loss, (1, 0)), (w("sub", w("div", e, total), w("select", chosen, one, zero)), (m, 1)), kinds="rows", **more)


def layer_norm(n: int, m: int, dtype: DType, **more: Any) -> Example:
    w = Write((n, m), 1)
    x, gamma, beta = w.load(dtype, m, 1), w.load(dtype, 0, 1), w.load(dtype, 0, 1)
    share = w.const(1 / m, dtype)
    mean = w("mul", w.over("sum", x), share)
    d = w("sub", x, mean)
    scale = w("rsqrt", w("add", w("mul", w.over("sum", w("square", d)), share), w.const(1e-5, dtype)))
    y = w("add", w("mul", w("mul", d, scale), gamma), beta)
    return w.done((y, (m, 1)), (mean, (1, 0)), (scale, (1, 0)), kinds="rows", **more)


def layer_norm_gradient(n: int, m: int, dtype: DType, kinds: str = "rows across across") -> Example:
    w = Write((n, m), 1)
    x, g, gamma = w.load(dtype, m, 1), w.load(dtype, m, 1), w.load(dtype, 0, 1)
    mean, scale, share = w.load(dtype, 1, 0), w.load(dtype, 1, 0), w.const(1 / m, dtype)
    z = w("mul", w("sub", x, mean), scale)
    h = w("mul", g, gamma)
    a, b = w("mul", w.over("sum", h), share), w("mul", w.over("sum", w("mul", h, z)), share)
    made = w("mul", w("sub", w("sub", h, a), w("mul", z, b)), scale)
    return w.done((made, (m, 1)), (w.over("sum", w("mul", g, z), {0}), (0, 1)), (w.over("sum", g, {0}), (0, 1)), kinds=kinds)


def uses_then_sums(n: int, m: int) -> Example:
    """A sum over rows of what a reduction over columns is part of."""
    w = Write((n, m), 1)
    x = w.load(float32, m, 1)
    y = w("sub", x, w.over("max_over", x))
    return w.done((w.over("sum", y, {0}), (0, 1)), (w.over("sum", y, {0, 1}), (0, 0)), (y, (m, 1)), kinds="rows across rows", width=16)


def mean_loss(n: int, m: int) -> Example:
    """A sum over rows of one number a row: nothing is to be done for each column."""
    w = Write((n, m), 1)
    x = w.load(float32, m, 1)
    loss = w("log", w.over("sum", w("exp", x)))
    return w.done((w.over("sum", loss, {0}), (0, 0)), (w("sub", x, loss), (m, 1)), kinds="rows rows")


def gelu(shape: tuple[int, ...], dtype: DType, **more: Any) -> Example:
    """With a bias along the last axis where there are two."""
    w = Write(shape, len(shape))
    dense = tuple(prod(shape[k + 1 :]) for k in range(len(shape)))
    x = w.load(dtype, *dense)
    if len(shape) > 1:
        x = w("add", x, w.load(dtype, *[0] * (len(shape) - 1), 1))
    cube = w("mul", w("mul", w("square", x), x), w.const(0.044715, dtype))
    t = w("tanh", w("mul", w("add", x, cube), w.const(0.7978845608028654, dtype)))
    y = w("mul", w("mul", x, w.const(0.5, dtype)), w("add", t, w.const(1.0, dtype)))
    return w.done((y, dense), kinds="map", **more)


def total(n: int, dtype: DType, op: str = "sum", **more: Any) -> Example:
    w = Write((n,), 0)
    return w.done((w.over(op, w.load(dtype, 1)), (0,)), **more)


def total_and_number(n: int) -> Example:
    """Beside a sum that blocks share, a value that is the same everywhere."""
    w = Write((n,), 0)
    x = w.load(float32, 1)
    return w.done((w.over("sum", x), (0,)), (w.const(2.0, float32), (0,)), (w("neg", x), (1,)), kinds="rows rows")


def sums(shape: tuple[int, ...], over: set[int], dtype: DType, stored: bool = False, **more: Any) -> Example:
    """Sum and maximum over some axes; with `stored`, what is summed, too."""
    w = Write(shape, len(shape))
    dense = tuple(prod(shape[k + 1 :]) for k in range(len(shape)))
    kept, step = [0] * len(shape), 1
    for k in reversed(range(len(shape))):
        if k not in over:
            kept[k], step = step, step * shape[k]
    x = w.load(dtype, *dense)
    y = w("mul", x, w.const(2, dtype))
    stores = [(w.over("sum", y, over), tuple(kept)), (w.over("max_over", y, over), tuple(kept))]
    if stored:
        stores.append((y, dense))
    return w.done(*stores, **more)


def transposed(n: int, m: int, dtype: DType, **more: Any) -> Example:
    w = Write((n, m), 2)
    return w.done((w("add", w.load(dtype, 1, n), w.load(dtype, m, 1)), (m, 1)), kinds=more.pop("kinds", "map"), **more)


def mixed_types() -> Example:
    """Comparison, conversion, bool in memory, a slice and a reversal."""
    w = Write((6, 64), 2)
    x, y, z = w.load(float32, 80, 1, offset=4), w.load(float16, 64, 1), w.load(uint8, 64, -1, offset=63)
    wide = w("cast", y, dtype=float32)
    big = w("gt", x, wide, dtype=bool_)
    whole = w("cast", w("select", big, x, wide), dtype=int64)
    return w.done(
        (big, (64, 1)), (whole, (64, 1)), (w("cast", z, dtype=bfloat16), (64, 1)), (w("cast", w.index(1), dtype=float64), (0, 1)),
        kinds="map",
    )  # fmt: skip


EXAMPLES: dict[str, Example] = {
    # maps
    "gelu": gelu((1000,), float32), "gelu ragged": gelu((1003,), float32), "gelu bfloat16": gelu((4096,), bfloat16),
    "gelu bias": gelu((50, 64), float32), "gelu bias odd": gelu((50, 33), float32, width=0), "gelu float16": gelu((7, 64), float16),
    "gelu cube": gelu((3, 4, 5, 8), float64), "mixed types": mixed_types(), "many units": gelu((1 << 21,), bfloat16),
    "transposed": transposed(64, 48, float32), "transposed odd": transposed(65, 33, float32, width=0),
    "transposed tall": transposed(300, 8, bfloat16),
    # rows
    **{f"softmax {m}": softmax(n, m, float32, width=0 if m % 4 else 16)
       for n, m in ((9, 3), (70, 4), (33, 8), (9, 37), (40, 64), (5, 100), (3, 1000), (2, 4096), (2, 20000))},
    "softmax of one": replace(softmax(9, 1, float32), kinds="map"), "softmax many": softmax(2100, 128, float32), "softmax warps": softmax(2049, 1024, bfloat16),
    "softmax kept": softmax(2, 40000, float32), "softmax again": softmax(2, 40000, float32, limit=1 << 14),
    "softmax odd": softmax(2, 30001, float32, width=0), "softmax halves": softmax(4, 5000, float16),
    "softmax doubles": softmax(2, 9000, float64),
    "softmax of loads": wide_softmax(2, 60001, width=0), "softmax of 16 bits": wide_softmax(3, 4096),
    "cross entropy": cross_entropy(7, 10, float32, width=0), "cross entropy long": cross_entropy(2, 50257, float32, width=0),
    "cross entropy bfloat16": cross_entropy(5, 1024, bfloat16),
    "layer norm": layer_norm(6, 40, float32), "layer norm wide": layer_norm(3, 768, bfloat16), "layer norm long": layer_norm(2, 8192, float32),
    "layer norm doubles": layer_norm(4, 96, float64), "layer norm again": layer_norm(2, 70000, float32),
    "layer norm gradient": layer_norm_gradient(300, 64, float32, "rows across"),
    "layer norm gradient tall": layer_norm_gradient(5000, 16, float32),
    "mean loss": mean_loss(40, 24), "uses, then sums": uses_then_sums(5, 24),
    # reductions
    "total": total(100_000, float32, kinds="rows rows"), "total ragged": total(100_003, float32, kinds="rows rows"),
    "total bfloat16": total(100_001, bfloat16, kinds="rows rows"), "total int64": total(70_000, int64, kinds="rows rows"),
    "total and number": total_and_number(70_001), "total small": total(10, float32, kinds="rows"), "product": total(40_000, float64, op="prod", kinds="rows rows"),
    "columns": sums((300, 40), {0}, float32, kinds="across"), "columns tall": sums((5000, 33), {0}, float32, width=0, kinds="across across"),
    "columns bfloat16": sums((4000, 64), {0}, bfloat16, kinds="across across"), "columns stored": sums((200, 64), {0}, float32, stored=True, kinds="across"),
    "rows": sums((50, 100), {1}, float32, kinds="rows"), "rows stored": sums((50, 100), {1}, float32, stored=True, kinds="rows"),
    "rows long": sums((3, 70_000), {1}, float32, kinds="rows across"), "rows int32": sums((3, 500), {1}, int32, kinds="rows"),
    "channels first": sums((4, 6, 64), {0, 2}, float32, kinds="rows"), "channels last": sums((4, 30, 6), {0, 1}, float32, kinds="across", width=0),
    "middle": sums((5, 40, 8), {1}, float64, kinds="across"), "outer and inner": sums((4, 5, 6, 8), {0, 2}, float32, kinds="across"),
}  # fmt: skip

