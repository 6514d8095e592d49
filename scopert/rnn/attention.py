"""Attention: how well the output of a decoder fits each time step of a memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scopert import nest
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype, float32, int32
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.tensor import Tensor
from scopert.layers.dense import Dense
from scopert.layers.layer import Layer
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, ones_like
from scopert.ops.array_mask import sequence_mask
from scopert.ops.array_one_hot import one_hot
from scopert.ops.array_reshape import expand_dims, reshape, squeeze
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_where import where
from scopert.ops.check_comparisons import assert_positive
from scopert.ops.math_arg import argmax
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import rsqrt, square, tanh
from scopert.ops.nn_softmax import softmax
from scopert.public import public
from scopert.rnn.sizes import zero_tensors
from scopert.scope.get_variable import get_variable
from scopert.scope.initializers import Constant, Ones, Zeros
from scopert.scope.variable_scope import variable_scope


@public("contrib.seq2seq.AttentionMechanism")
class AttentionMechanism:
    """What an `AttentionWrapper` asks: ``alignments, next_state = mechanism(query, state)``."""

    @property
    def alignments_size(self) -> Any:
        """How many time steps the memory has."""
        raise NotImplementedError

    @property
    def state_size(self) -> Any:
        """The size of the state."""
        raise NotImplementedError


class _OverMemory(AttentionMechanism):
    """A mechanism that compares queries with keys made of a memory.

    Parameters
    ----------
    query_layer, memory_layer : tf.layers.Layer, optional
        Make of queries and memory what is compared.
    memory : Tensor
        Of shape ``[batch, time, ...]``.
    probability_fn : callable
        ``f(score)`` returns alignments.
    memory_sequence_length : Tensor, optional
        The memory beyond it is masked.
    score_mask_value : float, optional
        The score of what is masked. Default: minus infinity.
    custom_key_value_fn : callable, optional
        ``f(keys, values)`` returns others.
    name : str
    """

    def __init__(
        self, query_layer: Any, memory: Any, probability_fn: Callable[[Any], Any] | None, memory_sequence_length: Any,
        memory_layer: Any, score_mask_value: Any, custom_key_value_fn: Callable[..., Any] | None, name: str,
    ) -> None:  # fmt: skip
        for label, layer in (("query_layer", query_layer), ("memory_layer", memory_layer)):
            if layer is not None and not isinstance(layer, Layer):
                raise TypeError(f"{label} is not a Layer: {type(layer).__name__}")
        if probability_fn is not None and not callable(probability_fn):
            raise TypeError(f"probability_fn must be callable, saw type: {type(probability_fn).__name__}")
        self._query_layer = query_layer
        self._memory_layer = memory_layer
        self.dtype = memory_layer.dtype
        if score_mask_value is None:
            score_mask_value = as_dtype(self.dtype).np.type(-np.inf)
        self._mask_value = score_mask_value
        self._lengths = memory_sequence_length
        self._probabilities = softmax if probability_fn is None else probability_fn
        with name_scope(name, "BaseAttentionMechanismInit", nest.flatten(memory)):
            self._values = _masked(memory, memory_sequence_length)
            self._keys = memory_layer(self._values)
            if custom_key_value_fn is not None:
                self._keys, self._values = custom_key_value_fn(self._keys, self._values)
            batch, steps = self._keys.shape.as_list()[:2]
            self._batch_size = batch or shape_of(self._keys)[0]
            self._alignments_size = steps or shape_of(self._keys)[1]

    @property
    def memory_layer(self) -> Any:
        """Makes keys of the memory."""
        return self._memory_layer

    @property
    def query_layer(self) -> Any:
        """Makes of a query what is compared with keys."""
        return self._query_layer

    @property
    def values(self) -> Any:
        """The memory, masked."""
        return self._values

    @property
    def keys(self) -> Any:
        """What queries are compared with."""
        return self._keys

    @property
    def batch_size(self) -> Any:
        """Of the memory."""
        return self._batch_size

    @property
    def alignments_size(self) -> Any:
        """How many time steps the memory has."""
        return self._alignments_size

    @property
    def state_size(self) -> Any:
        """The state is the alignments."""
        return self._alignments_size

    def initial_alignments(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros."""
        return zero_tensors(self._alignments_size, batch_size, dtype)

    def initial_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros."""
        return self.initial_alignments(batch_size, dtype)

    def _aligned(self, score: Tensor) -> Tensor:
        """Alignments of a score, with the padding masked."""
        if self._lengths is not None:
            message = "All values in memory_sequence_length must be greater than zero."
            with control_dependencies([assert_positive(self._lengths, message=message)]):
                mask = sequence_mask(self._lengths, maxlen=shape_of(score)[1])
            score = where(mask, score, self._mask_value * ones_like(score))
        made: Tensor = self._probabilities(score)
        return made


def _masked(memory: Any, lengths: Any) -> Any:
    """The memory with zeros beyond the lengths."""
    memory = nest.map_structure(lambda one: convert_to_tensor(one, name="memory"), memory)
    if lengths is not None:
        lengths = convert_to_tensor(lengths, name="memory_sequence_length")
    for one in nest.flatten(memory):
        if not one.shape[2:].is_fully_defined():
            raise ValueError(f"Expected memory {one.name} to have fully defined inner dims, but saw shape: {one.shape}")
    if lengths is None:
        return memory
    first = nest.flatten(memory)[0]
    mask = sequence_mask(lengths, maxlen=shape_of(first)[1], dtype=first.dtype)

    def apply(one: Tensor) -> Tensor:
        rank = rank_of(one) if one._rank is None else one._rank
        more = ones(rank - 2, dtype=int32)
        made: Tensor = one * reshape(mask, concat((shape_of(mask), more), 0))
        return made

    return nest.map_structure(apply, memory)


@public("contrib.seq2seq.LuongAttention")
class LuongAttention(_OverMemory):
    """Multiplicative attention (Luong et al. 2015, arXiv:1508.04025): ``score = query . key``.

    Parameters
    ----------
    num_units : int
        The depth of the keys, which is that of the queries.
    memory : Tensor
        Of shape ``[batch, time, ...]``.
    memory_sequence_length : Tensor, optional
        The memory beyond it is masked.
    scale : bool
        Whether a variable scales the score.
    probability_fn : callable, optional
        Default: `tf.nn.softmax`.
    score_mask_value : float, optional
        The score of what is masked. Default: minus infinity.
    dtype : DType, optional
        Default: `float32`.
    custom_key_value_fn : callable, optional
        ``f(keys, values)`` returns others.
    name : str
    """

    def __init__(
        self, num_units: int, memory: Any, memory_sequence_length: Any = None, scale: bool = False,
        probability_fn: Callable[[Any], Any] | None = None, score_mask_value: Any = None, dtype: Any = None,
        custom_key_value_fn: Callable[..., Any] | None = None, name: str = "LuongAttention",
    ) -> None:  # fmt: skip
        layer = Dense(num_units, name="memory_layer", use_bias=False, dtype=dtype or float32)
        super().__init__(
            None, memory, probability_fn, memory_sequence_length, layer, score_mask_value, custom_key_value_fn, name
        )
        self._scale = scale

    def __call__(self, query: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Alignments of a query, and the next state, which is the same.

        Raises
        ------
        ValueError
            If the depths of query and keys differ.
        """
        with variable_scope(None, "luong_attention", [query]):
            scale = None
            if self._scale:
                scale = get_variable("attention_g", dtype=query.dtype, initializer=Ones, shape=())
            depth, units = query.shape.as_list()[-1], self._keys.shape.as_list()[-1]
            if depth != units:
                raise ValueError(
                    f"Incompatible or unknown inner dimensions between query and keys.  Query ({query}) has units: "
                    f"{depth}.  Keys ({self._keys}) have units: {units}.  Perhaps you need to set num_units to the "
                    f"keys' dimension ({units})?"
                )
            score = squeeze(matmul(expand_dims(query, 1), self._keys, transpose_b=True), [1])
            if scale is not None:
                score = scale * score
        alignments = self._aligned(score)
        return alignments, alignments


@public("contrib.seq2seq.BahdanauAttention")
class BahdanauAttention(_OverMemory):
    """Additive attention (Bahdanau et al. 2014, arXiv:1409.0473): ``score = sum(v * tanh(key + W query))``.

    Parameters
    ----------
    num_units : int
        The depth in which queries and keys are compared.
    memory : Tensor
        Of shape ``[batch, time, ...]``.
    memory_sequence_length : Tensor, optional
        The memory beyond it is masked.
    normalize : bool
        Whether v has a learned length and there is a bias (Salimans and Kingma 2016, arXiv:1602.07868).
    probability_fn : callable, optional
        Default: `tf.nn.softmax`.
    score_mask_value : float, optional
        The score of what is masked. Default: minus infinity.
    dtype : DType, optional
        Default: `float32`.
    custom_key_value_fn : callable, optional
        ``f(keys, values)`` returns others.
    name : str
    """

    def __init__(
        self, num_units: int, memory: Any, memory_sequence_length: Any = None, normalize: bool = False,
        probability_fn: Callable[[Any], Any] | None = None, score_mask_value: Any = None, dtype: Any = None,
        custom_key_value_fn: Callable[..., Any] | None = None, name: str = "BahdanauAttention",
    ) -> None:  # fmt: skip
        query_layer = Dense(num_units, name="query_layer", use_bias=False, dtype=dtype or float32)
        layer = Dense(num_units, name="memory_layer", use_bias=False, dtype=dtype or float32)
        super().__init__(
            query_layer, memory, probability_fn, memory_sequence_length, layer, score_mask_value, custom_key_value_fn,
            name,
        )  # fmt: skip
        self._num_units = num_units
        self._normalize = normalize

    def __call__(self, query: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Alignments of a query, and the next state, which is the same."""
        with variable_scope(None, "bahdanau_attention", [query]):
            processed = self.query_layer(query)
            v = get_variable("attention_v", [self._num_units], dtype=query.dtype)
            if self._normalize:
                length = Constant(math.sqrt(1.0 / self._num_units))
                g = get_variable("attention_g", dtype=query.dtype, initializer=length, shape=())
                b = get_variable("attention_b", [self._num_units], dtype=query.dtype, initializer=Zeros())
                processed = expand_dims(processed, 1)
                normed = g * v * rsqrt(reduce_sum(square(v)))
                score = reduce_sum(normed * tanh(self._keys + processed + b), [2])
            else:
                processed = expand_dims(processed, 1)
                score = reduce_sum(v * tanh(self._keys + processed), [2])
        alignments = self._aligned(score)
        return alignments, alignments


@public("contrib.seq2seq.hardmax")
def hardmax(logits: Any, name: str | None = None) -> Tensor:
    """1 at the largest logit of the last axis, 0 elsewhere."""
    with name_scope(name, "Hardmax", [logits]):
        logits = convert_to_tensor(logits, name="logits")
        depth = logits._shape[-1] if logits._shape else None
        if depth is None:
            depth = shape_of(logits)[-1]
        return one_hot(argmax(logits, -1), depth, dtype=logits.dtype)
