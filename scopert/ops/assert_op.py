"""tf.Assert."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor, to_tensor
from scopert.graph.dtypes import int32, string
from scopert.graph.opdef import HOST, STATEFUL, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import no_outputs
from scopert.ops.control_flow_cond import cond
from scopert.ops.no_op import no_op
from scopert.ops.value_text import summary
from scopert.public import public


def _assert(xp: Any, condition: Any, *data: Any, summarize: int) -> tuple[()]:
    if not condition:
        shown = " ".join(f"[{summary(value, summarize)}]" for value in data)
        raise InvalidArgumentError(None, None, f"assertion failed: {shown}")
    return ()


ASSERT = define_op(
    "Assert", inputs="condition: bool, data: T", attrs="T: list(type) >= 1; summarize: int = 3", shape=no_outputs,
    kernel=_assert, traits=(STATEFUL, HOST), differentiable=False,
)  # fmt: skip


@public("Assert", "debugging.Assert")
def assert_(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> Operation:
    """An operation that fails where `condition` does not hold in a run.

    It only runs if something depends on it: use ``tf.control_dependencies``.

    Parameters
    ----------
    condition : Tensor
        A bool scalar.
    data : list of Tensor
        What is shown if it fails.
    summarize : int, optional
        So many elements of each are shown, 3 by default.
    name : str, optional

    Raises
    ------
    InvalidArgumentError
        In a run.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     session.run(tf.Assert(tf.constant(True), ["fine"]))
    """
    with name_scope(name, "Assert", [condition, data]):
        # The data are copied only if they are shown, but for those that are on the host anyway.
        tensors = [to_tensor(item) for item in data]
        if all(tensor.dtype in (string, int32) for tensor in tensors):
            made: Operation = apply(ASSERT, condition, data, summarize=summarize, name="Assert")
            return made
        condition = convert_to_tensor(condition, name="Condition")
        guarded = cond(
            condition, no_op, lambda: apply(ASSERT, condition, data, summarize=summarize, name="Assert"),
            name="AssertGuard",
        )  # fmt: skip
        op: Operation = guarded.op
        return op
