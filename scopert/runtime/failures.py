"""From an exception inside a kernel to the error that a run raises."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.backend import StepFailed
from scopert.errors import (
    InternalError,
    InvalidArgumentError,
    OpError,
    ResourceExhaustedError,
    UnimplementedError,
    UnknownError,
)
from scopert.graph.graph import Graph
from scopert.graph.shape import brackets

#: Which error a kernel's exception becomes, the first that fits.
_TABLE: tuple[tuple[type[Exception], type[OpError]], ...] = (
    (MemoryError, ResourceExhaustedError),
    (NotImplementedError, UnimplementedError),
    (AssertionError, InternalError),
    (np.linalg.LinAlgError, InvalidArgumentError),
    (ValueError, InvalidArgumentError),
    (IndexError, InvalidArgumentError),
    (ArithmeticError, InvalidArgumentError),
    (TypeError, InvalidArgumentError),
)


def op_error(failure: StepFailed, graph: Graph) -> OpError:
    """The error of a failed step, with the operation, its inputs and the place where it was made."""
    origin = failure.step.origin
    cause = failure.__cause__
    op = graph._ops.get(origin.name)
    text = cause.message if isinstance(cause, OpError) else str(cause) or type(cause).__name__
    scope = origin.scope
    details = (
        f"{text}\n\t [[node {origin.name} (op: {origin.type}"
        + (f", scope: {scope}" if scope else "")
        + f", made at {origin.where})]]"
    )
    shapes = ", ".join(_describe(value) for value in failure.inputs)
    if shapes:
        details += f"\n\t input shapes: {shapes}"
    if isinstance(cause, OpError):
        if cause.op is not None:
            return cause
        kind: Any = type(cause)
    else:
        kind = next((error for exception, error in _TABLE if isinstance(cause, exception)), UnknownError)
    made: OpError = kind(None, op, details)
    return made


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is None:
        return "[]" if isinstance(value, (bytes, bool, int, float, complex)) else type(value).__name__
    return f"{brackets(tuple(shape))} {getattr(value.dtype, 'name', value.dtype)}"
