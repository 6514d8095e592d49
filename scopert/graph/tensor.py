"""Tensors: the outputs of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from scopert.graph.dtypes import DType
from scopert.graph.shape import TensorShape, as_tuple, merge, text
from scopert.public import public

if TYPE_CHECKING:
    from scopert.graph.graph import Graph
    from scopert.graph.operation import Operation

Shape = tuple[int | None, ...] | None

#: What Python operators on tensors do. The op families fill it: the graph knows no ops.
_operators: dict[str, Callable[..., Any]] = {}


def define_operator(name: str, function: Callable[..., Any]) -> None:
    """Makes ``function(tensor, *operands)`` the meaning of a Python operator such as ``__add__``."""
    if name in _operators:
        raise ValueError(f"operator {name} is already defined")
    _operators[name] = function


def _refuse_assignment(*args: Any, **kwargs: Any) -> Any:
    raise ValueError("Sliced assignment is only supported for variables")


def _operator(name: str) -> Callable[..., Any]:
    def call(self: Tensor, *operands: Any) -> Any:
        return _operators[name](self, *operands)

    call.__name__ = name
    return call


@public("Tensor")
class Tensor:
    """One output of an operation: a name, a dtype and a static shape, no value.

    Its value exists only inside ``Session.run``.

    Attributes
    ----------
    op : Operation
        What produces it.
    name : str
        ``OPERATION:INDEX``.
    dtype : DType
    shape : TensorShape
        As far as it is known before a run.
    """

    __slots__ = ("__weakref__", "_consumers", "_dtype", "_op", "_shape", "_shape_object", "_value_index")

    __array_priority__ = 100

    def __init__(self, op: Operation, value_index: int, dtype: DType, shape: Shape = None) -> None:
        self._op = op
        self._value_index = value_index
        self._dtype = dtype
        self._shape = shape
        self._shape_object: TensorShape | None = None
        self._consumers: list[Operation] | None = None

    @property
    def op(self) -> Operation:
        return self._op

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def graph(self) -> Graph:
        return self._op._graph

    @property
    def name(self) -> str:
        return f"{self._op._name}:{self._value_index}"

    @property
    def device(self) -> str:
        return self._op.device

    @property
    def value_index(self) -> int:
        return self._value_index

    @property
    def index(self) -> int:
        return self._value_index

    @property
    def shape(self) -> TensorShape:
        found = self._shape_object
        if found is None:
            found = self._shape_object = TensorShape(self._shape)
        return found

    def get_shape(self) -> TensorShape:
        """The same as `shape`."""
        return self.shape

    def _shape_tuple(self) -> Shape:
        return self._shape

    def _shape_as_list(self) -> list[int | None] | None:
        return None if self._shape is None else list(self._shape)

    @property
    def _rank(self) -> int | None:
        return None if self._shape is None else len(self._shape)

    def set_shape(self, shape: Any) -> None:
        """Adds what the caller knows of the shape.

        Raises
        ------
        ValueError
            If it contradicts what is known.
        """
        self._shape = merge(self._shape, as_tuple(shape))
        self._shape_object = None

    def consumers(self) -> list[Operation]:
        """The operations that take this tensor as an input."""
        return list(dict.fromkeys(self._consumers or ()))

    def _as_graph_element(self) -> Tensor:
        return self

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Runs the tensor in `session`, or in the default session."""
        from scopert.graph.stack import default_session  # the stack knows tensors' graphs

        return default_session(session, self.graph, "evaluate tensor", "eval").run(self, feed_dict)

    def __getattr__(self, name: str) -> Any:
        # TensorFlow's slices have it too, and say the same.
        if name == "assign" and self._op.type == "StridedSlice":
            return _refuse_assignment
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={text(self._shape)} dtype={self._dtype.name}>"

    def __str__(self) -> str:
        parts = [f'"{self.name}"']
        if self._shape is not None:
            parts.append("shape=" + text(self._shape))
        parts.append("dtype=" + self._dtype.name)
        if self._op._device:
            parts.append("device=" + self._op._device)
        return f"Tensor({', '.join(parts)})"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __bool__(self) -> bool:
        raise TypeError(
            f"Using a `tf.Tensor` as a Python `bool` is not allowed: {self.name!r} has a value only inside "
            "Session.run. Use `if t is not None:` instead of `if t:` to test if a tensor is defined, and "
            "TensorFlow ops such as tf.cond to execute subgraphs conditioned on the value of a tensor."
        )

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            "Tensor objects are only iterable when eager execution is enabled. "
            f"To iterate over {self.name!r} use tf.map_fn, or tf.unstack where its first dimension is known."
        )

    def __len__(self) -> int:
        raise TypeError(
            f"len is not well defined for symbolic Tensors. ({self.name}) "
            "Please call `x.shape` rather than `len(x)` for shape information."
        )

    def __array__(self, *unused: Any, **also_unused: Any) -> Any:
        raise NotImplementedError(
            f"Cannot convert a symbolic Tensor ({self.name}) to a numpy array. Run it in a Session."
        )

    __add__ = _operator("__add__")
    __radd__ = _operator("__radd__")
    __sub__ = _operator("__sub__")
    __rsub__ = _operator("__rsub__")
    __mul__ = _operator("__mul__")
    __rmul__ = _operator("__rmul__")
    __div__ = _operator("__div__")
    __rdiv__ = _operator("__rdiv__")
    __truediv__ = _operator("__truediv__")
    __rtruediv__ = _operator("__rtruediv__")
    __floordiv__ = _operator("__floordiv__")
    __rfloordiv__ = _operator("__rfloordiv__")
    __mod__ = _operator("__mod__")
    __rmod__ = _operator("__rmod__")
    __pow__ = _operator("__pow__")
    __rpow__ = _operator("__rpow__")
    __matmul__ = _operator("__matmul__")
    __rmatmul__ = _operator("__rmatmul__")
    __and__ = _operator("__and__")
    __rand__ = _operator("__rand__")
    __or__ = _operator("__or__")
    __ror__ = _operator("__ror__")
    __xor__ = _operator("__xor__")
    __rxor__ = _operator("__rxor__")
    __lt__ = _operator("__lt__")
    __le__ = _operator("__le__")
    __gt__ = _operator("__gt__")
    __ge__ = _operator("__ge__")
    __neg__ = _operator("__neg__")
    __abs__ = _operator("__abs__")
    __invert__ = _operator("__invert__")
    __getitem__ = _operator("__getitem__")


__all__ = ["Shape", "Tensor", "define_operator"]
