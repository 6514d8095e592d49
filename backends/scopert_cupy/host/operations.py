"""Whole operations of the host device, by NumPy: it stands for a card whose library computes them.

The results are made of float32 sums, whatever the type; what the library would refuse is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from scopert.backend import as_dtype
from scopert_cupy.failures import DeviceError
from scopert_cupy.host import attending
from scopert_cupy.host.gemm import rounded
from scopert_cupy.host.memory import bytes_at
from scopert_cupy.operation import Convolution, Operation, Tensor

_FLOATS = ("float16", "bfloat16", "float32")
#: Addresses that a library is given are multiples of this.
_ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """An operation that is ready to run; it needs no workspace."""

    operation: Operation
    workspace: int = 0


def computes(operation: Operation) -> bool:
    """Whether cuDNN would, as far as its documentation says."""
    if not isinstance(operation, Convolution):
        return attending.computes(operation)
    known = operation.precision in ("float32", "tf32") and operation.activation in ("", "relu")
    return known and operation.dtype in _FLOATS


def plan(operation: Operation) -> OperationPlan:
    """Checks an operation as the library would."""
    if not computes(operation):
        raise DeviceError(f"no library computes {operation}")
    for name, tensor in operation.tensors.items():
        if len(tensor.shape) != len(tensor.strides) or not all(tensor.shape) or min(tensor.strides) < 0:
            raise DeviceError(f"{name} of a {operation} has the shape {tensor.shape} and the strides {tensor.strides}")
    return OperationPlan(operation)


def run(plan: OperationPlan, operands: Sequence[int], check: Callable[[int, int], None]) -> None:
    """Computes an operation; `check` is asked about all memory that it touches."""
    operation = plan.operation
    views = {}
    for (name, tensor), address in zip(operation.tensors.items(), operands, strict=True):
        if address % _ALIGNMENT:
            raise DeviceError(f"{name} of a {operation} lies at {address:#x}, which is no multiple of {_ALIGNMENT}")
        check(address, tensor.nbytes)
        views[name] = _view(tensor, address)
    made = _convolved(operation, views) if isinstance(operation, Convolution) else attending.made(operation, views)
    for name, values in made.items():
        views[name][...] = values.astype(views[name].dtype)


def _view(tensor: Tensor, address: int) -> Any:
    whole = bytes_at(address, tensor.nbytes).view(as_dtype(tensor.dtype).np)
    strides = [stride * whole.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(whole, tensor.shape, strides)


def _convolved(c: Convolution, views: Mapping[str, Any]) -> dict[str, Any]:
    """What a convolution makes: tap by tap, a product of the elements that it meets with the tap's matrix."""

    def operand(name: str) -> Any:
        values = views[name].astype(np.float32)
        return rounded(values, c.precision) if c.dtype == "float32" else values

    batch, channels, *space = c.image.shape
    filters, depth, *taps = c.filter.shape
    groups, places = channels // depth, c.out.shape[2:]
    wide = [n + before + after for n, before, after in zip(space, c.before, c.after, strict=True)]
    for axis, n in enumerate(wide):
        if (n - (taps[axis] - 1) * c.rates[axis] - 1) // c.strides[axis] + 1 != places[axis]:
            raise DeviceError(f"{c}: {n} elements and {taps[axis]} taps do not make {places[axis]} places")
    image: Any = np.zeros((batch, groups, depth, *wide), np.float32)
    inner: Any = (..., *[slice(before, before + n) for n, before in zip(space, c.before, strict=True)])
    kernel: Any = np.zeros((groups, filters // groups, depth, *taps), np.float32)
    out: Any = np.zeros((batch, groups, filters // groups, *places), np.float32)
    if c.kind != "input":
        image[inner] = operand("image").reshape(batch, groups, depth, *space)
    if c.kind != "filter":
        kernel[...] = operand("filter").reshape(kernel.shape)
    if c.kind != "forward":
        out[...] = operand("out").reshape(out.shape)
    for tap in product(*[range(n) for n in taps]):
        met: Any = (..., *[
            slice(t * rate, t * rate + (n - 1) * step + 1, step)
            for t, rate, step, n in zip(tap, c.rates, c.strides, places, strict=True)
        ])  # fmt: skip
        one: Any = (slice(None), slice(None), slice(None), *tap)
        if c.kind == "forward":
            out += np.einsum("ngc...,gkc->ngk...", image[met], kernel[one])
        elif c.kind == "input":
            image[met] += np.einsum("ngk...,gkc->ngc...", out, kernel[one])
        else:
            kernel[one] = np.einsum("ngkp,ngcp->gkc", _flat(out), _flat(image[met]))
    if c.kind == "input":
        return {"image": image[inner].reshape(c.image.shape)}
    if c.kind == "filter":
        return {"filter": kernel.reshape(c.filter.shape)}
    result = out.reshape(c.out.shape)
    if c.bias:
        result += views["bias"].astype(np.float32)
    return {"out": np.maximum(result, 0) if c.activation == "relu" else result}


def _flat(values: Any) -> Any:
    """The axes of space as one."""
    return values.reshape(*values.shape[:3], -1)
