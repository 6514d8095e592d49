"""Two recurrent networks over the same sequences, one of them from the end."""

from __future__ import annotations

from typing import Any

from scopert import nest
from scopert.graph.shape import unknown_shape
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_reverse import reverse, reverse_sequence
from scopert.ops.array_stack import stack, unstack
from scopert.public import public
from scopert.rnn.cell import assert_like_rnncell
from scopert.rnn.dynamic import dynamic_rnn
from scopert.rnn.unrolled import static_rnn
from scopert.scope.variable_scope import variable_scope


@public("nn.bidirectional_dynamic_rnn")
def bidirectional_dynamic_rnn(
    cell_fw: Any, cell_bw: Any, inputs: Any, sequence_length: Any = None, initial_state_fw: Any = None,
    initial_state_bw: Any = None, dtype: Any = None, parallel_iterations: int | None = None,
    swap_memory: bool = False, time_major: bool = False, scope: Any = None,
) -> Any:  # fmt: skip
    """`dynamic_rnn` twice: over the sequences and over the reversed ones.

    Parameters
    ----------
    cell_fw, cell_bw : RNNCell
        For the two directions; their variables are in the scopes ``fw`` and ``bw``.
    inputs, sequence_length, dtype, parallel_iterations, swap_memory, time_major
        See `dynamic_rnn`.
    initial_state_fw, initial_state_bw : Tensor or structure, optional
    scope : str or VariableScope, optional
        Default: ``bidirectional_rnn``.

    Returns
    -------
    outputs, states : tuple
        Each of forward and backward; the backward outputs are in the order of the inputs.
    """
    assert_like_rnncell("cell_fw", cell_fw)
    assert_like_rnncell("cell_bw", cell_bw)
    time_axis, batch_axis = (0, 1) if time_major else (1, 0)

    def turned(value: Tensor) -> Tensor:
        if sequence_length is None:
            return reverse(value, axis=[time_axis])
        return reverse_sequence(input=value, seq_lengths=sequence_length, seq_axis=time_axis, batch_axis=batch_axis)

    options = {
        "sequence_length": sequence_length, "dtype": dtype, "parallel_iterations": parallel_iterations,
        "swap_memory": swap_memory, "time_major": time_major,
    }  # fmt: skip
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as entered:
            forward, state_fw = dynamic_rnn(cell_fw, inputs, initial_state=initial_state_fw, scope=entered, **options)
        with variable_scope("bw") as entered:
            given = nest.map_structure(turned, inputs)
            backward, state_bw = dynamic_rnn(cell_bw, given, initial_state=initial_state_bw, scope=entered, **options)
    return (forward, nest.map_structure(turned, backward)), (state_fw, state_bw)


def _reversed_list(values: Any, lengths: Any) -> list[Any]:
    """A list of tensors (or structures) of time steps from the end, each sequence by its length."""
    if lengths is None:
        return list(reversed(values))
    columns = []
    for tensors in zip(*(nest.flatten(value) for value in values), strict=True):
        shape = unknown_shape(tensors[0].shape.rank)
        for tensor in tensors:
            shape.merge_with(tensor.shape)
            tensor.set_shape(shape)
        made = unstack(reverse_sequence(stack(tensors), lengths, 0, 1))
        for tensor in made:
            tensor.set_shape(shape)
        columns.append(made)
    steps = zip(*columns, strict=True)
    return [nest.pack_sequence_as(value, list(parts)) for value, parts in zip(values, steps, strict=True)]


@public("nn.static_bidirectional_rnn", "contrib.rnn.static_bidirectional_rnn")
def static_bidirectional_rnn(
    cell_fw: Any, cell_bw: Any, inputs: Any, initial_state_fw: Any = None, initial_state_bw: Any = None,
    dtype: Any = None, sequence_length: Any = None, scope: Any = None,
) -> Any:  # fmt: skip
    """`static_rnn` twice: over a list of inputs and over the reversed list.

    Parameters
    ----------
    cell_fw, cell_bw : RNNCell
        For the two directions; their variables are in the scopes ``fw`` and ``bw``.
    inputs, dtype, sequence_length
        See `static_rnn`.
    initial_state_fw, initial_state_bw : Tensor or structure, optional
    scope : str or VariableScope, optional
        Default: ``bidirectional_rnn``.

    Returns
    -------
    outputs : list
        The outputs of both directions side by side.
    state_fw, state_bw : Tensor or structure

    Raises
    ------
    TypeError
        If a cell is none or `inputs` no list.
    ValueError
        If `inputs` is empty.
    """
    assert_like_rnncell("cell_fw", cell_fw)
    assert_like_rnncell("cell_bw", cell_bw)
    if not nest.is_sequence(inputs):
        raise TypeError("inputs must be a sequence")
    if not inputs:
        raise ValueError("inputs must not be empty")
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as entered:
            forward, state_fw = static_rnn(cell_fw, inputs, initial_state_fw, dtype, sequence_length, scope=entered)
        with variable_scope("bw") as entered:
            given = _reversed_list(inputs, sequence_length)
            backward, state_bw = static_rnn(cell_bw, given, initial_state_bw, dtype, sequence_length, scope=entered)
    backward = _reversed_list(backward, sequence_length)
    pairs = zip(nest.flatten(forward), nest.flatten(backward), strict=True)
    outputs = [concat([one, other], 1) for one, other in pairs]
    return nest.pack_sequence_as(forward, outputs), state_fw, state_bw
