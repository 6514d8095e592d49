"""Plain gradient descent."""

from __future__ import annotations

from typing import Any

from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.tensor import Tensor
from scopert.ops.raw import raw
from scopert.public import public
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


@public("train.GradientDescentOptimizer")
class GradientDescentOptimizer(Optimizer):
    """``variable -= learning_rate * gradient``.

    Parameters
    ----------
    learning_rate : float, Tensor or callable
    use_locking : bool
        Recorded in the operations.
    name : str

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     w = tf.get_variable("w", initializer=3.0)
    ...     step = tf.train.GradientDescentOptimizer(0.25).minimize(w * w)
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(sess.run(w))
    1.5
    """

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _prepare(self) -> None:
        self._learning_rate_tensor = as_hyperparameter(self._learning_rate, "learning_rate")

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        rate = like(self._learning_rate_tensor, var)
        return update("ApplyGradientDescent", var, rate, grad, use_locking=self._use_locking)

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        rate = like(self._learning_rate_tensor, grad)
        return update("ResourceApplyGradientDescent", handle.handle, rate, grad, use_locking=self._use_locking)

    def _resource_apply_sparse_duplicate_indices(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        # Adding up what repeats: rows need not be unique here.
        rate = self._call_if_callable(self._learning_rate)
        return raw("ResourceScatterAdd", handle.handle, indices, -grad * rate)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Any:
        step = grad.values * like(self._learning_rate_tensor, var)
        return var.scatter_sub(IndexedSlices(step, grad.indices, grad.dense_shape), use_locking=self._use_locking)
