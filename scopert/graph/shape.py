"""Static shapes: plain tuples inside, `TensorShape` for the public.

Inside, a shape is a tuple of sizes where None is an unknown size, or None if even the rank is
unknown. The functions at the top work on those; `TensorShape` wraps one with TensorFlow's methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from scopert.graph.dimension import Dimension, as_dimension, dimension_or_none, dimension_value
from scopert.public import public

__all__ = [
    "Dimension",
    "Shape",
    "TensorShape",
    "as_dimension",
    "as_shape",
    "as_tuple",
    "brackets",
    "broadcast",
    "dimension_at_index",
    "dimension_or_none",
    "dimension_value",
    "is_compatible",
    "is_known",
    "merge",
    "num_elements",
    "tensor_shape",
    "text",
    "unknown_shape",
]

Shape: TypeAlias = tuple[int | None, ...] | None


def as_tuple(value: Any) -> Shape:
    """Return the shape that `value` stands for, as a tuple, or None if its rank is unknown.

    Parameters
    ----------
    value : None, int, sequence of int, None and Dimension, or TensorShape
        A single number is the shape of a vector. A `TensorShapeProto` is understood too.

    Raises
    ------
    TypeError
        For a string, or an entry that is no number.
    ValueError
        For a negative size, or one that is not whole.
    """
    if value is None:
        return None
    if type(value) is TensorShape:
        return value._sizes
    if type(value) is tuple or type(value) is list:
        for size in value:
            if size is not None and (type(size) is not int or size < 0):
                break
        else:
            return tuple(value)
    elif isinstance(value, TensorShape):
        return value._sizes
    elif isinstance(value, str | bytes):
        raise TypeError(
            "A string has ambiguous TensorShape, please wrap in a list or convert to an int: " + str(value)
        )
    elif hasattr(value, "unknown_rank"):
        return None if value.unknown_rank else tuple(None if d.size == -1 else d.size for d in value.dim)
    else:
        try:
            iter(value)
        except TypeError:
            return (dimension_or_none(value),)
    return tuple(dimension_or_none(size) for size in value)


def is_known(shape: Shape) -> bool:
    """Return whether the rank and every size are known."""
    return shape is not None and None not in shape


def num_elements(shape: Shape) -> int | None:
    """Return the number of elements, or None where the shape is not fully known."""
    if shape is None:
        return None
    count = 1
    for size in shape:
        if size is None:
            return None
        count *= size
    return count


def is_compatible(a: Shape, b: Shape) -> bool:
    """Return whether some fully known shape fits both."""
    if a is None or b is None or a == b:
        return True
    if len(a) != len(b):
        return False
    return all(m is None or n is None or m == n for m, n in zip(a, b, strict=True))


def merge(a: Shape, b: Shape) -> Shape:
    """Return what both shapes together tell; `ValueError` if they contradict each other."""
    if b is None or a == b:
        return a
    if a is None:
        return b
    if not is_compatible(a, b):
        raise ValueError(f"Shapes {text(a)} and {text(b)} are not compatible")
    return tuple(n if m is None else m for m, n in zip(a, b, strict=True))


def broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape of the result of an elementwise operation on operands of shapes `a` and `b`.

    An unknown size beside a known one greater than 1 must be that size or 1, so the result is known.

    Raises
    ------
    ValueError
        If two known sizes differ and neither is 1.
    """
    if a is None or b is None:
        return None
    if a == b and None not in a:
        return a
    if len(a) < len(b):
        a, b = b, a
    result = list(a)
    offset = len(a) - len(b)
    for i, n in enumerate(b, offset):
        m = a[i]
        if m == n or n == 1:
            continue
        if m == 1:
            result[i] = n
        elif m is None:
            result[i] = n or None  # beside an unknown size, 0 may still meet 0 or 1
        elif n is None:
            result[i] = m or None
        else:
            raise ValueError(f"Incompatible shapes for broadcasting: {text(a)} and {text(b)}")
    return tuple(result)


def text(shape: Shape) -> str:
    """Return the shape as TensorFlow's Python prints it: ``(2, ?)``, ``(3,)``, ``<unknown>``."""
    if shape is None:
        return "<unknown>"
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def brackets(shape: Shape) -> str:
    """Return the shape as TensorFlow's operations print it: ``[2,?]``, ``?`` for unknown rank."""
    if shape is None:
        return "?"
    return f"[{','.join('?' if size is None else str(size) for size in shape)}]"


_iteration_gives_numbers = False


@public("enable_v2_tensorshape")
def enable_v2_tensorshape() -> None:
    """Let iterating and indexing a `TensorShape` give plain numbers instead of `Dimension` objects."""
    global _iteration_gives_numbers
    _iteration_gives_numbers = True


@public("disable_v2_tensorshape")
def disable_v2_tensorshape() -> None:
    """Let iterating and indexing a `TensorShape` give `Dimension` objects: the default."""
    global _iteration_gives_numbers
    _iteration_gives_numbers = False


@public("TensorShape")
class TensorShape:
    """What is known, before a run, about the shape of a tensor.

    Parameters
    ----------
    dims : None, int, sequence of int, None and Dimension, or TensorShape
        The sizes; None in the sequence is an unknown size, None itself an unknown rank.

    Examples
    --------
    >>> from scopert.graph.shape import TensorShape
    >>> shape = TensorShape([None, 3])
    >>> print(shape, shape.as_list(), shape.merge_with([2, None]))
    (?, 3) [None, 3] (2, 3)
    >>> shape[1].value, shape.is_fully_defined()
    (3, False)
    """

    __slots__ = ("_dims", "_sizes")

    _sizes: Shape
    _dims: list[Dimension] | None

    def __init__(self, dims: Any) -> None:
        # Dimension objects that were given are kept: an unknown size equals only itself.
        if isinstance(dims, TensorShape):
            self._sizes, self._dims = dims._sizes, dims.dims
        elif isinstance(dims, list | tuple) and any(isinstance(d, Dimension) for d in dims):
            self._dims = [as_dimension(d) for d in dims]
            self._sizes = tuple(d._value for d in self._dims)
        else:
            self._sizes, self._dims = as_tuple(dims), None

    @property
    def dims(self) -> list[Dimension] | None:
        """The sizes as `Dimension` objects, or None if the rank is unknown."""
        if self._dims is None and self._sizes is not None:
            self._dims = [Dimension(size) for size in self._sizes]
        return self._dims

    @property
    def rank(self) -> int | None:
        """The number of axes, or None if it is unknown."""
        return None if self._sizes is None else len(self._sizes)

    @property
    def ndims(self) -> int | None:
        """The number of axes, or None if it is unknown."""
        return None if self._sizes is None else len(self._sizes)

    def __repr__(self) -> str:
        if _iteration_gives_numbers and self._sizes is not None:
            return f"TensorShape({list(self._sizes)})"
        return f"TensorShape({self.dims})"

    def __str__(self) -> str:
        shown = text(self._sizes)
        return shown.replace("?", "None") if _iteration_gives_numbers else shown

    def __len__(self) -> int:
        if self._sizes is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self._sizes)

    def __bool__(self) -> bool:
        return self._sizes is not None

    def __iter__(self) -> Iterator[Any]:
        if self._sizes is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter(self._sizes if _iteration_gives_numbers else self.dims or ())

    def __getitem__(self, key: Any) -> Any:
        if self._sizes is not None:
            if isinstance(key, slice):
                return TensorShape((self.dims or [])[key])
            return self._sizes[key] if _iteration_gives_numbers else (self.dims or [])[key]
        if not isinstance(key, slice):
            return None if _iteration_gives_numbers else Dimension(None)
        if key.step is not None:
            raise ValueError("Steps are not yet handled")
        start = key.start or 0
        if key.stop is None or start < 0 or key.stop < 0:
            return tensor_shape(None)
        return unknown_shape(key.stop - start)

    def num_elements(self) -> int | None:
        """Return the number of elements, or None where the shape is not fully known."""
        return num_elements(self._sizes)

    def is_fully_defined(self) -> bool:
        """Return whether the rank and every size are known."""
        return is_known(self._sizes)

    def as_list(self) -> list[int | None]:
        """Return the sizes; `ValueError` if the rank is unknown."""
        if self._sizes is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self._sizes)

    def merge_with(self, other: Any) -> TensorShape:
        """Return what both shapes together tell; `ValueError` if they contradict each other."""
        return tensor_shape(merge(self._sizes, as_tuple(other)))

    def concatenate(self, other: Any) -> TensorShape:
        """Return the axes of this shape followed by those of `other`; unknown if either's rank is."""
        tail = as_shape(other)
        if self._sizes is None or tail._sizes is None:
            return tensor_shape(None)
        return TensorShape([*(self.dims or []), *(tail.dims or [])])

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape(other).concatenate(self)

    __concat__ = concatenate

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """Return the most that holds of both shapes: sizes in which they differ are unknown."""
        sizes = as_tuple(other)
        if self._sizes is None or sizes is None or len(self._sizes) != len(sizes):
            return tensor_shape(None)
        return tensor_shape(tuple(m if m == n else None for m, n in zip(self._sizes, sizes, strict=True)))

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether some fully known shape fits both."""
        return is_compatible(self._sizes, as_tuple(other))

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise `ValueError` if no shape fits both."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {as_shape(other)} are incompatible")

    def assert_same_rank(self, other: Any) -> None:
        """Raise `ValueError` if both ranks are known and differ."""
        another = as_shape(other)
        if self.rank is not None and another.rank is not None and self.rank != another.rank:
            raise ValueError(f"Shapes {self} and {another} must have the same rank")

    def assert_has_rank(self, rank: int) -> None:
        """Raise `ValueError` if the rank is known and not `rank`."""
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def assert_is_fully_defined(self) -> None:
        """Raise `ValueError` if the rank or a size is unknown."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def with_rank(self, rank: int) -> TensorShape:
        """Return this shape, with `rank` axes if the rank was unknown; `ValueError` if it is another."""
        self.assert_has_rank(rank)
        return unknown_shape(rank) if self._sizes is None else self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """Return this shape; `ValueError` if it has fewer than `rank` axes."""
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """Return this shape; `ValueError` if it has more than `rank` axes."""
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def __eq__(self, other: object) -> bool:
        try:
            another = as_shape(other)
        except TypeError:
            return NotImplemented
        if self._sizes != another._sizes:
            return False
        return is_known(self._sizes) or self.dims == another.dims

    def __ne__(self, other: object) -> Any:
        try:
            another = as_shape(other)
        except TypeError:
            return NotImplemented
        if self.rank is None or another.rank is None:
            raise ValueError("The inequality of unknown TensorShapes is undefined.")
        return self.rank != another.rank or self.dims != another.dims

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorShape, (self.dims,)

    @property
    def _v2_behavior(self) -> bool:
        return _iteration_gives_numbers

    def as_proto(self) -> Any:
        """Return the shape as a TensorShapeProto (with the ``tensorboard`` package)."""
        from scopert.graph.graph_def import shape_proto

        return shape_proto(self._sizes)


def tensor_shape(shape: Shape) -> TensorShape:
    """Wrap a tuple (or None) that is known to be a valid shape, at no cost for checks."""
    wrapped = object.__new__(TensorShape)
    wrapped._sizes = shape
    wrapped._dims = None
    return wrapped


def as_shape(value: Any) -> TensorShape:
    """Return `value` itself if it is a `TensorShape`, else one made of it."""
    return value if isinstance(value, TensorShape) else TensorShape(value)


def unknown_shape(rank: int | None = None) -> TensorShape:
    """Return a shape of which nothing, or only the rank, is known."""
    return tensor_shape(None if rank is None else (None,) * rank)


@public("dimension_at_index", "compat.dimension_at_index")
def dimension_at_index(shape: TensorShape, index: int) -> Dimension:
    """Return the `Dimension` of axis `index`; an unknown one if the rank is unknown."""
    assert isinstance(shape, TensorShape)
    return Dimension(None) if shape.dims is None else shape.dims[index]
