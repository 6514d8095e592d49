"""What all variables have in common, and the one constructor behind ``tf.Variable(...)``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from scopert.graph.dtypes import DType
from scopert.graph.graph import Graph
from scopert.graph.operation import Operation
from scopert.graph.scopes import init_scope
from scopert.graph.shape import TensorShape, text
from scopert.graph.stack import default_session
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.control_flow_cond import cond
from scopert.ops.state_assign import is_variable_initialized
from scopert.public import public
from scopert.scope.distribution import VariableAggregation, VariableSynchronization
from scopert.scope.sparse_updates import SparseUpdates

_INTERCHANGE = "{} is not supported: scopert does not exchange graphs with TensorFlow yet."


def no_interchange(what: str) -> NoReturn:
    """Raises NotImplementedError for what needs protocol buffers."""
    raise NotImplementedError(_INTERCHANGE.format(what))


class _Created(type):
    """``Variable(...)`` asks the chain of variable creators; subclasses are constructed as usual."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is not Variable:
            return super().__call__(*args, **kwargs)
        from scopert.scope.creators import create_variable  # it makes instances of subclasses

        return create_variable(*args, **kwargs)


@dataclass(frozen=True)
class SaveSliceInfo:
    """Which part of a larger variable a variable is.

    Attributes
    ----------
    full_name : str
    full_shape, var_offset, var_shape : list of int
    """

    full_name: str | None = None
    full_shape: list[int] | None = None
    var_offset: list[int] | None = None
    var_shape: list[int] | None = None

    @property
    def spec(self) -> str:
        """The part in the notation of checkpoints: ``"FULL SHAPE OFFSET,LENGTH:..."``."""
        assert self.full_shape is not None and self.var_offset is not None and self.var_shape is not None
        full = " ".join(str(n) for n in self.full_shape)
        parts = ":".join(f"{o},{n}" for o, n in zip(self.var_offset, self.var_shape, strict=True))
        return f"{full} {parts}"

    def to_proto(self, export_scope: str | None = None) -> NoReturn:
        """Not supported."""
        no_interchange("SaveSliceInfo.to_proto")


# Inside the class the plain name means its attribute.
_SliceInfo = SaveSliceInfo


@public("Variable")
class Variable(SparseUpdates, metaclass=_Created):
    """A value that outlives a run: an operation that holds it, one that initializes it, one that reads it.

    Parameters
    ----------
    initial_value : tensor-like, or callable without arguments that returns one
        Its shape becomes the variable's.
    trainable : bool, optional
        Also add it to ``GraphKeys.TRAINABLE_VARIABLES``. Default: yes.
    collections : list of str, optional
        Default: ``[GraphKeys.GLOBAL_VARIABLES]``.
    validate_shape : bool
        Without it the shape may be unknown, and may change from one assignment to the next.
    caching_device : str, optional
        Where the read is placed.
    name : str, optional
        Default ``"Variable"``; below the current *name* scope, and uniquified.
    dtype : DType, optional
        Of the initial value.
    constraint : callable, optional
        Applied by optimizers after an update.
    use_resource : bool, optional
        Make a ResourceVariable. Default: what the variable scope, then the process says.
    synchronization, aggregation : optional
    shape : shape, optional
        Instead of the initial value's.
    variable_def, import_scope
        Not supported.
    expected_shape
        Ignored, as in TensorFlow 1.15.

    Raises
    ------
    ValueError
        If there is no initial value, or its shape is not known while `validate_shape` is set, or an
        argument is not of its kind.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable([1.0, 2.0], name="v")
    >>> v
    <tf.Variable 'v:0' shape=(2,) dtype=float32_ref>
    """

    __array_priority__ = 100
    SaveSliceInfo = SaveSliceInfo

    _initial_value: Tensor | None
    _initializer_op: Operation
    _trainable: bool
    _synchronization: VariableSynchronization
    _aggregation: VariableAggregation
    _constraint: Callable[[Any], Any] | None
    _caching_device: Any
    _save_slice_info: _SliceInfo | None
    _in_graph_mode = True

    # What subclasses provide.

    @property
    def op(self) -> Operation:
        raise NotImplementedError

    @property
    def dtype(self) -> DType:
        raise NotImplementedError

    @property
    def name(self) -> str:
        raise NotImplementedError

    @property
    def shape(self) -> TensorShape:
        raise NotImplementedError

    @property
    def _shape(self) -> Shape:
        raise NotImplementedError

    def value(self) -> Tensor:
        """The value, as operations use it."""
        raise NotImplementedError

    def read_value(self) -> Tensor:
        """A read of its own, made here: it obeys the control dependencies and devices around."""
        raise NotImplementedError

    def _ref(self) -> Tensor:
        raise NotImplementedError

    def _as_graph_element(self) -> Tensor:
        raise NotImplementedError

    def assign(self, value: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True) -> Any:
        """Replaces the value."""
        raise NotImplementedError

    def assign_add(self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True) -> Any:
        """Adds to the value."""
        raise NotImplementedError

    def assign_sub(self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True) -> Any:
        """Subtracts from the value."""
        raise NotImplementedError

    # What follows from it.

    @property
    def graph(self) -> Graph:
        return self.op._graph

    @property
    def device(self) -> str:
        return self.op.device

    @property
    def initializer(self) -> Operation:
        """The operation that assigns the initial value."""
        return self._initializer_op

    @property
    def initial_value(self) -> Tensor | None:
        """The initial value; it may depend on other variables, see `initialized_value`."""
        return self._initial_value

    @property
    def trainable(self) -> bool:
        return self._trainable

    @property
    def synchronization(self) -> VariableSynchronization:
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        return self._aggregation

    @property
    def constraint(self) -> Callable[[Any], Any] | None:
        return self._constraint

    @property
    def _shared_name(self) -> str:
        return self.name.partition(":")[0]

    def get_shape(self) -> TensorShape:
        """The same as `shape`."""
        return self.shape

    def _set_save_slice_info(self, save_slice_info: _SliceInfo) -> None:
        self._save_slice_info = save_slice_info

    def _get_save_slice_info(self) -> _SliceInfo | None:
        return self._save_slice_info

    def eval(self, session: Any = None) -> Any:
        """The value in `session`, or in the default session, as a NumPy array."""
        return self._as_graph_element().eval(session=session)

    def initialized_value(self) -> Tensor:
        """The value, or the initial value where the variable is not initialized yet.

        For initial values of other variables: all initializers run at once, in no order.
        """
        with init_scope():
            return cond(is_variable_initialized(self), self.read_value, lambda: self.initial_value)

    def load(self, value: Any, session: Any = None) -> None:
        """Sets the value in `session`, or in the default session, without adding operations.

        Raises
        ------
        ValueError
            If there is no session.
        """
        session = default_session(session, self.graph, "load a value", "load")
        assert self._initializer_op is not None
        session.run(self._initializer_op, {self._initializer_op.inputs[1]: value})

    def experimental_ref(self) -> VariableReference:
        """A hashable stand-in."""
        return VariableReference(self)

    def to_proto(self, export_scope: str | None = None) -> NoReturn:
        """Not supported: NotImplementedError."""
        no_interchange("Variable.to_proto")

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> NoReturn:
        """Not supported: NotImplementedError."""
        no_interchange("Variable.from_proto")

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={text(self._shape)} dtype={self.dtype.name}>"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("'Variable' object is not iterable.")

    def __copy__(self) -> Variable:
        return self

    def __array__(self, *unused: Any, **also_unused: Any) -> Any:
        raise NotImplementedError(
            f"Cannot convert a symbolic variable ({self.name}) to a numpy array. Run it in a Session."
        )


class VariableReference:
    """A variable as a dictionary key."""

    __slots__ = ("_variable",)

    def __init__(self, variable: Variable) -> None:
        self._variable = variable

    def deref(self) -> Variable:
        """The variable."""
        return self._variable

    def __hash__(self) -> int:
        return id(self._variable)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VariableReference) and other._variable is self._variable


_OPERATORS = (
    "add", "radd", "sub", "rsub", "mul", "rmul", "div", "rdiv", "truediv", "rtruediv", "floordiv", "rfloordiv",
    "mod", "rmod", "pow", "rpow", "matmul", "rmatmul", "and", "rand", "or", "ror", "xor", "rxor", "lt", "le",
    "gt", "ge", "neg", "abs", "invert",
)  # fmt: skip


def _forward(operator: str) -> None:
    name = f"__{operator}__"
    of_tensor = getattr(Tensor, name)

    def run(self: Variable, *operands: Any) -> Any:
        return of_tensor(self.value(), *operands)

    run.__name__ = name
    setattr(Variable, name, run)


for _operator in _OPERATORS:
    _forward(_operator)


def check_arguments(initial_value: Any, collections: Any, constraint: Any) -> None:
    """Refuses what no variable can be made of.

    Raises
    ------
    ValueError
        With TensorFlow's words.
    """
    if initial_value is None:
        raise ValueError("initial_value must be specified.")
    if collections is not None and not isinstance(collections, (list, tuple, set)):
        raise ValueError(
            "collections argument to Variable constructor must be a list, tuple, or set. "
            f"Got {collections} of type {type(collections)}"
        )
    if constraint is not None and not callable(constraint):
        raise ValueError("The `constraint` argument must be a callable.")
