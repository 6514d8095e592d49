"""Shuffling rows."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.opdef import RANDOM, STATEFUL, define_op
from scopert.graph.tensor import Tensor
from scopert.ops.random_samplers import permutation, permutation_blocks
from scopert.ops.random_seed import get_seed
from scopert.ops.random_stream import SEED_ATTRS, reserve
from scopert.public import public

Array = Any


def _kernel(xp: Any, value: Array, *, op: Any, context: Any) -> Array:
    rows = value.shape[0] if value.ndim else 0
    if value.size <= 1 or rows <= 1:
        return value.copy()
    order = permutation(xp, reserve(context, op, permutation_blocks(rows)), rows)
    return value[xp.asarray(order)]


RANDOM_SHUFFLE = define_op(
    "RandomShuffle", inputs="value: T", outputs="output: T", attrs=f"{SEED_ATTRS}; T: type",
    shape=lambda op: [op.inputs[0]._shape], kernel=_kernel, traits=(STATEFUL, RANDOM),
)  # fmt: skip


@public("random_shuffle", "random.shuffle")
def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows of `value` (along its first axis) in random order.

    Parameters
    ----------
    value : tensor-like
    seed : int, optional
        See `get_seed`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(sorted(session.run(tf.random_shuffle([3, 1, 2], seed=1)).tolist()))
    [1, 2, 3]
    """
    seed1, seed2 = get_seed(seed)
    return apply(RANDOM_SHUFFLE, value, seed=seed1, seed2=seed2, name=name)
