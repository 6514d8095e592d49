"""What `Session.run` is asked for: nested structures of fetches, flattened and put together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scopert.graph.graph import Graph
from scopert.graph.indexed_slices import IndexedSlices, IndexedSlicesValue
from scopert.graph.operation import Operation
from scopert.graph.sparse_tensor import SparseTensor, SparseTensorValue
from scopert.graph.tensor import Tensor
from scopert.public import public
from scopert.runtime.handles import TensorHandle
from scopert.scope.variable import Variable

Build = Callable[[Sequence[Any]], Any]
#: Of a fetched object: what to fetch instead, and how to put the values together.
FetchFunction = Callable[[Any], tuple[Sequence[Any], Callable[[Sequence[Any]], Any]]]
#: Of a feed key and its value: pairs of tensors and values.
FeedFunction = Callable[[Any, Any], Sequence[tuple[Any, Any]]]
#: Of a feed key: the tensors it stands for.
FeedKeys = Callable[[Any], Sequence[Any]]

#: Types whose objects stand for one and the same tensor or operation for ever: what a run of them needs can be
#: looked up by the object. Variables join them when they are first fetched.
PLAIN_KINDS: set[type] = {Tensor, Operation, str}

_conversions: list[tuple[type, FetchFunction, FeedFunction | None, FeedKeys | None]] = []


@public("register_session_run_conversion_functions")
def register_session_run_conversion_functions(
    tensor_type: type,
    fetch_function: FetchFunction,
    feed_function: FeedFunction | None = None,
    feed_function_for_partial_run: FeedKeys | None = None,
) -> None:
    """Makes objects of a type usable as fetches and feeds.

    Parameters
    ----------
    tensor_type : type
    fetch_function : callable
        ``f(object) -> (list of fetches, function of their values)``.
    feed_function : callable, optional
        ``f(key, value) -> [(tensor, value), ...]``.
    feed_function_for_partial_run : callable, optional
        ``f(key) -> [tensor, ...]``.

    Raises
    ------
    ValueError
        If the type, or a base of it, is registered already.
    """
    for known, *_ in _conversions:
        if issubclass(tensor_type, known):
            raise ValueError(f"{tensor_type} has already been registered so ignore it.")
    _conversions.insert(0, (tensor_type, fetch_function, feed_function, feed_function_for_partial_run))


def expand_feed(key: Any, value: Any) -> Sequence[tuple[Any, Any]]:
    """The tensors that a feed key stands for, each with its value."""
    for kind, _, feed_function, _ in _conversions:
        if isinstance(key, kind):
            if feed_function is None:
                raise TypeError(f"Feed argument {key!r} has invalid type {type(key)!r}")
            return feed_function(key, value)
    return [(key, value)]


def expand_feed_key(key: Any) -> Sequence[Any]:
    """The tensors that a feed key stands for."""
    for kind, _, _, keys in _conversions:
        if isinstance(key, kind):
            if keys is None:
                raise TypeError(f"Feed argument {key!r} has invalid type {type(key)!r}")
            return keys(key)
    return [key]


def _slices_fetch(fetch: IndexedSlices) -> tuple[Sequence[Any], Callable[[Sequence[Any]], Any]]:
    parts = [fetch.values, fetch.indices]
    if fetch.dense_shape is None:
        return parts, lambda values: IndexedSlicesValue(values[0], values[1], None)
    return [*parts, fetch.dense_shape], lambda values: IndexedSlicesValue(*values)


def _slices_keys(key: IndexedSlices) -> list[Tensor]:
    return [key.values, key.indices] + ([] if key.dense_shape is None else [key.dense_shape])


def _pairs(key: Any, tensors: Sequence[Any], value: Any) -> list[tuple[Any, Any]]:
    """Parts of a value for the tensors of a key. The shape may be left out, or be given where none is asked for."""
    if len(value) not in (2, 3):
        raise ValueError(f"{key!r} is fed with 2 or 3 values, got {len(value)}")
    return list(zip(tensors, value, strict=False))


register_session_run_conversion_functions(
    IndexedSlices, _slices_fetch, lambda key, value: _pairs(key, _slices_keys(key), value), _slices_keys
)


def _sparse_fetch(fetch: SparseTensor) -> tuple[Sequence[Any], Callable[[Sequence[Any]], Any]]:
    return list(fetch._to_components()), lambda values: SparseTensorValue(*values)


register_session_run_conversion_functions(
    SparseTensor,
    _sparse_fetch,
    lambda key, value: _pairs(key, key._to_components(), value),
    lambda key: list(key._to_components()),
)


def run_key(fetches: Any, feed_dict: Any) -> Any:
    """What makes two runs the same, so that the second needs no plan; None if that takes a closer look."""
    if feed_dict is None:
        return _fetch_key(fetches)
    if type(feed_dict) is not dict:
        return None
    for item in feed_dict:
        if type(item) not in PLAIN_KINDS:
            return None
    key = _fetch_key(fetches)
    return key if key is None or not feed_dict else (key, *feed_dict)


def _fetch_key(fetch: Any) -> Any:
    """A structure with all its types as nested tuples, or None if it has elements of unknown kinds."""
    kind: Any = type(fetch)
    if kind in PLAIN_KINDS:
        return fetch
    key: list[Any] = [kind]
    if kind is dict:
        for name, item in fetch.items():
            part = _fetch_key(item)
            if part is None or type(name) is not str:  # other keys may be equal and yet differ: 1 and True
                return None
            key.append(name)
            key.append(part)
    elif kind is list or kind is tuple or hasattr(kind, "_fields"):
        for item in fetch:
            part = item if type(item) in PLAIN_KINDS else _fetch_key(item)
            if part is None:
                return None
            key.append(part)
    else:
        return None
    return tuple(key)


class FetchPlan:
    """A structure of fetches.

    Attributes
    ----------
    tensors : list of Tensor
        Each once.
    operations : list of Operation
        What only runs.
    build : callable
        From the values of `tensors` to what the caller gets.
    """

    def __init__(self, graph: Graph, fetches: Any, session: Any = None) -> None:
        self._graph = graph
        self._session = session
        self._index: dict[Tensor, int] = {}
        self._operations: dict[Operation, None] = {}
        self.build = self._plan(fetches)
        self.tensors = list(self._index)
        self.operations = list(self._operations)

    def _plan(self, fetch: Any) -> Build:
        if fetch is None:
            raise TypeError(f"Fetch argument {fetch!r} has invalid type {type(fetch)!r}")
        if isinstance(fetch, (list, tuple)):
            return self._plan_sequence(fetch)
        if isinstance(fetch, Mapping):
            kind, keys = type(fetch), list(fetch)
            parts = [self._plan(fetch[key]) for key in keys]
            return lambda values: _make_mapping(kind, keys, [part(values) for part in parts])
        if hasattr(type(fetch), "__attrs_attrs__"):
            made = type(fetch)
            fields = [self._plan(getattr(fetch, field.name)) for field in made.__attrs_attrs__]
            return lambda values: made(*[field(values) for field in fields])
        for kind, function, _, _ in _conversions:
            if isinstance(fetch, kind):
                items, contract = function(fetch)
                inner = [self._plan_leaf(fetch, item) for item in items]
                return lambda values: contract([part(values) for part in inner])
        return self._plan_leaf(fetch, fetch)

    def _plan_sequence(self, fetch: Sequence[Any]) -> Build:
        parts = [self._plan(item) for item in fetch]
        kind: Any = type(fetch)
        if hasattr(kind, "_fields"):
            return lambda values: kind(*[part(values) for part in parts])
        if kind is list:
            return lambda values: [part(values) for part in parts]
        return lambda values: kind([part(values) for part in parts])

    def _plan_leaf(self, whole: Any, item: Any) -> Build:
        try:
            element = self._graph.as_graph_element(item, allow_tensor=True, allow_operation=True)
        except TypeError as error:
            raise TypeError(
                f"Fetch argument {whole!r} has invalid type {type(whole)!r}, must be a string or Tensor. ({error})"
            ) from None
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"Fetch argument {whole!r} cannot be interpreted as a Tensor. ({error.args[0]})"
            ) from None
        if not self._graph.is_fetchable(element):
            raise ValueError(f"Operation {element.name!r} has been marked as not fetchable.")
        if isinstance(item, Variable):
            PLAIN_KINDS.add(type(item))
        if isinstance(element, Operation):
            self._operations[element] = None
            return lambda values: None
        index = self._index.setdefault(element, len(self._index))
        if element.op.type == "GetSessionHandle":
            session, dtype = self._session, element.op.inputs[0].dtype.base
            return lambda values: TensorHandle(values[index], dtype, session)
        return lambda values: values[index]


def _make_mapping(kind: Any, keys: list[Any], values: list[Any]) -> Any:
    if kind is dict:
        return dict(zip(keys, values, strict=True))
    made = kind()
    for key, value in zip(keys, values, strict=True):
        made[key] = value
    return made
