"""Second derivatives."""

from __future__ import annotations

from typing import Any

from scopert.derivatives.backprop import gradients
from scopert.graph.constant import constant
from scopert.graph.dtypes import int32
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape, size
from scopert.ops.control_flow_while import while_loop
from scopert.ops.tensor_array import TensorArray
from scopert.public import public


@public("hessians")
def hessians(
    ys: Any, xs: Any, name: str = "hessians", colocate_gradients_with_ops: bool = False, gate_gradients: bool = False,
    aggregation_method: int | None = None,
) -> list[Tensor]:  # fmt: skip
    """The second derivatives of the sum of `ys` with respect to each of `xs` alone.

    Parameters
    ----------
    ys, xs : tensor-like, variable, or list of them
    name : str
        Without effect, as in TensorFlow.
    colocate_gradients_with_ops, gate_gradients, aggregation_method
        As in `tf.gradients`.

    Returns
    -------
    list of Tensor
        For an x of shape ``s`` one of shape ``s + s``.

    Raises
    ------
    LookupError
        If an operation has no gradient.
    ValueError
        If an x is not connected.

    Examples
    --------
    >>> import scopert as tf
    >>> x = tf.constant([1.0, 2.0])
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.hessians(tf.reduce_sum(x * x * x), x)[0]).tolist())
    [[6.0, 0.0], [0.0, 12.0]]
    """
    x_list = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    options: dict[str, Any] = {
        "colocate_gradients_with_ops": colocate_gradients_with_ops,
        "gate_gradients": gate_gradients,
        "aggregation_method": aggregation_method,
    }
    firsts = gradients(ys, x_list, **options)
    return [_second(first, x, options) for first, x in zip(firsts, x_list, strict=True)]


def _second(first: Any, x: Any, options: dict[str, Any]) -> Tensor:
    flat = reshape(first, [-1])
    count = size(x)
    start = constant(0, int32)
    rows = TensorArray(x.dtype, count)

    def row(index: Tensor, done: Any) -> tuple[Any, Any]:
        return index + 1, done.write(index, gradients(flat[index], x, **options)[0])

    _, made = while_loop(lambda index, _: index < count, row, [start, rows])
    sizes = shape(x)
    result: Tensor = reshape(made.stack(), concat((sizes, sizes), 0))
    return result
