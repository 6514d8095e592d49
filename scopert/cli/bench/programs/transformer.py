"""A transformer of two layers, forward and in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import gelu
from .graph_api import cross_entropy
from .jax_api import cross_entropy as jax_cross_entropy
from .jax_api import forward as jax_forward
from .jax_api import training as jax_training
from .normalization import EPSILON, jax_layer_norm, layer_norm
from .registry import Data, Program, Workload, weights
from .torch_api import forward, training


def _data(rng: Any, small: bool) -> Data:
    batch, length, width, heads, words = (2, 4, 8, 2, 11) if small else (4, 128, 256, 4, 1000)
    shapes = [("words", (words, width)), ("places", (length, width)), ("end_gamma", (width,)), ("end_beta", (width,))]
    for layer in ("a_", "b_"):
        shapes += [
            (layer + "one_gamma", (width,)), (layer + "one_beta", (width,)),
            (layer + "qkv", (width, 3 * width)), (layer + "qkv_bias", (3 * width,)),
            (layer + "join", (width, width)), (layer + "join_bias", (width,)),
            (layer + "two_gamma", (width,)), (layer + "two_beta", (width,)),
            (layer + "wide", (width, 4 * width)), (layer + "wide_bias", (4 * width,)),
            (layer + "back", (4 * width, width)), (layer + "back_bias", (width,)),
        ]  # fmt: skip
    text = rng.randint(0, words, (batch, length + 1)).astype(np.int32)
    mask = np.where(np.tril(np.ones((length, length), bool)), 0, -1e9).astype(np.float32)
    return {
        "params": weights(rng, shapes), "text": np.ascontiguousarray(text[:, :-1]), "heads": heads, "mask": mask,
        "next": np.ascontiguousarray(text[:, 1:]).reshape(-1),
    }  # fmt: skip


FORWARD = Workload("transformer", "two layers, 4 x 128 tokens, width 256: loss and logits", _data)
TRAINING = Workload("transformer_training", "the same, a step of Adam", _data)


def _graph(api: Any, data: Data) -> tuple[Any, Any]:
    tf, p, heads = api.tf, api.variables(data["params"]), data["heads"]
    batch, length = data["text"].shape
    width = data["params"]["places"].shape[1]
    mask = tf.constant(api.number(data["mask"]))

    def dense(x: Any, name: str) -> Any:
        return tf.nn.bias_add(tf.matmul(x, p[name]), p[name + "_bias"])

    def normal(x: Any, name: str) -> Any:
        return layer_norm(tf, x, p[name + "_gamma"], p[name + "_beta"])

    def split(x: Any) -> Any:
        return tf.transpose(tf.reshape(x, [batch, length, heads, width // heads]), [0, 2, 1, 3])

    x = tf.reshape(tf.nn.embedding_lookup(p["words"], api.feed(data["text"])) + p["places"], [batch * length, width])
    for layer in ("a_", "b_"):
        query, key, value = map(split, tf.split(dense(normal(x, layer + "one"), layer + "qkv"), 3, axis=1))
        scores = tf.matmul(query, key, transpose_b=True) * (width // heads) ** -0.5 + mask
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), value), [0, 2, 1, 3])
        x = x + dense(tf.reshape(mixed, [batch * length, width]), layer + "join")
        x = x + dense(gelu(dense(normal(x, layer + "two"), layer + "wide"), tf.tanh), layer + "back")
    logits = tf.matmul(normal(x, "end"), p["words"], transpose_b=True)
    return cross_entropy(tf, api.feed(data["next"]), logits), logits


@FORWARD.program("graph")
def _(api: Any, data: Data) -> Program:
    return api.program(list(_graph(api, data)))


@TRAINING.program("graph")
def _(api: Any, data: Data) -> Program:
    return api.adam(_graph(api, data)[0])


def _jax(jax: Any, data: Data) -> Any:
    jnp, heads, mask = jax.numpy, data["heads"], data["mask"]
    batch, length = data["text"].shape
    width = data["params"]["places"].shape[1]

    def model(p: Any, text: Any, following: Any) -> Any:
        def split(x: Any) -> Any:
            return x.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)

        def normal(x: Any, name: str) -> Any:
            return jax_layer_norm(jax, x, p[name + "_gamma"], p[name + "_beta"])

        x = (p["words"][text] + p["places"]).reshape(batch * length, width)
        for layer in ("a_", "b_"):
            mixed = normal(x, layer + "one") @ p[layer + "qkv"] + p[layer + "qkv_bias"]
            query, key, value = map(split, jnp.split(mixed, 3, axis=1))
            scores = query @ key.swapaxes(-1, -2) * (width // heads) ** -0.5 + mask
            mixed = (jax.nn.softmax(scores) @ value).transpose(0, 2, 1, 3).reshape(batch * length, width)
            x = x + mixed @ p[layer + "join"] + p[layer + "join_bias"]
            wide = gelu(normal(x, layer + "two") @ p[layer + "wide"] + p[layer + "wide_bias"], jnp.tanh)
            x = x + wide @ p[layer + "back"] + p[layer + "back_bias"]
        logits = normal(x, "end") @ p["words"].T
        return jax_cross_entropy(jax, following, logits), logits

    return model


@FORWARD.program("jax")
def _(jax: Any, data: Data) -> Program:
    return jax_forward(jax, _jax(jax, data), data["params"], data["text"], data["next"])


@TRAINING.program("jax")
def _(jax: Any, data: Data) -> Program:
    model = _jax(jax, data)
    return jax_training(jax, lambda *arguments: model(*arguments)[0], data["params"], data["text"], data["next"])


def _torch(torch: Any, data: Data) -> Any:
    functional, heads = torch.nn.functional, data["heads"]
    batch, length = data["text"].shape
    width = data["params"]["places"].shape[1]

    def model(p: Any, text: Any, following: Any) -> Any:
        def split(x: Any) -> Any:
            return x.view(batch, length, heads, width // heads).transpose(1, 2)

        def normal(x: Any, name: str) -> Any:
            return functional.layer_norm(x, (width,), p[name + "_gamma"], p[name + "_beta"], EPSILON)

        def dense(x: Any, name: str) -> Any:
            return torch.addmm(p[name + "_bias"], x, p[name])

        x = (functional.embedding(text.long(), p["words"]) + p["places"]).view(batch * length, width)
        for layer in ("a_", "b_"):
            query, key, value = map(split, dense(normal(x, layer + "one"), layer + "qkv").split(width, dim=1))
            mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + dense(mixed.transpose(1, 2).reshape(batch * length, width), layer + "join")
            wide = functional.gelu(dense(normal(x, layer + "two"), layer + "wide"), approximate="tanh")
            x = x + dense(wide, layer + "back")
        logits = normal(x, "end") @ p["words"].t()
        return functional.cross_entropy(logits, following.long()), logits

    return model


@FORWARD.program("torch")
def _(torch: Any, data: Data) -> Program:
    return forward(torch, _torch(torch, data), data["params"], data["text"], data["next"])


@TRAINING.program("torch")
def _(torch: Any, data: Data) -> Program:
    model = _torch(torch, data)
    return training(torch, lambda *arguments: model(*arguments)[0], data["params"], data["text"], data["next"])


WORKLOADS = (FORWARD, TRAINING)
