"""What a decoder reads next: the training data, its own outputs, or samples of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32, int64
from scopert.graph.scopes import name_scope
from scopert.graph.shape import TensorShape
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import zeros_like
from scopert.ops.array_pad import pad
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size
from scopert.ops.array_tile import tile
from scopert.ops.array_transpose import transpose
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_arg import argmax
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal
from scopert.ops.math_reduction import reduce_all, reduce_prod
from scopert.ops.random_categorical import multinomial
from scopert.ops.tensor_array import TensorArray
from scopert.public import public
from scopert.rnn.step import with_time_first
from scopert.scope.embedding import embedding_lookup


@public("contrib.seq2seq.Helper")
class Helper:
    """Chooses the inputs of a `BasicDecoder`; a subclass defines everything."""

    @property
    def batch_size(self) -> Any:
        """How many sequences there are."""
        raise NotImplementedError("batch_size has not been implemented")

    @property
    def sample_ids_shape(self) -> Any:
        """The shape of a sample, without the batch."""
        raise NotImplementedError("sample_ids_shape has not been implemented")

    @property
    def sample_ids_dtype(self) -> Any:
        """The type of the samples."""
        raise NotImplementedError("sample_ids_dtype has not been implemented")

    def initialize(self, name: str | None = None) -> Any:
        """Returns whether each sequence has finished, and the first inputs."""
        raise NotImplementedError("initialize has not been implemented")

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """Returns what is drawn from the outputs."""
        raise NotImplementedError("sample has not been implemented")

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None) -> Any:
        """Returns whether each sequence has finished, the next inputs and the next state."""
        raise NotImplementedError("next_inputs has not been implemented")


class _OneNumber(Helper):
    """A helper whose samples are class numbers."""

    _batch_size: Any

    @property
    def batch_size(self) -> Any:
        """How many sequences there are."""
        return self._batch_size

    @property
    def sample_ids_shape(self) -> Any:
        """A scalar."""
        return TensorShape([])

    @property
    def sample_ids_dtype(self) -> Any:
        """`int32`."""
        return int32


@public("contrib.seq2seq.CustomHelper")
class CustomHelper(Helper):
    """A helper made of functions.

    Parameters
    ----------
    initialize_fn : callable
        ``f()`` returns whether each sequence has finished, and the first inputs.
    sample_fn : callable
        ``f(time=, outputs=, state=)`` returns samples.
    next_inputs_fn : callable
        ``f(time=, outputs=, state=, sample_ids=)`` returns what `Helper.next_inputs` does.
    sample_ids_shape : shape, optional
        Default: scalar.
    sample_ids_dtype : DType, optional
        Default: `int32`.
    """

    def __init__(
        self, initialize_fn: Callable[..., Any], sample_fn: Callable[..., Any], next_inputs_fn: Callable[..., Any],
        sample_ids_shape: Any = None, sample_ids_dtype: Any = None,
    ) -> None:  # fmt: skip
        self._initialize_fn = initialize_fn
        self._sample_fn = sample_fn
        self._next_inputs_fn = next_inputs_fn
        self._batch_size: Any = None
        self._shape = TensorShape(sample_ids_shape or [])
        self._dtype = sample_ids_dtype or int32

    @property
    def batch_size(self) -> Any:
        """How many sequences there are.

        Raises
        ------
        ValueError
            Before `initialize`.
        """
        if self._batch_size is None:
            raise ValueError("batch_size accessed before initialize was called")
        return self._batch_size

    @property
    def sample_ids_shape(self) -> Any:
        """The shape of a sample."""
        return self._shape

    @property
    def sample_ids_dtype(self) -> Any:
        """The type of the samples."""
        return self._dtype

    def initialize(self, name: str | None = None) -> Any:
        """What the function returns."""
        with name_scope(name, f"{type(self).__name__}Initialize"):
            finished, inputs = self._initialize_fn()
            if self._batch_size is None:
                self._batch_size = size(finished)
        return finished, inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """What the function returns."""
        with name_scope(name, f"{type(self).__name__}Sample", (time, outputs, state)):
            return self._sample_fn(time=time, outputs=outputs, state=state)

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None) -> Any:
        """What the function returns."""
        with name_scope(name, f"{type(self).__name__}NextInputs", (time, outputs, state)):
            return self._next_inputs_fn(time=time, outputs=outputs, state=state, sample_ids=sample_ids)


@public("contrib.seq2seq.TrainingHelper")
class TrainingHelper(_OneNumber):
    """Reads the training data, whatever the decoder puts out.

    Parameters
    ----------
    inputs : Tensor
        Of shape ``[batch, time, ...]``, or ``[time, batch, ...]`` if `time_major`.
    sequence_length : Tensor
        A vector.
    time_major : bool
    name : str, optional

    Raises
    ------
    ValueError
        If `sequence_length` is no vector.
    """

    def __init__(self, inputs: Any, sequence_length: Any, time_major: bool = False, name: str | None = None) -> None:
        with name_scope(name, "TrainingHelper", [inputs, sequence_length]):
            self.inputs = inputs = convert_to_tensor(inputs, name="inputs")
            if not time_major:
                inputs = with_time_first(inputs)
            self._array = TensorArray(inputs.dtype, size=shape_of(inputs)[0], element_shape=inputs.shape[1:])
            self._array = self._array.unstack(inputs)
            self.sequence_length = convert_to_tensor(sequence_length, name="sequence_length")
            if self.sequence_length._rank != 1:
                raise ValueError(
                    f"Expected sequence_length to be a vector, but received shape: {self.sequence_length.shape}"
                )
            self._zero_inputs = zeros_like(inputs[0, :])
            self._batch_size = size(sequence_length)

    def _read(self, finished: Tensor, time: Any) -> Any:
        return cond(reduce_all(finished), lambda: self._zero_inputs, lambda: self._array.read(time))

    def initialize(self, name: str | None = None) -> Any:
        """The first time step; sequences of length 0 have finished."""
        with name_scope(name, "TrainingHelperInitialize"):
            finished = equal(0, self.sequence_length)
            return finished, self._read(finished, 0)

    def sample(self, time: Any, outputs: Any, state: Any = None, name: str | None = None) -> Any:
        """The likeliest class."""
        with name_scope(name, "TrainingHelperSample", [time, outputs]):
            return cast(argmax(outputs, axis=-1), int32)

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any = None, name: str | None = None) -> Any:
        """The next time step."""
        with name_scope(name, "TrainingHelperNextInputs", [time, outputs, state]):
            after = time + 1
            finished = after >= self.sequence_length
            return finished, self._read(finished, after), state


@public("contrib.seq2seq.GreedyEmbeddingHelper")
class GreedyEmbeddingHelper(_OneNumber):
    """Reads the embedding of the likeliest class of the step before.

    Parameters
    ----------
    embedding : callable or Tensor
        ``f(ids)``, or a matrix for `tf.nn.embedding_lookup`.
    start_tokens : Tensor
        What each sequence begins with; a vector of int32.
    end_token : Tensor
        What ends a sequence.

    Raises
    ------
    ValueError
        If `start_tokens` is no vector or `end_token` no scalar.
    """

    def __init__(self, embedding: Any, start_tokens: Any, end_token: Any) -> None:
        self._embed = embedding if callable(embedding) else lambda ids: embedding_lookup(embedding, ids)
        self._start_tokens = convert_to_tensor(start_tokens, dtype=int32, name="start_tokens")
        self._end_token = convert_to_tensor(end_token, dtype=int32, name="end_token")
        if self._start_tokens._rank != 1:
            raise ValueError("start_tokens must be a vector")
        self._batch_size = size(start_tokens)
        if self._end_token._rank != 0:
            raise ValueError("end_token must be a scalar")
        self._start_inputs = self._embed(self._start_tokens)

    def initialize(self, name: str | None = None) -> Any:
        """The embeddings of the start tokens."""
        return tile([False], [self._batch_size]), self._start_inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """The likeliest class.

        Raises
        ------
        TypeError
            If the outputs are not one tensor.
        """
        _check_one(outputs)
        return argmax(outputs, axis=-1, output_type=int32)

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None) -> Any:
        """The embeddings of the samples."""
        finished = equal(sample_ids, self._end_token)
        inputs = cond(reduce_all(finished), lambda: self._start_inputs, lambda: self._embed(sample_ids))
        return finished, inputs, state


def _check_one(outputs: Any) -> None:
    if not isinstance(outputs, Tensor):
        raise TypeError(f"Expected outputs to be a single Tensor, got: {type(outputs)}")


@public("contrib.seq2seq.SampleEmbeddingHelper")
class SampleEmbeddingHelper(GreedyEmbeddingHelper):
    """Reads the embedding of a class drawn from the outputs of the step before.

    Parameters
    ----------
    embedding, start_tokens, end_token
        See `GreedyEmbeddingHelper`.
    softmax_temperature : float or Tensor, optional
        Divides the logits: above 1 more random, below 1 more greedy.
    seed : int, optional
    """

    def __init__(
        self, embedding: Any, start_tokens: Any, end_token: Any, softmax_temperature: Any = None,
        seed: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(embedding, start_tokens, end_token)
        self._temperature = softmax_temperature
        self._seed = seed

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """A class drawn by its probability.

        Raises
        ------
        TypeError
            If the outputs are not one tensor.
        """
        _check_one(outputs)
        logits = outputs if self._temperature is None else outputs / self._temperature
        return _drawn(logits, self._seed)


def _drawn(logits: Tensor, seed: int | None) -> Tensor:
    """One class number for each row, by the operations of TensorFlow's categorical distribution."""
    logits = convert_to_tensor(logits, name="logits")
    classes = shape_of(logits)[-1]
    batch = shape_of(logits)[:-1]
    with name_scope(None, "call_sampler", values=[()]):
        shape = convert_to_tensor((), dtype=int32, name="sample_shape")
        ones = cast(equal(rank_of(shape), 0), int32)
        shape = reshape(shape, pad(shape_of(shape), paddings=[[ones, 0]], constant_values=1))
        number = reduce_prod(shape)
        rows = logits if logits._rank == 2 else reshape(logits, [-1, classes])
        kind = int64 if logits.dtype.size > 4 else int32
        draws = multinomial(rows, number, seed=seed, output_dtype=kind)
        draws = cast(reshape(transpose(draws), concat([[number], batch], 0)), int32)
        return reshape(draws, concat([shape, shape_of(draws)[1:]], 0))


@public("contrib.seq2seq.InferenceHelper")
class InferenceHelper(Helper):
    """Reads what a function makes of the step before.

    Parameters
    ----------
    sample_fn : callable
        ``f(outputs)`` returns samples.
    sample_shape : shape
    sample_dtype : DType
    start_inputs : Tensor
    end_fn : callable
        ``f(samples)`` says whether each sequence has finished.
    next_inputs_fn : callable, optional
        ``f(samples)`` returns the next inputs. Default: the samples.
    """

    def __init__(
        self, sample_fn: Callable[..., Any], sample_shape: Any, sample_dtype: Any, start_inputs: Any,
        end_fn: Callable[..., Any], next_inputs_fn: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        self._sample_fn = sample_fn
        self._end_fn = end_fn
        self._shape = TensorShape(sample_shape)
        self._dtype = sample_dtype
        self._next_inputs_fn = next_inputs_fn
        self._batch_size = shape_of(start_inputs)[0]
        self._start_inputs = convert_to_tensor(start_inputs, name="start_inputs")

    @property
    def batch_size(self) -> Any:
        """How many sequences there are."""
        return self._batch_size

    @property
    def sample_ids_shape(self) -> Any:
        """The shape of a sample."""
        return self._shape

    @property
    def sample_ids_dtype(self) -> Any:
        """The type of the samples."""
        return self._dtype

    def initialize(self, name: str | None = None) -> Any:
        """The first inputs."""
        return tile([False], [self._batch_size]), self._start_inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """What the function returns."""
        return self._sample_fn(outputs)

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None) -> Any:
        """What the functions return."""
        inputs = sample_ids if self._next_inputs_fn is None else self._next_inputs_fn(sample_ids)
        return self._end_fn(sample_ids), inputs, state


@public("contrib.seq2seq.tile_batch")
def tile_batch(t: Any, multiplier: int, name: str | None = None) -> Any:
    """Repeats each entry of a batch, for the beams of a beam search.

    Parameters
    ----------
    t : Tensor or structure
        Of shape ``[batch, ...]``.
    multiplier : int

    Returns
    -------
    Tensor or structure
        Of shape ``[batch * multiplier, ...]``.

    Raises
    ------
    ValueError
        If a rank is not known.
    """
    with name_scope(name, "tile_batch", [*nest.flatten(t), multiplier]):
        return nest.map_structure(lambda one: _tiled(one, multiplier), t)


def _tiled(t: Any, multiplier: int) -> Tensor:
    t = convert_to_tensor(t, name="t")
    sizes = shape_of(t)
    if not t._rank:
        raise ValueError("t must have statically known rank")
    tiled = tile(expand_dims(t, 1), [1, multiplier, *[1] * (t._rank - 1)])
    tiled = reshape(tiled, concat(([sizes[0] * multiplier], sizes[1:]), 0))
    known = t.shape.as_list()
    tiled.set_shape([None if known[0] is None else known[0] * multiplier, *known[1:]])
    return tiled
