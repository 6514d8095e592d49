"""What the JAX programs have in common; imported where there is JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .registry import Data, Program


def whole(jax: Any, function: Callable[..., Any], *arrays: Any) -> Program:
    """A jitted function of arrays that stay on the device; gives NumPy arrays."""
    compiled = jax.jit(function)
    held = [jax.numpy.asarray(array) for array in arrays]
    return Program(lambda: [np.asarray(value) for value in compiled(*held)])


def cross_entropy(jax: Any, labels: Any, logits: Any) -> Any:
    """The mean loss of a batch."""
    rows = jax.numpy.arange(labels.shape[0])
    return -jax.nn.log_softmax(logits)[rows, labels].mean()


def adam_update(jax: Any, gradients: Any, state: Any) -> Any:
    """Adam as TensorFlow writes it (epsilon beside the uncorrected root); `state` is (weights, m, v, step)."""
    jnp, map_tree = jax.numpy, jax.tree_util.tree_map
    weights, first, second, count = state
    count = count + 1
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    first = map_tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = map_tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    weights = map_tree(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second)
    return weights, first, second, count


def adam_state(jax: Any, params: Data) -> Any:
    """The state before the first step."""
    weights = {name: jax.numpy.asarray(array) for name, array in params.items()}
    zeros = jax.tree_util.tree_map(jax.numpy.zeros_like, weights)
    # Not one object twice: its buffers are given away with each step.
    return weights, zeros, jax.tree_util.tree_map(jax.numpy.zeros_like, weights), jax.numpy.float32(0)


def training(jax: Any, loss: Callable[..., Any], params: Data, *inputs: Any) -> Program:
    """A step of Adam; ``loss(weights, *inputs)``, with `inputs` handed over in each step."""
    held = {"state": adam_state(jax, params)}

    def step(state: Any, *arrays: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(state[0], *arrays)
        return adam_update(jax, gradients, state), value

    compiled = jax.jit(step, donate_argnums=0)

    def run() -> Any:
        held["state"], value = compiled(held["state"], *inputs)
        return [np.asarray(value)]

    return Program(run)


def forward(jax: Any, function: Callable[..., Any], params: Data, *inputs: Any) -> Program:
    """``function(weights, *inputs)``, with `inputs` handed over in each step."""
    compiled = jax.jit(function)
    held = {name: jax.numpy.asarray(array) for name, array in params.items()}
    return Program(lambda: [np.asarray(value) for value in compiled(held, *inputs)])
