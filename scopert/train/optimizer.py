"""The base of all optimizers: gradients of a loss, slots, and one update operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scopert import nest
from scopert.derivatives.backprop import gradients
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.graph import Graph
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.operation import Operation
from scopert.graph.scopes import (
    add_to_collection,
    colocate_with,
    control_dependencies,
    get_collection,
    get_collection_ref,
    init_scope,
    name_scope,
)
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import shape
from scopert.ops.no_op import group, tuple_
from scopert.ops.raw import raw
from scopert.ops.state_assign import assign_add
from scopert.ops.state_resource import ASSIGN_ADD_VARIABLE_OP
from scopert.public import public
from scopert.scope.creators import create_variable
from scopert.scope.layout import mark_slot
from scopert.scope.resource_variable import BaseResourceVariable
from scopert.scope.variable_lists import trainable_variables
from scopert.train import slots
from scopert.train.targets import target_of

_VALID_DTYPES = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


@public("train.Optimizer")
class Optimizer:
    """Base class of optimizers.

    A subclass implements `_apply_dense` and `_apply_sparse` for variables by reference,
    `_resource_apply_dense` and `_resource_apply_sparse` for resource variables, and where needed
    `_prepare` (hyperparameters as tensors), `_create_slots` and `_finish`.

    Parameters
    ----------
    use_locking : bool
        Recorded in the operations.
    name : str
        Of the name scope of the updates, and of the slots.

    Raises
    ------
    ValueError
        If the name is empty.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        #: slot name -> variable's key -> slot
        self._slots: dict[str, dict[Any, Any]] = {}
        self._non_slot_dict: dict[tuple[str, Graph], Any] = {}

    def get_name(self) -> str:
        """The name given at construction."""
        return self._name

    def minimize(
        self, loss: Any, global_step: Any = None, var_list: Any = None, gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None, colocate_gradients_with_ops: bool = False, name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:  # fmt: skip
        """Adds the operations that make `loss` smaller: `compute_gradients`, then `apply_gradients`.

        Parameters
        ----------
        loss : Tensor
        global_step : Variable, optional
            Increased by one after the update.
        var_list : list of Variable, optional
            Default: the trainable variables.
        gate_gradients : int
            ``GATE_NONE``, ``GATE_OP`` or ``GATE_GRAPH``.
        aggregation_method : int, optional
            One of `tf.AggregationMethod`.
        colocate_gradients_with_ops : bool
        name : str, optional
            Of the returned operation. Default: the optimizer's.
        grad_loss : Tensor, optional
            The gradient of `loss` to start from.

        Raises
        ------
        ValueError
            If no variable has a gradient.

        Examples
        --------
        >>> import scopert as tf
        >>> v = tf.get_variable("minimize_doc", initializer=[1.0, -2.0])
        >>> step = tf.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(v * v), var_list=[v])
        >>> with tf.Session() as sess:
        ...     sess.run(v.initializer)
        ...     sess.run(step)
        ...     print(sess.run(v).tolist())
        [0.0, 0.0]
        """
        pairs = self.compute_gradients(
            loss, var_list=var_list, gate_gradients=gate_gradients, aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops, grad_loss=grad_loss,
        )  # fmt: skip
        if all(grad is None for grad, _ in pairs):
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not support gradients, "
                f"between variables {[str(variable) for _, variable in pairs]} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(
        self, loss: Any, var_list: Any = None, gate_gradients: int = GATE_OP, aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False, grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:  # fmt: skip
        """The gradients of `loss`, as ``(gradient, variable)``; a gradient may be None or IndexedSlices.

        Parameters are those of `minimize`. A callable `loss` is called first.

        Raises
        ------
        TypeError
            If something in `var_list` cannot be optimized.
        ValueError
            If there is nothing to optimize, a type is not floating, or `gate_gradients` is unknown.
        """
        if callable(loss):
            loss = loss()
        gates = (Optimizer.GATE_NONE, Optimizer.GATE_OP, Optimizer.GATE_GRAPH)
        if gate_gradients not in gates:
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH.  Not {gate_gradients}"
            )
        self._assert_valid_dtypes([loss])
        if grad_loss is not None:
            self._assert_valid_dtypes([grad_loss])
        if var_list is None:
            chosen = trainable_variables() + get_collection(GraphKeys.TRAINABLE_RESOURCE_VARIABLES)
        else:
            chosen = nest.flatten(var_list)
        chosen = chosen + get_collection(GraphKeys._STREAMING_MODEL_PORTS)
        targets = [target_of(variable) for variable in chosen]
        if not chosen:
            raise ValueError("No variables to optimize.")
        grads = gradients(
            loss, [target.derive_from() for target in targets], grad_ys=grad_loss,
            aggregation_method=aggregation_method, gate_gradients=gate_gradients == Optimizer.GATE_OP,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )  # fmt: skip
        if gate_gradients == Optimizer.GATE_GRAPH:
            grads = tuple_(grads)
        pairs = list(zip(grads, chosen, strict=True))
        self._assert_valid_dtypes(
            [variable for grad, variable in pairs if grad is not None and variable.dtype is not dtypes.resource]
        )
        return pairs

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None
    ) -> Operation:
        """Adds the operations that apply gradients to variables.

        Parameters
        ----------
        grads_and_vars : list of (gradient, Variable)
            Those with a gradient of None are left alone.
        global_step : Variable, optional
            Increased by one after all of them.
        name : str, optional
            Default: the optimizer's.

        Returns
        -------
        Operation
            Also in the collection ``GraphKeys.TRAIN_OP``.

        Raises
        ------
        TypeError
            If a gradient is none.
        ValueError
            If no variable has a gradient.
        """
        pairs = tuple(grads_and_vars)
        if not pairs:
            raise ValueError("No variables provided.")
        rows = [(_as_gradient(grad), variable, target_of(variable)) for grad, variable in pairs]
        changed = [variable for grad, variable, _ in rows if grad is not None]
        if not changed:
            raise ValueError(f"No gradients provided for any variable: {[str(variable) for _, variable, _ in rows]}.")
        with init_scope():
            self._create_slots(changed)
        updates = []
        with name_scope(name, self._name) as scope:
            self._prepare()
            for grad, variable, target in rows:
                if grad is not None:
                    with name_scope("update_" + variable.op.name), colocate_with(variable):
                        updates.append(target.update(self, grad))
            if global_step is None:
                done = self._finish(updates, scope)
            else:
                with control_dependencies([self._finish(updates, "update")]), colocate_with(global_step):
                    done = _advance(global_step, scope)
            operation: Operation = done.op if isinstance(done, Tensor) else done
            if operation not in get_collection_ref(GraphKeys.TRAIN_OP):
                add_to_collection(GraphKeys.TRAIN_OP, operation)
            return operation

    # Slots.

    def get_slot(self, var: Any, name: str) -> Any:
        """The slot called `name` of a variable, or None."""
        return self._slots.get(name, {}).get(_key(var))

    def get_slot_names(self) -> list[str]:
        """The kinds of slots that this optimizer has made."""
        return sorted(self._slots)

    def variables(self) -> list[Any]:
        """All that it made in the current graph, slots and others, by name."""
        graph = get_default_graph()
        made = [variable for (_, place), variable in self._non_slot_dict.items() if place is graph]
        for named in self._slots.values():
            made += [slot for slot in named.values() if slot.graph is graph]
        return sorted(made, key=lambda variable: str(variable.name))

    def _slot_dict(self, slot_name: str) -> dict[Any, Any]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Any:
        named = self._slot_dict(slot_name)
        key = _key(var)
        if key not in named:
            named[key] = slots.create_slot(var, val, op_name)
            mark_slot(named[key].op, var.op, f"{op_name}/{slot_name}")
        return named[key]

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Any:
        named = self._slot_dict(slot_name)
        key = _key(var)
        if key not in named:
            named[key] = slots.create_slot_with_initializer(var, initializer, shape, dtype, op_name)
            mark_slot(named[key].op, var.op, f"{op_name}/{slot_name}")
        return named[key]

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Any:
        named = self._slot_dict(slot_name)
        key = _key(var)
        if key not in named:
            named[key] = slots.create_zeros_slot(var, op_name)
            mark_slot(named[key].op, var.op, f"{op_name}/{slot_name}")
        return named[key]

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate_with: Any) -> Any:
        """A variable of the optimizer itself, one a graph."""
        key = (name, colocate_with.graph)
        found = self._non_slot_dict.get(key)
        if found is None:
            with get_default_graph().colocate_with(colocate_with):
                found = create_variable(
                    initial_value, name=name, trainable=False,
                    use_resource=isinstance(colocate_with, BaseResourceVariable),
                )  # fmt: skip
            self._non_slot_dict[key] = found
        return found

    def _get_non_slot_variable(self, name: str, graph: Any = None) -> Any:
        return self._non_slot_dict.get((name, graph))

    def _non_slot_variables(self) -> list[Any]:
        return list(self._non_slot_dict.values())

    # What subclasses provide.

    def _valid_dtypes(self) -> Sequence[Any]:
        return _VALID_DTYPES

    def _assert_valid_dtypes(self, tensors: Iterable[Any]) -> None:
        valid = self._valid_dtypes()
        for tensor in tensors:
            kind = tensor.dtype.base
            if kind not in valid:
                raise ValueError(f"Invalid type {kind!r} for {tensor.name}, expected: {list(valid)}.")

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        """Makes the slots of `var_list`."""

    def _prepare(self) -> None:
        """Makes tensors of the hyperparameters."""

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        raise NotImplementedError()

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        raise NotImplementedError()

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        raise NotImplementedError()

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        raise NotImplementedError()

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Any:
        """Sums the gradients of a row, so that each row is updated once."""
        values, indices = _sum_rows(grad.values, grad.indices)
        return self._apply_sparse(IndexedSlices(values, indices, grad.dense_shape), var)

    def _resource_apply_sparse_duplicate_indices(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        values, unique_indices = _sum_rows(grad, indices)
        return self._resource_apply_sparse(values, handle, unique_indices)

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        return group(*update_ops, name=name_scope)

    def _call_if_callable(self, param: Any) -> Any:
        return param() if callable(param) else param


def _key(variable: Any) -> tuple[Graph, str]:
    return variable.op.graph, variable.op.name


def _as_gradient(grad: Any) -> Any:
    if grad is None or isinstance(grad, IndexedSlices):
        return grad
    try:
        return convert_to_tensor(grad)
    except TypeError:
        raise TypeError(f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {grad}") from None


def _advance(global_step: Any, scope: str) -> Any:
    if isinstance(global_step, BaseResourceVariable):
        one = convert_to_tensor(1, dtype=global_step.dtype)
        return apply(ASSIGN_ADD_VARIABLE_OP, global_step.handle, one, name=scope)
    return assign_add(global_step, 1, name=scope)


def _sum_rows(values: Any, indices: Any) -> tuple[Tensor, Tensor]:
    """Each row once: its gradients summed, in the order of first occurrence."""
    unique_indices, positions = raw("Unique", indices)
    summed = raw("UnsortedSegmentSum", values, positions, shape(unique_indices)[0])
    return summed, unique_indices
