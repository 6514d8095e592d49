"""tf.py_function: a Python function on tensors that have values, and its gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.derivatives.backprop import gradients
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype, string
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.ops.host_graph import HostGraph, HostTensor
from scopert.ops.script_ops import EAGER_PY_FUNC, hold
from scopert.public import public


class _ValueFunction:
    """A function of tensors with values, and the graph of its last call, for the gradient."""

    def __init__(self, function: Callable[..., Any], kinds: Sequence[DType], is_gradient: bool) -> None:
        self._function = function
        self._kinds = kinds
        self._is_gradient = is_gradient
        self.tape: tuple[HostGraph, list[Tensor], list[Any]] | None = None

    def __call__(self, values: Sequence[Any], dtypes: Sequence[DType]) -> list[Any]:
        graph = HostGraph()
        with graph.as_default():
            inputs = [graph.constant(value, dtype) for value, dtype in zip(values, dtypes, strict=True)]
            result = self._function(*inputs)
            if result is None and not self._is_gradient:
                results: list[Any] = []
            else:
                results = list(result) if isinstance(result, (list, tuple)) else [result]
            outputs = [self._convert(item, dtype) for item, dtype in zip(results, self._kinds, strict=False)]
        self.tape = graph, inputs, outputs
        return [_value_of(item) for item in outputs]

    def gradient(self, op: Operation, *grads: Any) -> Any:
        """The operation that computes the gradient from the last call of `op`."""

        def backward(*values: Any) -> list[Any]:
            assert self.tape is not None
            (graph, inputs, outputs), self.tape = self.tape, None
            with graph.as_default():
                seeds = [
                    graph.constant(value.numpy(), output.dtype) for value, output in zip(values, outputs, strict=True)
                ]
                found = gradients(outputs, inputs, seeds)
                return [_array_of(grad, tensor) for grad, tensor in zip(found, inputs, strict=True)]

        with control_dependencies(op.outputs):
            return _make(backward, list(grads), [tensor.dtype for tensor in op.inputs], is_gradient=True)

    @staticmethod
    def _convert(item: Any, dtype: DType) -> Any:
        if not isinstance(item, Tensor) and hasattr(item, "read_value"):
            raise RuntimeError(
                "Attempting to return a variable from an eagerly executed py_func. Only numeric data structures like "
                "Tensors or NumPy arrays should be returned; to return the value of a variable, make sure to obtain "
                f"the Tensor backing it by calling `.read_value()` on the variable in question: {item}"
            )
        return convert_to_tensor(item, dtype=dtype)


def _value_of(tensor: Any) -> Any:
    assert isinstance(tensor, HostTensor)
    return tensor.numpy()


def _array_of(grad: Any, tensor: Tensor) -> Any:
    """A gradient with respect to an input; zeros where there is none."""
    if grad is None and tensor.dtype is not string:
        return np.zeros(np.shape(_value_of(tensor)), tensor.dtype.np)
    return _value_of(convert_to_tensor(grad))


@public("py_function")
def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:
    """Calls a Python function on tensors that have values, each time the operation runs.

    In the function, tensors can be printed, compared and branched on, `numpy()` gives their values, and the
    library's functions work on them. It can be differentiated.

    Parameters
    ----------
    func : callable
        Gets a tensor for each of `inp`; returns tensors or arrays of the types `Tout`.
    inp : list of Tensor
    Tout : DType or list of DType
        A list makes a list of results.
    name : str, optional

    Returns
    -------
    Tensor or list of Tensor
        Without static shapes. If `Tout` is an empty list, the operation.

    Raises
    ------
    ValueError
        If `func` cannot be called.
    tf.errors.OpError
        In a run: what `func` raises (a ValueError as InvalidArgumentError).

    Examples
    --------
    >>> import scopert as tf
    >>> def log_huber(x, m):
    ...     return x**2 if tf.abs(x) <= m else m**2 * (1 - 2 * tf.log(m) + tf.log(x**2))
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     x = tf.constant(1.0)
    ...     y = tf.py_function(log_huber, [x, 2.0], tf.float32)
    ...     print(session.run(tf.gradients(y, x)[0]))
    2.0
    """
    return _make(func, inp, Tout, is_gradient=False, name=name)


def _make(func: Any, inp: Any, Tout: Any, is_gradient: bool, name: str | None = None) -> Any:
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    many = isinstance(Tout, (list, tuple))
    kinds = [as_dtype(kind) for kind in (Tout if many else [Tout])]
    token = hold(_ValueFunction(func, kinds, is_gradient))
    result = apply(EAGER_PY_FUNC, inp, token=token, Tout=kinds, name=name)
    return result if many else result[0]
