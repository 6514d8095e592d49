"""The stream of a random op in a session."""

from __future__ import annotations

import secrets
import threading
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.constant_value import known_shape, known_value
from scopert.graph.operation import Operation
from scopert.graph.shape import brackets
from scopert.graph.tensor import Shape
from scopert.ops.philox import Philox

Array = Any

SEED_ATTRS = "seed: int = 0; seed2: int = 0"
FLOATS = "{float16, bfloat16, float32, float64}"
INDEX = "{int32, int64}"
_lock = threading.Lock()


def reserve(context: Any, op: Any, blocks: int) -> Philox:
    """The position at which this run of `op` draws, after moving the op's stream on by `blocks`.

    The stream belongs to the session. It starts from the op's seeds, and from the system's entropy if both
    are zero.
    """
    return advance(context.op_state(op, lambda: start(op)), blocks)


def advance(stream: Philox, blocks: int) -> Philox:
    """The position of `stream` before it moves on by `blocks`. Runs in several threads share no block."""
    with _lock:
        return stream.reserve(blocks)


def start(op: Any) -> Philox:
    """Where the stream of `op` starts in a session."""
    seed, seed2 = op.attrs["seed"], op.attrs["seed2"]
    if seed == 0 and seed2 == 0:
        return Philox.from_seeds(secrets.randbits(64), secrets.randbits(64))
    return Philox.from_seeds(seed, seed2)


def dimensions(shape: Array) -> tuple[int, ...]:
    """The shape that the first input of a random op asks for."""
    if shape.ndim != 1:
        message = f"shape must be a vector of {{int32,int64}}, got shape {brackets(shape.shape)}"
        raise InvalidArgumentError(None, None, message)
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes):
        raise InvalidArgumentError(None, None, f"Dimension {min(sizes)} must be >= 0")
    return sizes


def shape_from_input(op: Operation) -> list[Shape]:
    """Shape rule: the output has the shape that the first input, a vector, asks for."""
    asked = op._inputs[0]
    if asked._shape is not None and len(asked._shape) != 1:
        raise ValueError(f"Shape must be rank 1 but is rank {len(asked._shape)}")
    value = known_value(asked)
    if value is not None and value.size and int(value.min()) < -1:
        raise ValueError(f"Invalid value in tensor used for shape: {int(value[value < -1][0])}")
    return [known_shape(asked)]
