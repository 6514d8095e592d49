"""A convolutional net on images of digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph_api import cross_entropy
from .jax_api import cross_entropy as jax_cross_entropy
from .jax_api import training as jax_training
from .registry import Data, Program, Workload, normal
from .torch_api import training


def _data(rng: Any, small: bool) -> Data:
    batch, side, first, second, hidden = (2, 8, 3, 4, 5) if small else (32, 28, 32, 64, 1024)
    flat = (side // 4) ** 2 * second
    shapes = {"k1": (5, 5, 1, first), "k2": (5, 5, first, second), "w1": (flat, hidden), "w2": (hidden, 10)}
    params = {}
    for name, shape in shapes.items():
        params[name] = (normal(rng, *shape) * np.sqrt(1 / np.prod(shape[:-1]))).astype(np.float32)
        params[name + "_bias"] = np.float32(0.01) * normal(rng, shape[-1])
    labels = rng.randint(0, 10, batch).astype(np.int32)
    return {"params": params, "x": normal(rng, batch, side, side, 1), "labels": labels}


CONV = Workload("conv", "two convolutions, pooling, two dense layers, batch of 32, a step of Adam", _data)


@CONV.program("graph")
def _(api: Any, data: Data) -> Program:
    tf, p = api.tf, api.variables(data["params"])
    x = api.feed(data["x"])
    for name in ("k1", "k2"):
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, p[name], [1, 1, 1, 1], "SAME"), p[name + "_bias"]))
        x = tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    x = tf.reshape(x, [data["x"].shape[0], -1])
    x = tf.nn.relu(tf.nn.bias_add(tf.matmul(x, p["w1"]), p["w1_bias"]))
    logits = tf.nn.bias_add(tf.matmul(x, p["w2"]), p["w2_bias"])
    return api.adam(cross_entropy(tf, api.feed(data["labels"]), logits))


@CONV.program("jax")
def _(jax: Any, data: Data) -> Program:
    def loss(p: Any, x: Any, labels: Any) -> Any:
        for name in ("k1", "k2"):
            x = jax.lax.conv_general_dilated(x, p[name], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.nn.relu(x + p[name + "_bias"])
            x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
        x = jax.nn.relu(x.reshape(x.shape[0], -1) @ p["w1"] + p["w1_bias"])
        return jax_cross_entropy(jax, labels, x @ p["w2"] + p["w2_bias"])

    return jax_training(jax, loss, data["params"], data["x"], data["labels"])


@CONV.program("torch")
def _(torch: Any, data: Data) -> Program:
    functional = torch.nn.functional
    # PyTorch's kernels are (out, in, height, width); the flat layer keeps the order height, width, channels.
    params = {
        name: np.ascontiguousarray(array.transpose(3, 2, 0, 1)) if array.ndim == 4 else array
        for name, array in data["params"].items()
    }

    def loss(p: Any, x: Any, labels: Any) -> Any:
        x = x.permute(0, 3, 1, 2)
        for name in ("k1", "k2"):
            x = functional.max_pool2d(torch.relu(functional.conv2d(x, p[name], p[name + "_bias"], padding=2)), 2)
        x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
        x = torch.relu(torch.addmm(p["w1_bias"], x, p["w1"]))
        return functional.cross_entropy(torch.addmm(p["w2_bias"], x, p["w2"]), labels.long())

    return training(torch, loss, params, data["x"], data["labels"])


WORKLOADS = (CONV,)
