"""tf.while_loop: a body that is repeated while a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.collections import GraphKeys
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor, to_tensor
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape import TensorShape, as_tuple, text
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.composite import FlowValue, from_flows, to_flow, to_tensors_or_composites
from scopert.ops.control_flow_context import tie_new_summaries
from scopert.ops.control_flow_loop import WhileContext
from scopert.ops.control_flow_ops import (
    enter,
    exit_loop,
    identity_of,
    is_constant_enter,
    loop_cond,
    merge,
    next_iteration,
    switch_ref_or_tensor,
)
from scopert.ops.math_comparison import logical_and
from scopert.ops.slices import as_indexed_slices
from scopert.public import public


@public("while_loop")
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, shape_invariants: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
    maximum_iterations: Any = None, return_same_structure: bool = False,
) -> Any:  # fmt: skip
    """Repeats `body` while `cond` holds.

    Both functions are called once, while the graph is built. Constants and tensors from outside enter the
    loop once; what is made in `body` is computed in each iteration.

    Parameters
    ----------
    cond : callable
        ``cond(*loop_vars)`` returns a bool scalar.
    body : callable
        ``body(*loop_vars)`` returns the next values in the structure of `loop_vars`.
    loop_vars : tuple or list
        Tensors, IndexedSlices, TensorArrays or structures of them.
    shape_invariants : structure of TensorShape, optional
        The shapes that the variables have in all iterations; by default those that they begin with.
    parallel_iterations : int
        How many iterations may overlap. They do not here: the results are the same.
    back_prop : bool
        Whether gradients flow through the loop.
    swap_memory : bool
        Recorded in the graph. What a gradient needs stays in the memory that it was computed in.
    name : str, optional
        The name scope, ``while`` by default.
    maximum_iterations : int or Tensor, optional
    return_same_structure : bool
        Return a single loop variable in its list, too.

    Raises
    ------
    TypeError
        If `cond` or `body` cannot be called, or structures differ in type.
    ValueError
        If there are no loop variables, structures differ, or a shape changes against its invariant.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     r = tf.while_loop(lambda i: i < 3.0, lambda i: i + 1.0, [0.0])
    >>> r.name
    'while/Exit:0'
    """
    if not callable(cond):
        raise TypeError("cond must be callable.")
    if not callable(body):
        raise TypeError("body must be callable.")
    if parallel_iterations < 1:
        raise TypeError("parallel_iterations must be a positive integer.")
    with name_scope(name, "while", loop_vars):
        if not loop_vars:
            raise ValueError("No loop variables provided")
        if maximum_iterations is not None:
            maximum_iterations = convert_to_tensor(maximum_iterations, name="maximum_iterations")
            if maximum_iterations._rank != 0:
                raise ValueError(f"maximum_iterations must be a scalar, saw shape: {maximum_iterations.shape}")
            packs = len(loop_vars) == 1 and not return_same_structure
            cond, body, loop_vars = _counted(cond, body, loop_vars, maximum_iterations, packs)
        if shape_invariants is not None:
            if maximum_iterations is not None:
                shape_invariants = (TensorShape([]), shape_invariants)
            nest.assert_same_structure(loop_vars, shape_invariants)
            shape_invariants = nest.map_structure(_invariant_shapes, loop_vars, shape_invariants)
        context = WhileContext(maximum_iterations, parallel_iterations, back_prop, swap_memory)
        if context.outer_context is None:
            get_default_graph().add_to_collection(GraphKeys.WHILE_CONTEXT, context)
        result = _build(context, cond, body, loop_vars, shape_invariants, return_same_structure)
        return result if maximum_iterations is None else result[1]


def _counted(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum: Tensor, single: bool
) -> tuple[Callable[..., Any], Callable[..., Any], Any]:
    """The same loop with a counter as its first variable."""
    counter = constant(0, maximum.dtype, name="iteration_counter")
    if single:
        return (
            lambda i, value: logical_and(i < maximum, cond(value)),
            lambda i, value: (i + 1, body(value)),
            (counter, loop_vars[0]),
        )
    return (
        lambda i, values: logical_and(i < maximum, cond(*values)),
        lambda i, values: (i + 1, body(*values)),
        (counter, loop_vars),
    )


def _invariant_shapes(variable: Any, shape: Any = None) -> Any:
    """The shape invariant of a loop variable, or those of its components."""
    if isinstance(variable, FlowValue):
        variable = variable.flow
    if nest.is_composite(variable):
        if shape is None:
            return [part.shape for part in nest.flatten(variable, expand_composites=True)]
        return _component_shapes(variable, shape)
    if shape is None:
        return variable.shape
    dtype = getattr(shape, "dtype", None)  # a TensorSpec
    if dtype is not None:
        if variable.dtype != dtype:
            raise TypeError(f"TensorSpec {shape!r} is not compatible with {variable!r}")
        return shape.shape
    return shape


def _component_shapes(variable: Any, shape: Any) -> list[TensorShape]:
    if not isinstance(shape, TensorShape):
        raise TypeError(f"Expected shape to be a TypeSpec or TensorShape, got {shape!r}")
    dims = as_tuple(shape)
    if isinstance(variable, IndexedSlices):
        # The invariant is that of the values.
        count = None if dims is None else dims[0]
        shapes = [shape, TensorShape([count])]
        if variable.dense_shape is not None:
            shapes.append(TensorShape([None if dims is None else len(dims)]))
        return shapes
    # A sparse tensor: indices, values, dense_shape.
    rank = None if dims is None else len(dims)
    return [TensorShape([None, rank]), TensorShape([None]), TensorShape([rank])]


def _build(
    context: WhileContext, pred: Callable[..., Any], body: Callable[..., Any], original_vars: Any,
    shape_invariants: Any, return_same_structure: bool,
) -> Any:  # fmt: skip
    loop_vars = to_tensors_or_composites([to_flow(item) for item in nest.flatten(original_vars)])
    if shape_invariants is None:
        shape_invariants = [_invariant_shapes(item) for item in loop_vars]
    loop_vars = nest.flatten(loop_vars, expand_composites=True)
    context.Enter()
    try:
        body_result, exits = _build_in(context, pred, body, original_vars, loop_vars, shape_invariants)
    finally:
        context.Exit()
    flat_result = nest.flatten(body_result, expand_composites=True)
    packed = nest.pack_sequence_as(body_result, from_flows(flat_result, exits), expand_composites=True)
    return packed if return_same_structure or len(exits) != 1 else packed[0]


def _build_in(
    context: WhileContext, pred: Callable[..., Any], body: Callable[..., Any], original_vars: Any,
    loop_vars: list[Tensor], shape_invariants: Any,
) -> tuple[Any, list[Tensor]]:  # fmt: skip
    """Makes the loop in its context; returns what the body returned, and the Exits."""
    flat_vars = nest.flatten(original_vars, expand_composites=True)

    def packed(tensors: list[Tensor]) -> Any:
        return nest.pack_sequence_as(original_vars, from_flows(flat_vars, tensors), expand_composites=True)

    real_vars = _enter_all(context, loop_vars)
    enters = context._loop_enters
    _set_invariants(real_vars, enters, shape_invariants)
    context.take_enters(enters)
    context._values = set(enters)

    merges = [merge([tensor, tensor])[0] for tensor in enters]
    context._pivot_for_pred = merges[0]
    condition = to_tensor(pred(*packed(merges)))
    context._pivot = loop_cond(condition, name="LoopCond")
    switches = [switch_ref_or_tensor(tensor, context._pivot) for tensor in merges]
    inner = [identity_of(pair[1]) for pair in switches]
    context._pivot_for_body = inner[0]

    before = get_default_graph().get_collection(GraphKeys._SUMMARY_COLLECTION)
    inner_vars = packed(inner)
    body_result = body(*inner_vars)
    if not nest.is_sequence_or_composite(body_result):
        body_result = [body_result]
    body_result = tie_new_summaries(body_result, before)
    nest.assert_same_structure(list(inner_vars), list(body_result), expand_composites=True)
    results = to_tensors_or_composites(
        [to_flow(item) for item in nest.flatten(body_result, expand_composites=True)]
    )
    if len(merges) != len(results):
        raise ValueError(
            f"Number of inputs and outputs of body must match loop_vars: {len(merges)}, {len(results)}"
        )
    for merged, value in zip(merges, results, strict=True):
        add_back_edge(merged, value)
    exits = [exit_loop(pair[0]) for pair in switches]
    context._loop_exits = exits
    context.ExitResult(exits)
    return body_result, exits


def _enter_all(context: WhileContext, loop_vars: list[Tensor]) -> list[Tensor]:
    """Makes the Enters of the loop's variables; returns the tensors that they take."""
    context._values = set(loop_vars)
    outer = context.outer_context
    real_vars = loop_vars if outer is None else [outer.AddValue(tensor) for tensor in loop_vars]
    with control_dependencies(None):
        enters = [
            enter(tensor, context.name, False, context.parallel_iterations, use_input_shape=False)
            for tensor in real_vars
        ]
        for tensor in enters:
            tensor.graph.prevent_feeding(tensor)
            if outer is not None:
                outer.AddInnerOp(tensor.op)
    pivot = None
    while outer is not None and pivot is None:
        pivot = outer.GetControlPivot()
        outer = outer.outer_context
    if pivot is not None:
        # A value that is the same in all outer iterations must still wait for each of them.
        for tensor in enters:
            if is_constant_enter(tensor.op.inputs[0].op):
                tensor.op._add_control_input(pivot.op)
    context._loop_enters = enters
    return real_vars


def _at_most(shape: Shape, bound: Shape) -> bool:
    """Whether a shape is known at least where `bound` is, and the same there."""
    if bound is None:
        return True
    if shape is None or len(shape) != len(bound):
        return False
    return all(limit is None or limit == found for found, limit in zip(shape, bound, strict=True))


def _set_invariants(inputs: list[Tensor], enters: list[Tensor], invariants: Any) -> None:
    shapes = nest.flatten(invariants)
    if not all(isinstance(shape, TensorShape) for shape in shapes):
        raise ValueError("`shapes` must be a (possibly nested) list of shapes.")
    for tensor, entered, shape in zip(inputs, enters, shapes, strict=False):
        if not _at_most(tensor._shape, as_tuple(shape)):
            raise ValueError(
                f"The shape invariant specified for {tensor.name} is not compatible with the initial shape of the "
                f"loop variable. It enters the loop with shape {tensor.shape}, but the specified shape invariant is "
                f"{shape}."
            )
        entered.set_shape(shape)


def add_back_edge(merged: Any, value: Any, enforce_shape_invariant: bool = True) -> Any:
    """Makes `value` what a loop's variable is in the next iteration; returns the NextIteration.

    Raises
    ------
    ValueError
        If its shape contradicts the variable's.
    """
    if not isinstance(merged, Tensor):
        if isinstance(merged, IndexedSlices):
            value = as_indexed_slices(value, optimize=False)
        value = next_iteration(value)
        for part, following in zip(
            nest.flatten(merged, expand_composites=True), nest.flatten(value, expand_composites=True), strict=True
        ):
            part.op._update_input(1, following)
        return value
    following = next_iteration(to_tensor(value))
    if enforce_shape_invariant and not _at_most(following._shape, merged._shape):
        outside = merged.op.inputs[0].op.inputs[0]
        raise ValueError(
            f"Input tensor '{outside.name}' enters the loop with shape {text(outside._shape)}, but has shape "
            f"{text(following._shape)} after one iteration. To allow the shape to vary across iterations, use the "
            "`shape_invariants` argument of tf.while_loop to specify a less-specific shape."
        )
    merged.op._update_input(1, following)
    return following
