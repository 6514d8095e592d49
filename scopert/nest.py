"""Nested structures: lists, tuples, named tuples, mappings and attrs classes inside one another.

Mappings are walked in the order of their sorted keys, whatever order they were filled in. Arrays,
tensors and strings are leaves. A *composite* (a class with ``_to_components`` and
``_from_components``, such as a sparse tensor) is a leaf too, unless ``expand_composites`` is given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, MappingView, Sequence
from typing import Any, TypeAlias

from scopert.public import public

Path: TypeAlias = tuple[Any, ...]

_PLAIN = frozenset((list, tuple, dict))


@public("contrib.framework.nest.is_sequence")
def is_sequence(seq: Any) -> bool:
    """Return whether `seq` is a structure: a sequence, mapping, mapping view or attrs instance."""
    if type(seq) in _PLAIN:
        return True
    if isinstance(seq, str | bytes):
        return False
    return isinstance(seq, Sequence | Mapping | MappingView) or _is_attrs(seq)


def is_composite(value: Any) -> bool:
    """Return whether `value` is a composite, such as a sparse tensor."""
    return hasattr(type(value), "_to_components")


def is_sequence_or_composite(seq: Any) -> bool:
    """Return whether `seq` is a structure or a composite."""
    return is_sequence(seq) or is_composite(seq)


def _test(expand_composites: bool) -> Callable[[Any], bool]:
    return is_sequence_or_composite if expand_composites else is_sequence


def _is_attrs(value: Any) -> bool:
    return hasattr(type(value), "__attrs_attrs__")


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and isinstance(getattr(value, "_fields", None), tuple)


def _sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError as error:
        raise TypeError("nest only supports dicts with sortable keys.") from error


def _items(structure: Any) -> Iterable[tuple[Any, Any]]:
    """Yield each child with its key, field name or index."""
    if isinstance(structure, Mapping):
        return [(key, structure[key]) for key in _sorted_keys(structure)]
    if _is_attrs(structure):
        return [(field.name, getattr(structure, field.name)) for field in type(structure).__attrs_attrs__]
    if _is_namedtuple(structure):
        return zip(structure._fields, structure, strict=True)
    if is_composite(structure) and not is_sequence(structure):
        return [(type(structure).__name__, structure._to_components())]
    return enumerate(structure)


def _children(structure: Any) -> Iterable[Any]:
    if type(structure) is list or type(structure) is tuple:
        return structure
    return [child for _, child in _items(structure)]


def _like(structure: Any, children: list[Any]) -> Any:
    """Return `children` in a container of the kind of `structure`."""
    if isinstance(structure, Mapping):
        values = dict(zip(_sorted_keys(structure), children, strict=True))
        if isinstance(structure, defaultdict):
            return defaultdict(structure.default_factory, ((key, values[key]) for key in structure))
        return type(structure)((key, values[key]) for key in structure)  # type: ignore[call-arg]
    if _is_namedtuple(structure) or _is_attrs(structure):
        return type(structure)(*children)
    if isinstance(structure, MappingView | range):
        return children
    if is_composite(structure) and not is_sequence(structure):
        return structure._from_components(children[0])
    return type(structure)(children)


@public("nest.is_nested")
def is_nested(seq: Any) -> bool:
    """Return whether `seq` is a structure: a sequence (not a string) or a mapping."""
    return is_sequence(seq)


@public("nest.flatten", "contrib.framework.nest.flatten")
def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """Return the leaves of a structure in one list; a leaf by itself gives a list of one.

    Parameters
    ----------
    structure : structure or leaf
        What to flatten; mappings in the order of their sorted keys.
    expand_composites : bool, optional
        Whether sparse tensors and the like are taken apart into their tensors.

    Raises
    ------
    TypeError
        If a mapping has keys that cannot be sorted.

    Examples
    --------
    >>> from scopert import nest
    >>> nest.flatten({"b": 3, "a": [1, (2,)]})
    [1, 2, 3]
    """
    leaves: list[Any] = []
    _collect(structure, _test(expand_composites), leaves)
    return leaves


def _collect(structure: Any, is_structure: Callable[[Any], bool], leaves: list[Any]) -> None:
    if is_structure(structure):
        for child in _children(structure):
            _collect(child, is_structure, leaves)
    else:
        leaves.append(structure)


@public("nest.pack_sequence_as", "contrib.framework.nest.pack_sequence_as")
def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """Return the leaves of `flat_sequence` arranged as those of `structure`.

    Raises
    ------
    TypeError
        If `flat_sequence` is not a sequence.
    ValueError
        If the two differ in their numbers of leaves.

    Examples
    --------
    >>> from scopert import nest
    >>> nest.pack_sequence_as({"b": 0, "a": (0, 0)}, [1, 2, 3])
    {'b': 3, 'a': (1, 2)}
    """
    is_structure = _test(expand_composites)
    if not is_structure(flat_sequence):
        raise TypeError("flat_sequence must be a sequence")
    if not is_structure(structure):
        if len(flat_sequence) != 1:
            raise ValueError(f"Structure is a scalar but len(flat_sequence) == {len(flat_sequence)} > 1")
        return flat_sequence[0]
    wanted = len(flatten(structure, expand_composites))
    if wanted != len(flat_sequence):
        raise ValueError(
            f"Could not pack sequence. Structure had {wanted} elements, but flat_sequence had "
            f"{len(flat_sequence)} elements.  Structure: {structure}, flat_sequence: {flat_sequence}."
        )
    return _pack(structure, iter(flat_sequence), is_structure)


def _pack(structure: Any, leaves: Iterator[Any], is_structure: Callable[[Any], bool]) -> Any:
    packed = [
        _pack(child, leaves, is_structure) if is_structure(child) else next(leaves)
        for child in _children(structure)
    ]
    return _like(structure, packed)


@public("nest.assert_same_structure", "contrib.framework.nest.assert_same_structure")
def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Check that two structures are nested in the same way.

    Parameters
    ----------
    nest1, nest2 : structure or leaf
        What to compare; the leaves themselves do not matter.
    check_types : bool, optional
        Whether the containers must be of the same type and mappings have the same keys. Named
        tuples of the same name and fields, any two mappings and any two kinds of list agree.
    expand_composites : bool, optional
        Whether sparse tensors and the like are structures.

    Raises
    ------
    ValueError
        If they are nested differently, or mappings differ in their keys.
    TypeError
        If only the types of containers differ.
    """
    try:
        _compare(nest1, nest2, check_types, _test(expand_composites))
    except _Difference as difference:
        kind = TypeError if difference.is_of_types else ValueError
        raise kind(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {_show(nest1)}\n\nSecond structure: {_show(nest2)}\n\n"
            f"More specifically: {difference}\n"
            f"Entire first structure:\n{_skeleton(nest1)}\n"
            f"Entire second structure:\n{_skeleton(nest2)}"
        ) from None


class _Difference(Exception):
    def __init__(self, message: str, is_of_types: bool = False) -> None:
        super().__init__(message)
        self.is_of_types = is_of_types


class _Dot:
    def __repr__(self) -> str:
        return "."


def _skeleton(structure: Any) -> str:
    return str(map_structure(lambda _: _Dot(), structure))


def _show(value: Any) -> str:
    return f"type={type(value).__name__} str={value}"


def _same_container(a: Any, b: Any) -> bool:
    if type(a) is type(b):
        return True
    if _is_namedtuple(a) and _is_namedtuple(b):
        return bool(type(a).__name__ == type(b).__name__ and a._fields == b._fields)
    return any(isinstance(a, kind) and isinstance(b, kind) for kind in (list, Mapping))


def _compare(a: Any, b: Any, check_types: bool, is_structure: Callable[[Any], bool]) -> None:
    if is_structure(a) != is_structure(b):
        one, other = (a, b) if is_structure(a) else (b, a)
        raise _Difference(
            f'Substructure "{_show(one)}" is a sequence, while substructure "{_show(other)}" is not'
        )
    if not is_structure(a):
        return
    if check_types:
        if not _same_container(a, b):
            raise _Difference(
                f"The two namedtuples don't have the same sequence type. First structure {_show(a)} has "
                f"type {type(a).__name__}, while second structure {_show(b)} has type {type(b).__name__}",
                is_of_types=True,
            )
        if isinstance(a, Mapping) and set(a) != set(b):
            raise _Difference(
                "The two dictionaries don't have the same set of keys. First structure has keys "
                f"{_show(list(a))}, while second structure has keys {_show(list(b))}"
            )
    ours, theirs = list(_children(a)), list(_children(b))
    for child, other_child in zip(ours, theirs, strict=False):
        _compare(child, other_child, check_types, is_structure)
    if len(ours) != len(theirs):
        raise _Difference(
            "The two structures don't have the same number of elements. "
            f"First structure: {_show(a)}. Second structure: {_show(b)}"
        )


@public("nest.map_structure", "contrib.framework.nest.map_structure")
def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """Return the structure of what `func` makes of each leaf, or of leaves in the same place of several.

    Parameters
    ----------
    func : callable
        Gets one leaf of each structure.
    *structure : structure or leaf
        Structures that are nested in the same way.
    check_types, expand_composites : bool, optional
        As in `assert_same_structure` and `flatten`.

    Raises
    ------
    TypeError, ValueError
        If the structures differ, no structure is given, or `func` cannot be called.

    Examples
    --------
    >>> from scopert import nest
    >>> nest.map_structure(lambda x, y: x + y, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    check_types = kwargs.pop("check_types", True)
    expand_composites = kwargs.pop("expand_composites", False)
    if kwargs:
        raise ValueError(
            "Only valid keyword arguments are `check_types` and `expand_composites`, not: "
            f"`{'`, `'.join(kwargs)}`"
        )
    first, *others = structure
    for other in others:
        assert_same_structure(first, other, check_types, expand_composites)
    leaves = zip(*(flatten(one, expand_composites) for one in structure), strict=True)
    return pack_sequence_as(first, [func(*group) for group in leaves], expand_composites)


@public("contrib.framework.nest.map_structure_with_paths")
def map_structure_with_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """Like `map_structure`, with the path of the leaf (``"a/0"``) as the first argument of `func`."""
    return map_structure_with_tuple_paths(
        lambda path, *leaves: func("/".join(str(key) for key in path), *leaves), *structure, **kwargs
    )


@public("contrib.framework.nest.map_structure_with_tuple_paths")
def map_structure_with_tuple_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """Like `map_structure`, with the tuple of keys of the leaf as the first argument of `func`."""
    expand_composites = kwargs.get("expand_composites", False)
    paths = yield_flat_paths(structure[0], expand_composites) if structure else ()
    remaining = iter(list(paths))
    return map_structure(lambda *leaves: func(next(remaining), *leaves), *structure, **kwargs)


@public("contrib.framework.nest.yield_flat_paths")
def yield_flat_paths(nest: Any, expand_composites: bool = False) -> Iterator[Path]:
    """Yield the path of each leaf, a tuple of keys and indices, in the order of `flatten`."""
    for path, _ in _walk(nest, nest, _test(expand_composites), ()):
        yield path


def _walk(
    shallow: Any, deep: Any, is_structure: Callable[[Any], bool], path: Path
) -> Iterator[tuple[Path, Any]]:
    """Yield the part of `deep`, with its path, that stands at each leaf of `shallow`."""
    if not is_structure(shallow):
        yield path, deep
        return
    parts = dict(_items(deep))
    for key, child in _items(shallow):
        yield from _walk(child, parts[key], is_structure, (*path, key))


@public("contrib.framework.nest.flatten_with_tuple_paths")
def flatten_with_tuple_paths(structure: Any, expand_composites: bool = False) -> list[tuple[Path, Any]]:
    """Return ``(path, leaf)`` for each leaf, the path being a tuple of keys."""
    return list(_walk(structure, structure, _test(expand_composites), ()))


@public("contrib.framework.nest.flatten_with_joined_string_paths")
def flatten_with_joined_string_paths(
    structure: Any, separator: str = "/", expand_composites: bool = False
) -> list[tuple[str, Any]]:
    """Return ``(path, leaf)`` for each leaf, the path being its keys joined by `separator`."""
    pairs = flatten_with_tuple_paths(structure, expand_composites)
    return [(separator.join(str(key) for key in path), leaf) for path, leaf in pairs]


@public("contrib.framework.nest.flatten_dict_items")
def flatten_dict_items(dictionary: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a dictionary in which structured keys are taken apart along with their values.

    Raises
    ------
    TypeError
        If `dictionary` is not a mapping.
    ValueError
        If a key and its value differ in their numbers of leaves, or a key appears twice.

    Examples
    --------
    >>> from scopert import nest
    >>> nest.flatten_dict_items({(4, (5,)): ("a", ("b",)), 6: "c"})
    {4: 'a', 5: 'b', 6: 'c'}
    """
    if not isinstance(dictionary, Mapping):
        raise TypeError("input must be a dictionary")
    flat: dict[Any, Any] = {}
    for key, value in dictionary.items():
        keys, values = (flatten(key), flatten(value)) if is_sequence(key) else ([key], [value])
        if len(keys) != len(values):
            raise ValueError(
                f"Could not flatten dictionary. Key had {len(keys)} elements, but value had {len(values)} "
                f"elements. Key: {keys}, value: {values}."
            )
        for one, leaf in zip(keys, values, strict=True):
            if one in flat:
                raise ValueError(f"Could not flatten dictionary: key {one} is not unique.")
            flat[one] = leaf
    return flat


@public("contrib.framework.nest.assert_shallow_structure")
def assert_shallow_structure(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> None:
    """Check that `input_tree` is `shallow_tree` with its leaves replaced by structures or leaves.

    Parameters
    ----------
    shallow_tree, input_tree : structure or leaf
        The shallower and the deeper one.
    check_types, expand_composites : bool, optional
        As in `assert_same_structure`.
    check_subtrees_length : bool, optional
        Whether containers must be equally long; if not, the deeper one may have more children.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    is_structure = _test(expand_composites)
    if not is_structure(shallow_tree):
        return
    if not is_structure(input_tree):
        raise TypeError(
            "If shallow structure is a sequence, input must also be a sequence. "
            f"Input has type: {type(input_tree)}."
        )
    agrees = isinstance(input_tree, type(shallow_tree)) or (
        not isinstance(shallow_tree, list) and _same_container(shallow_tree, input_tree)
    )
    if check_types and not agrees:
        raise TypeError(
            "The two structures don't have the same sequence type. Input structure has type "
            f"{type(input_tree)}, while shallow structure has type {type(shallow_tree)}."
        )
    ours, theirs = list(_children(shallow_tree)), list(_children(input_tree))
    if check_subtrees_length and len(ours) != len(theirs):
        raise ValueError(
            "The two structures don't have the same sequence length. Input structure has length "
            f"{len(theirs)}, while shallow structure has length {len(ours)}."
        )
    if len(theirs) < len(ours):
        raise ValueError(
            "The input_tree has fewer elements than the shallow_tree. Input structure has length "
            f"{len(theirs)}, while shallow structure has length {len(ours)}."
        )
    if isinstance(shallow_tree, Mapping):
        absent = set(shallow_tree) - set(input_tree)
        if absent:
            raise ValueError(
                "The shallow_tree's keys are not a subset of the input_tree's keys. The shallow_tree has "
                f"the following keys that are not in the input_tree: {sorted(absent)}."
            )
    for child, other_child in zip(ours, theirs, strict=False):
        assert_shallow_structure(child, other_child, check_types, expand_composites, check_subtrees_length)


def flatten_with_tuple_paths_up_to(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> list[tuple[Path, Any]]:
    """Return ``(path, part)`` for the part of `input_tree` at each leaf of `shallow_tree`."""
    assert_shallow_structure(shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length)
    return list(_walk(shallow_tree, input_tree, _test(expand_composites), ()))


@public("contrib.framework.nest.flatten_up_to")
def flatten_up_to(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> list[Any]:
    """Return the part of `input_tree` at each leaf of `shallow_tree`.

    Examples
    --------
    >>> from scopert import nest
    >>> nest.flatten_up_to([0, 0], [[1, 2], (3,)])
    [[1, 2], (3,)]
    """
    pairs = flatten_with_tuple_paths_up_to(
        shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length
    )
    return [part for _, part in pairs]


@public("contrib.framework.nest.map_structure_up_to")
def map_structure_up_to(shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any) -> Any:
    """Like `map_structure`, but `func` gets the parts of `inputs` at the leaves of `shallow_tree`."""
    return map_structure_with_tuple_paths_up_to(
        shallow_tree, lambda _, *parts: func(*parts), *inputs, **kwargs
    )


def map_structure_with_tuple_paths_up_to(
    shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any
) -> Any:
    """Like `map_structure_up_to`, with the path of the leaf as the first argument of `func`."""
    if not inputs:
        raise ValueError("Cannot map over no sequences")
    check_types = kwargs.pop("check_types", True)
    expand_composites = kwargs.pop("expand_composites", False)
    check_subtrees_length = kwargs.pop("check_subtrees_length", True)
    options = (check_types, expand_composites, check_subtrees_length)
    pairs = [flatten_with_tuple_paths_up_to(shallow_tree, one, *options) for one in inputs]
    results = [
        func(group[0][0], *(part for _, part in group), **kwargs) for group in zip(*pairs, strict=True)
    ]
    return pack_sequence_as(shallow_tree, results, expand_composites)


@public("contrib.framework.nest.get_traverse_shallow_structure")
def get_traverse_shallow_structure(
    traverse_fn: Callable[[Any], Any], structure: Any, expand_composites: bool = False
) -> Any:
    """Return the shallow structure of booleans that says how deep `traverse_fn` wants to go.

    Parameters
    ----------
    traverse_fn : callable
        Gets a part of `structure` and returns whether to go into it, or such an answer for each child.
    structure : structure or leaf
        What to traverse.
    expand_composites : bool, optional
        As in `flatten`.

    Raises
    ------
    TypeError
        If `traverse_fn` answers with anything else.
    """
    is_structure = _test(expand_composites)
    answer = traverse_fn(structure)
    if not is_structure(structure):
        if not isinstance(answer, bool):
            raise TypeError(f"traverse_fn returned structure: {answer} for non-structure: {structure}")
        return answer
    if answer is False:
        return False
    children = list(_children(structure))
    if answer is True:
        wanted = [True] * len(children)
    elif not is_structure(answer):
        raise TypeError(f"traverse_fn returned a non-bool scalar: {answer} for input: {structure}")
    else:
        assert_shallow_structure(answer, structure, expand_composites=expand_composites)
        wanted = list(_children(answer))
    parts: list[Any] = []
    for enter, child in zip(wanted, children, strict=True):
        if not isinstance(enter, bool):
            raise TypeError(
                f"traverse_fn didn't return a depth=1 structure of bools.  saw: {answer}  for structure: "
                f"{structure}"
            )
        parts.append(
            get_traverse_shallow_structure(traverse_fn, child, expand_composites) if enter else False
        )
    return _like(structure, parts)
