"""Adam over many variables, apart from what computes the gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jax_api import adam_state, adam_update
from .registry import Data, Program, Workload, normal
from .torch_api import parameters


def _data(rng: Any, small: bool) -> Data:
    count, total = (5, 200) if small else (200, 20_000_000)
    parts = np.exp(1.7 * rng.standard_normal(count))
    sizes = np.maximum(16, parts / parts.sum() * total).astype(int)
    params = {f"v{number:03d}": normal(rng, int(size)) for number, size in enumerate(sizes)}
    return {"params": params, "gradients": {name: 0.1 * normal(rng, len(p)) for name, p in params.items()}}


ADAM = Workload("adam", "Adam over 200 variables with 20 million elements", _data)


@ADAM.program("graph")
def _(api: Any, data: Data) -> Program:
    tf, params = api.tf, api.variables(data["params"])
    pairs = [
        (tf.identity(api.variable("gradient_" + name, data["gradients"][name], trainable=False)), variable)
        for name, variable in params.items()
    ]
    train = tf.train.AdamOptimizer(1e-3, epsilon=1e-7).apply_gradients(pairs)
    return api.program([], train, list(params.values()))


@ADAM.program("jax")
def _(jax: Any, data: Data) -> Program:
    gradients = {name: jax.numpy.asarray(gradient) for name, gradient in data["gradients"].items()}
    compiled = jax.jit(lambda state: adam_update(jax, gradients, state), donate_argnums=0)
    held = [adam_state(jax, data["params"])]

    def run() -> Any:
        held[0] = compiled(held[0])
        jax.block_until_ready(held[0])
        return []

    return Program(run, lambda: [np.asarray(held[0][0][name]) for name in data["params"]])


@ADAM.program("torch")
def _(torch: Any, data: Data) -> Program:
    held = parameters(torch, data["params"])
    for name, parameter in held.items():
        parameter.grad = torch.from_numpy(data["gradients"][name])
    optimizer = torch.optim.Adam(list(held.values()), lr=1e-3, eps=1e-7, fused=True)

    def run() -> Any:
        optimizer.step()
        return []

    return Program(run, lambda: [parameter.detach().numpy() for parameter in held.values()])


WORKLOADS = (ADAM,)
