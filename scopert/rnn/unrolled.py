"""Recurrent networks unrolled in the graph, one copy of the cell's operations for each step."""

from __future__ import annotations

from functools import partial
from typing import Any

from scopert import nest
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import control_dependencies
from scopert.graph.shape import dimension_at_index
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros
from scopert.ops.array_identity import identity
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_stack import stack
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_max, reduce_min
from scopert.public import public
from scopert.rnn.cell import assert_like_rnncell
from scopert.rnn.cell import initial_state as initial_state_of
from scopert.rnn.sizes import joined_sizes, static_sizes
from scopert.rnn.step import cache_variables, state_dtype, step_with_lengths
from scopert.scope.variable_scope import variable_scope


@public("nn.static_rnn", "contrib.rnn.static_rnn")
def static_rnn(
    cell: Any, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None,
    scope: Any = None,
) -> Any:  # fmt: skip
    """Runs a cell over a list of inputs.

    Parameters
    ----------
    cell : RNNCell
    inputs : list
        One tensor of shape ``[batch, depth]``, or structure of them, for each step.
    initial_state : Tensor or structure, optional
        Default: the cell's zero state; `dtype` is needed then.
    dtype : DType, optional
    sequence_length : tensor-like, optional
        One length per sequence. Beyond it the outputs are 0 and the state stays.
    scope : str or VariableScope, optional
        Default: ``rnn``.

    Returns
    -------
    outputs : list
    state : Tensor or structure

    Raises
    ------
    TypeError
        If `cell` is no cell or `inputs` no list.
    ValueError
        If `inputs` is empty, a size is not known, or there is neither state nor type.
    """
    assert_like_rnncell("cell", cell)
    if not nest.is_sequence(inputs):
        raise TypeError("inputs must be a sequence")
    if not inputs:
        raise ValueError("inputs must not be empty")
    with variable_scope(scope or "rnn") as entered:
        cache_variables(entered)
        first = inputs
        while nest.is_sequence(first):
            first = first[0]
        known_batch = _common_batch(first, inputs)
        batch_size = known_batch or shape_of(first)[0]
        if initial_state is not None:
            state = initial_state
        elif not dtype:
            raise ValueError("If no initial_state is provided, dtype must be specified")
        else:
            state = initial_state_of(cell, batch_size, dtype)
        if sequence_length is not None:
            sequence_length = convert_to_tensor(sequence_length, name="sequence_length")
            if sequence_length._rank not in (None, 1):
                raise ValueError("sequence_length must be a vector of length batch_size")
            kind = state_dtype(dtype, state)
            zero_output = nest.map_structure(lambda size: _zeros(batch_size, known_batch, size, kind), cell.output_size)
            sequence_length = cast(sequence_length, int32)
            shortest, longest = reduce_min(sequence_length), reduce_max(sequence_length)
        outputs = []
        for time, value in enumerate(inputs):
            if time > 0:
                entered.reuse_variables()
            if sequence_length is None:
                output, state = cell(value, state)
            else:
                output, state = step_with_lengths(
                    time, sequence_length, shortest, longest, zero_output, state,
                    partial(cell, value, state), always=False,
                )  # fmt: skip
            outputs.append(output)
        return outputs, state


def _common_batch(first: Tensor, inputs: Any) -> int | None:
    """The batch size as far as the inputs know it."""
    if first._rank == 1:
        found: int | None = first.shape.as_list()[0]
        return found
    batch = dimension_at_index(first.shape.with_rank_at_least(2), 0)
    for tensor in nest.flatten(inputs):
        shape = tensor.shape.with_rank_at_least(2)
        batch = batch.merge_with(dimension_at_index(shape, 0))
        for i, size in enumerate(shape.as_list()[1:]):
            if size is None:
                raise ValueError(
                    f"Input size (dimension {i} of inputs) must be accessible via shape inference, but saw value None."
                )
    return dimension_at_index(first.shape.with_rank_at_least(2), 0).value


def _zeros(batch_size: Any, known_batch: int | None, size: Any, dtype: Any) -> Tensor:
    made = zeros(stack(joined_sizes(batch_size, size)), dtype)
    made.set_shape(static_sizes(known_batch, size))
    return made


@public("nn.static_state_saving_rnn", "contrib.rnn.static_state_saving_rnn")
def static_state_saving_rnn(
    cell: Any, inputs: Any, state_saver: Any, state_name: Any, sequence_length: Any = None, scope: Any = None
) -> Any:
    """`static_rnn` that begins with saved states and saves the last ones.

    Parameters
    ----------
    state_saver : object
        With the methods ``state(name)`` and ``save_state(name, value)``.
    state_name : str or structure of str
        As the cell's `state_size`.

    Raises
    ------
    ValueError
        If the structures of names and sizes differ.
    """
    size = cell.state_size
    if nest.is_sequence(size) != nest.is_sequence(state_name):
        raise ValueError(
            f"state_name should be the same type as cell.state_size.  state_name: {state_name}, cell.state_size: {size}"
        )
    names, sizes = nest.flatten(state_name), nest.flatten(size)
    if len(names) != len(sizes):
        raise ValueError(f"#elems(state_name) != #elems(state_size): {len(names)} vs. {len(sizes)}")
    start = nest.pack_sequence_as(size, [state_saver.state(name) for name in names])
    outputs, state = static_rnn(cell, inputs, initial_state=start, sequence_length=sequence_length, scope=scope)
    saved = [state_saver.save_state(name, part) for name, part in zip(names, nest.flatten(state), strict=True)]
    with control_dependencies(saved):
        outputs[-1] = nest.map_structure(identity, outputs[-1])
        return outputs, nest.map_structure(identity, state)
