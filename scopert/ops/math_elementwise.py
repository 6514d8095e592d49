"""How elementwise ops of one or two inputs are defined: the signatures, shapes and traits that they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.opdef import COMMUTATIVE, ELEMENTWISE, OpDef, define_op
from scopert.graph.shape_rules import broadcast, same_as_all, same_as_first

Array = Any
Kernel = Callable[..., Array]


def unary(name: str, types: str, kernel: Kernel, outputs: str = "y: T", differentiable: bool = True) -> OpDef:
    """An op ``x -> y`` of one shape."""
    return define_op(
        name, inputs="x: T", outputs=outputs, attrs=f"T: {types}", shape=same_as_first, kernel=kernel,
        traits=ELEMENTWISE, differentiable=differentiable,
    )  # fmt: skip


def unary_grad(name: str, kernel: Kernel, types: str) -> OpDef:
    """An op ``(y, dy) -> z`` of one shape."""
    return define_op(
        name, inputs="y: T, dy: T", outputs="z: T", attrs=f"T: {types}", shape=same_as_all, kernel=kernel,
        traits=ELEMENTWISE,
    )  # fmt: skip


def binary(
    name: str, types: str, kernel: Kernel, *, commutative: bool = False, outputs: str = "z: T",
    inputs: str = "x: T, y: T", differentiable: bool = True,
) -> OpDef:  # fmt: skip
    """An op of two inputs that are broadcast."""
    return define_op(
        name, inputs=inputs, outputs=outputs, attrs=f"T: {types}" if types else "", shape=broadcast, kernel=kernel,
        traits=(ELEMENTWISE, COMMUTATIVE) if commutative else ELEMENTWISE, differentiable=differentiable,
    )  # fmt: skip
