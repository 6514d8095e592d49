"""Gradients of control flow: a branch's gradient is a branch, a loop's a loop."""

from __future__ import annotations

from typing import Any

from scopert.graph.dtypes import resource
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.control_flow_accumulate import accumulate, accumulate_slices
from scopert.ops.control_flow_ops import enter, exit_loop, merge, output_context, switch, switch_ref_or_tensor
from scopert.ops.control_flow_while import add_back_edge
from scopert.ops.math_comparison import equal


def _current() -> Any:
    return get_default_graph()._get_control_flow_context()


@gradient("Switch", "RefSwitch")
def _switch_grad(op: Operation, *grads: Any) -> Any:
    context = op._control_flow_context
    if context is None:
        when_false = switch(grads[0], op.inputs[1])[0]
        when_true = switch(grads[1], op.inputs[1])[1]
        return merge([when_false, when_true])[0], None
    if context.IsCondContext():
        if grads[1 - context.branch] is None:
            # Nothing was made for the branch that is not this one's: the input is a resource or no number.
            if op.inputs[0].dtype is resource:
                return merge([grads[context.branch]] * 2, name="cond_resource_grad")[0], None
            return None, None
        return merge(grads, name="cond_grad")[0], None
    # A loop variable is met twice: first from its exit, then from the body, whose gradient comes back here.
    merged_grads = _current().grad_state.switch_map
    merged = merged_grads.get(op)
    if merged is not None:
        if grads[1] is not None:
            add_back_edge(merged, grads[1], enforce_shape_invariant=False)
        return None, None
    if grads[0] is None:
        return None, None
    merged = merged_grads[op] = merge([grads[0], grads[0]], name="b_switch")[0]
    return merged, None


@gradient("Merge", "RefMerge")
def _merge_grad(op: Operation, grad: Any, _: Any) -> Any:
    context = output_context(op.inputs[0].op)
    current = _current()
    if context is None:
        chosen = [equal(op.outputs[1], index) for index in range(len(op.inputs))]
        return [switch_ref_or_tensor(grad, condition)[1] for condition in chosen]
    if context.IsWhileContext():
        return switch_ref_or_tensor(grad, current.pivot)
    pred = context.pred
    state = None if current is None else current.grad_state
    if state is not None:
        # The predicate of the same iteration.
        real = state.history_map.get(pred)
        if real is None:
            gradient_loop = state.grad_context
            gradient_loop.Exit()
            history = state.AddForwardAccumulator(pred)
            gradient_loop.Enter()
            real = state.history_map[pred] = state.AddBackpropAccumulatedValue(history, pred)
        pred = real
    return switch_ref_or_tensor(grad, pred, name="cond_grad")


@gradient("Exit", "RefExit")
def _exit_grad(op: Operation, grad: Any) -> Any:
    current = _current()
    if not current.back_prop:
        return None
    if op._control_flow_context.grad_state is not None:
        raise TypeError("Second-order gradient for while loops not supported.")
    for tensor in [grad] if isinstance(grad, Tensor) else grad._to_components():
        current.AddName(tensor)
    current.Enter()
    result = enter(grad, current.name, False, current.parallel_iterations, name="b_exit")
    current.loop_enters.append(result)
    current.Exit()
    return result


@gradient("NextIteration", "RefNextIteration")
def _next_iteration_grad(op: Operation, grad: Any) -> Any:
    return grad


@gradient("Enter", "RefEnter")
def _enter_grad(op: Operation, grad: Any) -> Any:
    current = _current()
    if not current.back_prop or current.grad_state is None:
        return grad
    if not op.get_attr("is_constant"):
        result = exit_loop(grad)
        current.loop_exits.append(result)
        current.ExitResult([result])
        return result
    if isinstance(grad, Tensor):
        return accumulate(current, op, grad)
    if isinstance(grad, IndexedSlices):
        return accumulate_slices(current, op, grad)
    raise TypeError(f"Type {type(grad)} not supported")


@gradient("LoopCond")
def _loop_cond_grad(op: Operation, grad: Any) -> Any:
    return None


@gradient("RefIdentity")
def _ref_identity_grad(op: Operation, grad: Any) -> Any:
    return grad
