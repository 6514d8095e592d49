"""Updates of single rows or slices of a variable, in place, one index after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.errors import InvalidArgumentError

Update = Callable[[Any, Any, Any, Any], None]
"""``update(xp, view, places, values)`` changes `view` at `places`."""


def _set(xp: Any, view: Any, places: Any, values: Any) -> None:
    view[places] = values


def _divide(xp: Any, view: Any, places: Any, values: Any) -> None:
    if view.dtype.kind not in "iu":
        xp.divide.at(view, places, values)
        return
    # Integer division rounds toward zero, and an index may occur more than once.
    if bool((xp.asarray(values) == 0).any()):
        raise InvalidArgumentError(None, None, "Integer division by zero")
    magnitude = xp.abs(view)
    sign = xp.sign(view)
    xp.floor_divide.at(magnitude, places, xp.abs(values))
    xp.multiply.at(sign, places, xp.sign(values))
    view[...] = magnitude * sign


UPDATES: dict[str, Update] = {
    "Update": _set,
    "Add": lambda xp, view, places, values: xp.add.at(view, places, values),
    "Sub": lambda xp, view, places, values: xp.subtract.at(view, places, values),
    "Mul": lambda xp, view, places, values: xp.multiply.at(view, places, values),
    "Div": _divide,
    "Min": lambda xp, view, places, values: xp.minimum.at(view, places, values),
    "Max": lambda xp, view, places, values: xp.maximum.at(view, places, values),
}


def scatter_rows(xp: Any, ref: Any, indices: Any, updates: Any, update: Update) -> None:
    """``ref[indices[i...], ...] = update(..., updates[i..., ...])``; `updates` may be a scalar.

    Raises
    ------
    InvalidArgumentError
        If an index is not in the variable, or the updates have another shape.
    """
    view = ref.write_view()
    indices = xp.asarray(indices)
    if view.ndim == 0:
        raise InvalidArgumentError(None, None, f"variable '{ref.name}' must be at least rank 1 to be scattered into")
    size = view.shape[0]
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= size):
        first = int(((indices < 0) | (indices >= size)).reshape(-1).argmax())
        raise InvalidArgumentError(
            None,
            None,
            f"indices{_position(first, indices.shape)} = {int(indices.reshape(-1)[first])} is not in [0, {size}) "
            f"(variable '{ref.name}')",
        )
    updates = xp.asarray(updates)
    expected = indices.shape + view.shape[1:]
    if updates.ndim and updates.shape != expected:
        raise InvalidArgumentError(
            None,
            None,
            "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape "
            f"{list(updates.shape)}, indices.shape {list(indices.shape)}, params.shape {list(view.shape)}",
        )
    if indices.size:
        update(xp, view, indices, updates)


def _position(flat: int, shape: tuple[int, ...]) -> list[int]:
    position: list[int] = []
    for size in reversed(shape):
        flat, place = divmod(flat, size)
        position.insert(0, place)
    return position


def scatter_slices(xp: Any, ref: Any, indices: Any, updates: Any, update: Update) -> None:
    """The same with index vectors, the last axis of `indices`, that pick slices.

    Raises
    ------
    InvalidArgumentError
        If an index vector is not in the variable, or shapes do not fit.
    """
    view = ref.write_view()
    indices = xp.asarray(indices)
    updates = xp.asarray(updates)
    depth = indices.shape[-1]
    if depth > view.ndim:
        raise InvalidArgumentError(
            None, None, f"The inner dimension of indices, {depth}, is larger than the rank of '{ref.name}', {view.ndim}"
        )
    if updates.shape != indices.shape[:-1] + view.shape[depth:]:
        raise InvalidArgumentError(
            None,
            None,
            "Must have updates.shape = indices.shape[:-1] + params.shape[indices.shape[-1]:], got updates.shape "
            f"{list(updates.shape)}, indices.shape {list(indices.shape)}, params.shape {list(view.shape)}",
        )
    limits = xp.asarray(view.shape[:depth], indices.dtype)
    wrong = ((indices < 0) | (indices >= limits)).any(axis=-1).reshape(-1)
    if bool(wrong.any()):
        first = int(wrong.argmax())
        raise InvalidArgumentError(
            None,
            None,
            f"indices{_position(first, indices.shape[:-1])} = {indices.reshape(-1, depth)[first].tolist()} does not "
            f"index into shape {list(view.shape)} (variable '{ref.name}')",
        )
    if indices.size:
        update(xp, view, tuple(indices[..., axis] for axis in range(depth)), updates)
