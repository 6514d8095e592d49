"""Model variables, and how contrib's layers name and collect what they make."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.scopes import device as device_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.layers.arg_scope import add_arg_scope
from scopert.public import public
from scopert.scope.get_variable import get_variable

# Under which names layers gave out a tensor; `convert_collection_to_dict` asks.
_aliases: weakref.WeakKeyDictionary[Tensor, list[str]] = weakref.WeakKeyDictionary()


@public("contrib.framework.variable", "contrib.slim.variable")
@add_arg_scope
def variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: bool = True, collections: Any = None, caching_device: Any = None, device: Any = None,
    partitioner: Any = None, custom_getter: Any = None, use_resource: bool | None = None, **options: Any,
) -> Any:  # fmt: skip
    """`tf.get_variable` on a device, with collections without repetition; see there.

    Parameters
    ----------
    device : str, optional
    custom_getter : callable, optional
        Called instead of `tf.get_variable`.
    """
    keys = list(dict.fromkeys([GraphKeys.GLOBAL_VARIABLES] if collections is None else collections))
    getter = get_variable if custom_getter is None else custom_getter
    with device_scope(device or ""):
        return getter(
            name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer, trainable=trainable,
            collections=keys, caching_device=caching_device, partitioner=partitioner, use_resource=use_resource,
            **options,
        )  # fmt: skip


@public("contrib.framework.model_variable", "contrib.slim.model_variable")
@add_arg_scope
def model_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: bool = True, collections: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """`contrib.framework.variable` that also goes to ``GraphKeys.MODEL_VARIABLES``; see there."""
    keys = [*(collections or []), GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
    return variable(
        name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer, trainable=trainable,
        collections=keys, **options,
    )  # fmt: skip


def model_getter(rename: dict[str, str] | None = None) -> Callable[..., Any]:
    """A custom getter that makes model variables, with other last parts of their names."""

    def make(getter: Callable[..., Any], name: str, *_: Any, **kwargs: Any) -> Any:
        path, slash, last = name.rpartition("/")
        kept = (
            "shape", "dtype", "initializer", "regularizer", "trainable", "collections", "caching_device",
            "partitioner", "use_resource", "synchronization", "aggregation",
        )  # fmt: skip
        options = {key: kwargs[key] for key in kept if key in kwargs}
        return model_variable(path + slash + (rename or {}).get(last, last), custom_getter=getter, **options)

    return make


def variable_collections(collections: Any, name: str) -> list[str]:
    """The collections for one variable out of a list, or a dict by the variable's short name."""
    if isinstance(collections, dict):
        return list(collections.get(name, None) or [])
    return list(collections or [])


def collect_variable(made: Any, collections: Any, name: str) -> None:
    """Adds a layer's variable to the collections that were asked for."""
    graph = get_default_graph()
    for key in variable_collections(collections, name):
        if not any(made is known for known in graph.get_collection_ref(key)):
            graph.add_to_collection(key, made)


@public("contrib.layers.utils.collect_named_outputs", "contrib.slim.utils.collect_named_outputs")
def collect_named_outputs(collections: Any, alias: str, outputs: Tensor) -> Tensor:
    """Adds a tensor to collections under an alias.

    Returns
    -------
    Tensor
        The tensor itself.
    """
    if collections:
        _aliases.setdefault(outputs, []).append(alias)
        keys = [collections] if isinstance(collections, str) else collections
        get_default_graph().add_to_collections(keys, outputs)
    return outputs


@public("contrib.layers.utils.convert_collection_to_dict", "contrib.slim.utils.convert_collection_to_dict")
def convert_collection_to_dict(collection: str, clear_collection: bool = False) -> dict[str, Tensor]:
    """The tensors of a collection by their aliases, or by their names."""
    graph = get_default_graph()
    found = {
        alias: tensor
        for tensor in graph.get_collection(collection)
        for alias in _aliases.get(tensor) or [tensor.op.name]
    }
    if clear_collection:
        graph.get_collection_ref(collection).clear()
    return found
