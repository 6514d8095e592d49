"""Einstein's summation convention, as transposes, products and sums."""

from __future__ import annotations

import logging
import re
import string
from typing import Any

from scopert.graph.scopes import name_scope
from scopert.graph.shape import as_tuple
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import transpose
from scopert.ops.math_binary import multiply
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_statistics import trace
from scopert.public import public

_LOG = logging.getLogger("scopert")


def _expand_ellipses(labels: list[str], output: str | None, shapes: list[Shape]) -> tuple[str, str | None]:
    """Replaces ``...`` by unused letters, in place; returns the longest replacement and the output."""
    unused = "".join(c for c in string.ascii_letters if c not in "".join(labels))
    longest = ""
    for i, label in enumerate(labels):
        if "..." not in label:
            continue
        parts = label.split("...")
        if len(parts) != 2:
            raise ValueError("Unable to resolve ellipsis. Excess number found.")
        shape = shapes[i]
        if shape is None:
            raise ValueError("Unable to statically infer ellipsis axes.")
        count = len(shape) - len("".join(parts))
        if count < 0:
            raise ValueError("Ellipses lengths do not match.")
        if len(unused) < count:
            raise ValueError("Unable to resolve ellipsis, too many distinct labels.")
        letters = unused[-count:] if count else ""
        labels[i] = label.replace("...", letters)
        longest = max(longest, letters, key=len)
    if output is not None:
        output = output.replace("...", longest)
    if any("." in label for label in [*labels, output or ""]):
        raise ValueError('period "." found outside of ellipsis')
    return longest, output


def _parse(equation: str, shapes: list[Shape]) -> tuple[list[str], str]:
    equation = equation.replace(" ", "")
    found = re.match(r"^([a-zA-Z,.]+)(->[a-zA-Z.]*)?$", equation)
    if not found:
        raise ValueError(f"Indices have incorrect format: {equation}")
    labels = found.group(1).split(",")
    output = found.group(2)[2:] if found.group(2) else None
    if len(shapes) != len(labels):
        raise ValueError(f'Got {len(shapes)} arguments for equation "{equation}", expecting {len(labels)}')
    ellipsis = ""
    if "..." in equation:
        ellipsis, output = _expand_ellipses(labels, output, shapes)
    if output is None:
        everything = "".join(labels)
        single = sorted(c for c in set(everything) - set(ellipsis) if everything.count(c) == 1)
        output = ellipsis + "".join(single)
    return labels, output


def _transpose(tensor: Tensor, perm: list[int]) -> Tensor:
    return transpose(tensor, perm=perm) if perm != list(range(len(perm))) else tensor


def _reshape(tensor: Tensor, sizes: list[Any]) -> Tensor:
    wanted = tuple(-1 if n is None else n for n in sizes)
    current = tensor._shape or ()
    if len(wanted) == len(current) and all(
        not isinstance(n, Tensor) and (m == n or n == -1) for m, n in zip(current, wanted, strict=True)
    ):
        return tensor
    return reshape(tensor, wanted)


def _sizes(tensor: Tensor) -> list[Any]:
    sizes: list[Any] = list(tensor._shape or ())
    if None in sizes:
        dynamic = shape_of(tensor)
        sizes = [dynamic[i] if n is None else n for i, n in enumerate(sizes)]
    return sizes


def _product(sizes: list[Any]) -> Any:
    result: Any = 1
    for n in sizes:
        result *= n
    return result


def _contract(t0: Tensor, labels0: str, t1: Tensor, labels1: str, summed: set[str]) -> tuple[Tensor, str]:
    """Multiplies two tensors, summing over the axes `summed` that both have."""
    for number, (tensor, labels) in enumerate(((t0, labels0), (t1, labels1))):
        rank = None if tensor._shape is None else len(tensor._shape)
        if rank is None:
            raise ValueError(f"the rank of tensor t{number} must be known")
        if rank != len(labels):
            raise ValueError(f"Tensor t{number} of rank {rank} does not match einsum reduction of length {len(labels)}")
    kept = (set(labels0) & set(labels1)) - summed
    own = (set(labels0) - kept - summed, set(labels1) - kept - summed)

    def order(which: int, label: str) -> tuple[int, str]:
        if label in kept:
            return -1, label
        first = label in own[0] if which == 0 else label in summed
        return (0 if first else 1), label

    ordered = [sorted(labels, key=lambda c, i=i: order(i, c)) for i, labels in enumerate((labels0, labels1))]  # type: ignore[misc]
    t0 = _transpose(t0, [labels0.find(c) for c in ordered[0]])
    t1 = _transpose(t1, [labels1.find(c) for c in ordered[1]])
    batch = len(kept)
    if not summed:
        for _ in own[1]:
            t0 = expand_dims(t0, -1)
        for _ in own[0]:
            t1 = expand_dims(t1, batch)
        return multiply(t0, t1), "".join(ordered[0] + ordered[1][batch:])
    count = len(summed)
    sizes0 = _sizes(t0)
    rows = _product(sizes0[batch:-count])
    inner = _product(sizes0[-count:])
    t0 = _reshape(t0, [*sizes0[:batch], rows, inner])
    sizes1 = _sizes(t1)
    columns = _product(sizes1[batch + count :])
    t1 = _reshape(t1, [*sizes1[:batch], inner, columns])
    product = matmul(t0, t1)
    product = _reshape(product, sizes0[: batch + len(own[0])] + sizes1[len(sizes1) - len(own[1]) :])
    left = ordered[0][: batch + len(own[0])] + ordered[1][len(ordered[1]) - len(own[1]) :]
    return product, "".join(left)


def _by_broadcasting(equation: str, inputs: list[Tensor]) -> Tensor:
    """All axes at once: for axes summed over more than two inputs."""
    labels, output = _parse(equation, [tensor._shape for tensor in inputs])
    every = set("".join(labels) + output)
    position = {c: i for i, c in enumerate([*(c for c in sorted(every) if c not in output), *output])}
    for i, (tensor, label) in enumerate(zip(inputs, labels, strict=True)):
        if tensor._shape is None or len(tensor._shape) != len(label):
            raise ValueError(
                f"Input {i} with axes {label} has incorrect number of dimensions "
                f"(expected {len(label)}, got {tensor.shape.ndims})"
            )
        ordered = sorted(label, key=position.__getitem__)
        if list(label) != ordered:
            inputs[i] = transpose(tensor, [label.find(c) for c in ordered])
            labels[i] = "".join(ordered)
    shapes = [[n or -1 for n in tensor._shape or ()] for tensor in inputs]
    reduced = []
    for j, c in enumerate(sorted(every, key=position.__getitem__)):
        sizes = set()
        for i, label in enumerate(labels):
            if c not in label:
                shapes[i].insert(j, 1)
            elif shapes[i][j] > 1:
                sizes.add(shapes[i][j])
        if len(sizes) > 1:
            raise ValueError(f"Dimension mismatch on axis: {c}")
        if c not in output:
            reduced.append(j)
    total: Any = 1
    for tensor in [reshape(tensor, shape) for tensor, shape in zip(inputs, shapes, strict=True)]:
        total = total * tensor
    return reduce_sum(total, reduced)


@public("einsum", "linalg.einsum")
def einsum(equation: str, *inputs: Any, name: str | None = None, **unknown: Any) -> Tensor:
    """A product of tensors by Einstein's convention: ``"ij,jk->ik"`` is the matrix product.

    Parameters
    ----------
    equation : str
        A letter for each axis of each input; letters missing after ``->`` are summed over. ``...``
        stands for further axes. Without ``->`` the letters that occur once remain, in order.
    *inputs : Tensor
    name : str, optional

    Raises
    ------
    ValueError
        If the equation is malformed, does not fit the inputs, or repeats a letter within one input.
    TypeError
        If an unknown keyword is given.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.einsum("bij,bjk->bik", tf.ones([5, 2, 3]), tf.ones([5, 3, 4])).shape.as_list()
    [5, 2, 4]
    """
    if unknown:
        raise TypeError(f"invalid keyword arguments for this function: {', '.join(sorted(unknown))}")
    with name_scope(name, "einsum", [equation, inputs]):
        tensors = list(inputs)
        labels, output = _parse(equation, [as_tuple(tensor.get_shape()) for tensor in tensors])
        every = set("".join(labels) + output)
        for c in every:
            for label in labels:
                if len(labels) == 1 and label.count(c) == 2 and label == label[::-1] and "->" not in equation:
                    return trace(tensors[0])
                if label.count(c) > 1:
                    raise ValueError(f"Subscript not supported: an axis appears more than once: {label}")
        for c in sorted(every):
            if sum(c in label for label in labels) > 2 and c not in output:
                _LOG.warning(
                    'Falling back to exponential-space implementation of einsum() because index "%s" is summed '
                    "over more than two inputs.", c,
                )  # fmt: skip
                return _by_broadcasting(equation, tensors)
        result, current = tensors[0], labels[0]
        for tensor, label in zip(tensors[1:], labels[1:], strict=True):
            summed = (set(current) & set(label)) - set(output)
            result, current = _contract(result, current, tensor, label, summed)
        if set(current) - set(output):
            result = reduce_sum(result, axis=[i for i, c in enumerate(current) if c not in output])
            current = "".join(c for c in current if c in output)
        if sorted(current) != sorted(output):
            raise ValueError(f"Invalid equation: {equation}")
        return _transpose(result, [current.index(c) for c in output])
