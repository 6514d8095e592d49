"""The recurrent loop whose inputs, states and outputs a function of the caller decides at every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.shape import dimension_at_index
from scopert.ops.array_fill import zeros
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.control_flow_while import while_loop
from scopert.ops.math_comparison import logical_not, logical_or
from scopert.ops.math_reduction import reduce_all
from scopert.ops.tensor_array import TensorArray
from scopert.public import public
from scopert.rnn.cell import assert_like_rnncell
from scopert.rnn.sizes import joined_sizes
from scopert.rnn.step import cache_variables, choose, with_dimension
from scopert.scope.variable_scope import variable_scope


@public("nn.raw_rnn")
def raw_rnn(
    cell: Any, loop_fn: Callable[..., Any], parallel_iterations: int | None = None, swap_memory: bool = False,
    scope: Any = None,
) -> Any:  # fmt: skip
    """Runs a cell until all sequences say that they have finished.

    Parameters
    ----------
    cell : RNNCell
    loop_fn : callable
        ``loop_fn(time, cell_output, cell_state, loop_state)`` returns whether each sequence has finished, the next
        input, the next state, what to put out and the next `loop_state`. First it is called with time 0 and
        None else, and returns the first state, and an example of what is put out without the batch axis (None: as the
        cell's output).
    parallel_iterations : int, optional
    swap_memory : bool
        Both go to the loop; see `tf.while_loop`.
    scope : str or VariableScope, optional
        Default: ``rnn``.

    Returns
    -------
    outputs : TensorArray or structure
    state : Tensor or structure
    loop_state : object
        What `loop_fn` returned last.

    Raises
    ------
    TypeError
        If `cell` is no cell or `loop_fn` cannot be called.
    """
    assert_like_rnncell("cell", cell)
    if not callable(loop_fn):
        raise TypeError("loop_fn must be a callable")
    with variable_scope(scope or "rnn") as entered:
        cache_variables(entered)
        start = constant(0, dtype=int32)
        finished, first_input, first_state, emitted, first_loop_state = loop_fn(start, None, None, None)
        loop_state = constant(0, dtype=int32) if first_loop_state is None else first_loop_state
        flat_input = nest.flatten(first_input)
        batch = dimension_at_index(flat_input[0].shape, 0)
        for tensor in flat_input:
            batch.merge_with(dimension_at_index(tensor.shape, 0))
        batch_size = shape_of(flat_input[0])[0] if batch.value is None else batch.value
        nest.assert_same_structure(first_state, cell.state_size)
        state = nest.pack_sequence_as(first_state, [convert_to_tensor(part) for part in nest.flatten(first_state)])
        if emitted is None:
            emitted = cell.output_size
            sizes = nest.flatten(emitted)
            kinds = [nest.flatten(state)[0].dtype] * len(sizes)
        else:
            examples = nest.flatten(emitted)
            sizes = [one.shape if one.shape.is_fully_defined() else shape_of(one) for one in examples]
            kinds = [one.dtype for one in examples]
        arrays = [
            TensorArray(
                dtype=kind, dynamic_size=True, element_shape=with_dimension(batch.value, size), size=0,
                name=f"rnn_output_{i}",
            )
            for i, (kind, size) in enumerate(zip(kinds, sizes, strict=True))
        ]  # fmt: skip
        zero = [zeros(joined_sizes(batch_size, size), kind) for size, kind in zip(sizes, kinds, strict=True)]
        zero_emitted = nest.pack_sequence_as(emitted, zero)

        def body(time: Any, ended: Any, given: Any, written: Any, current: Any, carried: Any) -> Any:
            output, cell_state = cell(given, current)
            nest.assert_same_structure(current, cell_state)
            nest.assert_same_structure(cell.output_size, output)
            after = time + 1
            now_ended, following, new, put_out, next_carried = loop_fn(after, output, cell_state, carried)
            nest.assert_same_structure(current, new)
            nest.assert_same_structure(given, following)
            nest.assert_same_structure(written, put_out)
            put_out = nest.map_structure(lambda old, made: choose(ended, old, made), zero_emitted, put_out)
            new = nest.map_structure(lambda old, made: choose(ended, old, made), current, new)
            written = nest.map_structure(lambda array, value: array.write(time, value), written, put_out)
            ended = logical_or(ended, now_ended)
            return after, ended, following, written, new, carried if next_carried is None else next_carried

        made = while_loop(
            lambda time, ended, *_: logical_not(reduce_all(ended)), body,
            [start, finished, first_input, nest.pack_sequence_as(emitted, arrays), state, loop_state],
            parallel_iterations=parallel_iterations or 32, swap_memory=swap_memory,
        )  # fmt: skip
        outputs, final, last = made[-3:]
        return outputs, final, None if first_loop_state is None else last
