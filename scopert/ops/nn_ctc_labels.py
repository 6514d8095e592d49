"""Preparing label sequences for connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import bool as bool_
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones_like
from scopert.ops.array_mask import boolean_mask, sequence_mask
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_scatter import scatter_nd
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import logical_and, not_equal
from scopert.ops.math_reduction import reduce_max, reduce_sum
from scopert.public import public


@public("nn.collapse_repeated")
def collapse_repeated(labels: Any, seq_length: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Sequences with runs of equal labels made one.

    Parameters
    ----------
    labels : tensor-like of int
        ``(batch, positions)``.
    seq_length : tensor-like of int
        ``(batch,)``: how many positions of each count.

    Returns
    -------
    labels, seq_length : Tensor
        As wide as the longest result; the rest is 0.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     [found.tolist() for found in session.run(tf.nn.collapse_repeated([[1, 1, 2, 1]], [4]))]
    [[[1, 2, 1]], [3]]
    """
    with name_scope(name, "collapse_repeated_labels", [labels, seq_length]):
        labels = convert_to_tensor(labels, name="labels")
        seq_length = convert_to_tensor(seq_length, name="seq_length")
        first = ones_like(labels[:, :1], dtype=bool_)
        starts = concat([first, not_equal(labels[:, 1:], labels[:, :-1])], axis=1)
        width = None if labels._shape is None else labels._shape[1]
        counted = sequence_mask(seq_length, maxlen=width)
        starts = logical_and(starts, counted)
        lengths = reduce_sum(cast(starts, seq_length.dtype), axis=1)
        longest = reduce_max(lengths)
        # Where the kept labels go: to the front of each row, in order.
        places = sequence_mask(lengths, maxlen=longest)
        flat = reshape(labels, [-1])
        flat_starts = reshape(starts, [-1])
        flat_places = reshape(places, [-1])
        indices = range_of(shape_of(flat_places)[0])
        collapsed = scatter_nd(
            indices=expand_dims(boolean_mask(indices, flat_places), axis=1),
            updates=boolean_mask(flat, flat_starts),
            shape=shape_of(flat_places),
        )
        batch = None if labels._shape is None else labels._shape[0]
        rows = shape_of(labels)[0] if batch is None else batch
        return reshape(collapsed, [rows, longest]), cast(lengths, seq_length.dtype)
