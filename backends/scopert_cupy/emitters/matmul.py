"""Matrix products as `Gemm` commands: transposes are flags, batches are strides.

A product of a stack with one matrix is one large product; a batch that broadcasts in a way that no single stride
describes is a product for each of its outer indices.
"""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import replace

import numpy as np

from scopert.backend import InvalidArgumentError
from scopert_cupy.command import Command, Emitted, Fill, Gemm, Launch, Matrix, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.prelude import define, stored
from scopert_cupy.tiled import tiled

#: What float32 operands are multiplied as.
PRECISIONS = ("float32", "tf32", "bf16")
#: The attribute of an operation that decides for it alone (``graph._attr_scope``).
PRECISION_ATTRIBUTE = "_matmul_precision"

#: Types that the library multiplies.
FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
#: For these there is no library; the generated kernel computes exactly what NumPy does, overflow included.
_INTEGERS = frozenset({"int32", "int64"})
# A batch that needs more products than this runs eagerly.
_MOST_PRODUCTS = 64

#: Size, and strides of a, b and out in elements.
_Axis = tuple[int, int, int, int]


def precision_of(asked: object) -> str:
    """The precision of an operation: what its attribute asks for, else ``SCOPERT_MATMUL_PRECISION``, else float32.

    Raises
    ------
    InvalidArgumentError
        If it is none of `PRECISIONS`.
    """
    where = f"the attribute {PRECISION_ATTRIBUTE}"
    if asked is None:
        asked, where = os.environ.get("SCOPERT_MATMUL_PRECISION") or "float32", "SCOPERT_MATMUL_PRECISION"
    if isinstance(asked, bytes):
        asked = asked.decode()
    if asked not in PRECISIONS:
        raise InvalidArgumentError(None, None, f"{where} must be one of {', '.join(PRECISIONS)}, got {asked!r}")
    return str(asked)


def flat_axes(batch: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...], out: tuple[int, ...]) -> list[_Axis]:
    """The axes of a batch, neighbours joined where all three matrices walk them as one; axes of size 1 go."""
    axes: list[_Axis] = []
    for axis in zip(batch, a, b, out, strict=True):
        size = axis[0]
        if size == 1:
            continue
        if axes and all(axes[-1][k] == size * axis[k] for k in (1, 2, 3)):
            axes[-1] = (axes[-1][0] * size, *axis[1:])
        else:
            axes.append(axis)
    return axes


def _strides(shape: tuple[int, ...], batch: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from one matrix to the next along each axis of `batch`; 0 where the stack is broadcast."""
    own = (1,) * (len(batch) - len(shape) + 2) + shape[:-2]
    strides, step = [], shape[-2] * shape[-1]
    for size in reversed(own):
        strides.append(0 if size == 1 else step)
        step *= size
    return tuple(reversed(strides))


def product(request: Request, flip_a: bool, flip_b: bool, **epilogue: object) -> Emitted | None:
    """``out[...] = a[...] @ b[...]`` over the first two inputs of a step.

    With `epilogue`, further fields of `Gemm`, the result is a matrix, whatever shape it has.
    """
    a, b = (_static(value.shape) for value in request.inputs[:2])
    out = _static(request.outputs[0].shape)
    if epilogue:
        out = (a[-1] if flip_a else a[-2], b[-2] if flip_b else b[-1])
    dtype = request.outputs[0].dtype.base.name
    if dtype not in FLOATS | _INTEGERS or min(len(a), len(b)) < 2:
        return None
    m, n = out[-2:]
    k = a[-2] if flip_a else a[-1]
    itemsize = request.outputs[0].dtype.np.itemsize
    if not math.prod(out):
        return Emitted(())
    if not k and not epilogue:
        return Emitted((Fill(Operand("output"), 0, math.prod(out) * itemsize),))
    if not k:
        return None
    axes = flat_axes(out[:-2], _strides(a, out[:-2]), _strides(b, out[:-2]), _strides(out, out[:-2]))
    if len(axes) == 1 and not axes[0][2] and axes[0][1] == m * k and not flip_a:
        m, axes = m * axes[0][0], []
    wide = max(axes, default=None)
    rest = [axis for axis in axes if axis is not wide]
    if math.prod(size for size, *_ in rest) > _MOST_PRODUCTS:
        return None
    precision = precision_of(request.attrs.get(PRECISION_ATTRIBUTE)) if dtype == "float32" else "float32"
    commands: list[Command] = []
    for index in itertools.product(*(range(size) for size, *_ in rest)):
        at = [sum(i * axis[which] for i, axis in zip(index, rest, strict=True)) * itemsize for which in (1, 2, 3)]
        step = ((), (), ()) if wide is None else tuple((stride,) for stride in wide[1:])
        gemm = Gemm(
            m, n, k,
            Matrix(Operand("input", 0, at[0]), a[-1], flip_a, step[0]),
            Matrix(Operand("input", 1, at[1]), b[-1], flip_b, step[1]),
            Matrix(Operand("output", 0, at[2]), n, False, step[2]),
            dtype, precision, () if wide is None else (wide[0],), **epilogue,  # type: ignore[arg-type]
        )  # fmt: skip
        commands.append(gemm if dtype in FLOATS else tiled(gemm))
    return Emitted(tuple(commands))


def _static(shape: tuple[int | None, ...] | None) -> tuple[int, ...]:
    assert shape is not None
    return tuple([size for size in shape if size is not None])


def _matmul(request: Request) -> Emitted | None:
    return product(request, bool(request.attrs["transpose_a"]), bool(request.attrs["transpose_b"]))


def _batch_matmul(request: Request) -> Emitted | None:
    # The adjoint of a real matrix is its transpose; complex ones run eagerly.
    return product(request, bool(request.attrs["adj_x"]), bool(request.attrs["adj_y"]))


def _joined(words: tuple[str, ...]) -> Emitter:
    """The emitter of a product with what follows it (see `scopert_cupy.join_products`)."""

    def emit(request: Request) -> Emitted | None:
        more: dict[str, object] = {}
        if "bias" in words:
            more["bias"] = Operand("input", 2)
        for word in words:
            if word in ("relu", "gelu", "relu_aux", "drelu"):
                more["epilogue"] = word
        if "relu_aux" in words:
            more["aux"] = Operand("output", 1)
        if "drelu" in words:
            more["aux"] = Operand("input", 2)
        if "bias_gradient" in words:
            more["bias_gradient"] = Operand("output", 1)
        cast, scratch = None, 0
        if "bias" in words and request.inputs[2].dtype.base is not request.outputs[0].dtype.base:
            cast, scratch = _cast(request)
            more["bias"] = Operand("scratch")
        found = product(request, bool(request.attrs["transpose_a"]), bool(request.attrs["transpose_b"]), **more)
        if found is None or cast is None:
            return found
        return replace(found, commands=(cast, *found.commands), scratch=scratch)

    return emit


def _cast(request: Request) -> tuple[Launch, int]:
    """What puts the bias into scratch in the type of the product, and its size."""
    value, to = request.inputs[2], request.outputs[0].dtype.base
    source, target = stored(value.dtype), stored(to)
    assert source is not None
    assert target is not None
    count = math.prod(_static(value.shape))
    body = f"""\
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = sc_put<{target}>(sc_cast<sc_value<{target}>>(sc_get(x[i])));"""
    function = define("gemm_bias", f"const {source}* x, {target}* out, int n", body)
    arguments = (Operand("input", 2), Operand("scratch"), np.int32(count))
    return Launch(function, (-(-count // 256), 1, 1), (256, 1, 1), arguments), count * to.np.itemsize


#: What may follow a product.
JOINED = (
    *((*bias, *activation) for bias in ((), ("bias",)) for activation in ((), ("relu",), ("gelu",), ("relu_aux",))),
    ("drelu",), ("drelu", "bias_gradient"),
)[1:]  # fmt: skip

TABLE: dict[str, Emitter] = {
    **{"+".join(["MatMul", *words]): _joined(words) for words in JOINED},
    "MatMul": _matmul,
    "BatchMatMul": _batch_matmul,
    "BatchMatMulV2": _batch_matmul,
}

__all__ = ["FLOATS", "JOINED", "PRECISIONS", "PRECISION_ATTRIBUTE", "TABLE", "flat_axes", "precision_of", "product"]
