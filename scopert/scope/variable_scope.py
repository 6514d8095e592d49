"""``with tf.variable_scope(...)``: opening, nesting and closing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from scopert.graph.graph import graph_of
from scopert.graph.scopes import name_scope
from scopert.public import public
from scopert.scope.scope_stack import VariableScope, scope_stack
from scopert.scope.settings import AUTO_REUSE, ScopeSettings


@public("no_regularizer")
def no_regularizer(_: Any) -> None:
    """A regularizer that keeps a scope's own from being used."""
    return


class _Opening:
    """The variable scope's half of a ``with``: it knows nothing of name scopes, and can be entered again."""

    __slots__ = (
        "_changes", "_entered", "_name", "_name_scope", "_outer", "_path", "_reuse", "_scope", "_stack", "_subscopes",
    )  # fmt: skip

    def __init__(self, name_or_scope: Any, reuse: Any, old_name_scope: str | None, changes: dict[str, Any]) -> None:
        self._stack = scope_stack()
        self._reuse = reuse
        self._changes = changes
        self._scope: VariableScope | None = None
        if isinstance(name_or_scope, VariableScope):
            settings = name_or_scope._settings
            self._name = settings.name
            self._scope = VariableScope._of(_derive(settings, reuse or settings.reuse, changes))
        else:
            self._name = name_or_scope
        self._name_scope = self._name if old_name_scope is None else old_name_scope
        self._entered: VariableScope | None = None
        self._outer = self._stack.current
        self._path = self._name
        self._subscopes: dict[str, int] | None = None

    def enter(self) -> VariableScope:
        stack = self._stack
        outer = self._outer = stack.current
        if self._scope is not None:
            scope = self._scope
            stack.open(self._path)
            self._subscopes = dict(stack.counts)
        else:
            settings = outer._settings
            path = self._path = settings.name + "/" + self._name if settings.name else self._name
            self._reuse = self._reuse or settings.reuse
            scope = VariableScope._of(_derive(settings, self._reuse, self._changes, path, self._name_scope))
            stack.open(path)
        stack.current = self._entered = scope
        return scope

    def exit(self) -> None:
        stack = self._stack
        if stack.current is not self._entered:
            raise RuntimeError("Improper nesting of variable_scope.")
        if self._subscopes is not None:
            stack.counts = self._subscopes
        else:
            stack.forget_below(self._path)
        stack.current = self._outer


def _derive(
    settings: ScopeSettings, reuse: Any, changes: dict[str, Any], name: str | None = None, opened: str | None = None
) -> ScopeSettings:
    """The settings of a scope inside one with `settings`, or of one that enters it again."""
    wanted = {**changes, "reuse": reuse}
    getter = changes.get("custom_getter")
    if getter is not None:
        wanted["custom_getter"] = _compose(getter, settings.custom_getter)
    wanted.setdefault("constraint", None)  # the one setting that is not handed down
    if name is not None:
        wanted["name"], wanted["name_scope"] = name, opened
    return replace(settings, **wanted)


def _compose(inner: Callable[..., Any], outer: Callable[..., Any] | None) -> Callable[..., Any]:
    if outer is None:
        return inner

    def composed(getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return inner(functools.partial(outer, getter), *args, **kwargs)

    return composed


@contextmanager
def open_without_name_scope(name_or_scope: Any, reuse: Any = None, **changes: Any) -> Iterator[VariableScope]:
    """A variable scope that opens no name scope; `changes` are settings, None among them changes nothing."""
    opening = _Opening(name_or_scope, reuse, None, {k: v for k, v in changes.items() if v is not None})
    scope = opening.enter()
    try:
        yield scope
    finally:
        opening.exit()


@public("variable_scope")
class variable_scope:
    """Prefixes the keys of `get_variable`, and opens a name scope of the same name.

    Parameters
    ----------
    name_or_scope : str or VariableScope or None
        A name goes below the current scope. A scope object is entered again as it is, wherever one
        stands, with a new name scope.
    default_name : str, optional
        If the first is None: this name, with the first number that makes it unused here.
    values : list, optional
        Tensors of one graph, which becomes the default.
    initializer, regularizer, caching_device, partitioner, dtype, use_resource : optional
        Defaults of `get_variable` inside; inherited by inner scopes.
    custom_getter : callable, optional
        See `get_variable`; composed with those of the scopes around, the innermost called first.
    reuse : bool, None or AUTO_REUSE
        True: only find variables. ``tf.AUTO_REUSE``: find or make them. None and False: as around.
    constraint : callable, optional
        Default of `get_variable`; not inherited.
    auxiliary_name_scope : bool
        Whether to open the name scope.

    Yields
    ------
    VariableScope

    Raises
    ------
    TypeError
        If there is neither name nor default, or an argument is not of its kind.
    ValueError
        If `reuse` is something else, or set together with a default name.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.variable_scope("a"), tf.variable_scope("b") as scope:
    ...     v = tf.get_variable("v", [1])
    >>> scope.name, v.name
    ('a/b', 'a/b/v:0')
    """

    def __init__(
        self, name_or_scope: Any, default_name: str | None = None, values: Any = None, initializer: Any = None,
        regularizer: Any = None, caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None,
        reuse: Any = None, dtype: Any = None, use_resource: bool | None = None, constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:  # fmt: skip
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if reuse is False:
            reuse = None
        if not (reuse is None or reuse is True or reuse is AUTO_REUSE):
            raise ValueError("The reuse parameter must be True or False or None.")
        self._graph = graph_of(values if values is not None else ())
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(f"The auxiliary_name_scope must be `True` or `False`, while get {auxiliary_name_scope}")
        self._name_or_scope = name_or_scope
        self._default_name = default_name
        self._reuse = reuse
        self._auxiliary = auxiliary_name_scope
        given = {
            "initializer": initializer, "regularizer": regularizer, "caching_device": caching_device,
            "partitioner": partitioner, "custom_getter": custom_getter, "dtype": dtype,
            "use_resource": use_resource, "constraint": constraint,
        }  # fmt: skip
        self._changes = {key: value for key, value in given.items() if value is not None}
        self._name_scope: name_scope | None = None
        self._opening: _Opening | None = None
        self._defaults: list[Any] = []

    def __enter__(self) -> VariableScope:
        default = self._graph.as_default()
        default.__enter__()
        try:
            if self._opening is None:
                scope = self._enter_first()
            else:
                if self._name_scope is not None:
                    self._name_scope.__enter__()
                scope = self._opening.enter()
        except BaseException:
            default.__exit__(None, None, None)
            raise
        self._defaults.append(default)
        return scope

    def _enter_first(self) -> VariableScope:
        name = self._name_or_scope
        if name is None:
            if self._reuse:
                raise ValueError("reuse=True cannot be used without a name_or_scope")
            opened = self._open_name_scope(self._default_name)
            assert self._default_name is not None
            name = scope_stack(self._graph).unused(self._default_name)
        else:
            if not isinstance(name, (str, VariableScope)):
                raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
            if isinstance(name, VariableScope):
                self._open_name_scope(name.name.rpartition("/")[2])
                opened = name.original_name_scope
            else:
                opened = self._open_name_scope(name)
        self._opening = _Opening(name, self._reuse, opened, self._changes)
        return self._opening.enter()

    def _open_name_scope(self, name: str | None) -> str | None:
        """Opens the name scope that belongs to the variable scope; None if there is none."""
        if not self._auxiliary:
            here = self._graph.get_name_scope()
            self._name_scope = name_scope(here + "/" if here else "")
        elif name:
            self._name_scope = name_scope(name)
        else:
            return None
        return self._name_scope.__enter__()

    def __exit__(self, *exc: object) -> None:
        assert self._opening is not None
        try:
            self._opening.exit()
        finally:
            try:
                if self._name_scope is not None:
                    self._name_scope.__exit__(*exc)
            finally:
                if self._defaults:
                    self._defaults.pop().__exit__(*exc)


@public("variable_op_scope")
@contextmanager
def variable_op_scope(
    values: Any, name_or_scope: Any, default_name: str | None = None, initializer: Any = None, regularizer: Any = None,
    caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None, reuse: Any = None,
    dtype: Any = None, use_resource: bool | None = None, constraint: Any = None,
) -> Iterator[VariableScope]:  # fmt: skip
    """`variable_scope` with another order of arguments (deprecated in TensorFlow)."""
    with variable_scope(
        name_or_scope, default_name, values, initializer, regularizer, caching_device, partitioner, custom_getter,
        reuse, dtype, use_resource, constraint,
    ) as scope:  # fmt: skip
        yield scope
