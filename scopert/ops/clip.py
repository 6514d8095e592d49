"""Clipping of tensors and gradients: by value, by norm, by the norm of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import float32
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import colocate_with, name_scope
from scopert.graph.shape import merge
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import ones_like
from scopert.ops.array_identity import identity
from scopert.ops.array_range import range as range_
from scopert.ops.array_shape import rank, size
from scopert.ops.array_stack import stack
from scopert.ops.array_where import where
from scopert.ops.math_binary import maximum, minimum
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import is_finite, rsqrt, sqrt
from scopert.ops.raw import raw
from scopert.public import public


def _values_of(t: Any, name: str = "t") -> Tensor:
    return convert_to_tensor(t.values if isinstance(t, IndexedSlices) else t, name=name)


def _like(t: Any, clipped: Tensor) -> Any:
    return IndexedSlices(clipped, t.indices, t.dense_shape) if isinstance(t, IndexedSlices) else clipped


@public("clip_by_value")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """Values below the minimum become the minimum, values above the maximum the maximum.

    Parameters
    ----------
    t : tensor-like or IndexedSlices
    clip_value_min, clip_value_max : tensor-like
        Scalars, or of a shape that broadcasts to that of `t`.
    name : str, optional

    Raises
    ------
    ValueError
        If a bound would make the result larger than `t`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.clip_by_value([-5.0, 0.5, 7.0], -1.0, 1.0)).tolist())
    [-1.0, 0.5, 1.0]
    """
    with name_scope(name, "clip_by_value", [t, clip_value_min, clip_value_max]) as scope:
        values = _values_of(t)
        lower = minimum(values, clip_value_max)
        merge(values._shape, lower._shape)
        clipped = maximum(lower, clip_value_min, name=scope)
        merge(values._shape, clipped._shape)
        return _like(t, clipped)


@public("clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """Scales a tensor so that its L2 norm is at most `clip_norm`: ``t * clip_norm / max(norm, clip_norm)``.

    Parameters
    ----------
    t : tensor-like or IndexedSlices
    clip_norm : tensor-like
        A positive scalar.
    axes : int or list of int, optional
        Over which the norm is taken. Default: all.
    name : str, optional
    """
    with name_scope(name, "clip_by_norm", [t, clip_norm]) as scope:
        values = _values_of(t)
        squares = reduce_sum(values * values, axes, keepdims=True)
        positive = squares > 0
        # The root has no gradient at zero.
        safe = where(positive, squares, ones_like(squares))
        norm = where(positive, sqrt(safe), squares)
        scaled = values * clip_norm
        merge(values._shape, scaled._shape)
        return _like(t, identity(scaled / maximum(norm, clip_norm), name=scope))


def _check_sequence(t_list: Any) -> list[Any]:
    if isinstance(t_list, (str, bytes, Tensor)) or not isinstance(t_list, Sequence):
        raise TypeError("t_list should be a sequence")
    return list(t_list)


@public("global_norm", "linalg.global_norm")
def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The L2 norm of all tensors together: ``sqrt(sum of their squared norms)``.

    Parameters
    ----------
    t_list : list of tensor-like, IndexedSlices or None
        None is left out.
    name : str, optional

    Raises
    ------
    TypeError
        If it is no list.
    """
    items = _check_sequence(t_list)
    with name_scope(name, "global_norm", [item for item in items if item is not None]):
        halves = []
        for index, item in enumerate(items):
            if item is not None:
                values = _values_of(item, f"t_{index}")
                with colocate_with(values):
                    halves.append(raw("L2Loss", values))
        half = reduce_sum(stack(halves))
        return sqrt(half * constant(2.0, dtype=half.dtype), name="global_norm")


@public("clip_by_global_norm")
def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """Scales tensors together so that their global norm is at most `clip_norm`.

    Parameters
    ----------
    t_list : list of tensor-like, IndexedSlices or None
    clip_norm : tensor-like
        A positive scalar.
    use_norm : Tensor, optional
        The global norm, if it is known already.
    name : str, optional

    Returns
    -------
    list of Tensor, IndexedSlices or None
        NaN everywhere if the norm is not finite.
    Tensor
        The global norm.

    Raises
    ------
    TypeError
        If `t_list` is no list.
    """
    items = _check_sequence(t_list)
    norm = global_norm(items, name) if use_norm is None else use_norm
    given = [item for item in items if item is not None]
    with name_scope(name, "clip_by_global_norm", [*given, clip_norm]) as scope:
        finite_scale = clip_norm * minimum(1.0 / norm, constant(1.0, dtype=norm.dtype) / clip_norm)
        scale = where(is_finite(norm), finite_scale, constant(float("nan"), dtype=norm.dtype))
        values = [None if item is None else _values_of(item, f"t_{index}") for index, item in enumerate(items)]
        clipped: list[Any] = []
        for index, (item, value) in enumerate(zip(items, values, strict=True)):
            if value is None:
                clipped.append(None)
            else:
                with colocate_with(value):
                    clipped.append(_like(item, identity(value * scale, name=f"{scope}_{index}")))
    return clipped, norm


@public("clip_by_average_norm")
def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """Scales a tensor so that its L2 norm divided by its number of elements is at most `clip_norm`.

    Parameters
    ----------
    t : tensor-like
    clip_norm : tensor-like
        A positive scalar.
    name : str, optional
    """
    with name_scope(name, "clip_by_average_norm", [t, clip_norm]) as scope:
        values = convert_to_tensor(t, name="t")
        count = cast(size(values), float32)
        inverse = rsqrt(reduce_sum(values * values, range_(rank(values))))
        limited = values * clip_norm * minimum(inverse * count, constant(1.0) / clip_norm)
        return identity(limited, name=scope)
