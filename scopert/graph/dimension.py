"""`Dimension`: one entry of a `TensorShape`, an integer or unknown."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

from scopert.graph.dtypes import DType
from scopert.public import public


def dimension_or_none(value: Any) -> int | None:
    """Return the size that `value` (an int, something like one, a `Dimension` or None) stands for.

    Raises
    ------
    TypeError, ValueError
        If it is no number, not a whole one, or negative.
    """
    if value is None:
        return None
    if isinstance(value, Dimension):
        return value._value
    if isinstance(value, DType):
        raise TypeError(f"Cannot convert {value} to Dimension")
    number = int(value)
    if number != value and not isinstance(value, str | bytes):
        raise ValueError(f"Ambiguous dimension: {value}")
    if number < 0:
        raise ValueError(f"Dimension {number} must be >= 0")
    return number


@public("Dimension")
class Dimension:
    """The size of one axis of a tensor, which may be unknown.

    Arithmetic with an unknown size is unknown, and a comparison with one is None.

    Parameters
    ----------
    value : int, Dimension or None
        The size; None if it is unknown.

    Examples
    --------
    >>> from scopert.graph.dimension import Dimension
    >>> Dimension(6) // 2, Dimension(None) + 1, Dimension(None) == 3
    (Dimension(3), Dimension(None), None)
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = dimension_or_none(value)

    @property
    def value(self) -> int | None:
        """The size, or None if it is unknown."""
        return self._value

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether both could be the same size."""
        size = dimension_or_none(other)
        return self._value is None or size is None or self._value == size

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise `ValueError` if the two cannot be the same size."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {as_dimension(other)} are not compatible")

    def merge_with(self, other: Any) -> Dimension:
        """Return whichever is known; `ValueError` if both are and differ."""
        self.assert_is_compatible_with(other)
        return Dimension(other if self._value is None else self._value)

    def __repr__(self) -> str:
        return f"Dimension({self._value!r})"

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)

    def __int__(self) -> int:
        return self._value  # type: ignore[return-value]  # Python raises the TypeError if it is None

    def __index__(self) -> int:
        return self._value  # type: ignore[return-value]

    def __reduce__(self) -> tuple[Any, ...]:
        return Dimension, (self._value,)

    def _combine(self, other: Any, function: Callable[[int, int], Any], unknown: Any) -> Any:
        try:
            size = dimension_or_none(other)
        except (TypeError, ValueError):
            return NotImplemented  # the other operand, a tensor perhaps, may know what to do
        if self._value is None or size is None:
            return unknown
        return function(self._value, size)

    def _calculate(self, other: Any, function: Callable[[int, int], int]) -> Dimension:
        result = self._combine(other, function, None)
        return result if result is NotImplemented else Dimension(result)

    # TensorFlow's comparisons are None, which counts as false, where a size is unknown.
    def __eq__(self, other: object) -> Any:
        return self._combine(other, operator.eq, None)

    def __ne__(self, other: object) -> Any:
        return self._combine(other, operator.ne, None)

    def __lt__(self, other: Any) -> Any:
        return self._combine(other, operator.lt, None)

    def __le__(self, other: Any) -> Any:
        return self._combine(other, operator.le, None)

    def __gt__(self, other: Any) -> Any:
        return self._combine(other, operator.gt, None)

    def __ge__(self, other: Any) -> Any:
        return self._combine(other, operator.ge, None)

    def __add__(self, other: Any) -> Dimension:
        return self._calculate(other, operator.add)

    def __radd__(self, other: Any) -> Dimension:
        return self._calculate(other, operator.add)

    def __sub__(self, other: Any) -> Dimension:
        return self._calculate(other, operator.sub)

    def __rsub__(self, other: Any) -> Dimension:
        return self._calculate(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Dimension:
        return self._calculate(other, operator.mul)

    def __rmul__(self, other: Any) -> Dimension:
        return self._calculate(other, operator.mul)

    def __floordiv__(self, other: Any) -> Dimension:
        return self._calculate(other, operator.floordiv)

    def __rfloordiv__(self, other: Any) -> Dimension:
        return self._calculate(other, lambda a, b: b // a)

    def __mod__(self, other: Any) -> Dimension:
        return self._calculate(other, operator.mod)

    def __rmod__(self, other: Any) -> Dimension:
        return self._calculate(other, lambda a, b: b % a)

    # Under Python 2 `/` rounded down, so Python 3's true division is refused rather than guessed.
    def __truediv__(self, other: Any) -> NoReturn:
        raise TypeError(
            f"unsupported operand type(s) for /: 'Dimension' and '{type(other).__name__}', "
            "please use // instead"
        )

    def __rtruediv__(self, other: Any) -> NoReturn:
        raise TypeError(
            f"unsupported operand type(s) for /: '{type(other).__name__}' and 'Dimension', "
            "please use // instead"
        )


def as_dimension(value: Any) -> Dimension:
    """Return `value` itself if it is a `Dimension`, else one made of it."""
    return value if isinstance(value, Dimension) else Dimension(value)


@public("dimension_value", "compat.dimension_value")
def dimension_value(dimension: Any) -> Any:
    """Return the size of a `Dimension` (or None), and anything else as it is."""
    return dimension._value if isinstance(dimension, Dimension) else dimension
