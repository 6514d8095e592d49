"""The exceptions a run raises: `OpError` and one subclass for each of TensorFlow's status codes."""

from __future__ import annotations

import warnings
from typing import Any

from scopert.public import export, public

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16

for _constant in (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
):  # fmt: skip
    export(__name__, _constant, f"errors.{_constant}")


@public("OpError", "errors.OpError")
class OpError(Exception):
    """An operation failed, while a graph was built or run.

    Parameters
    ----------
    node_def : object or None
        The serialised form of the operation, where there is one.
    op : Operation or None
        The operation that failed.
    message : str
        What went wrong.
    error_code : int
        One of the codes of this module, e.g. `INVALID_ARGUMENT`.

    Examples
    --------
    >>> from scopert import errors
    >>> error = errors.NotFoundError(None, None, "no such file")
    >>> error.error_code == errors.NOT_FOUND, error.message
    (True, 'no such file')
    """

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int) -> None:
        super().__init__(message)
        self._node_def = node_def
        self._op = op
        self._message = message
        self._error_code = error_code

    @property
    def message(self) -> str:
        """What went wrong."""
        return self._message

    @property
    def op(self) -> Any:
        """The operation that failed, or None if it is not known."""
        return self._op

    @property
    def node_def(self) -> Any:
        """The serialised form of the operation that failed, or None."""
        return self._node_def

    @property
    def error_code(self) -> int:
        """The status code."""
        return self._error_code

    def __reduce__(self) -> tuple[Any, ...]:
        # An operation belongs to a graph and does not travel to another process.
        if type(self) in _CODES:
            return type(self), (self._node_def, None, self._message)
        return type(self), (self._node_def, None, self._message, self._error_code)

    def __str__(self) -> str:
        if self._op is None or f"[[node {self._op.name} " in self._message:
            return self._message
        text = f"{self._message}\n\nOperation '{self._op.name}' (type {self._op.type})"
        frame = getattr(self._op, "user_frame", None)
        if frame is not None:
            text += f", defined at {frame[0]}:{frame[1]}"
        return text


@public("errors.CancelledError")
class CancelledError(OpError):
    """An operation or a whole run was cancelled, e.g. because its session or queue was closed."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, CANCELLED)


@public("errors.UnknownError")
class UnknownError(OpError):
    """A failure that no other class describes."""

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int = UNKNOWN) -> None:
        super().__init__(node_def, op, message, error_code)


@public("errors.InvalidArgumentError")
class InvalidArgumentError(OpError):
    """An operation got an input whose value or shape it cannot use."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, INVALID_ARGUMENT)


@public("errors.DeadlineExceededError")
class DeadlineExceededError(OpError):
    """A run took longer than the timeout it was given."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, DEADLINE_EXCEEDED)


@public("errors.NotFoundError")
class NotFoundError(OpError):
    """Something that was asked for, such as a file or a key of a checkpoint, does not exist."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, NOT_FOUND)


@public("errors.AlreadyExistsError")
class AlreadyExistsError(OpError):
    """Something that was to be made exists already."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, ALREADY_EXISTS)


@public("errors.PermissionDeniedError")
class PermissionDeniedError(OpError):
    """The caller may not do this, e.g. read that file."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, PERMISSION_DENIED)


@public("errors.UnauthenticatedError")
class UnauthenticatedError(OpError):
    """The caller has not proved who they are."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, UNAUTHENTICATED)


@public("errors.ResourceExhaustedError")
class ResourceExhaustedError(OpError):
    """Memory, disk space or another resource ran out."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, RESOURCE_EXHAUSTED)


@public("errors.FailedPreconditionError")
class FailedPreconditionError(OpError):
    """The system is not in the state the operation needs, e.g. a variable is not initialized."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, FAILED_PRECONDITION)


@public("errors.AbortedError")
class AbortedError(OpError):
    """The operation was given up because of something that happened beside it."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, ABORTED)


@public("errors.OutOfRangeError")
class OutOfRangeError(OpError):
    """The end of the input was reached, e.g. of a queue that is closed and empty."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, OUT_OF_RANGE)


@public("errors.UnimplementedError")
class UnimplementedError(OpError):
    """The operation does not support these inputs or attributes."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, UNIMPLEMENTED)


@public("errors.InternalError")
class InternalError(OpError):
    """An invariant of the runtime is broken: a bug."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, INTERNAL)


@public("errors.UnavailableError")
class UnavailableError(OpError):
    """The runtime cannot be reached at the moment."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, UNAVAILABLE)


@public("errors.DataLossError")
class DataLossError(OpError):
    """Data is lost or corrupt, e.g. a file is truncated."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, DATA_LOSS)


_CODES: dict[type[OpError], int] = {
    CancelledError: CANCELLED,
    UnknownError: UNKNOWN,
    InvalidArgumentError: INVALID_ARGUMENT,
    DeadlineExceededError: DEADLINE_EXCEEDED,
    NotFoundError: NOT_FOUND,
    AlreadyExistsError: ALREADY_EXISTS,
    PermissionDeniedError: PERMISSION_DENIED,
    ResourceExhaustedError: RESOURCE_EXHAUSTED,
    FailedPreconditionError: FAILED_PRECONDITION,
    AbortedError: ABORTED,
    OutOfRangeError: OUT_OF_RANGE,
    UnimplementedError: UNIMPLEMENTED,
    InternalError: INTERNAL,
    UnavailableError: UNAVAILABLE,
    DataLossError: DATA_LOSS,
    UnauthenticatedError: UNAUTHENTICATED,
}
_CLASSES: dict[int, type[OpError]] = {code: kind for kind, code in _CODES.items()}


@public("errors.exception_type_from_error_code")
def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """Return the exception class of a status code; `KeyError` for `OK` and for unknown codes."""
    return _CLASSES[error_code]


@public("errors.error_code_from_exception_type")
def error_code_from_exception_type(cls: type[OpError]) -> int | UnknownError:
    """Return the status code of an exception class.

    For a class that has none, warns and returns an `UnknownError`, as TensorFlow does.
    """
    if cls in _CODES:
        return _CODES[cls]
    warnings.warn("Unknown class exception", stacklevel=2)
    return UnknownError(None, None, "Unknown class exception")
