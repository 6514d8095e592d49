"""Sparse updates of variables: the ops for references and for resources, and their functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import to_tensor
from scopert.graph.opdef import STATEFUL, WRITES, OpDef, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import equal
from scopert.graph.tensor import Shape
from scopert.ops.state_resource import handle_shape
from scopert.ops.state_scatter_kernels import UPDATES, scatter_rows, scatter_slices
from scopert.ops.state_variables import NUMBERS
from scopert.public import public

_FLOATS = "{float16, bfloat16, float32, float64, int32, int64}"


def _check_rows(target: Shape, op: Operation) -> None:
    indices, updates = op._inputs[1]._shape, op._inputs[2]._shape
    if target is not None and not target:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if target is None or indices is None or updates is None or not updates:
        return
    equal(updates, indices + target[1:])


def _check_slices(target: Shape, op: Operation) -> None:
    indices, updates = op._inputs[1]._shape, op._inputs[2]._shape
    if indices is None or updates is None or target is None:
        return
    if not indices:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    depth = indices[-1]
    if depth is None:
        return
    if depth > len(target):
        raise ValueError(f"The inner {depth} dimensions of indices do not fit an output of rank {len(target)}")
    outer = len(indices) - 1
    try:
        equal(updates[:outer], indices[:-1])
    except ValueError as error:
        raise ValueError(
            f"The outer {outer} dimensions of indices.shape={list(indices)} must match the outer {outer} dimensions of "
            f"updates.shape={list(updates)}: {error}"
        ) from None
    try:
        equal(updates[outer:], target[depth:])
    except ValueError as error:
        raise ValueError(
            f"The inner {len(target) - depth} dimensions of output.shape={list(target)} must match the inner "
            f"{len(updates) - outer} dimensions of updates.shape={list(updates)}: {error}"
        ) from None


def _ref_rule(check: Callable[[Shape, Operation], None]) -> Callable[[Operation], list[Shape]]:
    def rule(op: Operation) -> list[Shape]:
        target = op._inputs[0]._shape
        check(target, op)
        return [target]

    return rule


def _resource_rule(check: Callable[[Shape, Operation], None]) -> Callable[[Operation], list[Shape]]:
    def rule(op: Operation) -> list[Shape]:
        check(handle_shape(op._inputs[0]), op)
        return []

    return rule


def _kernels(kind: str, scatter: Callable[..., None]) -> tuple[Callable[..., Any], Callable[..., None]]:
    update = UPDATES[kind]

    def of_ref(xp: Any, ref: Any, indices: Any, updates: Any) -> Any:
        scatter(xp, ref, indices, updates, update)
        return ref

    def of_resource(xp: Any, ref: Any, indices: Any, updates: Any) -> None:
        scatter(xp, ref, indices, updates, update)

    return of_ref, of_resource


def _define(kind: str) -> tuple[OpDef, OpDef]:
    """The two ops that update rows."""
    of_ref, of_resource = _kernels(kind, scatter_rows)
    locking = "true" if kind == "Update" else "false"
    kinds = {"Update": "type", "Min": _FLOATS, "Max": _FLOATS}.get(kind, NUMBERS)
    ref = define_op(
        f"Scatter{kind}",
        inputs="ref: Ref(T), indices: Tindices, updates: T",
        outputs="output_ref: Ref(T)",
        attrs=f"T: {kinds}; Tindices: {{int32, int64}}; use_locking: bool = {locking}",
        shape=_ref_rule(_check_rows),
        kernel=of_ref,
        traits=WRITES,
        differentiable=kind in ("Update", "Min", "Max"),
    )
    resource = define_op(
        f"ResourceScatter{kind}",
        inputs="resource: resource, indices: Tindices, updates: dtype",
        attrs=f"dtype: {'type' if kind == 'Update' else NUMBERS}; Tindices: {{int32, int64}}",
        shape=_resource_rule(_check_rows),
        kernel=of_resource,
        traits=(WRITES, STATEFUL),
    )
    return ref, resource


def _define_nd(kind: str) -> tuple[OpDef, OpDef]:
    """The two ops that update slices."""
    of_ref, of_resource = _kernels(kind, scatter_slices)
    ref = define_op(
        f"ScatterNd{kind}",
        inputs="ref: Ref(T), indices: Tindices, updates: T",
        outputs="output_ref: Ref(T)",
        attrs=f"T: {'type' if kind == 'Update' else NUMBERS}; Tindices: {{int32, int64}}; "
        f"use_locking: bool = {'true' if kind == 'Update' else 'false'}",
        shape=_ref_rule(_check_slices),
        kernel=of_ref,
        traits=WRITES,
        differentiable=False,
    )
    resource = define_op(
        f"ResourceScatterNd{kind}",
        inputs="ref: resource, indices: Tindices, updates: T",
        attrs="T: type; Tindices: {int32, int64}; use_locking: bool = true",
        shape=_resource_rule(_check_slices),
        kernel=of_resource,
        traits=(WRITES, STATEFUL),
    )
    return ref, resource


_ROWS = {kind: _define(kind) for kind in UPDATES}
_SLICES = {kind: _define_nd(kind) for kind in ("Update", "Add", "Sub")}


def _scatter(
    ops: tuple[OpDef, OpDef], ref: Any, indices: Any, updates: Any, use_locking: bool | None, name: str | None
) -> Any:
    of_ref, of_resource = ops
    if ref.dtype.is_ref:
        return apply(of_ref, ref, indices, updates, use_locking=use_locking, name=name)
    return ref._lazy_read(apply(of_resource, ref.handle, indices, to_tensor(updates, ref.dtype), name=name))


@public("scatter_update")
def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Any:
    """Replaces rows of a variable: ``ref[indices, ...] = updates``.

    Parameters
    ----------
    ref : Variable or reference tensor
    indices : Tensor of int32 or int64
    updates : Tensor
        Shape ``indices.shape + ref.shape[1:]``, or a scalar.
    use_locking : bool
        Accepted; a run applies updates one after the other anyway.
    name : str, optional

    Returns
    -------
    Tensor or variable-like
        The variable after the update. Of an index that occurs more than once the last update stays; sums,
        products and so on take all.

    Raises
    ------
    InvalidArgumentError
        In a run, if an index is out of range.
    """
    return _scatter(_ROWS["Update"], ref, indices, updates, use_locking, name)


@public("scatter_add")
def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Adds to rows of a variable; see `scatter_update`."""
    return _scatter(_ROWS["Add"], ref, indices, updates, use_locking, name)


@public("scatter_sub")
def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Subtracts from rows of a variable; see `scatter_update`."""
    return _scatter(_ROWS["Sub"], ref, indices, updates, use_locking, name)


@public("scatter_mul")
def scatter_mul(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Multiplies rows of a variable; see `scatter_update`."""
    return _scatter(_ROWS["Mul"], ref, indices, updates, use_locking, name)


@public("scatter_div")
def scatter_div(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Divides rows of a variable, integers toward zero; see `scatter_update`."""
    return _scatter(_ROWS["Div"], ref, indices, updates, use_locking, name)


@public("scatter_min")
def scatter_min(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Takes the minimum of rows of a variable and the updates; see `scatter_update`."""
    return _scatter(_ROWS["Min"], ref, indices, updates, use_locking, name)


@public("scatter_max")
def scatter_max(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Takes the maximum of rows of a variable and the updates; see `scatter_update`."""
    return _scatter(_ROWS["Max"], ref, indices, updates, use_locking, name)


@public("scatter_nd_update")
def scatter_nd_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Any:
    """Replaces slices of a variable: the last axis of `indices` holds index vectors.

    Parameters
    ----------
    ref : Variable or reference tensor
    indices : Tensor of int32 or int64
        Shape ``[..., k]``.
    updates : Tensor
        Shape ``indices.shape[:-1] + ref.shape[k:]``.
    use_locking, name
        See `scatter_update`.

    Raises
    ------
    InvalidArgumentError
        In a run, if an index is out of range.
    """
    return _scatter(_SLICES["Update"], ref, indices, updates, use_locking, name)


@public("scatter_nd_add")
def scatter_nd_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Adds to slices of a variable; see `scatter_nd_update`."""
    return _scatter(_SLICES["Add"], ref, indices, updates, use_locking, name)


@public("scatter_nd_sub")
def scatter_nd_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """Subtracts from slices of a variable; see `scatter_nd_update`."""
    return _scatter(_SLICES["Sub"], ref, indices, updates, use_locking, name)
