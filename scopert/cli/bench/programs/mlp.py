"""A multi-layer perceptron: products of matrices and an optimizer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph_api import cross_entropy
from .jax_api import cross_entropy as jax_cross_entropy
from .jax_api import training as jax_training
from .registry import Data, Program, Workload, normal
from .torch_api import training


def _data(rng: Any, small: bool) -> Data:
    batch, sizes = (4, (6, 5, 5, 3)) if small else (128, (784, 512, 512, 10))
    params = {}
    for layer, inputs in enumerate(sizes[:-1]):
        outputs = sizes[layer + 1]
        params[f"w{layer}"] = (normal(rng, inputs, outputs) * np.sqrt(2 / (inputs + outputs))).astype(np.float32)
        params[f"b{layer}"] = np.float32(0.01) * normal(rng, outputs)
    labels = rng.randint(0, sizes[-1], batch).astype(np.int32)
    return {"params": params, "x": normal(rng, batch, sizes[0]), "labels": labels}


MLP = Workload("mlp", "perceptron 784-512-512-10, batch of 128, a step of Adam", _data)
MLP_FIRST = Workload("mlp_first", "the same from nothing: building, initialising, the first step", _data, fresh="first")


@MLP_FIRST.program("graph")
@MLP.program("graph")
def _(api: Any, data: Data) -> Program:
    tf, p = api.tf, api.variables(data["params"])
    x = api.feed(data["x"])
    for layer in range(3):
        x = tf.nn.bias_add(tf.matmul(x, p[f"w{layer}"]), p[f"b{layer}"])
        if layer < 2:
            x = tf.nn.relu(x)
    return api.adam(cross_entropy(tf, api.feed(data["labels"]), x))


@MLP_FIRST.program("jax")
@MLP.program("jax")
def _(jax: Any, data: Data) -> Program:
    def loss(p: Any, x: Any, labels: Any) -> Any:
        for layer in range(3):
            x = x @ p[f"w{layer}"] + p[f"b{layer}"]
            if layer < 2:
                x = jax.nn.relu(x)
        return jax_cross_entropy(jax, labels, x)

    return jax_training(jax, loss, data["params"], data["x"], data["labels"])


@MLP_FIRST.program("torch")
@MLP.program("torch")
def _(torch: Any, data: Data) -> Program:
    def loss(p: Any, x: Any, labels: Any) -> Any:
        for layer in range(3):
            x = torch.addmm(p[f"b{layer}"], x, p[f"w{layer}"])
            if layer < 2:
                x = torch.relu(x)
        return torch.nn.functional.cross_entropy(x, labels.long())

    return training(torch, loss, data["params"], data["x"], data["labels"])


WORKLOADS = (MLP, MLP_FIRST)
