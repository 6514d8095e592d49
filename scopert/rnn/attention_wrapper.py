"""A cell that looks at a memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from scopert import nest
from scopert.graph.dtypes import int32
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape import TensorShape
from scopert.graph.tensor import Tensor
from scopert.layers.dense import Dense
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import zeros
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.check_comparisons import assert_equal
from scopert.ops.math_matmul import matmul
from scopert.ops.tensor_array import TensorArray
from scopert.public import public
from scopert.rnn.attention import AttentionMechanism
from scopert.rnn.cell import RNNCell, assert_like_rnncell
from scopert.rnn.same_shape import with_same_shape
from scopert.rnn.sizes import zero_tensors

_TILE = (
    "Are you using the BeamSearchDecoder?  You may need to tile your {} via the tf.contrib.seq2seq.tile_batch function "
    "with argument multiple=beam_width."
)


class _State(NamedTuple):
    cell_state: Any
    attention: Any
    time: Any
    alignments: Any
    alignment_history: Any
    attention_state: Any


@public("contrib.seq2seq.AttentionWrapperState")
class AttentionWrapperState(_State):
    """The state of an `AttentionWrapper`."""

    __slots__ = ()

    def clone(self, **kwargs: Any) -> AttentionWrapperState:
        """The same state with some parts replaced, by tensors of the same shapes.

        Raises
        ------
        ValueError
            If a shape is known to differ.
        """

        def checked(old: Any, new: Any) -> Any:
            both = isinstance(old, Tensor) and isinstance(new, Tensor)
            return with_same_shape(old, new) if both else new

        made: AttentionWrapperState = nest.map_structure(checked, self, self._replace(**kwargs))
        return made


def _attend(mechanism: Any, output: Tensor, state: Any, layer: Any) -> tuple[Any, Any, Any]:
    """Attention, alignments and next state of one mechanism."""
    alignments, next_state = mechanism(output, state=state)
    context = squeeze(matmul(expand_dims(alignments, 1), mechanism.values), [1])
    attention = context if layer is None else layer(concat([output, context], 1))
    return attention, alignments, next_state


@public("contrib.seq2seq.AttentionWrapper")
class AttentionWrapper(RNNCell):
    """A cell that also reads what it attended to, and puts out what it attends to now.

    Parameters
    ----------
    cell : RNNCell
    attention_mechanism : AttentionMechanism or list of them
    attention_layer_size : int or list of int, optional
        A dense layer of this size makes the attention of output and context. Default: attention is the context.
    alignment_history : bool
        Whether the state keeps the alignments of all steps, in a `tf.TensorArray`.
    cell_input_fn : callable, optional
        ``f(inputs, attention)`` returns the cell's inputs. Default: side by side.
    output_attention : bool
        Whether the output is the attention, not the cell's output.
    initial_cell_state : Tensor or structure, optional
        The cell's state in `zero_state`.
    name : str, optional
    attention_layer : tf.layers.Layer or list of them, optional
        Instead of `attention_layer_size`.
    attention_fn : callable, optional
        ``f(mechanism, output, state, layer)`` returns attention, alignments and next state.
    dtype : DType, optional

    Raises
    ------
    TypeError
        If cell or mechanism is none, or a function cannot be called.
    ValueError
        If layers and sizes are both given, or not one for each mechanism.
    """

    def __init__(
        self, cell: Any, attention_mechanism: Any, attention_layer_size: Any = None, alignment_history: bool = False,
        cell_input_fn: Callable[..., Any] | None = None, output_attention: bool = True,
        initial_cell_state: Any = None, name: str | None = None, attention_layer: Any = None,
        attention_fn: Callable[..., Any] | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        assert_like_rnncell("cell", cell)
        self._is_multi = isinstance(attention_mechanism, (list, tuple))
        mechanisms = tuple(attention_mechanism) if self._is_multi else (attention_mechanism,)
        for one in mechanisms:
            if not isinstance(one, AttentionMechanism):
                raise TypeError(
                    "attention_mechanism must be an AttentionMechanism or list of multiple AttentionMechanism "
                    f"instances, saw type: {type(one).__name__}"
                )
        if cell_input_fn is not None and not callable(cell_input_fn):
            raise TypeError(f"cell_input_fn must be callable, saw type: {type(cell_input_fn).__name__}")
        if attention_layer_size is not None and attention_layer is not None:
            raise ValueError("Only one of attention_layer_size and attention_layer should be set")
        self._cell = cell
        self._attention_mechanisms = mechanisms
        self._cell_input_fn = cell_input_fn or (lambda inputs, attention: concat([inputs, attention], -1))
        self._attention_fn = attention_fn or _attend
        self._output_attention = output_attention
        self._alignment_history = alignment_history
        self._attention_layers, self._attention_layer_size = self._layers(attention_layer_size, attention_layer)
        with name_scope(name, "AttentionWrapperInit"):
            self._initial_cell_state = None
            if initial_cell_state is not None:
                last = nest.flatten(initial_cell_state)[-1]
                batch_size = last.shape.as_list()[0] or shape_of(last)[0]
                message = (
                    f"When constructing AttentionWrapper {self._base_name}: Non-matching batch sizes between the "
                    f"memory (encoder output) and initial_cell_state.  {_TILE.format('initial state')}"
                )
                with control_dependencies(self._batch_checks(batch_size, message)):
                    self._initial_cell_state = nest.map_structure(
                        lambda part: identity(part, name="check_initial_cell_state"), initial_cell_state
                    )

    def _layers(self, sizes: Any, layers: Any) -> tuple[tuple[Any, ...] | None, Any]:
        """The attention layers, and the size of all attention."""
        mechanisms: Any = self._attention_mechanisms
        depths = [one.values.shape.as_list()[-1] for one in mechanisms]
        given, name = (sizes, "attention_layer_size") if layers is None else (layers, "attention_layer")
        if given is None:
            return None, sum(depths)
        given = tuple(given) if isinstance(given, (list, tuple)) else (given,)
        if len(given) != len(mechanisms):
            what = "integer" if layers is None else "layer"
            raise ValueError(
                f"If provided, {name} must contain exactly one {what} per attention_mechanism, saw: "
                f"{len(given)} vs {len(mechanisms)}"
            )
        if layers is not None:
            shapes = [layer.compute_output_shape([None, self._cell.output_size + depth])
                      for layer, depth in zip(given, depths, strict=True)]  # fmt: skip
            return given, sum(TensorShape(shape).as_list()[-1] or 0 for shape in shapes)
        made = tuple(
            Dense(size, name="attention_layer", use_bias=False, dtype=one.dtype)
            for size, one in zip(given, mechanisms, strict=True)
        )
        return made, sum(given)

    def _batch_checks(self, batch_size: Any, message: str) -> list[Any]:
        mechanisms: Any = self._attention_mechanisms
        return [assert_equal(batch_size, one.batch_size, message=message) for one in mechanisms]

    def _one_or_all(self, values: Any) -> Any:
        every = tuple(values)
        return every if self._is_multi else every[0]

    @property
    def output_size(self) -> Any:
        """That of the attention, or of the cell."""
        return self._attention_layer_size if self._output_attention else self._cell.output_size

    @property
    def state_size(self) -> Any:
        """An `AttentionWrapperState` of sizes."""
        mechanisms = self._attention_mechanisms
        history = [one.alignments_size if self._alignment_history else () for one in mechanisms]
        return AttentionWrapperState(
            cell_state=self._cell.state_size, time=TensorShape([]), attention=self._attention_layer_size,
            alignments=self._one_or_all(one.alignments_size for one in mechanisms),
            attention_state=self._one_or_all(one.state_size for one in mechanisms),
            alignment_history=self._one_or_all(history),
        )  # fmt: skip

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """An `AttentionWrapperState` of zeros, or with the initial state of the cell."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            cell_state = self._initial_cell_state
            if cell_state is None:
                cell_state = self._cell.get_initial_state(batch_size=batch_size, dtype=dtype)
            message = (
                f"When calling zero_state of AttentionWrapper {self._base_name}: Non-matching batch sizes between the "
                f"memory (encoder output) and the requested batch size.  {_TILE.format('encoder output')}  The "
                "batch_size argument of zero_state is then batch_size * beam_width."
            )
            with control_dependencies(self._batch_checks(batch_size, message)):
                cell_state = nest.map_structure(lambda part: identity(part, name="checked_cell_state"), cell_state)
            mechanisms: Any = self._attention_mechanisms
            alignments = [one.initial_alignments(batch_size, dtype) for one in mechanisms]
            time = zeros([], dtype=int32)
            attention = zero_tensors(self._attention_layer_size, batch_size, dtype)
            states = [one.initial_state(batch_size, dtype) for one in mechanisms]
            history = [
                TensorArray(dtype, size=0, dynamic_size=True, element_shape=one.shape)
                if self._alignment_history
                else ()
                for one in alignments
            ]
            return AttentionWrapperState(
                cell_state=cell_state, time=time, attention=attention, alignments=self._one_or_all(alignments),
                attention_state=self._one_or_all(states), alignment_history=self._one_or_all(history),
            )  # fmt: skip

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step.

        Raises
        ------
        TypeError
            If the state is no `AttentionWrapperState`.
        """
        if not isinstance(state, AttentionWrapperState):
            raise TypeError(
                f"Expected state to be instance of AttentionWrapperState. Received type {type(state)} instead."
            )
        output, cell_state = self._cell(self._cell_input_fn(inputs, state.attention), state.cell_state)
        batch_size = output.shape.as_list()[0] or shape_of(output)[0]
        message = (
            f"When applying AttentionWrapper {self.name}: Non-matching batch sizes between the memory (encoder output) "
            f"and the query (decoder output).  {_TILE.format('memory input')}"
        )
        with control_dependencies(self._batch_checks(batch_size, message)):
            output = identity(output, name="checked_cell_output")
        states = state.attention_state if self._is_multi else [state.attention_state]
        histories = state.alignment_history if self._is_multi else [state.alignment_history]
        layers = self._attention_layers or (None,) * len(self._attention_mechanisms)
        made = []
        for mechanism, layer, old, history in zip(self._attention_mechanisms, layers, states, histories, strict=True):
            attention, alignments, new = self._attention_fn(mechanism, output, old, layer)
            kept = history.write(state.time, alignments) if self._alignment_history else ()
            made.append((attention, alignments, new, kept))
        attentions, every, new_states, kept_all = zip(*made, strict=True)
        attention = concat(list(attentions), 1)
        next_state = AttentionWrapperState(
            time=state.time + 1, cell_state=cell_state, attention=attention,
            attention_state=self._one_or_all(new_states), alignments=self._one_or_all(every),
            alignment_history=self._one_or_all(kept_all),
        )  # fmt: skip
        return (attention if self._output_attention else output), next_state
