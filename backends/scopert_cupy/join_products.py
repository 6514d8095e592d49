"""Products and what follows them as one step: a bias, a relu or gelu, and the gradient of a relu.

A pass over a program, before it is planned. It joins a MatMul (or a convolution with the channels last, which is made
of products too) with the FUSED step that alone uses its result, if all that this does is in the library's epilogues;
the step's op then says so: ``MatMul+bias+relu``. A relu whose gradient is
joined too keeps a bit for each element (``relu_aux``), and the gradient (``drelu``) needs its result no more.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from scopert.backend import FUSED, LOOP, WRITES, DType, Fused, Node, Program, Step, Value, as_dtype
from scopert.program.passes.place import Place
from scopert_cupy.command import mask_bits
from scopert_cupy.device import Facts
from scopert_cupy.emit import Request
from scopert_cupy.emitters import convolving
from scopert_cupy.emitters.matmul import FLOATS

_UINT8 = as_dtype("uint8")
_PRODUCTS = frozenset({"MatMul", "Conv2D", "Conv3D"})
# How far a number in a program of 16-bit floats may be from what was written.
_ROUNDING = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass(slots=True)
class _Joined:
    """A product, the step that it is joined with, and how."""

    product: Step
    follower: Step
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    words: tuple[str, ...]

    def step(self) -> Step:
        attrs = {**self.follower.origin.attrs, **self.product.origin.attrs}
        origin = replace(self.follower.origin, attrs=attrs)
        op = "+".join([self.product.op, *self.words])
        return replace(self.product, op=op, inputs=self.inputs, outputs=self.outputs, origin=origin, kernel=None)


def join_products(program: Program, facts: Facts | None = None, place: bool = True) -> Program:
    """The program with products joined with what follows them, and (with `place`) a new layout.

    Without `facts` of the device convolutions stay what they are.

    One without a layout stays what it is: its shapes are not sure. ``SCOPERT_CUPY_EPILOGUES=0`` turns this off.
    """
    if program.memory is None or os.environ.get("SCOPERT_CUPY_EPILOGUES", "1") in ("", "0"):
        return program
    joining = _Joining(program, facts)
    if not joining.found:
        return program
    steps = []
    taken = {id(joined.product) for joined in joining.found.values()}
    for step in program.steps:
        joined = joining.found.get(id(step))
        if joined is not None:
            steps.append(joined.step())
        elif id(step) not in taken:
            steps.append(step)
    made = replace(program, values=tuple(joining.values), steps=tuple(steps))
    return Place()(made) if place else made


class _Joining:
    def __init__(self, program: Program, facts: Facts | None) -> None:
        self._program, self._facts = program, facts
        self.values = list(program.values)
        #: By the identity of the following step.
        self.found: dict[int, _Joined] = {}
        self._uses = Counter(slot for step in program.steps for slot in (*step.inputs, *step.guards))
        self._uses.update(fetch.slot for fetch in program.fetches)
        # Products that could still be joined, by the slot of their result.
        self._open: dict[int, Step] = {}
        # Joined relus, by the slot of their result.
        self._relus: dict[int, _Joined] = {}
        for step in program.steps:
            if step.op in _PRODUCTS and not step.guards and not step.kept and self._is_dense(step):
                self._open[step.outputs[0]] = step
            elif step.op == FUSED and not step.guards and not step.kept and isinstance(step.body, Fused):
                self._follow(step, step.body)
            elif WRITES in step.traits or step.op == LOOP:
                self._open.clear()  # a product may read a variable's memory: it stays before what changes it

    def _is_dense(self, step: Step) -> bool:
        values = [self.values[slot] for slot in (*step.inputs, *step.outputs)]
        shapes = [value.shape for value in values]
        known = all(shape is not None and None not in shape and 0 not in shape for shape in shapes)
        if not known or values[2].dtype.base.name not in FLOATS or self._uses[step.outputs[0]] != 1:
            return False
        if step.op == "MatMul":
            return True
        if self._facts is None:
            return False
        return convolving.TABLE[step.op](Request(step, self._program, self._facts)) is not None

    def _follow(self, step: Step, body: Fused) -> None:
        slot = next((slot for slot in step.inputs if slot in self._open), None)
        if slot is None or step.inputs.count(slot) > 1:
            return
        product = self._open[slot]
        sizes = [size for size in self.values[slot].shape or () if size is not None]
        m, n = math.prod(sizes[:-1]), sizes[-1]
        joined = self._forward(product, step, body, m, n)
        if joined is None and product.op == "MatMul":
            joined = self._backward(product, step, body, m, n)
        if joined is not None:
            del self._open[slot]
            self.found[id(step)] = joined

    def _forward(self, product: Step, step: Step, body: Fused, m: int, n: int) -> _Joined | None:
        """A bias and an activation, if that is what the step does."""
        if len(body.stores) != 1 or not _is_whole(body, body.stores[0].access, m, n):
            return None
        at = step.inputs.index(product.outputs[0])
        kind = self.values[product.outputs[0]].dtype.base
        loads = [number for number, node in enumerate(body.nodes) if node.op == "load"]
        biases = [number for number in loads if body.nodes[number].value != at]
        products = [number for number in loads if body.nodes[number].value == at]
        if len(products) != 1 or len(biases) > 1 or len(step.inputs) != 1 + len(biases):
            return None
        x = products[0]
        if not _is_whole(body, body.loads[at], m, n):
            return None
        words: tuple[str, ...] = ()
        if biases:
            if not _is_row(body, body.loads[body.nodes[biases[0]].value], m, n):
                return None
            bias, own = biases[0], body.nodes[biases[0]].dtype.base
            if own is not kind:  # a bias of another type is cast by the step that is made
                casts = [k for k, node in enumerate(body.nodes) if node.op == "cast" and node.args == (bias,)]
                if own.name not in FLOATS or len(casts) != 1:
                    return None
                bias = casts[0]
            sums = [k for k, node in enumerate(body.nodes) if node.op == "add" and set(node.args) == {x, bias}]
            if len(sums) != 1:
                return None
            x, words = sums[0], ("bias",)
        activation = _activation(body.nodes, body.stores[0].node, x)
        if activation is None or not (words or activation) or self._is_mixed(body, kind, biases):
            return None
        words += (activation,) if activation else ()
        vector = tuple(step.inputs[body.nodes[number].value] for number in biases)
        if product.op != "MatMul" and not self._fits_convolution(product, step, vector):
            return None
        joined = _Joined(product, step, (*product.inputs, *vector), step.outputs, words)
        if activation == "relu" and product.op == "MatMul":
            self._relus[step.outputs[0]] = joined
        return joined

    def _fits_convolution(self, product: Step, step: Step, vector: tuple[int, ...]) -> bool:
        """Whether the result keeps its shape, with the channels last, and the bias is of its type."""
        layout: str = product.origin.attrs["data_format"]
        own, made = self.values[product.outputs[0]], self.values[step.outputs[0]]
        alike = all(self.values[slot].dtype.base is own.dtype.base for slot in vector)
        return not layout.startswith("NC") and own.shape == made.shape and alike

    def _is_mixed(self, body: Fused, kind: DType, beside: Sequence[int]) -> bool:
        """Whether it computes in other types than the product's, but for the nodes `beside` and comparisons."""
        return any(
            node.dtype.base is not kind and not node.dtype.is_bool
            for number, node in enumerate(body.nodes)
            if number not in beside
        )

    def _backward(self, product: Step, step: Step, body: Fused, m: int, n: int) -> _Joined | None:
        """The gradient of a relu that was joined, and of its bias, if that is what the step does."""
        at = step.inputs.index(product.outputs[0])
        if len(step.inputs) != 2 or step.inputs[1 - at] not in self._relus or len(body.extents) != 2:
            return None
        if not all(_is_whole(body, access, m, n) for access in (*body.loads, body.stores[0].access)):
            return None
        nodes, kept = body.nodes, body.stores[0].node
        if nodes[kept].op != "select" or self._is_mixed(body, self.values[product.outputs[0]].dtype.base, ()):
            return None
        condition, gradient, zero = (nodes[arg] for arg in nodes[kept].args)
        if condition.op != "gt" or not _is(gradient, "load", at) or not _is(zero, "const", 0):
            return None
        left, right = (nodes[arg] for arg in condition.args)
        if not _is(left, "load", 1 - at) or not _is(right, "const", 0):
            return None
        words = ["drelu"]
        if len(body.stores) == 2:
            total = nodes[body.stores[1].node]
            if total.op != "sum" or total.args != (kept,) or total.value != frozenset({0}):
                return None
            if not _is_row(body, body.stores[1].access, m, n):
                return None
            words.append("bias_gradient")
        elif len(body.stores) > 2:
            return None
        mask = self._mask(self._relus[step.inputs[1 - at]])
        return _Joined(product, step, (*product.inputs, mask), step.outputs, tuple(words))

    def _mask(self, relu: _Joined) -> int:
        """The slot with the bits of a relu, which it fills from now on."""
        if relu.words[-1] == "relu":
            shape = self.values[relu.product.outputs[0]].shape
            assert shape is not None
            assert shape[0] is not None
            assert shape[1] is not None
            like = self.values[relu.outputs[0]]
            slot = len(self.values)
            self.values.append(Value(slot, f"{like.name}/mask", _UINT8, (shape[0], mask_bits(shape[1]) // 8)))
            relu.words, relu.outputs = (*relu.words[:-1], "relu_aux"), (*relu.outputs, slot)
        return relu.outputs[-1]


def _is_whole(body: Fused, access: Any, m: int, n: int) -> bool:
    """Whether an access walks an m by n matrix from its first element to its last."""
    if access.offset or math.prod(body.extents) != m * n:
        return False
    step = 1
    for extent, stride in reversed(list(zip(body.extents, access.strides, strict=True))):
        if extent != 1 and stride != step:
            return False
        step *= extent
    return True


def _is_row(body: Fused, access: Any, m: int, n: int) -> bool:
    """Whether an access walks the same n elements for each of m rows."""
    if access.offset or math.prod(body.extents) != m * n:
        return False
    step = 1
    for extent, stride in reversed(list(zip(body.extents, access.strides, strict=True))):
        if extent == 1:
            continue
        if step < n and (stride != step or step * extent > n):
            return False
        if step >= n and stride:
            return False
        step *= extent
    return True


def _is(node: Node, op: str, value: object) -> bool:
    return node.op == op and node.value == value


def _activation(nodes: tuple[Node, ...], root: int, x: int) -> str | None:
    """Which function of node `x` a node is: ``""`` for `x` itself, ``relu``, ``gelu``; None for another."""
    if root == x:
        return ""
    node = nodes[root]
    if node.op == "max" and x in node.args:
        other = nodes[node.args[1 - node.args.index(x)]]
        return "relu" if _is(other, "const", 0) else None
    return "gelu" if _is_gelu(nodes, root, x, _ROUNDING.get(node.dtype.base.name, 1e-6)) else None


def _factors(nodes: tuple[Node, ...], number: int, x: int) -> tuple[float, list[int]]:
    """A product as a number and other nodes, of which `x` is not taken apart."""
    node = nodes[number]
    if node.op == "const":
        return float(node.value), []
    if number != x and node.op == "pow" and nodes[node.args[1]].op == "const":
        power = nodes[node.args[1]].value
        if power in (2, 3):
            return 1.0, [node.args[0]] * int(power)
    if number == x or node.op not in ("mul", "square"):
        return 1.0, [number]
    args = node.args if node.op == "mul" else node.args * 2
    constant, factors = 1.0, list[int]()
    for arg in args:
        more, others = _factors(nodes, arg, x)
        constant *= more
        factors += others
    return constant, factors


def _is_gelu(nodes: tuple[Node, ...], root: int, x: int, rounding: float) -> bool:
    """``0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`` (Hendrycks and Gimpel, 2016), however it is written.

    Its numbers may differ by `rounding`, relative to them.
    """

    def other(number: int, op: str, one: Any) -> int | None:
        """The operand of ``op(a, b)`` beside the one for which `one` holds."""
        node = nodes[number]
        if node.op != op:
            return None
        for first, second in (node.args, node.args[::-1]):
            if one(first):
                return second
        return None

    def is_product(number: int, constant: float, factors: list[int]) -> bool:
        found, others = _factors(nodes, number, x)
        return math.isclose(found, constant, rel_tol=rounding) and sorted(others) == sorted(factors)

    constant, factors = _factors(nodes, root, x)
    rest = [number for number in factors if number != x]
    if not math.isclose(constant, 0.5) or len(factors) != 2 or len(rest) != 1:
        return False
    tanh = other(rest[0], "add", lambda number: _is(nodes[number], "const", 1))
    if tanh is None or nodes[tanh].op != "tanh":
        return False
    constant, factors = _factors(nodes, nodes[tanh].args[0], x)
    if not math.isclose(constant, math.sqrt(2 / math.pi), rel_tol=rounding):
        return False
    if len(factors) == 1:  # x + 0.044715 x^3
        cubic = other(factors[0], "add", lambda number: number == x)
        return cubic is not None and is_product(cubic, 0.044715, [x, x, x])
    rest = [number for number in factors if number != x]
    if len(factors) != 2 or len(rest) != 1:
        return False
    square = other(rest[0], "add", lambda number: _is(nodes[number], "const", 1))  # x (1 + 0.044715 x^2)
    return square is not None and is_product(square, 0.044715, [x, x])


__all__ = ["join_products"]
