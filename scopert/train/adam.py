"""Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import colocate_with, control_dependencies
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.math_unary import sqrt
from scopert.ops.no_op import group
from scopert.ops.raw import raw
from scopert.ops.state_assign import assign, assign_sub
from scopert.ops.state_scatter import scatter_add
from scopert.public import public
from scopert.train.hyperparameters import as_hyperparameter, like, update
from scopert.train.optimizer import Optimizer


@public("train.AdamOptimizer")
class AdamOptimizer(Optimizer):
    """Adam (Kingma and Ba, 2014): steps scaled by running means of the gradient and of its square.

    Slots: ``m``, ``v``; besides, one ``beta1_power`` and ``beta2_power`` for all variables. A sparse
    gradient decays `m` and `v` of all rows, as a dense one does.

    Parameters
    ----------
    learning_rate, beta1, beta2 : float, Tensor or callable
    epsilon : float, Tensor or callable
        The text's "epsilon hat", in the formula before section 2.1.
    use_locking : bool
        Recorded in the operations.
    name : str

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     w = tf.get_variable("w", initializer=[1.0, -1.0])
    ...     step = tf.train.AdamOptimizer(0.125).minimize(tf.reduce_sum(w * w))
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(sess.run(w).round(3).tolist())
    [0.875, -0.875]
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-8,
        use_locking: bool = False, name: str = "Adam",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._beta1 = beta1
        self._beta2 = beta2
        self._epsilon = epsilon

    def _get_beta_accumulators(self) -> tuple[Any, Any]:
        graph = get_default_graph()
        return (
            self._get_non_slot_variable("beta1_power", graph),
            self._get_non_slot_variable("beta2_power", graph),
        )

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        # One choice, whatever the order of the variables.
        first = min(var_list, key=lambda variable: str(variable.name))
        self._create_non_slot_variable(self._beta1, "beta1_power", first)
        self._create_non_slot_variable(self._beta2, "beta2_power", first)
        for variable in var_list:
            self._zeros_slot(variable, "m", self._name)
            self._zeros_slot(variable, "v", self._name)

    def _prepare(self) -> None:
        self._lr_t = as_hyperparameter(self._lr, "learning_rate")
        self._beta1_t = as_hyperparameter(self._beta1, "beta1")
        self._beta2_t = as_hyperparameter(self._beta2, "beta2")
        self._epsilon_t = as_hyperparameter(self._epsilon, "epsilon")

    def _scalars(self, target: Any) -> list[Any]:
        return [
            like(item, target)
            for item in (*self._get_beta_accumulators(), self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t)
        ]

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        return update("ApplyAdam", var, m, v, *self._scalars(var), grad, use_locking=self._use_locking)

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        m, v = self.get_slot(handle, "m"), self.get_slot(handle, "v")
        return update(
            "ResourceApplyAdam", handle.handle, m.handle, v.handle, *self._scalars(grad), grad,
            use_locking=self._use_locking,
        )  # fmt: skip

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        def add(slot: Any, indices: Any, values: Any) -> Any:
            return scatter_add(slot, indices, values, use_locking=self._use_locking)

        return self._apply_sparse_shared(grad.values, var, grad.indices, add)

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        def add(slot: Any, indices: Any, values: Any) -> Any:
            with control_dependencies([raw("ResourceScatterAdd", slot.handle, indices, values)]):
                return slot.value()

        return self._apply_sparse_shared(grad, handle, indices, add)

    def _apply_sparse_shared(self, grad: Tensor, var: Any, indices: Tensor, add: Callable[..., Any]) -> Any:
        beta1_power, beta2_power = (like(item, var) for item in self._get_beta_accumulators())
        rate, beta1, beta2, epsilon = (
            like(item, var) for item in (self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t)
        )
        step = rate * sqrt(1 - beta2_power) / (1 - beta1_power)
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        scaled = grad * (1 - beta1)
        m_t = assign(m, m * beta1, use_locking=self._use_locking)
        with control_dependencies([m_t]):
            m_t = add(m, indices, scaled)
        scaled = (grad * grad) * (1 - beta2)
        v_t = assign(v, v * beta2, use_locking=self._use_locking)
        with control_dependencies([v_t]):
            v_t = add(v, indices, scaled)
        root = sqrt(v_t)
        changed = assign_sub(var, step * m_t / (root + epsilon), use_locking=self._use_locking)
        return group(changed, m_t, v_t)

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        with control_dependencies(update_ops):
            beta1_power, beta2_power = self._get_beta_accumulators()
            with colocate_with(beta1_power):
                powers = [
                    beta1_power.assign(beta1_power * self._beta1_t, use_locking=self._use_locking),
                    beta2_power.assign(beta2_power * self._beta2_t, use_locking=self._use_locking),
                ]
        return group(*update_ops, *powers, name=name_scope)
