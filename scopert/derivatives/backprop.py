"""`tf.gradients`: backpropagation that builds a graph.

Operations between `xs` and `ys` are visited from `ys` down, each once all its consumers were; the
order is TensorFlow's, since it decides the names of what is built.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Any

from scopert.derivatives.aggregate import aggregate, check_method
from scopert.derivatives.between import between_ops, count_pending, is_trainable, stop_ops
from scopert.derivatives.control_flow import FlowState, check_not_initial_value, flow_state, zeros_outside_loop
from scopert.derivatives.registry import rule_of
from scopert.derivatives.seeds import as_tensors_or_slices, initial_gradients
from scopert.graph import dtypes, source
from scopert.graph.graph import Graph
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.control_flow_ops import EXITS, SWITCHES, is_switch_of_loop
from scopert.ops.no_op import tuple_
from scopert.ops.state_resource import handle_of, variable_shape
from scopert.public import public

#: For each output of an operation: the gradients found so far, then their sum.
_Grads = dict[Operation, list[Any]]


@public("UnconnectedGradients")
class UnconnectedGradients(Enum):
    """What `tf.gradients` gives for an x that no y depends on: None, or zeros of its shape."""

    NONE = "none"
    ZERO = "zero"


@public("gradients")
def gradients(
    ys: Any, xs: Any, grad_ys: Any = None, name: str = "gradients", colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False, aggregation_method: int | None = None, stop_gradients: Any = None,
    unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
) -> list[Any]:  # fmt: skip
    """Builds the derivatives of the sum of `ys` with respect to each of `xs`.

    Parameters
    ----------
    ys, xs : tensor-like, variable, or list of them
    grad_ys : tensor or list, optional
        The gradients to start from, one for each y; None stands for ones.
    name : str
        Of the name scope in which the derivatives are built.
    colocate_gradients_with_ops : bool
        Place each gradient with its operation.
    gate_gradients : bool
        Release the gradients of an operation's inputs together.
    aggregation_method : int, optional
        One of `tf.AggregationMethod`.
    stop_gradients : tensor or list, optional
        Tensors that count as constants.
    unconnected_gradients : UnconnectedGradients or str
        ``"none"`` or ``"zero"``.

    Returns
    -------
    list of Tensor, IndexedSlices or None
        One for each x.

    Raises
    ------
    LookupError
        If an operation between them has no gradient.
    ValueError
        If shapes, counts or an option are wrong.
    TypeError
        If a type cannot be differentiated.

    Examples
    --------
    >>> import scopert as tf
    >>> x = tf.constant(3.0)
    >>> [dx] = tf.gradients(x * x, x)
    >>> with tf.Session() as sess:
    ...     print(sess.run(dx))
    6.0
    """
    try:
        unconnected = UnconnectedGradients(unconnected_gradients)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}") from None
    check_method(aggregation_method)
    y_list, x_list, barriers = _as_list(ys), _as_list(xs), [] if stop_gradients is None else _as_list(stop_gradients)
    given = [None] * len(y_list) if grad_ys is None else _as_list(grad_ys)
    with name_scope(name, "gradients", [*y_list, *x_list, *barriers, *(g for g in given if g is not None)]):
        y_list = as_tensors_or_slices(y_list, "y")
        x_list = as_tensors_or_slices([_handle_or_self(x) for x in x_list], "x", as_ref=True)
        seeds = initial_gradients(y_list, given, colocate_gradients_with_ops)
        walk = _Walk(get_default_graph(), colocate_gradients_with_ops, gate_gradients, aggregation_method)
        walk.run(y_list, seeds, x_list, [_handle_or_self(item).op for item in barriers])
    walk.finish()
    return [_gradient_of(walk.grads, x, unconnected) for x in x_list]


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _handle_or_self(x: Any) -> Any:
    """The handle of a resource variable: that is what its gradient is the gradient of."""
    handle = getattr(x, "handle", None)
    if isinstance(handle, Tensor) and handle.dtype is dtypes.resource and hasattr(x, "initializer"):
        return handle
    return x


class _Walk:
    """One run of backpropagation over a graph."""

    def __init__(self, graph: Graph, colocate: bool, gate: bool, method: int | None) -> None:
        self.grads: _Grads = {}
        self._graph = graph
        self._colocate = colocate
        self._gate = gate
        self._method = method
        self._flow: FlowState | None = None
        self._pending: dict[Operation, int] = {}
        self._queue: deque[Operation] = deque()

    def run(self, ys: Sequence[Any], seeds: Sequence[Any], xs: Sequence[Any], barriers: list[Operation]) -> None:
        to_ops, from_ops = [y.op for y in ys], [x.op for x in xs]
        reachable, between = between_ops(to_ops, from_ops)
        flow = self._flow = flow_state(between, self._colocate)
        self._pending = count_pending(between)
        for y, seed in zip(ys, seeds, strict=True):
            self._add(y, seed)
        queued: set[Operation] = set()
        for op in to_ops:
            if not self._pending.get(op) and op in reachable and op not in queued:
                queued.add(op)
                self._queue.append(op)
        if flow is not None:
            for tensor in flow.unused_loop_exits(self._pending, queued):
                if is_trainable(tensor):
                    self._add(tensor, flow.zeros_like_for_exit(tensor))
                    self._queue.append(tensor.op)
        stops = stop_ops(from_ops, barriers, self._pending)
        while self._queue:
            op = self._queue.popleft()
            with self._beside(op):
                self._visit(op, op in stops, from_ops)
            self._release_inputs(op)

    def finish(self) -> None:
        """Closes the loops of the gradient."""
        if self._flow is not None:
            self._flow.finish()

    def _beside(self, op: Operation) -> AbstractContextManager[Any]:
        return self._graph.colocate_with(op) if self._colocate else nullcontext()

    def _add(self, tensor: Any, grad: Any) -> None:
        op = tensor.op
        slots = self.grads.get(op)
        if slots is None:
            slots = self.grads[op] = [[] for _ in op.outputs]
        index = tensor.value_index if isinstance(tensor, Tensor) else tensor.values.value_index
        if isinstance(slots[index], list):
            slots[index].append(grad)
        else:
            # The back edge of a loop: its gradient replaces what stood in for it.
            slots[index] = grad

    def _sums(self, op: Operation) -> list[Any]:
        """The gradients of the outputs of `op`, summed; kept in place for `xs` among them."""
        slots = self.grads.get(op)
        if slots is None:
            return [None] * len(op.outputs)
        for index, found in enumerate(slots):
            if isinstance(found, list):
                slots[index] = aggregate(found, op, self._method)
        return slots

    def _visit(self, op: Operation, is_stop: bool, from_ops: Sequence[Operation]) -> None:
        flow = self._flow
        if flow is not None:
            flow.enter_gradient(op, before=True)
        sums = self._sums(op)
        if flow is not None:
            flow.exit_gradient(op, before=True)
        rule = None
        connected = any(item is not None for item in sums)
        if connected and not is_stop:
            try:
                rule = rule_of(op)
            except LookupError:
                raise LookupError(
                    f"No gradient defined for operation '{op.name}' (op type: {op.type})\n  made at {_place(op)}"
                ) from None
        if flow is not None:
            flow.enter_gradient(op, before=False)
        context = op._control_flow_context
        if (
            context is not None
            and op.type in SWITCHES
            and context.IsWhileContext()
            and context is self._graph._get_control_flow_context()
        ):
            check_not_initial_value(op, from_ops)
        if rule is not None and connected:
            self._fill_unused(op, sums)
            with self._graph.name_scope(op.name + "_grad"):
                in_grads = self._apply_rule(rule, op, sums)
            for index, (tensor, grad) in enumerate(zip(op._inputs, in_grads, strict=False)):
                if grad is not None:
                    _take_shape(op, index, tensor, grad)
                    self._add(tensor, grad)
        if flow is not None:
            flow.exit_gradient(op, before=False)

    def _fill_unused(self, op: Operation, sums: list[Any]) -> None:
        for index, found in enumerate(sums):
            if found is None and is_trainable(op.outputs[index]):
                if self._flow is not None:
                    sums[index] = self._flow.zeros_like(op, index)
                else:
                    sums[index] = zeros_outside_loop(op, index)

    def _apply_rule(self, rule: Any, op: Operation, sums: list[Any]) -> list[Any]:
        graph = self._graph
        before = graph._last_id
        in_grads = _as_list(rule(op, *sums))
        for grad in in_grads:
            if type(grad) is Tensor and grad._op._id > before:
                grad._op._original_op = op
        if len(in_grads) != len(op._inputs) and op.type not in ("While", "StatelessWhile"):
            raise ValueError(
                f"Num gradients {len(in_grads)} generated for op {op} do not match num inputs {len(op._inputs)}"
                f"\n  made at {_place(op)}"
            )
        if self._gate and sum(grad is not None for grad in in_grads) > 1:
            with self._graph.device(None), self._graph.colocate_with(None, ignore_existing=True):
                in_grads = tuple_(in_grads)
        return in_grads

    def _release_inputs(self, op: Operation) -> None:
        pending, flow = self._pending, self._flow
        for tensor in op._inputs:
            source = tensor._op
            count = pending.get(source, 0) - 1
            pending[source] = count
            ready = count == 0
            if flow is not None and not ready:
                ready = count > 0 and is_switch_of_loop(source)
            if not ready:
                continue
            if flow is not None and source.type in EXITS:
                self._release_exit(flow, tensor)
            else:
                self._queue.append(source)

    def _release_exit(self, flow: FlowState, tensor: Tensor) -> None:
        """Enters a loop once all its exits are ready, those without a gradient with zeros."""
        state = flow.exit_state(tensor._op)
        state.deferred_exits.append(tensor)
        state.pending_exits_count -= 1
        if state.pending_exits_count:
            return
        used = False
        for other in state.deferred_exits:
            if self._has_gradient(other._op):
                used = True
                self._queue.append(other._op)
            else:
                state.unused_exits.append(other)
        for other in state.unused_exits:
            if used and is_trainable(other):
                self._add(other, flow.zeros_like_for_exit(other))
            self._queue.append(other._op)

    def _has_gradient(self, op: Operation) -> bool:
        for found in self.grads.get(op, ()):
            items: Iterable[Any] = found if isinstance(found, list) else (found,)
            if any(item is not None for item in items):
                return True
        return False


def _place(op: Operation) -> str:
    """The user's file and line that made an operation."""
    return source.text(op._location)


def _take_shape(op: Operation, index: int, tensor: Tensor, grad: Any) -> None:
    """A gradient has the shape of what it is the gradient of."""
    if not isinstance(grad, Tensor) or tensor._dtype is dtypes.resource or grad._shape == tensor._shape:
        return
    try:
        grad.set_shape(tensor._shape)
    except ValueError:
        raise ValueError(
            "Incompatible shapes between op input and calculated input gradient.  "
            f"Forward operation: {op.name}.  Input index: {index}. "
            f"Original input shape: {tensor.shape}.  Calculated input gradient shape: {grad.shape}"
            f"\n  made at {_place(op)}"
        ) from None


def _gradient_of(grads: _Grads, x: Any, unconnected: UnconnectedGradients) -> Any:
    slots = grads.get(x.op)
    if slots is not None:
        found = slots[x.value_index if isinstance(x, Tensor) else x.values.value_index]
        if isinstance(found, list):
            raise AssertionError(f"backpropagation did not visit {x.op.name!r}, though it has gradients")
        if found is not None or unconnected is UnconnectedGradients.NONE:
            return found
    if unconnected is UnconnectedGradients.NONE:
        return None
    if isinstance(x, IndexedSlices) or x.dtype is not dtypes.resource:
        return zeros_like(x)
    handle = handle_of(x)
    if handle is None:
        raise ValueError(f"the zero gradient of {x} needs the variable behind it, which is not known")
    return zeros(variable_shape(x), dtype=handle.attrs["dtype"])
