"""What a fused body does to one of its values, as ``factor * value + offset`` at each point of its space.

Whoever writes a mask writes it his own way: a large number added, a product with zeros and ones, a choice between two
arrays. All are the same to a softmax, and this tells so without a list of ways: what does not depend on the value is
computed by NumPy, if it is made of constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopert.backend import Access, Fused

#: Elements of an array that are looked at.
_MOST = 1 << 24

_COMPUTED: Mapping[str, Callable[..., Any]] = {
    "neg": np.negative, "abs": np.abs, "square": np.square, "sqrt": np.sqrt, "exp": np.exp, "not": np.logical_not,
    "floor": np.floor, "reciprocal": np.reciprocal, "add": np.add, "sub": np.subtract, "mul": np.multiply,
    "div": np.divide, "max": np.maximum, "min": np.minimum, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or,
    "xor": np.logical_xor, "select": np.where,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """Attributes
    ----------
    factor, offset : array
        Over the space of the body; axes of size 1 broadcast.
    beside : int or None
        A node that is added too: it does not depend on the value, and is not known before the run.
    negated : bool
        It is taken away.
    """

    factor: Any
    offset: Any
    beside: int | None = None
    negated: bool = False


class Reading:
    """Reads a body whose inputs are partly known.

    Parameters
    ----------
    body : Fused
    known : mapping
        Input -> its array.
    """

    def __init__(self, body: Fused, known: Mapping[int, Any]) -> None:
        self._body, self._known = body, known
        self._values: dict[int, Any] = {}

    def of(self, number: int, seed: int) -> Affine | None:
        """Node `number` as what it makes of node `seed`; None if that is nothing affine, or not known."""
        if number == seed:
            return Affine(np.float64(1), np.float64(0))
        node = self._body.nodes[number]
        if node.op == "cast" and node.dtype.is_floating:
            return self.of(node.args[0], seed)
        if node.op == "select":
            return self._chosen(node.args, seed)
        if node.op not in ("add", "sub", "mul", "div"):
            return None
        left, right = node.args
        if self._depends(right, seed):
            if node.op not in ("add", "mul") or self._depends(left, seed):
                return None
            left, right = right, left
        found, other = self.of(left, seed), self.value(right)
        if found is None:
            return None
        if other is None:
            if node.op not in ("add", "sub") or found.beside is not None:
                return None
            return Affine(found.factor, found.offset, right, node.op == "sub")
        if node.op in ("mul", "div"):
            if found.beside is not None:
                return None
            with np.errstate(all="ignore"):
                compute = _COMPUTED[node.op]
                return Affine(compute(found.factor, other), compute(found.offset, other))
        return replace(found, offset=_COMPUTED[node.op](found.offset, other))

    def _chosen(self, args: tuple[int, ...], seed: int) -> Affine | None:
        test = None if self._depends(args[0], seed) else self.value(args[0])
        if test is None:
            return None
        sides = []
        for side in args[1:]:
            if self._depends(side, seed):
                found = self.of(side, seed)
            else:
                value = self.value(side)
                found = None if value is None else Affine(np.float64(0), value)
            if found is None or found.beside is not None:
                return None
            sides.append(found)
        yes, no = sides
        return Affine(np.where(test, yes.factor, no.factor), np.where(test, yes.offset, no.offset))

    def value(self, number: int) -> Any:
        """What a node is, if it is made of constants: over the space, axes of size 1 broadcast; else None."""
        if number not in self._values:
            self._values[number] = self._computed(number)
        return self._values[number]

    def _computed(self, number: int) -> Any:
        node = self._body.nodes[number]
        if node.op == "const":
            return np.asarray(node.value)
        if node.op == "load":
            array = self._known.get(node.value)
            return None if array is None else _walked(array, self._body.loads[node.value], self._body.extents)
        if node.op == "index":
            shape = [n if axis == node.value else 1 for axis, n in enumerate(self._body.extents)]
            return np.arange(self._body.extents[node.value]).reshape(shape)
        args = [self.value(arg) for arg in node.args]
        if any(arg is None for arg in args):
            return None
        if node.op == "cast":
            return args[0].astype(bool if node.dtype.is_bool else np.float64 if node.dtype.is_floating else np.int64)
        compute = _COMPUTED.get(node.op)
        if compute is None or np.broadcast(*args).size > _MOST:
            return None
        with np.errstate(all="ignore"):
            return compute(*args)

    def _depends(self, number: int, seed: int) -> bool:
        return number == seed or (
            number > seed and any(self._depends(arg, seed) for arg in self._body.nodes[number].args)
        )  # fmt: skip


def _walked(array: Any, access: Access, extents: tuple[int, ...]) -> Any:
    """The elements that an access walks, with one element along axes of stride 0."""
    flat = np.ascontiguousarray(array).reshape(-1)
    flat = flat.astype(bool if flat.dtype == bool else np.float64)
    shape = [n if stride else 1 for n, stride in zip(extents, access.strides, strict=True)]
    if int(np.prod(shape, dtype=np.int64)) > _MOST:
        return None
    strides = [stride * flat.itemsize for stride in access.strides]
    return np.lib.stride_tricks.as_strided(flat[access.offset :], shape, strides)


__all__ = ["Affine", "Reading"]
