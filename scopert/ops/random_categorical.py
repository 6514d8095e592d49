"""Drawing classes by their log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType
from scopert.graph.opdef import RANDOM, STATEFUL, Shape, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import brackets
from scopert.graph.tensor import Tensor
from scopert.ops.philox import Philox
from scopert.ops.random_samplers import categorical as draw_classes
from scopert.ops.random_samplers import categorical_blocks
from scopert.ops.random_seed import get_seed
from scopert.ops.random_stream import INDEX, SEED_ATTRS, reserve
from scopert.public import public

Array = Any

LOGITS = "{float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}"


def categorical_kernel(
    xp: Any, logits: Array, num_samples: Array, stream: Callable[[int], Philox], dtype: DType
) -> Array:
    """Check the inputs and draw; `stream` gives the position for so many blocks."""
    if logits.ndim != 2:
        raise InvalidArgumentError(None, None, f"logits should be a matrix, got shape {brackets(logits.shape)}")
    if num_samples.ndim:
        message = f"num_samples should be a scalar, got shape {brackets(num_samples.shape)}"
        raise InvalidArgumentError(None, None, message)
    samples, (rows, classes) = int(num_samples), logits.shape
    if samples < 0:
        raise InvalidArgumentError(None, None, f"num_samples should be nonnegative, got {samples}")
    if classes < 1:
        raise InvalidArgumentError(None, None, f"num_classes should be positive, got {classes}")
    if rows * samples == 0:
        return xp.empty((rows, samples), dtype=dtype.np)
    wide = logits if logits.dtype.kind == "f" else logits.astype(xp.float64)
    return draw_classes(xp, stream(categorical_blocks(rows, samples)), samples, wide).astype(dtype.np, copy=False)


def categorical_shape(op: Operation) -> list[Shape]:
    """Shape rule: the rows of the logits by the number of samples."""
    logits, samples = op.inputs[0]._shape, op.inputs[1]._shape
    if logits is not None and len(logits) != 2:
        raise ValueError(f"Shape must be rank 2 but is rank {len(logits)}")
    if samples is not None and len(samples):
        raise ValueError(f"Shape must be rank 0 but is rank {len(samples)}")
    count = known_value(op._inputs[1])
    if count is not None and int(count) < 0:
        raise ValueError(f"Dimension size, given by scalar input 1, must be non-negative but is {int(count)}")
    return [(None if logits is None else logits[0], None if count is None else int(count))]


def _kernel(xp: Any, logits: Array, num_samples: Array, *, output_dtype: DType, op: Any, context: Any) -> Array:
    return categorical_kernel(xp, logits, num_samples, lambda blocks: reserve(context, op, blocks), output_dtype)


MULTINOMIAL = define_op(
    "Multinomial", inputs="logits: T, num_samples: int32", outputs="output: output_dtype",
    attrs=f"{SEED_ATTRS}; T: {LOGITS}; output_dtype: {INDEX} = int64",
    shape=categorical_shape, kernel=_kernel, traits=(STATEFUL, RANDOM), differentiable=False,
)  # fmt: skip


@public("multinomial", "random.multinomial")
def multinomial(
    logits: Any, num_samples: Any, seed: int | None = None, name: str | None = None, output_dtype: Any = None
) -> Tensor:
    """Classes drawn by unnormalised log-probabilities; the older name of `random.categorical`."""
    with name_scope(name, "multinomial", [logits]):
        return _classes(logits, num_samples, output_dtype, seed)


@public("random.categorical")
def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Classes drawn by unnormalised log-probabilities.

    Parameters
    ----------
    logits : tensor-like of shape [rows, classes]
    num_samples : int32 scalar
        How many classes to draw for each row.
    dtype : DType, optional
        int64 (the default) or int32.
    seed : int, optional
        See `get_seed`.

    Returns
    -------
    Tensor of shape [rows, num_samples]

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.random.categorical([[0.0, -100.0]], 3)))
    [[0 0 0]]
    """
    with name_scope(name, "categorical", [logits]):
        return _classes(logits, num_samples, dtype, seed)


def _classes(logits: Any, num_samples: Any, dtype: Any, seed: int | None) -> Tensor:
    logits = convert_to_tensor(logits, name="logits")
    seed1, seed2 = get_seed(seed)
    return apply(MULTINOMIAL, logits, num_samples, seed=seed1, seed2=seed2, output_dtype=dtype)
