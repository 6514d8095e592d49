"""Recurrent networks as loops in the graph, over sequences of any length."""

from __future__ import annotations

from typing import Any

from scopert import nest
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape import TensorShape
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros
from scopert.ops.array_identity import identity
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_stack import stack
from scopert.ops.assert_op import assert_
from scopert.ops.control_flow_while import while_loop
from scopert.ops.math_binary import maximum, minimum
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal
from scopert.ops.math_reduction import reduce_all, reduce_max, reduce_min
from scopert.ops.tensor_array import TensorArray
from scopert.public import public
from scopert.rnn.cell import assert_like_rnncell
from scopert.rnn.cell import initial_state as initial_state_of
from scopert.rnn.sizes import joined_sizes, static_sizes
from scopert.rnn.step import (
    batch_size_of,
    cache_variables,
    state_dtype,
    step_with_lengths,
    with_dimension,
    with_time_first,
)
from scopert.scope.variable_scope import variable_scope


@public("nn.dynamic_rnn")
def dynamic_rnn(
    cell: Any, inputs: Any, sequence_length: Any = None, initial_state: Any = None, dtype: Any = None,
    parallel_iterations: int | None = None, swap_memory: bool = False, time_major: bool = False, scope: Any = None,
) -> Any:  # fmt: skip
    """Runs a cell over sequences in a `tf.while_loop`.

    Parameters
    ----------
    cell : RNNCell
    inputs : Tensor or structure
        Of shape ``[batch, time, ...]``, or ``[time, batch, ...]`` if `time_major`.
    sequence_length : tensor-like, optional
        One length per sequence. Beyond it the outputs are 0 and the state stays.
    initial_state : Tensor or structure, optional
        Default: the cell's zero state; `dtype` is needed then.
    dtype : DType, optional
        Of the state and the outputs.
    parallel_iterations : int, optional
    swap_memory : bool
        Both go to the loop; see `tf.while_loop`.
    time_major : bool
        Whether the first axis is time: saves the transpositions.
    scope : str or VariableScope, optional
        Default: ``rnn``.

    Returns
    -------
    outputs : Tensor or structure
        In the layout of the inputs, with the cell's `output_size` as last sizes.
    state : Tensor or structure
        After the last step.

    Raises
    ------
    TypeError
        If `cell` is no cell.
    ValueError
        If there is neither state nor type, or shapes do not fit.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     cell = tf.nn.rnn_cell.GRUCell(4)
    ...     outputs, state = tf.nn.dynamic_rnn(cell, tf.zeros([2, 5, 3]), dtype=tf.float32)
    >>> outputs.shape.as_list(), state.shape.as_list()
    ([2, 5, 4], [2, 4])
    """
    assert_like_rnncell("cell", cell)
    with variable_scope(scope or "rnn") as entered:
        cache_variables(entered)
        flat = nest.flatten(inputs)
        if not time_major:
            flat = [convert_to_tensor(tensor) for tensor in flat]
            flat = [with_time_first(tensor) for tensor in flat]
        if sequence_length is not None:
            sequence_length = cast(sequence_length, int32)
            if sequence_length._rank not in (None, 1):
                raise ValueError(
                    f"sequence_length must be a vector of length batch_size, but saw shape: {sequence_length.shape}"
                )
            sequence_length = identity(sequence_length, name="sequence_length")
        batch_size = batch_size_of(flat)
        if initial_state is not None:
            state = initial_state
        elif not dtype:
            raise ValueError("If there is no initial_state, you must give a dtype.")
        else:
            state = initial_state_of(cell, batch_size, dtype)
        if sequence_length is not None:
            with control_dependencies([_assert_length(sequence_length, batch_size)]):
                sequence_length = identity(sequence_length, name="CheckSeqLen")
        packed = nest.pack_sequence_as(inputs, flat)
        outputs, final = _loop(
            cell, packed, flat, state, parallel_iterations or 32, swap_memory, sequence_length, dtype
        )
        if not time_major:
            outputs = nest.map_structure(with_time_first, outputs)
        return outputs, final


def _assert_length(vector: Tensor, length: Any) -> Any:
    found = shape_of(vector)
    expected = stack([length])
    text = f"Expected shape for Tensor {vector.name} is "
    return assert_(reduce_all(equal(found, expected)), [text, expected, " but saw shape: ", found])


def _common_sizes(flat: list[Tensor]) -> tuple[list[TensorShape], int | None, int | None]:
    """The shapes of the inputs, and time and batch as far as they are known."""
    shapes = [tensor.shape.with_rank_at_least(3) for tensor in flat]
    steps, batch = shapes[0].as_list()[:2]
    for shape in shapes:
        sizes = shape.as_list()
        if None in sizes[2:]:
            raise ValueError("Input size (depth of inputs) must be accessible via shape inference, but saw value None.")
        if sizes[0] != steps:
            raise ValueError("Time steps is not the same for all the elements in the input in a batch.")
        if sizes[1] != batch:
            raise ValueError("Batch_size is not the same for all the elements in the input.")
    return shapes, steps, batch


def _loop(
    cell: Any, inputs: Any, flat: list[Tensor], state: Any, parallel_iterations: int, swap_memory: bool,
    lengths: Tensor | None, dtype: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """The loop itself, time first."""
    sizes = nest.flatten(cell.output_size)
    steps = shape_of(flat[0])[0]
    batch_size = batch_size_of(flat)
    shapes, known_steps, known_batch = _common_sizes(flat)
    kind = state_dtype(dtype, state)
    zero = [zeros(stack(joined_sizes(batch_size, size)), kind) for size in sizes]
    zero_output = nest.pack_sequence_as(cell.output_size, zero)
    shortest = longest = None
    if lengths is not None:
        shortest, longest = reduce_min(lengths), reduce_max(lengths)
    start = constant(0, dtype=int32, name="time")
    with name_scope("dynamic_rnn") as base:
        pass

    def array(name: str, shape: Any, of: Any) -> TensorArray:
        return TensorArray(of, size=steps, element_shape=shape, tensor_array_name=base + name)

    outputs = tuple(array(f"output_{i}", with_dimension(known_batch, size), kind) for i, size in enumerate(sizes))
    arrays = tuple(array(f"input_{i}", tensor.shape[1:], tensor.dtype) for i, tensor in enumerate(flat))
    arrays = tuple(one.unstack(tensor) for one, tensor in zip(arrays, flat, strict=True))

    def body(time: Any, written: Any, current: Any) -> Any:
        read = [one.read(time) for one in arrays]
        for value, shape in zip(read, shapes, strict=True):
            value.set_shape(shape[1:])
        given = nest.pack_sequence_as(inputs, read)
        if lengths is None:
            output, new = cell(given, current)
        else:
            assert shortest is not None and longest is not None
            output, new = step_with_lengths(
                time, lengths, shortest, longest, zero_output, current, lambda: cell(given, current), always=True
            )
        written = tuple(one.write(time, value) for one, value in zip(written, nest.flatten(output), strict=True))
        return time + 1, written, new

    bound = minimum(steps, maximum(1, steps if longest is None else longest))
    _, written, final = while_loop(
        lambda time, *_: time < bound, body, (start, outputs, state), parallel_iterations=parallel_iterations,
        maximum_iterations=steps, swap_memory=swap_memory,
    )  # fmt: skip
    stacked = [one.stack() for one in written]
    for value, size in zip(stacked, sizes, strict=True):
        value.set_shape(static_sizes([known_steps, known_batch], size))
    return nest.pack_sequence_as(cell.output_size, stacked), final
