"""`tf.custom_gradient`: functions that bring their own derivative.

The function's results pass, together with its arguments and the variables it uses, through one
``IdentityN`` whose gradient is the function's own rule.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Any

from scopert import nest
from scopert.derivatives.backprop import gradients
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.graph import Graph
from scopert.graph.opdef import register_gradient
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity, identity_n
from scopert.public import public
from scopert.scope.resource_variable import BaseResourceVariable
from scopert.scope.scope_stack import current_scope

_log = logging.getLogger("scopert")
_number = itertools.count()
_HOLDERS = frozenset({"VariableV2", "Variable", "VarHandleOp"})


@public("custom_gradient")
def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a function with a derivative of its own.

    Parameters
    ----------
    f : callable
        ``f(*tensors)`` returns its result, a tensor or a nest of tensors, and a function
        ``grad_fn(*grads of the results)`` that returns the gradients of the arguments. If `f` uses variables,
        `grad_fn` must take a keyword `variables` and return a pair: the gradients of the arguments and a list
        of those of the variables.

    Returns
    -------
    callable

    Raises
    ------
    TypeError
        If variables are used but not provided for, or new ones are not resource variables.
    ValueError
        If it is called with keyword arguments, or the number of gradients is wrong.

    Examples
    --------
    >>> import scopert as tf
    >>> @tf.custom_gradient
    ... def log1pexp(x):
    ...     e = tf.exp(x)
    ...     return tf.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))
    >>> x = tf.constant(100.0)
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.gradients(log1pexp(x), x)[0]))
    1.0
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        return _call(f, args, kwargs)

    return decorated


def _call(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if kwargs:
        raise ValueError(
            "The custom_gradient decorator currently supports keywords arguments only when eager execution is enabled."
        )
    graph = get_default_graph()
    name = f"CustomGradient-{next(_number)}"
    inputs = [convert_to_tensor(item) for item in args]
    before = set(map(id, _known_variables(graph)))
    result, grad_fn = f(*inputs)
    for variable in _known_variables(graph):
        if id(variable) not in before and not isinstance(variable, BaseResourceVariable):
            raise TypeError(
                "All variables used by a function wrapped with @custom_gradient must be `ResourceVariable`s. "
                "Ensure that no `variable_scope` is created with `use_resource=False`."
            )
    outputs = [convert_to_tensor(item) for item in nest.flatten(result)]
    for item in outputs:
        identity(item)
    variables = _variables_between(graph, outputs, inputs)
    _check_signature(grad_fn, variables)

    def rule(op: Operation, *grads: Any) -> list[Any]:
        return [None] * len(outputs) + _input_gradients(grad_fn, grads[: len(outputs)], variables)

    register_gradient(name, rule)
    with graph.gradient_override_map({"IdentityN": name}):
        passed = identity_n([*outputs, *inputs, *variables])
    for variable in variables:
        convert_to_tensor(variable)
    return nest.pack_sequence_as(result, passed[: len(outputs)])


def _input_gradients(grad_fn: Callable[..., Any], grads: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
    if not variables:
        return list(nest.flatten(grad_fn(*grads)))
    of_inputs, of_variables = grad_fn(*grads, variables=variables)
    if len(of_variables) != len(variables):
        raise ValueError("Must return gradient for each variable from @custom_gradient grad_fn.")
    return [*nest.flatten(of_inputs), *of_variables]


def _check_signature(grad_fn: Callable[..., Any], variables: Sequence[Any]) -> None:
    signature = inspect.getfullargspec(grad_fn)
    takes_variables = (
        "variables" in signature.args or "variables" in signature.kwonlyargs or signature.varkw is not None
    )
    if variables and not takes_variables:
        raise TypeError(
            "If using @custom_gradient with a function that uses variables, then grad_fn must accept a keyword "
            "argument 'variables'."
        )
    if takes_variables and not variables:
        if not current_scope().use_resource:
            raise TypeError(
                "If using @custom_gradient with a function that uses variables, the enclosing variable scope must "
                "have use_resource=True."
            )
        _log.warning(
            "@custom_gradient grad_fn has 'variables' in signature, but no variables were used on the forward pass."
        )


def _known_variables(graph: Graph) -> list[Any]:
    return graph.get_collection(GraphKeys.GLOBAL_VARIABLES) + graph.get_collection(GraphKeys.LOCAL_VARIABLES)


def _variables_between(graph: Graph, outputs: Sequence[Any], inputs: Sequence[Tensor]) -> list[Any]:
    """The variables that the outputs depend on other than through the inputs, oldest first."""
    seen = {tensor.op for tensor in inputs}
    stack = [tensor.op for tensor in outputs if isinstance(tensor, Tensor)]
    holders: list[Operation] = []
    while stack:
        op = stack.pop()
        if op in seen:
            continue
        seen.add(op)
        if op.type in _HOLDERS:
            holders.append(op)
        stack.extend(tensor.op for tensor in op.inputs)
    if not holders:
        return []
    objects: dict[Operation, Any] = {}
    for key in graph.collections:
        for item in graph.get_collection(key):
            holder = getattr(item, "op", None)
            if isinstance(holder, Operation) and holder.type in _HOLDERS and not isinstance(item, Tensor):
                objects.setdefault(holder, item)
    found = []
    for holder in sorted(holders, key=lambda op: op._id):
        if holder not in objects:
            raise ValueError(
                f"@custom_gradient: the function uses the variable {holder.name!r}, which is in no collection of the "
                "graph; make it with a collection so that its gradient can be asked for."
            )
        found.append(objects[holder])
    return found


@public("grad_pass_through")
def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the values of `f` and the derivative of the identity; variables in it get no gradient."""

    @custom_gradient
    def passed(*args: Any) -> Any:
        def grad(*grads: Any, variables: Any = None) -> Any:
            return grads if variables is None else (grads, [None] * len(variables))

        return f(*args), grad

    return passed


@public("recompute_grad")
def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose derivative computes `f` again, instead of keeping what it computed on the way.

    As in TensorFlow 1.15 it must use resource variables, or be called where ``use_resource`` is set.

    Parameters
    ----------
    f : callable
        ``f(*tensors)`` returns a tensor.
    """

    @custom_gradient
    def inner(*args: Any) -> Any:
        def grad(upstream: Any, variables: Any = None) -> Any:
            with get_default_graph().control_dependencies([upstream]):
                again = f(*args)
            held = list(variables or ())
            found = gradients(again, [*args, *held], grad_ys=[upstream])
            return found[: len(args)], found[len(args) :]

        return f(*args), grad

    return inner
