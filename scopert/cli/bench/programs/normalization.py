"""Softmax, cross-entropy and normalisation: reductions with what stands around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph_api import cross_entropy
from .jax_api import cross_entropy as jax_cross_entropy
from .jax_api import whole as jax_whole
from .registry import Data, Program, Workload, normal
from .torch_api import indices, whole

EPSILON = 1e-5


def _logits(rng: Any, small: bool) -> Data:
    rows, columns = (8, 10) if small else (4096, 1000)
    return {"logits": 3 * normal(rng, rows, columns), "labels": rng.randint(0, columns, rows).astype(np.int32)}


def _rows(rng: Any, small: bool) -> Data:
    rows, columns = (6, 8) if small else (8192, 768)
    return {
        "x": 1.5 * normal(rng, rows, columns) + np.float32(0.3), "dy": normal(rng, rows, columns),
        "gamma": 1 + np.float32(0.1) * normal(rng, columns), "beta": np.float32(0.1) * normal(rng, columns),
    }  # fmt: skip


SOFTMAX = Workload("softmax", "softmax and cross-entropy, 4096 x 1000", _logits)
SOFTMAX_GRADIENT = Workload("softmax_gradient", "mean cross-entropy and its gradient, 4096 x 1000", _logits)
LAYER_NORM = Workload("layer_norm", "layer normalisation and its gradients, 8192 x 768", _rows)


@SOFTMAX.program("graph")
def _(api: Any, data: Data) -> Program:
    tf, logits = api.tf, api.variable("logits", data["logits"], trainable=False)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=api.feed(data["labels"]), logits=logits)
    return api.program([tf.nn.softmax(logits), loss])


@SOFTMAX.program("jax")
def _(jax: Any, data: Data) -> Program:
    def both(logits: Any, labels: Any) -> Any:
        log = jax.nn.log_softmax(logits)
        return jax.numpy.exp(log), -log[jax.numpy.arange(len(labels)), labels]

    return jax_whole(jax, both, data["logits"], data["labels"])


@SOFTMAX.program("torch")
def _(torch: Any, data: Data) -> Program:
    def both(logits: Any, labels: Any) -> Any:
        loss = torch.nn.functional.cross_entropy(logits, labels.long(), reduction="none")
        return torch.softmax(logits, -1), loss

    return whole(torch, both, data["logits"], data["labels"])


@SOFTMAX.program("numpy")
def _(_: Any, data: Data) -> Program:
    logits, labels = data["logits"], data["labels"]
    rows = np.arange(len(labels))

    def step() -> Any:
        shifted = logits - logits.max(-1, keepdims=True)
        exponentials = np.exp(shifted)
        total = exponentials.sum(-1, keepdims=True)
        return [exponentials / total, np.log(total[:, 0]) - shifted[rows, labels]]

    return Program(step)


@SOFTMAX_GRADIENT.program("graph")
def _(api: Any, data: Data) -> Program:
    logits = api.variable("logits", data["logits"], trainable=False)
    loss = cross_entropy(api.tf, api.feed(data["labels"]), logits)
    return api.program([loss, api.tf.gradients(loss, logits)[0]])


@SOFTMAX_GRADIENT.program("jax")
def _(jax: Any, data: Data) -> Program:
    function = jax.value_and_grad(lambda logits, labels: jax_cross_entropy(jax, labels, logits))
    return jax_whole(jax, function, data["logits"], data["labels"])


@SOFTMAX_GRADIENT.program("torch")
def _(torch: Any, data: Data) -> Program:
    logits = torch.from_numpy(data["logits"]).requires_grad_()

    def step() -> Any:
        loss = torch.nn.functional.cross_entropy(logits, indices(torch, data["labels"]))
        (gradient,) = torch.autograd.grad(loss, logits)
        return [loss.detach().numpy(), gradient.numpy()]

    return Program(step)


def layer_norm(tf: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """Over the last axis, of primitive operations."""
    centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    return centred * tf.rsqrt(variance + EPSILON) * gamma + beta


def jax_layer_norm(jax: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """The same in JAX."""
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + EPSILON) * gamma + beta


@LAYER_NORM.program("graph")
def _(api: Any, data: Data) -> Program:
    x, dy, gamma, beta = (api.variable(name, data[name], trainable=False) for name in ("x", "dy", "gamma", "beta"))
    y = layer_norm(api.tf, x, gamma, beta)
    return api.program([y, *api.tf.gradients(y, [x, gamma, beta], grad_ys=dy)])


@LAYER_NORM.program("jax")
def _(jax: Any, data: Data) -> Program:
    def both(x: Any, dy: Any, gamma: Any, beta: Any) -> Any:
        y, back = jax.vjp(lambda *arguments: jax_layer_norm(jax, *arguments), x, gamma, beta)
        return (y, *back(dy))

    return jax_whole(jax, both, data["x"], data["dy"], data["gamma"], data["beta"])


@LAYER_NORM.program("torch")
def _(torch: Any, data: Data) -> Program:
    x, gamma, beta = (torch.from_numpy(data[name]).requires_grad_() for name in ("x", "gamma", "beta"))
    dy = torch.from_numpy(data["dy"])

    def step() -> Any:
        y = torch.nn.functional.layer_norm(x, x.shape[-1:], gamma, beta, EPSILON)
        return [value.detach().numpy() for value in (y, *torch.autograd.grad(y, (x, gamma, beta), dy))]

    return Program(step)


BATCH_NORM = Workload(
    "batch_norm", "batch normalisation in training with gradients, 256 x 28 x 28 x 32",
    lambda rng, small: {
        "x": 2 * normal(rng, *((4, 3, 3, 5) if small else (256, 28, 28, 32))) + np.float32(0.5),
        "gamma": 1 + np.float32(0.1) * normal(rng, 5 if small else 32), "beta": normal(rng, 5 if small else 32),
        "dy": normal(rng, *((4, 3, 3, 5) if small else (256, 28, 28, 32))),
    },
)  # fmt: skip


@BATCH_NORM.program("graph")
def _(api: Any, data: Data) -> Program:
    tf = api.tf
    x, dy, gamma, beta = (api.variable(name, data[name], trainable=False) for name in ("x", "dy", "gamma", "beta"))
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)
    return api.program([y, *tf.gradients(y, [x, gamma, beta], grad_ys=dy)])


@BATCH_NORM.program("jax")
def _(jax: Any, data: Data) -> Program:
    def normalise(x: Any, gamma: Any, beta: Any) -> Any:
        centred = x - x.mean((0, 1, 2))
        return centred * (jax.lax.rsqrt((centred * centred).mean((0, 1, 2)) + EPSILON) * gamma) + beta

    def both(x: Any, dy: Any, gamma: Any, beta: Any) -> Any:
        y, back = jax.vjp(normalise, x, gamma, beta)
        return (y, *back(dy))

    return jax_whole(jax, both, data["x"], data["dy"], data["gamma"], data["beta"])


@BATCH_NORM.program("torch")
def _(torch: Any, data: Data) -> Program:
    def channels_second(array: Any) -> Any:
        return torch.from_numpy(array).permute(0, 3, 1, 2)

    x = channels_second(data["x"]).requires_grad_()
    dy = channels_second(data["dy"])
    gamma, beta = (torch.from_numpy(data[name]).requires_grad_() for name in ("gamma", "beta"))

    def step() -> Any:
        y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPSILON)
        dx, dgamma, dbeta = torch.autograd.grad(y, (x, gamma, beta), dy)
        large = [value.detach().permute(0, 2, 3, 1).numpy() for value in (y, dx)]
        return [*large, dgamma.numpy(), dbeta.numpy()]

    return Program(step)


WORKLOADS = (SOFTMAX, SOFTMAX_GRADIENT, LAYER_NORM, BATCH_NORM)
