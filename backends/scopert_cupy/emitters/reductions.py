"""The ops that reduce over axes: sums, means, products, extrema, logic, norms, gradients of biases."""

from __future__ import annotations

from math import prod

import numpy as np

from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.reducing import Reduction, reduced
from scopert_cupy.emitters.source import INPUT, OUTPUT, shape_of
from scopert_cupy.prelude import computed, stored


def reduced_axes(request: Request) -> tuple[int, ...] | None:
    """The axes that the second input names, if they are known and exist."""
    value, rank = request.constant(1), len(shape_of(request.inputs[0]))
    if value is None:
        return None
    axes = [int(axis) for axis in np.ravel(value)]
    if any(not -rank <= axis < rank for axis in axes):
        return None
    return tuple({axis % rank for axis in axes})


def over_axes(request: Request, axes: tuple[int, ...], operation: str, mapped: str, finish: str) -> Emitted | None:
    """The first input reduced over axes; complex numbers part by part, where parts do not mix."""
    dtype, shape = request.inputs[0].dtype.base, shape_of(request.inputs[0])
    element = stored(dtype)
    if element is None and dtype.np.kind == "c" and operation == "sc_sum" and "sqrt" not in finish and mapped == "x":
        element, shape = "float" if dtype.np.itemsize == 8 else "double", (*shape, 2)
        total, itemsize = element, dtype.np.itemsize // 2
    elif element is not None:
        total, itemsize = computed(dtype), dtype.np.itemsize
    else:
        return None
    reduction = Reduction(INPUT[0], OUTPUT[0], element, element, itemsize, total, operation, mapped, finish)
    commands, scratch = reduced(reduction, shape, axes, request.facts)
    return Emitted(commands, scratch)


def _plain(operation: str) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        axes = reduced_axes(request)
        return None if axes is None else over_axes(request, axes, operation, "x", "total")

    return emitter


def _mean(request: Request) -> Emitted | None:
    axes = reduced_axes(request)
    if axes is None:
        return None
    shape, kind = shape_of(request.inputs[0]), request.inputs[0].dtype.base.np.kind
    count = prod(shape[axis] for axis in axes)
    if kind in "iu":
        finish = f"(A)((long long)total / {count}ll)" if count else "total"
        if request.inputs[0].dtype.base.name == "uint64":
            return None
    else:
        finish = f"total / (A){count}"
    return over_axes(request, axes, "sc_sum", "x", finish)


def _norm(request: Request) -> Emitted | None:
    axes = reduced_axes(request)
    if axes is None or request.inputs[0].dtype.base.np.kind not in "fV":
        return None
    shape = shape_of(request.inputs[0])
    if all(shape[axis] == 1 for axis in axes):  # TensorFlow then reduces nothing, and keeps the sign
        return over_axes(request, axes, "sc_sum", "x", "total")
    return over_axes(request, axes, "sc_sum", "x * x", "sc_sqrt(total)")


def _half_square(request: Request) -> Emitted | None:
    every = tuple(range(len(shape_of(request.inputs[0]))))
    return over_axes(request, every, "sc_sum", "x * x", "total / (A)2")


def _bias_gradient(request: Request) -> Emitted | None:
    shape = shape_of(request.inputs[0])
    first = request.attrs.get("data_format", "NHWC").startswith("NC")
    channels = max(len(shape) - 3, 1) if first else len(shape) - 1
    return over_axes(request, tuple(axis for axis in range(len(shape)) if axis != channels), "sc_sum", "x", "total")


TABLE: dict[str, Emitter] = {
    "Sum": _plain("sc_sum"),
    "Prod": _plain("sc_prod"),
    "Max": _plain("sc_max_over"),
    "Min": _plain("sc_min_over"),
    "All": _plain("sc_prod"),
    "Any": _plain("sc_sum"),
    "Mean": _mean,
    "EuclideanNorm": _norm,
    "L2Loss": _half_square,
    "BiasAddGrad": _bias_gradient,
}
