"""What the loops over a sequence have in common: its sizes, and a step that sequences may have ended before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.constant_value import constant_value
from scopert.graph.scopes import colocate_with
from scopert.graph.shape import TensorShape, as_shape
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_range import range as range_of
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import transpose
from scopert.ops.array_where import where
from scopert.ops.control_flow_cond import cond
from scopert.ops.tensor_array import TensorArray


def cache_variables(scope: Any) -> None:
    """Variables that the scope makes are read once, on the device of their readers, unless in a loop."""
    context = get_default_graph()._get_control_flow_context()
    inside = context is not None and context.GetWhileContext() is not None
    if not inside and scope.caching_device is None:
        scope.set_caching_device(lambda op: op.device)


def with_time_first(x: Tensor) -> Tensor:
    """Exchanges the first two axes; a tensor of rank below 2 stays."""
    sizes = x._shape
    if sizes is not None and len(sizes) < 2:
        return x
    made = transpose(x, concat(([1, 0], range_of(2, rank_of(x))), axis=0))
    if sizes is not None:
        made.set_shape([sizes[1], sizes[0], *sizes[2:]])
    return made


def batch_size_of(inputs: Any) -> Any:
    """The second size of the first input that knows it, else a tensor.

    Raises
    ------
    ValueError
        If an input has less than two axes.
    """
    for tensor in inputs:
        sizes = tensor._shape
        if sizes is None:
            continue
        if len(sizes) < 2:
            raise ValueError(f"Expected input tensor {tensor} to have rank at least 2")
        if sizes[1] is not None:
            return sizes[1]
    return shape_of(inputs[0])[1]


def state_dtype(dtype: Any, state: Any) -> Any:
    """The type asked for, else that of the state.

    Raises
    ------
    ValueError
        If the state has several types, or no parts.
    """
    if dtype is not None:
        return dtype
    if not nest.is_sequence(state):
        return state.dtype
    found = [part.dtype for part in nest.flatten(state)]
    if not found:
        raise ValueError("Unable to infer dtype from empty state.")
    if any(other != found[0] for other in found):
        raise ValueError(
            "State has tensors of different inferred_dtypes. Unable to infer a single representative dtype."
        )
    return found[0]


def static_shape(size: Any) -> TensorShape:
    """What is known of a size or shape."""
    if isinstance(size, Tensor):
        known = constant_value(size)
        return TensorShape(None if known is None else known.tolist())
    return as_shape(size)


def with_dimension(first: int | None, size: Any) -> TensorShape:
    """One more size in front of a size or shape."""
    return TensorShape([first]).concatenate(static_shape(size))


def choose(ended: Tensor, old: Any, new: Any) -> Any:
    """`old` for those sequences that have ended; arrays and scalars are always the new ones."""
    if isinstance(new, TensorArray) or isinstance(old, TensorArray) or old._rank == 0:
        return new
    with colocate_with(new):
        return where(ended, old, new)


def step_with_lengths(
    time: Any, lengths: Tensor, shortest: Tensor, longest: Tensor, zero_output: Any, state: Any,
    call: Callable[[], Any], always: bool,
) -> Any:  # fmt: skip
    """One step of sequences of different lengths: those that ended keep their state and put out zeros.

    Parameters
    ----------
    time : int or Tensor
    lengths : Tensor
        One for each sequence.
    shortest, longest : Tensor
        Their minimum and maximum.
    zero_output, state : Tensor or structure
    call : callable
        Makes the step for all.
    always : bool
        Whether to compute the step whether or not any sequence needs it; else it is in a `tf.cond`.

    Returns
    -------
    tuple
        Output and next state.
    """
    old_state, zeros = nest.flatten(state), nest.flatten(zero_output)
    ended = time >= lengths

    def called() -> tuple[list[Any], list[Any]]:
        output, new_state = call()
        nest.assert_same_structure(zero_output, output)
        nest.assert_same_structure(state, new_state)
        return nest.flatten(output), nest.flatten(new_state)

    def chosen(output: list[Any], new_state: list[Any]) -> list[Any]:
        pairs = [*zip(zeros, output, strict=True), *zip(old_state, new_state, strict=True)]
        return [choose(ended, old, new) for old, new in pairs]

    def some_left() -> Any:
        output, new_state = called()
        return cond(time < shortest, lambda: output + new_state, lambda: chosen(output, new_state))

    made = chosen(*called()) if always else cond(time >= longest, lambda: zeros + old_state, some_left)
    if not isinstance(made, (list, tuple)):
        made = [made]
    outputs, states = list(made[: len(zeros)]), list(made[len(zeros) :])
    for new, old in zip(outputs, zeros, strict=True):
        new.set_shape(old.get_shape())
    for new, old in zip(states, old_state, strict=True):
        if not isinstance(new, TensorArray):
            new.set_shape(old.get_shape())
    return nest.pack_sequence_as(zero_output, outputs), nest.pack_sequence_as(state, states)
