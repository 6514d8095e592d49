"""Variables as resources: a handle, and explicit reads and assignments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from scopert.graph.build import apply
from scopert.graph.convert import register_tensor_conversion_function, to_tensor
from scopert.graph.dtypes import DType, resource
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import TensorShape, as_tuple, is_compatible, text
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_identity import identity
from scopert.ops.state_gather import RESOURCE_GATHER, RESOURCE_GATHER_ND
from scopert.ops.state_resource import (
    ASSIGN_ADD_VARIABLE_OP,
    ASSIGN_SUB_VARIABLE_OP,
    ASSIGN_VARIABLE_OP,
    READ_VARIABLE_OP,
    RESOURCE_COUNT_UP_TO,
    VAR_HANDLE_OP,
    VAR_IS_INITIALIZED_OP,
)
from scopert.scope.construction import collect, initial_tensor, refuse_control_flow, variable_name_scope
from scopert.scope.distribution import check_distribution
from scopert.scope.initial_value import guard_initial_value
from scopert.scope.variable import Variable, check_arguments, no_interchange


class BaseResourceVariable(Variable):
    """What can be done with a handle. `tf.Variable` with ``use_resource=True`` makes a ResourceVariable."""

    _handle: Tensor
    _graph_element: Tensor
    _cached_value: Tensor | None
    _dtype: DType
    _static_shape: Shape

    @property
    def handle(self) -> Tensor:
        """The tensor of dtype `resource` that stands for the variable."""
        return self._handle

    @property
    def op(self) -> Operation:
        return self._handle._op

    @property
    def name(self) -> str:
        return self._handle.name

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        return TensorShape(self._static_shape)

    @property
    def _shape(self) -> Shape:
        return self._static_shape

    def _shape_tuple(self) -> Shape:
        return self._static_shape

    def _shape_as_list(self) -> list[int | None] | None:
        return None if self._static_shape is None else list(self._static_shape)

    @property
    def create(self) -> Operation:
        """The operation that initializes the variable."""
        return self._initializer_op

    def set_shape(self, shape: Any) -> NoReturn:
        """A resource variable's shape is settled when it is made."""
        raise NotImplementedError("ResourceVariable does not implement set_shape()")

    def _as_graph_element(self) -> Tensor:
        return self._graph_element

    def _read_variable_op(self) -> Tensor:
        return apply(READ_VARIABLE_OP, self._handle, dtype=self._dtype)

    def value(self) -> Tensor:
        if self._cached_value is not None:
            return self._cached_value
        graph = self._handle.graph
        local = graph._local
        if not local.colocation and not local.devices:
            return self._read_variable_op()
        with graph.colocate_with(None, ignore_existing=True), graph.device(self._handle.device):
            return self._read_variable_op()

    def read_value(self) -> Tensor:
        with name_scope("Read"), self._handle.graph.device(self._handle.device):
            value = self._read_variable_op()
        return identity(value)

    def _ref(self) -> Tensor:
        return self.read_value().op.inputs[0]

    def sparse_read(self, indices: Any, name: str | None = None) -> Tensor:
        """Rows of the value, without reading all of it; see `tf.gather`."""
        with name_scope("Gather" if name is None else name) as scope:
            rows = apply(RESOURCE_GATHER, self._handle, indices, dtype=self._dtype, name=scope)
        return identity(rows)

    def gather_nd(self, indices: Any, name: str | None = None) -> Tensor:
        """Slices of the value at index vectors; see `tf.gather_nd`."""
        with name_scope("GatherNd" if name is None else name) as scope:
            slices = apply(RESOURCE_GATHER_ND, self._handle, indices, dtype=self._dtype, name=scope)
        return identity(slices)

    def is_initialized(self, name: str | None = None) -> Tensor:
        """Whether it has a value, as a boolean tensor."""
        made: Tensor = apply(VAR_IS_INITIALIZED_OP, self._handle, name=name)
        return made

    def count_up_to(self, limit: int) -> Tensor:
        """Counts up by one; OutOfRangeError in a run that would pass `limit`."""
        made: Tensor = apply(RESOURCE_COUNT_UP_TO, self._handle, limit=limit, T=self._dtype)
        return made

    @contextmanager
    def _assign_dependencies(self) -> Iterator[None]:
        if self._cached_value is None:
            yield
            return
        with self._handle.graph.control_dependencies([self._cached_value]):
            yield

    def assign(self, value: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True) -> Any:
        """Replaces the value.

        Returns
        -------
        variable-like or Operation
            Something that reads the new value, or with `read_value=False` only the operation.

        Raises
        ------
        ValueError
            If the shape of `value` does not fit.
        """
        tensor = to_tensor(value, self._dtype)
        if not is_compatible(self._static_shape, tensor._shape):
            raise ValueError(f"Shapes {text(self._static_shape)} and {text(tensor._shape)} are incompatible")
        op = apply(ASSIGN_VARIABLE_OP, self._handle, tensor, name=name)
        return self._lazy_read(op) if read_value else op

    def assign_add(self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True) -> Any:
        """Adds `delta`; returns what `assign` does."""
        with self._assign_dependencies():
            op = apply(ASSIGN_ADD_VARIABLE_OP, self._handle, to_tensor(delta, self._dtype), name=name)
        return self._lazy_read(op) if read_value else op

    def assign_sub(self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True) -> Any:
        """Subtracts `delta`; returns what `assign` does."""
        with self._assign_dependencies():
            op = apply(ASSIGN_SUB_VARIABLE_OP, self._handle, to_tensor(delta, self._dtype), name=name)
        return self._lazy_read(op) if read_value else op

    def _lazy_read(self, op: Operation) -> UnreadVariable:
        return UnreadVariable(self, op)

    def __bool__(self) -> bool:
        return bool(self.read_value())

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        raise NotImplementedError("__deepcopy__() is only available when eager execution is enabled.")

    def numpy(self) -> NoReturn:
        """A variable of a graph has a value in a session only."""
        raise NotImplementedError("numpy() is only available when eager execution is enabled.")


class ResourceVariable(BaseResourceVariable):
    """A variable behind a handle (``VarHandleOp``); each use reads it anew.

    The arguments are those of :class:`~scopert.scope.variable.Variable`.
    """

    def __init__(
        self, initial_value: Any = None, trainable: bool | None = None, collections: Any = None,
        validate_shape: bool = True, caching_device: Any = None, name: str | None = None, dtype: Any = None,
        variable_def: Any = None, import_scope: str | None = None, constraint: Any = None,
        distribute_strategy: Any = None, synchronization: Any = None, aggregation: Any = None, shape: Any = None,
    ) -> None:  # fmt: skip
        if variable_def is not None or import_scope is not None:
            no_interchange("Making a variable from a VariableDef")
        if distribute_strategy is not None:
            raise NotImplementedError("Distribution strategies are not supported.")
        del validate_shape  # TensorFlow's resource variables take any shape of initial value.
        self._synchronization, self._aggregation, self._trainable = check_distribution(
            synchronization, aggregation, trainable, name
        )
        check_arguments(initial_value, collections, constraint)
        self._constraint = constraint
        self._caching_device = caching_device
        self._save_slice_info = None
        self._cached_value = None
        with variable_name_scope(name, initial_value) as (graph, scope):
            handle_name = scope[:-1]
            own_class = [b"loc:@" + handle_name.encode()]
            initial = self._initial_value = initial_tensor(graph, initial_value, dtype, own_class)
            own_shape = initial._shape if shape is None else as_tuple(shape)
            if not is_compatible(own_shape, initial._shape):
                raise ValueError(
                    f"The initial value's shape ({text(initial._shape)}) is not compatible with the explicitly "
                    f"supplied `shape` argument ({text(own_shape)})."
                )
            kind = self._dtype = initial._dtype.base
            self._static_shape = own_shape
            attrs = {"container": "", "shared_name": handle_name, "dtype": kind, "shape": own_shape}
            attrs["_class"] = own_class
            handle = self._handle = graph._add(VAR_HANDLE_OP, [], attrs, (resource,), scope).outputs[0]
            refuse_control_flow(scope, initial)
            with name_scope("IsInitialized"):
                self._is_initialized_op = apply(VAR_IS_INITIALIZED_OP, handle)
            with (
                name_scope("Assign") as assign_scope,
                graph.colocate_with(None, ignore_existing=True),
                graph.device(handle.device),
            ):
                guarded = guard_initial_value(scope, initial)
                self._initializer_op = apply(ASSIGN_VARIABLE_OP, handle, guarded, name=assign_scope)
            with name_scope("Read"):
                with graph.device(handle.device):
                    self._graph_element = self._read_variable_op()
                if caching_device is not None:
                    with graph.colocate_with(None, ignore_existing=True), graph.device(caching_device):
                        self._cached_value = identity(self._graph_element)
        collect(graph, self, collections, self._trainable)


class UnreadVariable(BaseResourceVariable):
    """A variable after an assignment: whatever reads it waits for that."""

    def __init__(self, variable: BaseResourceVariable, parent: Operation) -> None:
        self._handle = variable._handle
        self._dtype = variable._dtype
        self._static_shape = variable._static_shape
        self._synchronization, self._aggregation, self._trainable = check_distribution(None, None, None, None)
        self._constraint = None
        self._caching_device = None
        self._save_slice_info = None
        self._cached_value = None
        self._initial_value = None
        self._parent_op = parent
        self._graph_element = self._read_variable_op()

    @property
    def name(self) -> str:
        return self._parent_op.name

    @property
    def op(self) -> Operation:
        return self._parent_op

    def _read_variable_op(self) -> Tensor:
        with self._handle.graph.control_dependencies([self._parent_op]):
            return apply(READ_VARIABLE_OP, self._handle, dtype=self._dtype)

    def value(self) -> Tensor:
        return self._read_variable_op()

    def read_value(self) -> Tensor:
        return self._read_variable_op()


def _resource_to_tensor(
    value: BaseResourceVariable, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Tensor:
    if dtype is not None and not dtype.is_compatible_with(value._dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type {dtype.name!r} for variable of type {value._dtype.name!r}"
        )
    return value._ref() if as_ref else value.value()


register_tensor_conversion_function(BaseResourceVariable, _resource_to_tensor)
