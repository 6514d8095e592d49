"""tf.cond: one of two functions, chosen by a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.collections import GraphKeys
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int64
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity
from scopert.ops.composite import from_flows, to_flow
from scopert.ops.control_flow_branch import CondContext
from scopert.ops.control_flow_context import tie_new_summaries
from scopert.ops.control_flow_ops import merge, switch
from scopert.ops.no_op import with_dependencies
from scopert.public import public


@public("cond")
def cond(
    pred: Any, true_fn: Callable[[], Any] | None = None, false_fn: Callable[[], Any] | None = None,
    strict: bool = False, name: str | None = None, fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:  # fmt: skip
    """The results of `true_fn` if `pred` is true in a run, else those of `false_fn`.

    Both functions are called once, while the graph is built; in a run only the operations made by the
    chosen one run. What they use from outside is computed in any case.

    Parameters
    ----------
    pred : Tensor
        A bool scalar.
    true_fn, false_fn : callable
        Without arguments; they return tensors in the same structure, of the same types.
    strict : bool
        Keep a list or tuple of one result instead of unpacking it.
    name : str, optional
        The name scope, ``cond`` by default.
    fn1, fn2 : callable
        Old names of `true_fn` and `false_fn`.

    Raises
    ------
    TypeError
        If `pred` is a Python bool, or a function is no function, or the structures' types differ.
    ValueError
        If a function returns nothing, or the structures or types of the results differ.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     p = tf.placeholder(tf.bool, [])
    ...     r = tf.cond(p, lambda: tf.constant(1.0), lambda: tf.constant(2.0))
    >>> r.name
    'cond/Merge:0'
    """
    true_fn = _one_of("true_fn", true_fn, "fn1", fn1)
    false_fn = _one_of("false_fn", false_fn, "fn2", fn2)
    with name_scope(name, "cond", [pred]):
        if isinstance(pred, bool):
            raise TypeError("pred must not be a Python bool")
        when_false, when_true = switch(pred, pred)
        pivot_true = identity(when_true, name="switch_t")
        pivot_false = identity(when_false, name="switch_f")
        pred = identity(pred, name="pred_id")
        for tensor in (when_true, when_false, pivot_true, pivot_false, pred):
            tensor.graph.prevent_fetching(tensor.op)

        original_true, true_results, true_context = _build_branch(pred, pivot_true, 1, true_fn)
        original_false, false_results, false_context = _build_branch(pred, pivot_false, 0, false_fn)
        if not strict:
            original_true, original_false = _unpacked(original_true), _unpacked(original_false)
        _check_structures(original_true, original_false, true_results, false_results)
        if not true_results:
            raise ValueError("true_fn and false_fn must return at least one result.")

        flat_true = nest.flatten(true_results, expand_composites=True)
        flat_false = nest.flatten(false_results, expand_composites=True)
        for a, b in zip(flat_true, flat_false, strict=True):
            if a.dtype.base is not b.dtype.base:
                raise ValueError(
                    f"Outputs of true_fn and false_fn must have the same type: {a.dtype.name}, {b.dtype.name}"
                )
        merged = [merge(pair)[0] for pair in zip(flat_false, flat_true, strict=True)]
        merged = from_flows(nest.flatten(original_true, expand_composites=True), merged)
        if true_context.outer_context is None:
            graph = get_default_graph()
            graph.add_to_collection(GraphKeys.COND_CONTEXT, true_context)
            graph.add_to_collection(GraphKeys.COND_CONTEXT, false_context)
        result = nest.pack_sequence_as(original_true, merged, expand_composites=True)
        return result if strict else _unpacked(result)


def _one_of(key: str, function: Any, old_key: str, old: Any) -> Callable[[], Any]:
    if old is not None:
        if function is not None:
            raise TypeError(f"cond(): {key} and {old_key} may not be set simultaneously.")
        function = old
    elif function is None:
        raise TypeError(f"cond(): {key} argument required")
    if not callable(function):
        raise TypeError(f"{key} must be callable.")
    chosen: Callable[[], Any] = function
    return chosen


def _unpacked(result: Any) -> Any:
    return result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result


def _build_branch(
    pred: Tensor, pivot: Tensor, branch: int, function: Callable[[], Any]
) -> tuple[Any, Any, CondContext]:
    """Calls a branch's function; returns what it returned, the tensors for it, and the context."""
    context = CondContext(pred, pivot, branch)
    context.Enter()
    try:
        before = get_default_graph().get_collection(GraphKeys._SUMMARY_COLLECTION)
        original = function()
        if original is None:
            tie_new_summaries(original, before)
            raise ValueError(f"{'true_fn' if branch else 'false_fn'} must have a return value.")
        original = tie_new_summaries(original, before)

        def output(leaf: Any) -> Tensor:
            if isinstance(leaf, Operation):
                gated: Tensor = with_dependencies([leaf], pivot)
                return gated
            return context.output(to_tensor(to_flow(leaf)))

        result = nest.map_structure(output, original, expand_composites=True)
        if not isinstance(result, (list, tuple)):
            result = [result]
        context.ExitResult(result)
    finally:
        context.Exit()
    return original, result, context


def _check_structures(original_true: Any, original_false: Any, true: Any, false: Any) -> None:
    try:
        nest.assert_same_structure(original_true, original_false, expand_composites=True)
    except (TypeError, ValueError):
        # Slices whose indices differ in type can be brought together.
        nest.map_structure(_widen_indices, original_true, original_false)
        nest.map_structure(_widen_indices, true, false)
        try:
            nest.assert_same_structure(original_true, original_false, expand_composites=True)
        except TypeError as error:
            raise TypeError(f"Incompatible return types of true_fn and false_fn: {error}") from None
        except ValueError as error:
            raise ValueError(f"Incompatible return values of true_fn and false_fn: {error}") from None


def _widen_indices(a: Any, b: Any) -> None:
    if isinstance(a, IndexedSlices) and isinstance(b, IndexedSlices) and a.indices.dtype is not b.indices.dtype:
        from scopert.ops.math_cast import cast  # only here: conversions are made with conditions elsewhere

        a._indices = cast(a.indices, int64)
        b._indices = cast(b.indices, int64)


def smart_constant_value(pred: Any) -> bool | None:
    """The value of a predicate if it is known while the graph is built, else None.

    Raises
    ------
    TypeError
        If it is neither a tensor, nor a bool, nor 0 or 1.
    """
    if isinstance(pred, Tensor):
        value = constant_value(pred)
        return None if value is None else bool(value)
    if isinstance(pred, bool) or pred in (0, 1):
        return bool(pred)
    raise TypeError(f"`pred` must be a Tensor, or a Python bool, or 1 or 0. Found instead: {type(pred)}")


@public("contrib.framework.smart_cond")
def smart_cond(
    pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None
) -> Any:
    """`cond`, or just the one function's results if `pred` is known while the graph is built.

    Raises
    ------
    TypeError
        If a function is no function.
    """
    for key, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"`{key}` must be callable.")
    # A variable has no value before a run.
    is_variable = not isinstance(pred, Tensor) and hasattr(pred, "_as_graph_element")
    value = None if is_variable else smart_constant_value(pred)
    if value is None:
        return cond(pred, true_fn=true_fn, false_fn=false_fn, name=name)
    return true_fn() if value else false_fn()
