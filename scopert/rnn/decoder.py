"""Decoding step by step: what a decoder is, and the loop that runs it."""

from __future__ import annotations

from typing import Any, NamedTuple

from scopert import nest
from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import name_scope
from scopert.graph.shape import TensorShape
from scopert.graph.tensor import Tensor
from scopert.layers.layer import Layer
from scopert.ops.array_fill import fill, zeros_like
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_where import where
from scopert.ops.control_flow_while import while_loop
from scopert.ops.math_comparison import logical_not, logical_or
from scopert.ops.math_reduction import reduce_all
from scopert.ops.tensor_array import TensorArray
from scopert.public import public
from scopert.rnn.cell import assert_like_rnncell
from scopert.rnn.decoder_inputs import Helper
from scopert.rnn.sizes import zero_tensors
from scopert.rnn.step import cache_variables, with_time_first
from scopert.scope.variable_scope import variable_scope


@public("contrib.seq2seq.Decoder")
class Decoder:
    """What `dynamic_decode` runs; a subclass defines all but `finalize` and `tracks_own_finished`."""

    @property
    def batch_size(self) -> Any:
        """How many sequences there are."""
        raise NotImplementedError

    @property
    def output_size(self) -> Any:
        """Shape, or structure of shapes, of what a step puts out, without the batch."""
        raise NotImplementedError

    @property
    def output_dtype(self) -> Any:
        """The types of the same."""
        raise NotImplementedError

    def initialize(self, name: str | None = None) -> Any:
        """Returns whether each sequence has finished, the first inputs and the first state."""
        raise NotImplementedError

    def step(self, time: Tensor, inputs: Any, state: Any, name: str | None = None) -> Any:
        """Returns outputs, next state, next inputs and whether each sequence has finished."""
        raise NotImplementedError

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Tensor) -> Any:
        """Returns the outputs of all steps and the last state as they should be given to the caller."""
        raise NotImplementedError

    @property
    def tracks_own_finished(self) -> bool:
        """Whether a finished sequence can go on, as the beams of a beam search do."""
        return False


@public("contrib.seq2seq.dynamic_decode")
def dynamic_decode(
    decoder: Any, output_time_major: bool = False, impute_finished: bool = False, maximum_iterations: Any = None,
    parallel_iterations: int = 32, swap_memory: bool = False, scope: Any = None,
) -> tuple[Any, Any, Tensor]:  # fmt: skip
    """Runs a decoder until all sequences have finished.

    Parameters
    ----------
    decoder : Decoder
    output_time_major : bool
        Whether time is the first axis of the outputs, not the second.
    impute_finished : bool
        Put out zeros and keep the state once a sequence has finished.
    maximum_iterations : int or Tensor, optional
    parallel_iterations : int
    swap_memory : bool
        Both go to the loop; see `tf.while_loop`.
    scope : str or VariableScope, optional
        Default: ``decoder``.

    Returns
    -------
    outputs : Tensor or structure
    state : Tensor or structure
    lengths : Tensor
        After how many steps each sequence finished.

    Raises
    ------
    TypeError
        If `decoder` is none.
    ValueError
        If `maximum_iterations` is no scalar.
    """
    if not isinstance(decoder, Decoder):
        raise TypeError(f"Expected decoder to be type Decoder, but saw: {type(decoder)}")
    with variable_scope(scope, "decoder") as entered:
        cache_variables(entered)
        if maximum_iterations is not None:
            maximum_iterations = convert_to_tensor(maximum_iterations, dtype=int32, name="maximum_iterations")
            if maximum_iterations._rank != 0:
                raise ValueError("maximum_iterations must be a scalar")
        finished, inputs, state = decoder.initialize()
        zero_outputs = nest.map_structure(
            lambda size, dtype: zero_tensors(size, decoder.batch_size, dtype), decoder.output_size, decoder.output_dtype
        )
        if maximum_iterations is not None:
            finished = logical_or(finished, maximum_iterations <= 0)
        lengths = zeros_like(finished, dtype=int32)
        start = constant(0, dtype=int32)

        def array(size: Any, dtype: Any) -> TensorArray:
            return TensorArray(dtype, size=0, dynamic_size=True, element_shape=_element_shape(decoder.batch_size, size))

        arrays = nest.map_structure(array, decoder.output_size, decoder.output_dtype)

        def body(time: Any, written: Any, state: Any, inputs: Any, finished: Any, lengths: Any) -> Any:
            outputs, new_state, new_inputs, ended = decoder.step(time, inputs, state)
            if not decoder.tracks_own_finished:
                ended = logical_or(ended, finished)
            new_lengths = where(logical_not(finished), fill(shape_of(lengths), time + 1), lengths)
            nest.assert_same_structure(state, new_state)
            nest.assert_same_structure(written, outputs)
            nest.assert_same_structure(inputs, new_inputs)
            if impute_finished:
                outputs = nest.map_structure(lambda out, zero: where(finished, zero, out), outputs, zero_outputs)
                new_state = nest.map_structure(lambda new, old: _kept(finished, new, old), new_state, state)
            written = nest.map_structure(lambda one, out: one.write(time, out), written, outputs)
            return time + 1, written, new_state, new_inputs, ended, new_lengths

        made = while_loop(
            lambda time, written, state, inputs, finished, lengths: logical_not(reduce_all(finished)), body,
            (start, arrays, state, inputs, finished, lengths), parallel_iterations=parallel_iterations,
            maximum_iterations=maximum_iterations, swap_memory=swap_memory,
        )  # fmt: skip
        _, written, state, _, _, lengths = made
        outputs = nest.map_structure(lambda one: one.stack(), written)
        # Only a decoder that has something to finish defines it.
        if type(decoder).finalize is not Decoder.finalize:
            outputs, state = decoder.finalize(outputs, state, lengths)
        if not output_time_major:
            outputs = nest.map_structure(with_time_first, outputs)
        return outputs, state, lengths


def _element_shape(batch_size: Any, size: Any) -> TensorShape | None:
    if not isinstance(size, TensorShape) or size.ndims == 0:
        return None
    known = constant_value(convert_to_tensor(batch_size, name="batch_size"))
    return TensorShape([None if known is None else int(known)]).concatenate(size)


def _kept(finished: Tensor, new: Any, old: Any) -> Any:
    """The old state of sequences that have finished; arrays and scalars are always new."""
    if isinstance(old, TensorArray):
        return new
    new.set_shape(old.shape)
    return new if new._rank == 0 else where(finished, old, new)


class _Output(NamedTuple):
    rnn_output: Any
    sample_id: Any


@public("contrib.seq2seq.BasicDecoderOutput")
class BasicDecoderOutput(_Output):
    """What a `BasicDecoder` puts out: the cell's output (or logits), and what was sampled from it."""

    __slots__ = ()


@public("contrib.seq2seq.BasicDecoder")
class BasicDecoder(Decoder):
    """A cell whose inputs a helper chooses.

    Parameters
    ----------
    cell : RNNCell
    helper : Helper
    initial_state : Tensor or structure
    output_layer : tf.layers.Layer, optional
        Applied to the cell's outputs before sampling, e.g. to get logits.

    Raises
    ------
    TypeError
        If cell, helper or layer is none.
    """

    def __init__(self, cell: Any, helper: Any, initial_state: Any, output_layer: Any = None) -> None:
        assert_like_rnncell("cell", cell)
        if not isinstance(helper, Helper):
            raise TypeError(f"helper must be a Helper, received: {type(helper)}")
        if output_layer is not None and not isinstance(output_layer, Layer):
            raise TypeError(f"output_layer must be a Layer, received: {type(output_layer)}")
        self._cell = cell
        self._helper = helper
        self._initial_state = initial_state
        self._output_layer = output_layer

    @property
    def batch_size(self) -> Any:
        """The helper's."""
        return self._helper.batch_size

    def _rnn_output_size(self) -> Any:
        size, layer = self._cell.output_size, self._output_layer
        if layer is None:
            return size
        batched = nest.map_structure(lambda one: TensorShape([None]).concatenate(one), size)
        return nest.map_structure(lambda one: one[1:], layer.compute_output_shape(batched))

    @property
    def output_size(self) -> Any:
        """Of the cell or the layer, and of the samples."""
        return BasicDecoderOutput(self._rnn_output_size(), self._helper.sample_ids_shape)

    @property
    def output_dtype(self) -> Any:
        """Of the state, and of the samples."""
        dtype = nest.flatten(self._initial_state)[0].dtype
        outputs = nest.map_structure(lambda _: dtype, self._rnn_output_size())
        return BasicDecoderOutput(outputs, self._helper.sample_ids_dtype)

    def initialize(self, name: str | None = None) -> Any:
        """What the helper begins with, and the initial state."""
        return (*self._helper.initialize(), self._initial_state)

    def step(self, time: Tensor, inputs: Any, state: Any, name: str | None = None) -> Any:
        """One step of the cell, a sample, and the next inputs."""
        with name_scope(name, "BasicDecoderStep", (time, inputs, state)):
            outputs, new_state = self._cell(inputs, state)
            if self._output_layer is not None:
                outputs = self._output_layer(outputs)
            ids = self._helper.sample(time=time, outputs=outputs, state=new_state)
            finished, new_inputs, new_state = self._helper.next_inputs(
                time=time, outputs=outputs, state=new_state, sample_ids=ids
            )
        return BasicDecoderOutput(outputs, ids), new_state, new_inputs, finished
