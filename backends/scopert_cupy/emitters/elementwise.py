"""Elementwise operations that have no place in the fusion table: other functions, bits, divisions of integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopert.backend import Access, DType, Fused, Node
from scopert.program.expression import Store
from scopert_cupy.command import Command, Emitted, Launch, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.space import Array, Nest
from scopert_cupy.fused.text import Unsupported
from scopert_cupy.prelude import define, stored

Types = Callable[[DType], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """How an op is computed at a point.

    Attributes
    ----------
    name : str
        The function ``sc_<name>`` of the prelude.
    types : callable
        Which types of the first input it is for.
    refused : str
        Values of the second input of integers that are errors, as a condition on ``y``.
    """

    name: str
    types: Types
    refused: str = ""


def _floats(dtype: DType) -> bool:
    return dtype.is_floating


def _integers(dtype: DType) -> bool:
    return dtype.is_integer


def _numbers(dtype: DType) -> bool:
    return dtype.is_floating or dtype.is_integer


ROWS: dict[str, tuple[Row, ...]] = {
    **{name: (Row(name.lower(), _floats),) for name in (
        "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Erfc", "Lgamma", "Sinh",
    )},
    "NextAfter": (Row("nextafter", lambda dtype: dtype.is_floating and dtype.size >= 4),),
    "BitwiseAnd": (Row("bitand", _integers),),
    "BitwiseOr": (Row("bitor", _integers),),
    "BitwiseXor": (Row("bitxor", _integers),),
    "Invert": (Row("invert", _integers),),
    "Round": (Row("round", _integers),),
    "LeftShift": (Row("lshift", _integers),),
    "RightShift": (Row("rshift", _integers),),
    "PopulationCount": (Row("popcount", _integers),),
    "FloorMod": (Row("floormod", _numbers, "y == 0"),),
    "Mod": (Row("fmod", _numbers, "y == 0"),),
    "TruncateMod": (Row("fmod", _numbers, "y == 0"),),
    # Of integers only: those of floats are in the fusion table.
    "FloorDiv": (Row("floordiv", _integers, "y == 0"),),
    "Div": (Row("div", _integers, "y == 0"),),
    "RealDiv": (Row("div", _integers, "y == 0"),),
    "TruncateDiv": (Row("div", _integers, "y == 0"),),
    "Pow": (Row("pow", _integers, "y < 0"),),
}  # fmt: skip


def emit_elementwise(request: Request) -> Emitted | None:
    """The kernel of an op of `ROWS`, and the check of its second input where integers may be refused."""
    dtype, output = request.inputs[0].dtype.base, request.outputs[0]
    row = next((row for row in ROWS.get(request.step.op, ()) if row.types(dtype)), None)
    shape: Any = output.shape
    if row is None:
        return None
    if 0 in shape:
        return Emitted(())
    accesses = [_access(value.shape, shape) for value in request.inputs]
    body = _body(row, shape, accesses, [value.dtype.base for value in request.inputs], output.dtype.base)
    kernels = Kernels(request.facts.shared)
    loads = [Array(Operand("input", k), value.dtype.base) for k, value in enumerate(request.inputs)]
    check: list[Command] = []
    status = None
    if row.refused and dtype.is_integer:
        known = request.constant(1)
        if known is None:
            status = kernels.take(4)
            check.append(_checked(row.refused, request, Operand("scratch", 0, status)))
        elif (np.asarray(known) == 0).any() if row.refused == "y == 0" else (np.asarray(known) < 0).any():
            return None  # it will raise, in the generic kernel's words
    try:
        kernels.add(Nest(body, tuple(loads), (Array(Operand("output"), output.dtype.base),)))
    except Unsupported:
        return None
    return Emitted((*check, *kernels.commands), kernels.scratch, status=status)


def _access(shape: Any, into: tuple[int, ...]) -> Access:
    """An array that is broadcast."""
    strides = [0] * len(into)
    step = 1
    for k in range(1, len(shape) + 1):
        strides[-k] = step if shape[-k] != 1 else 0
        step *= shape[-k]
    return Access(tuple(strides))


def _body(row: Row, shape: tuple[int, ...], accesses: list[Access], types: list[DType], output: DType) -> Fused:
    nodes = []
    for k, (access, dtype) in enumerate(zip(accesses, types, strict=True)):
        axes = frozenset([axis for axis, stride in enumerate(access.strides) if stride and shape[axis] != 1])
        nodes.append(Node("load", (), dtype, axes, k))
    every = frozenset[int]().union(*[node.axes for node in nodes])
    nodes.append(Node(row.name, tuple(range(len(nodes))), output, every))
    return Fused(shape, len(shape), tuple(nodes), tuple(accesses), (Store(len(nodes) - 1, _access(shape, shape)),))


def _checked(refused: str, request: Request, status: Operand) -> Launch:
    """Sets the status word if the second input has a value that is an error."""
    value = request.inputs[1]
    count = int(np.prod(value.shape, dtype=np.int64))  # type: ignore[arg-type]
    kind = stored(value.dtype)
    body = f"""  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i < n) {{
    const {kind} y = values[i];
    if ({refused}) atomicOr(status, 1);
  }}"""
    function = define("refused", f"const {kind}* values, int* status, long long n", body)
    return Launch(
        function, (-(-count // 256), 1, 1), (256, 1, 1), (Operand("input", 1), status, np.int64(count))
    )  # fmt: skip


TABLE: dict[str, Emitter] = dict.fromkeys(ROWS, emit_elementwise)
