"""What training needs besides the model: initializers, readiness, summaries, a Saver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.constant import constant
from scopert.graph.dtypes import string
from scopert.graph.scopes import add_to_collection, get_collection
from scopert.graph.stack import get_default_graph
from scopert.ops.array_concat import concat
from scopert.ops.no_op import group
from scopert.ops.summary_ops import merge_all
from scopert.public import public
from scopert.scope.variable_lists import (
    global_variables,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
    tables_initializer,
)
from scopert.train.saver import Saver

_PARTS = (
    "init_op", "ready_op", "ready_for_local_init_op", "local_init_op", "summary_op", "saver", "init_feed_dict",
    "local_init_feed_dict",
)  # fmt: skip


@public("train.Scaffold")
class Scaffold:
    """Gathers what training needs; what is not given is made by `finalize`, or found in collections.

    Parameters
    ----------
    init_op : Operation, optional
    init_feed_dict : dict, optional
    init_fn : callable, optional
        ``f(scaffold, session)``, called after `init_op`.
    ready_op, ready_for_local_init_op : Tensor, optional
        The names of what is not initialized.
    local_init_op : Operation, optional
    summary_op : Tensor, optional
    saver : Saver, optional
    copy_from_scaffold : Scaffold, optional
        Where the rest is taken from.
    local_init_feed_dict : dict, optional

    Raises
    ------
    TypeError
        If `copy_from_scaffold` is no Scaffold.
    """

    def __init__(
        self, init_op: Any = None, init_feed_dict: Any = None, init_fn: Callable[[Any, Any], Any] | None = None,
        ready_op: Any = None, ready_for_local_init_op: Any = None, local_init_op: Any = None, summary_op: Any = None,
        saver: Any = None, copy_from_scaffold: Scaffold | None = None, local_init_feed_dict: Any = None,
    ) -> None:  # fmt: skip
        if copy_from_scaffold is not None and not isinstance(copy_from_scaffold, Scaffold):
            raise TypeError("copy_from_scaffold is not a Scaffold instance.")
        self._parts: dict[str, Any] = {
            "init_op": init_op, "ready_op": ready_op, "ready_for_local_init_op": ready_for_local_init_op,
            "local_init_op": local_init_op, "summary_op": summary_op, "saver": saver,
            "init_feed_dict": init_feed_dict, "local_init_feed_dict": local_init_feed_dict,
        }  # fmt: skip
        if copy_from_scaffold is not None:
            for name in _PARTS:
                if self._parts[name] is None:
                    self._parts[name] = copy_from_scaffold._parts[name]
        self._init_fn: Callable[[Any], Any] | None = None
        if init_fn is not None:
            own = init_fn
            self._init_fn = lambda session: own(self, session)
        elif copy_from_scaffold is not None:
            self._init_fn = copy_from_scaffold._init_fn

    def finalize(self) -> Scaffold:
        """Makes what is missing, and finalizes the graph."""
        parts = self._parts
        defaults: tuple[tuple[str, str, Callable[[], Any]], ...] = (
            ("init_op", GraphKeys.INIT_OP, lambda: group(global_variables_initializer())),
            ("ready_op", GraphKeys.READY_OP, lambda: _report(None)),
            (
                "ready_for_local_init_op", GraphKeys.READY_FOR_LOCAL_INIT_OP,
                lambda: _report(global_variables()),
            ),
            (
                "local_init_op", GraphKeys.LOCAL_INIT_OP,
                lambda: group(local_variables_initializer(), tables_initializer()),
            ),
            ("summary_op", GraphKeys.SUMMARY_OP, merge_all),
        )  # fmt: skip
        for name, collection, default in defaults:
            if parts[name] is None:
                parts[name] = Scaffold.get_or_default(name, collection, default)
        if parts["saver"] is None:
            parts["saver"] = saver_or_default()
        parts["saver"].build()
        get_default_graph().finalize()
        return self

    @property
    def init_fn(self) -> Callable[[Any], Any] | None:
        return self._init_fn

    @property
    def init_op(self) -> Any:
        return self._parts["init_op"]

    @property
    def ready_op(self) -> Any:
        return self._parts["ready_op"]

    @property
    def ready_for_local_init_op(self) -> Any:
        return self._parts["ready_for_local_init_op"]

    @property
    def local_init_op(self) -> Any:
        return self._parts["local_init_op"]

    @property
    def local_init_feed_dict(self) -> Any:
        return self._parts["local_init_feed_dict"]

    @property
    def summary_op(self) -> Any:
        return self._parts["summary_op"]

    @property
    def saver(self) -> Any:
        return self._parts["saver"]

    @property
    def init_feed_dict(self) -> Any:
        return self._parts["init_feed_dict"]

    @staticmethod
    def get_or_default(arg_name: str, collection_key: str, default_constructor: Callable[[], Any]) -> Any:
        """The one element of a collection; made, and put there, if it is empty.

        Raises
        ------
        RuntimeError
            If it has several.
        """
        found = get_collection(collection_key)
        if len(found) > 1:
            raise RuntimeError(
                f'More than one item in the collection "{collection_key}". Please indicate which one to use by '
                f"passing it to the tf.Scaffold constructor as:  tf.Scaffold({arg_name}=item to use)"
            )
        if found:
            return found[0]
        made = default_constructor()
        if made is not None:
            add_to_collection(collection_key, made)
        return made


def saver_or_default() -> Saver:
    """The Saver of the collection ``GraphKeys.SAVERS``; made, sharded, if there is none.

    Raises
    ------
    RuntimeError
        If there are several.
    """
    found = get_collection(GraphKeys.SAVERS)
    if len(found) > 1:
        raise RuntimeError(
            f"More than one item in collection {GraphKeys.SAVERS}. Please indicate which one to use by passing it to "
            "the constructor."
        )
    if found:
        saver: Saver = found[0]
        return saver
    saver = Saver(sharded=True, allow_empty=True)
    add_to_collection(GraphKeys.SAVERS, saver)
    return saver


def _report(variables: Any) -> Any:
    """The names of what is not initialized."""
    names = report_uninitialized_variables() if variables is None else report_uninitialized_variables(variables)
    return concat([names, constant([], dtype=string)], 0)
