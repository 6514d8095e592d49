"""Default arguments for functions, for all calls inside a ``with``: `arg_scope` of tf.contrib and slim."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from scopert.public import public

Scope = dict[str, dict[str, Any]]
F = TypeVar("F", bound=Callable[..., Any])


class _Stack(threading.local):
    def __init__(self) -> None:
        self.scopes: list[Scope] = [{}]


_stack = _Stack()


def _key(function: Any) -> str:
    return getattr(function, "_arg_scope_key", str(function))


@public("contrib.framework.current_arg_scope", "contrib.slim.current_arg_scope")
def current_arg_scope() -> Scope:
    """The default arguments in force, by function."""
    return _stack.scopes[-1]


@public("contrib.framework.has_arg_scope", "contrib.slim.has_arg_scope")
def has_arg_scope(func: Any) -> bool:
    """Whether a function takes part in `arg_scope`."""
    return hasattr(func, "_arg_scope_key")


@public("contrib.framework.add_arg_scope", "contrib.slim.add_arg_scope")
def add_arg_scope(func: F) -> F:
    """Decorates a function so that `arg_scope` gives it defaults."""
    key = f"{func.__module__}.{func.__qualname__}"

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        defaults = _stack.scopes[-1].get(key)
        return func(*args, **({**defaults, **kwargs} if defaults else kwargs))

    call._arg_scope_key = key  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


@public("contrib.framework.arg_scope", "contrib.slim.arg_scope")
@contextmanager
def arg_scope(list_ops_or_scope: Any, **kwargs: Any) -> Iterator[Scope]:
    """Gives functions default arguments inside the ``with``.

    Parameters
    ----------
    list_ops_or_scope : list of functions, or dict
        Functions decorated with `add_arg_scope`; or a scope that was yielded before, to enter it again.
    **kwargs
        The defaults, on top of those in force.

    Yields
    ------
    dict
        The scope.

    Raises
    ------
    TypeError
        If it is neither list nor dict.
    ValueError
        If a function is not decorated, or defaults are given with a dict.

    Examples
    --------
    >>> import scopert as tf
    >>> layers = tf.contrib.layers
    >>> with tf.Graph().as_default(), tf.contrib.framework.arg_scope([layers.fully_connected], activation_fn=None):
    ...     layers.fully_connected(tf.zeros([2, 3]), 4).op.type
    'BiasAdd'
    """
    if isinstance(list_ops_or_scope, dict):
        if kwargs:
            raise ValueError("When attempting to re-use a scope by suppling a dictionary, kwargs must be empty.")
        made = dict(list_ops_or_scope)
    elif isinstance(list_ops_or_scope, (list, tuple)):
        made = dict(_stack.scopes[-1])
        for function in list_ops_or_scope:
            if not has_arg_scope(function):
                raise ValueError(f"{function} is not decorated with @add_arg_scope")
            key = _key(function)
            made[key] = {**made.get(key, {}), **kwargs}
    else:
        raise TypeError("list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict)")
    _stack.scopes.append(made)
    try:
        yield made
    finally:
        _stack.scopes.pop()
