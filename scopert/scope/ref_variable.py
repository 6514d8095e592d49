"""Variables as reference tensors: TensorFlow 1's default."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import register_tensor_conversion_function
from scopert.graph.dtypes import DType
from scopert.graph.operation import Operation
from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_identity import IDENTITY, identity
from scopert.ops.state_variables import ASSIGN, ASSIGN_ADD, ASSIGN_SUB, COUNT_UP_TO, VARIABLE_V2
from scopert.scope.construction import (
    add_beside,
    collect,
    initial_tensor,
    refuse_control_flow,
    variable_name_scope,
)
from scopert.scope.distribution import check_distribution
from scopert.scope.initial_value import guard_initial_value
from scopert.scope.variable import Variable, check_arguments, no_interchange


class RefVariable(Variable):
    """A variable whose own tensor is a reference (``VariableV2``); consumers read the tensor ``NAME/read``.

    The arguments are those of :class:`~scopert.scope.variable.Variable`.
    """

    def __init__(
        self, initial_value: Any = None, trainable: bool | None = None, collections: Any = None,
        validate_shape: bool = True, caching_device: Any = None, name: str | None = None, variable_def: Any = None,
        dtype: Any = None, expected_shape: Any = None, import_scope: str | None = None, constraint: Any = None,
        synchronization: Any = None, aggregation: Any = None, shape: Any = None,
    ) -> None:  # fmt: skip
        if variable_def is not None or import_scope is not None:
            no_interchange("Making a variable from a VariableDef")
        check_arguments(initial_value, collections, constraint)
        self._synchronization, self._aggregation, self._trainable = check_distribution(
            synchronization, aggregation, trainable, name
        )
        self._constraint = constraint
        self._caching_device = caching_device
        self._save_slice_info = None
        with variable_name_scope(name, initial_value) as (graph, scope):
            own_class = [b"loc:@" + scope[:-1].encode()] if callable(initial_value) else None
            initial = self._initial_value = initial_tensor(graph, initial_value, dtype, own_class)
            if own_class is None:
                refuse_control_flow(scope, initial)
            own_shape = as_tuple(shape) if shape is not None else initial._shape if validate_shape else None
            kind = initial._dtype.base
            attrs: dict[str, Any] = {"shape": own_shape, "dtype": kind, "container": "", "shared_name": ""}
            if own_class is not None:
                attrs["_class"] = own_class
            variable = graph._add(VARIABLE_V2, [], attrs, (kind._as_ref,), scope).outputs[0]
            self._variable = variable
            if validate_shape and (initial._shape is None or None in initial._shape):
                raise ValueError(f"initial_value must have a shape specified: {initial}")
            attrs = {"T": kind, "validate_shape": validate_shape, "use_locking": True}
            inputs = [variable, guard_initial_value(scope, initial)]
            self._initializer_op = add_beside(graph, variable._op, ASSIGN, inputs, attrs, (kind._as_ref,), "Assign")
            if caching_device is not None:
                with graph.device(caching_device):
                    self._snapshot = identity(variable, name="read")
            else:
                op = add_beside(graph, variable._op, IDENTITY, [variable], {"T": kind}, (kind,), "read")
                self._snapshot = op.outputs[0]
        # Also if the initial value brought another graph along, as in TensorFlow.
        collect(get_default_graph(), self, collections, self._trainable)

    @property
    def op(self) -> Operation:
        return self._variable._op

    @property
    def name(self) -> str:
        return self._variable.name

    @property
    def dtype(self) -> DType:
        return self._variable._dtype

    @property
    def shape(self) -> TensorShape:
        return self._variable.shape

    @property
    def _shape(self) -> Shape:
        return self._variable._shape

    def set_shape(self, shape: Any) -> None:
        """Adds what the caller knows of the shape; ValueError if it contradicts what is known."""
        self._variable.set_shape(shape)
        self._snapshot.set_shape(shape)

    def value(self) -> Tensor:
        return self._snapshot

    def read_value(self) -> Tensor:
        return identity(self._variable, name="read")

    def _ref(self) -> Tensor:
        return self._variable

    def _as_graph_element(self) -> Tensor:
        return self._variable

    def assign(self, value: Any, use_locking: Any = False, name: str | None = None, read_value: bool = True) -> Any:
        """Replaces the value.

        Returns
        -------
        Tensor or Operation
            The new value, or with `read_value=False` only the operation.
        """
        made = apply(ASSIGN, self._variable, value, use_locking=use_locking, name=name)
        return made if read_value else made.op

    def assign_add(self, delta: Any, use_locking: Any = False, name: str | None = None, read_value: bool = True) -> Any:
        """Adds `delta`; returns what `assign` does."""
        made = apply(ASSIGN_ADD, self._variable, delta, use_locking=use_locking, name=name)
        return made if read_value else made.op

    def assign_sub(self, delta: Any, use_locking: Any = False, name: str | None = None, read_value: bool = True) -> Any:
        """Subtracts `delta`; returns what `assign` does."""
        made = apply(ASSIGN_SUB, self._variable, delta, use_locking=use_locking, name=name)
        return made if read_value else made.op

    def count_up_to(self, limit: int) -> Tensor:
        """Counts up by one; OutOfRangeError in a run that would pass `limit`."""
        made: Tensor = apply(COUNT_UP_TO, self._variable, limit=limit)
        return made


def _ref_to_tensor(value: RefVariable, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Tensor:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtype.name}' for variable of type '{value.dtype.name}'"
        )
    return value._variable if as_ref else value._snapshot


register_tensor_conversion_function(RefVariable, _ref_to_tensor)

__all__ = ["RefVariable"]
