"""Functions that share their variables between calls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from scopert.graph import source
from scopert.graph.collections import GraphKeys
from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.scope.scope_stack import VariableScope, scope_stack
from scopert.scope.variable_scope import open_without_name_scope, variable_scope


@public("make_template")
def make_template(
    name_: str, func_: Callable[..., Any], create_scope_now_: bool = False, unique_name_: str | None = None,
    custom_getter_: Any = None, **kwargs: Any,
) -> Template:  # fmt: skip
    """Wraps a function so that all its calls use the same variables.

    The first call opens a variable scope called after `name_` where it stands; later calls, wherever
    they are, enter that scope with reuse, in a name scope of their own.

    Parameters
    ----------
    name_ : str
    func_ : callable
        It has to make its variables by `tf.get_variable`.
    create_scope_now_ : bool
        Settle the variable scope here and not at the first call.
    unique_name_ : str, optional
        The scope's name as it is, instead of `name_` with a number.
    custom_getter_ : callable, optional
        See `tf.get_variable`.
    **kwargs
        Arguments for every call of `func_`.

    Raises
    ------
    ValueError
        If there is no name. A call raises it for a variable that an earlier call did not make.

    Examples
    --------
    >>> import scopert as tf
    >>> def scale(x):
    ...     return x * tf.get_variable("w", [], initializer=tf.ones_initializer())
    >>> with tf.Graph().as_default():
    ...     scaled = tf.make_template("scale", scale)
    ...     y = scaled(1.0) + scaled(2.0)
    ...     [v.name for v in scaled.variables]
    ['scale/w:0']
    """
    if kwargs:
        func_ = functools.partial(func_, **kwargs)
    return Template(name_, func_, create_scope_now_, unique_name_, custom_getter_)


class Template:
    """What `make_template` returns: a callable with the variables that it shares.

    Attributes
    ----------
    name : str
    func : callable
    variable_scope : VariableScope or None
        None before the first call.
    variables, global_variables, local_variables, trainable_variables, non_trainable_variables : list
        Empty before a call has ended. `weights`, `trainable_weights` and `non_trainable_weights` are the same.
    """

    def __init__(
        self, name: str, func: Callable[..., Any], create_scope_now: bool = False, unique_name: str | None = None,
        custom_getter: Any = None,
    ) -> None:  # fmt: skip
        if name is None:
            raise ValueError("name cannot be None.")
        self._name = name
        self._func = func
        self._unique_name = unique_name
        self._custom_getter = custom_getter
        self._location = source.here()
        self._variable_scope: VariableScope | None = None
        self._first_call = True
        self._variables_created = False
        if create_scope_now:
            chosen = unique_name or scope_stack().unused(name)
            with open_without_name_scope(chosen, custom_getter=custom_getter) as scope:
                self._variable_scope = scope

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._variable_scope is not None:
            with variable_scope(self._variable_scope, reuse=not self._first_call):
                return self._call(args, kwargs)
        with variable_scope(self._unique_name, self._name, custom_getter=self._custom_getter) as scope:
            self._variable_scope = scope
            return self._call(args, kwargs)

    def _call(self, args: Any, kwargs: Any) -> Any:
        try:
            if self._variables_created:
                return self._call_again(args, kwargs)
            if not self._first_call:  # inside the first call, or after it failed and was caught inside
                return self._func(*args, **kwargs)
            self._first_call = False
            try:
                result = self._func(*args, **kwargs)
            except BaseException:
                self._first_call = True
                raise
            self._variables_created = True
            return result
        except Exception as error:
            first, *rest = error.args or ("",)
            error.args = (f"{first}\n\noriginally defined at:\n{source.excerpt(self._location)}", *rest)
            raise

    def _call_again(self, args: Any, kwargs: Any) -> Any:
        trainable = get_default_graph().get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)
        before = len(trainable)
        result = self._func(*args, **kwargs)
        if len(trainable) != before:
            raise ValueError(
                "Trainable variable created when calling a template after the first time, perhaps you used tf.Variable "
                f"when you meant tf.get_variable: {trainable[before:]}"
            )
        return result

    @property
    def name(self) -> str:
        return self._name

    @property
    def func(self) -> Callable[..., Any]:
        return self._func

    @property
    def variable_scope(self) -> VariableScope | None:
        return self._variable_scope

    @property
    def var_scope(self) -> VariableScope | None:
        return self._variable_scope

    @property
    def variable_scope_name(self) -> str | None:
        """The path of the scope with a final slash."""
        if self._variable_scope is None:
            return None
        name = self._variable_scope.name
        return name if not name or name[-1] == "/" else name + "/"

    def _collected(self, key: str) -> list[Any]:
        if not self._variables_created:
            return []
        return get_default_graph().get_collection(key, self.variable_scope_name)

    @property
    def global_variables(self) -> list[Any]:
        return self._collected(GraphKeys.GLOBAL_VARIABLES)

    @property
    def local_variables(self) -> list[Any]:
        return self._collected(GraphKeys.LOCAL_VARIABLES)

    @property
    def trainable_variables(self) -> list[Any]:
        return self._collected(GraphKeys.TRAINABLE_VARIABLES)

    @property
    def variables(self) -> list[Any]:
        return self.global_variables + self.local_variables

    @property
    def non_trainable_variables(self) -> list[Any]:
        trainable = set(self.trainable_variables)
        return [variable for variable in self.global_variables if variable not in trainable]

    @property
    def weights(self) -> list[Any]:
        return self.variables

    @property
    def trainable_weights(self) -> list[Any]:
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Any]:
        return self.non_trainable_variables
