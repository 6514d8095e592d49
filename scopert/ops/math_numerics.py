"""Checks that numbers stay finite."""

from __future__ import annotations

from typing import Any

from scopert.graph import dtypes
from scopert.graph.convert import convert_to_tensor
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, control_dependencies, name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import check_numerics
from scopert.ops.math_reduction import one_of
from scopert.ops.no_op import group, with_dependencies
from scopert.public import public

_CHECKED = frozenset({dtypes.float16, dtypes.float32, dtypes.float64})


@public("verify_tensor_all_finite", "debugging.assert_all_finite")
def verify_tensor_all_finite(
    t: Any = None, msg: str | None = None, name: str | None = None, x: Any = None, message: str | None = None
) -> Tensor:
    """The same tensor, once all of its elements have been found finite.

    Parameters
    ----------
    t, x : tensor-like
        The tensor, under its old or its new name.
    msg, message : str
        What the error says.
    name : str, optional

    Raises
    ------
    InvalidArgumentError
        In the run, if an element is infinite or NaN.
    """
    value = one_of("t", t, "x", x)
    text = one_of("msg", msg, "message", message)
    with name_scope(name, "VerifyFinite", [value]):
        tensor = convert_to_tensor(value, name="x")
        with colocate_with(tensor):
            checked = check_numerics(tensor, message=text)
            return with_dependencies([checked], tensor)


@public("add_check_numerics_ops")
def add_check_numerics_ops() -> Operation:
    """An operation that checks all floating tensors of the graph, in the order in which they were made.

    Raises
    ------
    ValueError
        If the graph has control flow.
    """
    checks: list[Tensor] = []
    for op in get_default_graph().get_operations():
        for output in op.outputs:
            if output.dtype not in _CHECKED:
                continue
            if op._get_control_flow_context() is not None:
                raise ValueError(
                    "`tf.add_check_numerics_ops() is not compatible with TensorFlow control flow operations such as "
                    "`tf.cond()` or `tf.while_loop()`."
                )
            with control_dependencies(checks):
                checks = [check_numerics(output, message=f"{op.name}:{output.value_index}")]
    return group(*checks)
