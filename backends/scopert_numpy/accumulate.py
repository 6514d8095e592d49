"""Sums of matrix products without the products: each adds its own to what is there, as BLAS can."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from scopert.backend import Fused, Step
from scopert_numpy.threads import blas_function

Array = np.ndarray
# What BLAS calls rows first, a factor as it is, and a factor turned around.
_ROWS, _AS_IS, _TURNED = 101, 111, 112


def is_plain_sum(body: Fused) -> bool:
    """Whether a body is the sum of whole arrays of one size, each taken once, and nothing else."""
    whole = tuple([prod(body.extents[k + 1 :]) if n > 1 else 0 for k, n in enumerate(body.extents)])
    accesses = [*body.loads, *[store.access for store in body.stores]]
    if len(body.loads) < 2 or any(access.offset or not _is_whole(access.strides, whole) for access in accesses):
        return False
    used = [arg for node in body.nodes for arg in node.args]
    adds = all(node.op == ("add" if node.args else "load") for node in body.nodes)
    return adds and sorted(used) == list(range(len(body.nodes) - 1)) and body.stores[0].node == len(body.nodes) - 1


def products_of(
    step: Step, is_product: Callable[[int], bool], made_by: Mapping[int, int], uses: Mapping[int, int],
    wanted: Collection[int], views: Collection[int],
) -> tuple[list[int], int | None] | None:  # fmt: skip
    """The products that a step is the sum of, as they are made, and another term; None where they cannot add to it.

    Parameters
    ----------
    step : Step
    is_product : callable
        Whether a slot is a product that could add to what is there.
    made_by : mapping
        By slot, the number of the part that makes it, among those that run together.
    uses : mapping
        How often slots are used, by those who look at `wanted` besides steps too.
    wanted : collection of int
    views : collection of int
        Slots that are the memory of others under another shape.
    """
    body = step.body
    if not isinstance(body, Fused) or len(step.outputs) != 1 or not is_plain_sum(body):
        return None
    products = sorted([slot for slot in step.inputs if is_product(slot)], key=made_by.__getitem__)
    terms = [slot for slot in step.inputs if slot not in products]
    if not products or len(terms) > 1 or len(set(step.inputs)) != len(step.inputs):
        return None
    if not terms:
        return products, None
    (term,) = terms
    # The sum takes the term's memory: who wants that besides steps wants the sum; others may see it as a view.
    if term in views or uses[term] - (term in wanted) != 1 or made_by.get(term, -1) >= made_by[products[0]]:
        return None
    return products, term


def _is_whole(strides: Sequence[int], whole: Sequence[int]) -> bool:
    return all(own == other for own, other in zip(strides, whole, strict=True) if other)


def adding_product(left: Array, right: Array, out: Array) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """The call of ``out += left @ right`` for these matrices; None where BLAS cannot.

    Its arguments keep the arrays alive. The factors may be turned around; `out` has its rows one after the other.
    """
    function = _gemm(out.dtype.char)
    factors = [_as_blas_has_it(left), _as_blas_has_it(right)]
    if function is None or None in factors or not out.size or not out.flags.c_contiguous:
        return None
    if not left.dtype == right.dtype == out.dtype:
        return None
    (turned, wide), (other_turned, other_wide) = factors  # type: ignore[misc]
    rows, columns = out.shape
    data = (
        _ROWS, turned, other_turned, rows, columns, left.shape[1], 1.0, left.ctypes.data, wide, right.ctypes.data,
        other_wide, 1.0, out.ctypes.data, columns,
    )  # fmt: skip
    return _call, (function, data, left, right, out)


def can_add(dtype: Any) -> bool:
    """Whether there is such a call for a type."""
    return _gemm(dtype.char) is not None


def _call(function: Callable[..., Any], data: tuple[Any, ...], *_alive: Array) -> None:
    function(*data)


def _as_blas_has_it(factor: Array) -> tuple[int, int] | None:
    """Whether a matrix is turned around, and how far its rows (or columns) are apart; None if it is neither."""
    size = factor.itemsize
    if not factor.size or any(stride % size or stride < 0 for stride in factor.strides):
        return None
    (rows, columns), (down, along) = factor.shape, (stride // size for stride in factor.strides)
    if along == 1 or columns == 1:
        return (_AS_IS, max(down, columns)) if rows == 1 or down >= columns else None
    if down == 1 or rows == 1:
        return (_TURNED, max(along, rows)) if along >= rows else None
    return None


@cache
def _gemm(kind: str) -> Callable[..., Any] | None:
    """BLAS' product of matrices of this type."""
    number = {"f": ctypes.c_float, "d": ctypes.c_double}.get(kind)
    found = blas_function(f"cblas_{'s' if kind == 'f' else 'd'}gemm") if number is not None else None
    if found is None:
        return None
    function, integer = found
    address = ctypes.c_void_p
    function.restype = None
    function.argtypes = [
        ctypes.c_int, ctypes.c_int, ctypes.c_int, integer, integer, integer, number, address, integer, address, integer,
        number, address, integer,
    ]  # fmt: skip
    called: Callable[..., Any] = function
    return called
