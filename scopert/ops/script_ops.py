"""Python functions as operations: tf.py_func and tf.numpy_function."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from scopert.errors import (
    InternalError,
    InvalidArgumentError,
    OpError,
    OutOfRangeError,
    ResourceExhaustedError,
    UnimplementedError,
    UnknownError,
)
from scopert.graph.build import apply
from scopert.graph.dtypes import DType, as_dtype, string
from scopert.graph.opdef import HOST, STATEFUL, VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import unknown
from scopert.graph.stack import get_default_graph
from scopert.public import public


class FunctionRegistry:
    """Python functions by token. The graphs that use them keep them alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._functions: WeakValueDictionary[str, Any] = WeakValueDictionary()

    def insert(self, function: Any) -> str:
        """Registers a function under a new token."""
        with self._lock:
            token = f"pyfunc_{self._count}"
            self._count += 1
        self._functions[token] = function
        return token

    def __getitem__(self, token: Any) -> Any:
        name = token.decode() if isinstance(token, bytes) else token
        found = self._functions.get(name)
        if found is None:
            raise InvalidArgumentError(None, None, f"ValueError: callback {name} is not found")
        return found

    def size(self) -> int:
        """How many there are."""
        return len(self._functions)


FUNCTIONS = FunctionRegistry()


class _Held:
    """A function that can be referred to weakly, whatever it is."""

    __slots__ = ("__weakref__", "call")

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


def hold(function: Any) -> str:
    """Registers a function for as long as the default graph lives; returns its token."""
    graph = get_default_graph()
    held = graph.__dict__.setdefault("_py_funcs_used_in_graph", [])
    held.append(function)
    return FUNCTIONS.insert(function)


#: Which error an exception in a function becomes, the first that fits.
_ERRORS: tuple[tuple[type[BaseException], type[OpError]], ...] = (
    (TypeError, InvalidArgumentError),
    (ValueError, InvalidArgumentError),
    (StopIteration, OutOfRangeError),
    (MemoryError, ResourceExhaustedError),
    (NotImplementedError, UnimplementedError),
)


def error_of(exception: Exception) -> OpError:
    """The error that a run raises for an exception in a function."""
    if isinstance(exception, OpError):
        return exception
    kind: Any = next((error for base, error in _ERRORS if isinstance(exception, base)), UnknownError)
    # The frames of the function itself, without the one that called it.
    frames = exception.__traceback__.tb_next if exception.__traceback__ is not None else None
    trace = "".join(traceback.format_exception(type(exception), exception, frames))
    made: OpError = kind(None, None, f"{type(exception).__name__}: {exception}\n{trace}")
    return made


def host_input(value: Any, dtype: DType) -> Any:
    """A value as the function gets it: an array of its own, or a scalar."""
    if dtype is string:
        return value if isinstance(value, bytes) else np.array(value, object)
    array = np.array(value, dtype.np)
    return array if array.ndim else array[()]


def host_output(value: Any, dtype: DType, number: int, token: Any) -> Any:
    """What a function returned as a value of type `dtype`.

    Raises
    ------
    InvalidArgumentError
        If it is of another type.
    InternalError
        If no tensor holds such objects.
    """
    array = np.asarray(value)
    if dtype is string:
        return _strings(array, number, token)
    if array.dtype.kind in "OUSV" and array.dtype != dtype.np:
        if array.dtype.kind in "US":
            raise _wrong_type(number, token, "string", dtype)
        raise _unsupported(array)
    if array.dtype != dtype.np:
        raise _wrong_type(number, token, as_dtype(array.dtype).name, dtype)
    made = np.array(array, dtype.np)
    return made if made.ndim else made[()]


#: How TensorFlow's runtime calls types whose names differ in Python.
_RUNTIME_NAMES = {"float16": "half", "float32": "float", "float64": "double"}


def _wrong_type(number: int, token: Any, found: str, dtype: DType) -> InvalidArgumentError:
    name = token.decode() if isinstance(token, bytes) else token
    return InvalidArgumentError(
        None, None, f"{number}-th value returned by {name} is {_RUNTIME_NAMES.get(found, found)}, but expects "
        f"{_RUNTIME_NAMES.get(dtype.name, dtype.name)}",
    )


def _unsupported(array: Any) -> InternalError:
    if array.dtype.kind == "V":
        return InternalError(None, None, f"Unsupported numpy data type {array.dtype}")
    kind = type(array.ravel()[0]).__name__ if array.size else "object"
    return InternalError(None, None, f"Unsupported object type {kind}")


def _strings(array: Any, number: int, token: Any) -> Any:
    if array.dtype.kind not in "OUS":
        raise _wrong_type(number, token, as_dtype(array.dtype).name, string)
    made = np.empty(array.shape, object)
    flat = made.reshape(-1)
    for index, item in enumerate(array.ravel().tolist()):
        if not isinstance(item, (str, bytes)):
            raise _unsupported(array[index : index + 1] if array.ndim else array)
        flat[index] = item.encode() if isinstance(item, str) else item
    return made if made.ndim else made[()]


def _call_once(xp: Any, *inputs: Any, op: Any, token: Any, context: Any) -> Any:
    """Without inputs there is one result: it is kept as long as the session."""
    if inputs:
        return _call(xp, *inputs, op=op, token=token)
    return context.op_state(op, lambda: _call(xp, op=op, token=token))


def _call(xp: Any, *inputs: Any, op: Any, token: Any) -> Any:
    function = FUNCTIONS[token].call
    arguments = [host_input(value, dtype) for value, dtype in zip(inputs, op.attrs["Tin"], strict=True)]
    try:
        result = function(*arguments)
    except Exception as exception:  # of the user's function
        raise error_of(exception) from exception
    kinds = op.attrs["Tout"]
    results: Sequence[Any] = result if isinstance(result, (list, tuple)) else [result]
    if result is None:
        results = []
    if len(results) != len(kinds):
        name = token.decode() if isinstance(token, bytes) else token
        raise InvalidArgumentError(
            None, None, f"{name} returns {len(results)} values, but expects to see {len(kinds)} values."
        )
    made = [host_output(value, kind, i, token) for i, (value, kind) in enumerate(zip(results, kinds, strict=True))]
    return made[0] if len(made) == 1 else tuple(made)


PY_FUNC = define_op(
    "PyFunc", inputs="input: Tin", outputs="output: Tout",
    attrs="token: string; Tin: list(type) >= 0; Tout: list(type) >= 0", shape=unknown, kernel=_call,
    traits=(STATEFUL, HOST), differentiable=False,
)  # fmt: skip
PY_FUNC_STATELESS = define_op(
    "PyFuncStateless", inputs="input: Tin", outputs="output: Tout",
    attrs="token: string; Tin: list(type) >= 0; Tout: list(type) >= 0", shape=unknown, kernel=_call_once,
    traits=(HOST, VIEW),
    differentiable=False,
)  # fmt: skip


def _call_eagerly(xp: Any, *inputs: Any, op: Any, token: Any) -> Any:
    try:
        made = FUNCTIONS[token](inputs, op.attrs["Tin"])
    except Exception as exception:  # of the user's function
        raise error_of(exception) from exception
    return made[0] if len(made) == 1 else tuple(made)


EAGER_PY_FUNC = define_op(
    "EagerPyFunc", inputs="input: Tin", outputs="output: Tout",
    attrs="token: string; is_async: bool = false; Tin: list(type) >= 0; Tout: list(type) >= 0", shape=unknown,
    kernel=_call_eagerly, traits=(STATEFUL, HOST),
)  # fmt: skip


@gradient("EagerPyFunc")
def _eager_py_func_grad(op: Operation, *grads: Any) -> Any:
    return FUNCTIONS[op.get_attr("token")].gradient(op, *grads)


@public("py_func")
def py_func(func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None) -> Any:
    """Calls a Python function on NumPy arrays, each time the operation runs.

    Parameters
    ----------
    func : callable
        Gets an array for each of `inp`, a scalar for one of shape ``()``; returns arrays of the types `Tout`.
    inp : list of Tensor
    Tout : DType or list of DType
        A list makes a list of results.
    stateful : bool
        False promises that equal inputs give equal results.
    name : str, optional

    Returns
    -------
    Tensor or list of Tensor
        Without static shapes: use `set_shape`. If `Tout` is an empty list, the operation.

    Raises
    ------
    ValueError
        If `func` cannot be called.
    tf.errors.OpError
        In a run: what `func` raises (a ValueError as InvalidArgumentError), or if it returns other types.

    Examples
    --------
    >>> import numpy as np
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     y = tf.py_func(lambda x: np.sort(x)[::-1], [tf.constant([1, 3, 2])], tf.int32)
    ...     print(session.run(y))
    [3 2 1]
    """
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    many = isinstance(Tout, (list, tuple))
    kinds = list(Tout) if many else [Tout]
    token = hold(_Held(func))
    result = apply(PY_FUNC if stateful else PY_FUNC_STATELESS, inp, token=token, Tout=kinds, name=name)
    return result if many else result[0]


@public("numpy_function")
def numpy_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:
    """The same as `py_func`, always stateful."""
    return py_func(func, inp, Tout, stateful=True, name=name)


__all__ = [
    "FUNCTIONS", "error_of", "hold", "host_input", "host_output", "numpy_function", "py_func",
]  # fmt: skip
