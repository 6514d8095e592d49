"""Bodies of one primitive over a few numbers: one NumPy call, cheaper than any loop of our own."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from scopert.backend import Fused, Program, Step
from scopert_numpy.blocked_nodes import UFUNCS

#: Up to here the call costs more than the arithmetic.
LARGEST = 1 << 11


def lone_call(program: Program, step: Step) -> Callable[..., Any] | None:
    """``f(*inputs, out=None)`` of a FUSED step that is one NumPy call; None if it is more, or large.

    Operands are whole arrays of the result's shape, or single numbers.
    """
    body = step.body
    assert isinstance(body, Fused)
    work = [node for node in body.nodes if node.args]
    if len(work) != 1 or len(body.stores) != 1 or work[0].op not in UFUNCS or prod(body.extents) > LARGEST:
        return None
    result = program.values[step.outputs[0]]
    shape: Any = result.shape
    if any(node.op == "index" for node in body.nodes) or prod(shape) != prod(body.extents):
        return None
    strides = _contiguous(body.extents)
    if not _whole(body.stores[0].access, strides, body.extents):
        return None
    for slot, access in zip(step.inputs, body.loads, strict=True):
        own: Any = program.values[slot].shape
        alone = prod(own) == 1 and len(own) <= len(shape)
        if not alone and (own != shape or not _whole(access, strides, body.extents)):
            return None
    operands = [body.nodes[arg] for arg in work[0].args]
    whole = {number for number, slot in enumerate(step.inputs) if program.values[slot].shape == shape}
    if prod(shape) > 1 and not any(node.op == "load" and node.value in whole for node in operands):
        return None  # numbers alone give a number
    call = _caller(UFUNCS[work[0].op], operands)
    has_shape = any(program.values[slot].shape == shape for slot in step.inputs)
    if has_shape and all(node.dtype is result.dtype for node in operands):
        return call
    return _of_type(call, shape, result.dtype.np)


def _contiguous(extents: tuple[int, ...]) -> list[int]:
    return [prod(extents[k + 1 :]) for k in range(len(extents))]


def _whole(access: Any, strides: list[int], extents: tuple[int, ...]) -> bool:
    """Whether points lie in the array in their order, all of them."""
    pairs = zip(access.strides, strides, extents, strict=True)
    return access.offset == 0 and all(n == 1 or found == wanted for found, wanted, n in pairs)


def _caller(ufunc: Any, operands: list[Any]) -> Callable[..., Any]:
    # A number stands in the call itself; an input is taken by its position.
    numbers = [node.dtype.np.type(node.value) if node.op == "const" else None for node in operands]
    places = [-1 if node.op == "const" else int(node.value) for node in operands]
    if places == list(range(len(places))):
        return ufunc

    def pick(*inputs: Any, out: Any = None) -> Any:
        return ufunc(
            *[number if place < 0 else inputs[place] for number, place in zip(numbers, places, strict=True)], out=out
        )

    return pick


def _of_type(call: Callable[..., Any], shape: Any, dtype: Any) -> Callable[..., Any]:
    """The call where the result's type or shape does not follow from the operands."""
    return lambda *inputs, out=None: call(*inputs, out=np.empty(shape, dtype) if out is None else out)
