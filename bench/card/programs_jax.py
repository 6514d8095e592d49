"""The workloads on JAX: one jitted function a step, its state donated."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from card.workloads import Data, Program, Sizes, Workload, probe


def prepare(workload: Workload) -> None:
    """Settings of the process."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    # "float32" is what it says; JAX's own default on a card is tf32.
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if workload.precision == "tf32" else "float32")


def make(workload: Workload, sizes: Sizes, data: Data) -> Program:
    """A program that is ready to run."""
    import jax

    family = workload.name.removesuffix("_bf16").removesuffix("_tf32")
    half = jax.numpy.bfloat16 if workload.precision == "bf16" else jax.numpy.float32
    return _MAKERS[family](jax, half, sizes, data)


def _stateful(jax: Any, step: Callable[..., Any], state: Any, loss: Callable[[Any], Any]) -> Program:
    """A step that changes a state; the loss of the state is what is checked."""
    compiled, measured = jax.jit(step, donate_argnums=0), jax.jit(loss)
    held = [jax.device_put(state)]

    def run() -> None:
        held[0] = compiled(held[0])

    return Program(run, lambda: jax.block_until_ready(held[0]), lambda: probe(measured(held[0])))


def _pure(jax: Any, function: Callable[..., Any], *arguments: Any) -> Program:
    """A function of arrays on the device; a result's memory is that of an earlier one."""
    compiled = jax.jit(lambda old, *x: function(*x), donate_argnums=0, keep_unused=True)
    placed = [jax.device_put(each) for each in arguments]
    held = [jax.jit(function)(*placed)]

    def run() -> None:
        held[0] = compiled(held[0], *placed)

    return Program(run, lambda: held[0].block_until_ready(), lambda: probe(held[0].astype(np.float32)))


def _adam(jax: Any, loss: Callable[[Any], Any], rate: float, epsilon: float = 1e-8) -> Callable[[Any], Any]:
    jnp, tree = jax.numpy, jax.tree.map

    def step(state: Any) -> Any:
        p, m, v, t = state
        g = jax.grad(loss)(p)
        t = t + 1
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        scale = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return tree(lambda p, m, v: p - scale * m / (jnp.sqrt(v) + epsilon), p, m, v), m, v, t

    return step


def _adam_state(params: Any) -> Any:
    zeros = {name: np.zeros_like(array) for name, array in params.items()}
    return params, zeros, {name: array.copy() for name, array in zeros.items()}, np.float32(0)


def cross_entropy(jax: Any, labels: Any, logits: Any) -> Any:
    """The mean loss."""
    picked = jax.numpy.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)
    return -picked.mean()


def _mlp_loss(jax: Any, p: Any, x: Any, labels: Any) -> Any:
    h = x
    for k in range(3):
        h = h @ p[f"w{k}"] + p[f"b{k}"]
        h = jax.nn.relu(h) if k < 2 else h
    return cross_entropy(jax, labels, h)


def _mlp(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    x, labels = jax.device_put(data["x"]), jax.device_put(data["labels"])

    def loss(p: Any) -> Any:
        return _mlp_loss(jax, p, x, labels)

    return _stateful(jax, _adam(jax, loss, 1e-3), _adam_state(data["params"]), lambda state: loss(state[0]))


def _mlp_fed(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    def step(state: Any, x: Any, labels: Any) -> Any:
        def loss(p: Any) -> Any:
            return _mlp_loss(jax, p, x, labels)

        return _adam(jax, loss, 1e-3)(state), loss(state[0])

    compiled = jax.jit(step, donate_argnums=0)
    held = [jax.device_put(_adam_state(data["params"]))]

    def run() -> float:
        held[0], loss = compiled(held[0], data["x"], data["labels"])
        return float(loss)

    return Program(
        run, lambda: jax.block_until_ready(held[0]),
        lambda: probe(_mlp_loss(jax, held[0][0], data["x"], data["labels"])),
    )  # fmt: skip


def _gelu(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    return _pure(jax, jax.nn.gelu, data["x"].astype(half))


def _softmax(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    return _pure(jax, jax.nn.softmax, data["x"].astype(half))


def normalized(jax: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """Layer norm over the last axis."""
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma + beta


def _layer_norm(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    return _pure(jax, lambda *arguments: normalized(jax, *arguments), data["x"], data["gamma"], data["beta"])


def _attention(jax: Any, half: Any, width: int) -> str:
    """Who computes attention: cuDNN where it does, which is for 16-bit floats on a card."""
    if half != jax.numpy.bfloat16 or jax.default_backend() != "gpu":
        return "xla"
    x = jax.numpy.zeros((1, 128, 1, width), half)
    try:
        attend = functools.partial(jax.nn.dot_product_attention, is_causal=True, implementation="cudnn")
        jax.grad(lambda x: attend(x, x, x).astype(np.float32).sum())(x).block_until_ready()
    except Exception as error:
        print(f"attention is not cuDNN's: {type(error).__name__}: {error}")
        return "xla"
    return "cudnn"


def _gpt_loss(jax: Any, half: Any, sizes: Sizes, data: Data) -> Callable[[Any], Any]:
    jnp = jax.numpy
    batch, length, width, heads = (sizes[name] for name in ("batch", "length", "width", "heads"))
    text, following = jax.device_put(data["text"]), jax.device_put(data["next"])
    kind = _attention(jax, half, width // heads)

    def loss(p: Any) -> Any:
        def dense(x: Any, name: str) -> Any:
            return x @ p[name].astype(half) + p[name + "_bias"].astype(half)

        def normal(x: Any, name: str) -> Any:
            return normalized(jax, x, p[name + "_gamma"], p[name + "_beta"]).astype(half)

        x = (p["words"][text] + p["places"]).reshape(batch * length, width)
        for layer in range(sizes["layers"]):
            mixed = dense(normal(x, f"{layer}_one"), f"{layer}_qkv").reshape(batch, length, 3, heads, width // heads)
            query, key, value = (mixed[:, :, k] for k in range(3))
            joined = jax.nn.dot_product_attention(query, key, value, is_causal=True, implementation=kind)
            x = x + dense(joined.reshape(batch * length, width), f"{layer}_join").astype(jnp.float32)
            wide = jax.nn.gelu(dense(normal(x, f"{layer}_two"), f"{layer}_wide"))
            x = x + dense(wide, f"{layer}_back").astype(jnp.float32)
        logits = (normal(x, "end") @ p["words"].T.astype(half)).astype(jnp.float32)
        return cross_entropy(jax, following, logits)

    return loss


def _gpt2(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    return _pure(jax, _gpt_loss(jax, half, sizes, data), data["params"])


def _gpt2_training(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    loss = _gpt_loss(jax, half, sizes, data)
    return _stateful(jax, _adam(jax, loss, 1e-4), _adam_state(data["params"]), lambda state: loss(state[0]))


def _conv(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    lax, x, labels = jax.lax, jax.device_put(data["x"]), jax.device_put(data["labels"])

    def loss(p: Any) -> Any:
        h = x
        for k in range(4):
            h = lax.conv_general_dilated(h, p[f"w{k}"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            h = jax.nn.relu(h + p[f"b{k}"])
            if k % 2:
                h = lax.reduce_window(h, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return cross_entropy(jax, labels, h.reshape(sizes["batch"], -1) @ p["w_out"] + p["b_out"])

    def step(state: Any) -> Any:
        p, m = state
        m = jax.tree.map(lambda m, g: 0.9 * m + g, m, jax.grad(loss)(p))
        return jax.tree.map(lambda p, m: p - 1e-2 * m, p, m), m

    zeros = {name: np.zeros_like(array) for name, array in data["params"].items()}
    return _stateful(jax, step, (data["params"], zeros), lambda state: loss(state[0]))


def _embedding(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    ids, target = jax.device_put(data["ids"]), jax.device_put(data["target"])

    def step(table: Any) -> Any:
        rows = table[ids]  # only the rows that are read have a gradient
        return table.at[ids].add(-2.0 * (rows - target) / rows.size)

    return _stateful(jax, step, data["table"], lambda table: ((table[ids] - target) ** 2).mean())


def _session(jax: Any, half: Any, sizes: Sizes, data: Data) -> Program:
    compiled, x = jax.jit(lambda x: x + 1.0), data["x"]
    return Program(lambda: np.asarray(compiled(x)), lambda: None, lambda: probe(compiled(x)))


_MAKERS = {
    "mlp": _mlp, "mlp_fed": _mlp_fed, "gelu": _gelu, "softmax": _softmax, "layer_norm": _layer_norm, "gpt2": _gpt2,
    "gpt2_training": _gpt2_training, "conv": _conv, "embedding": _embedding, "session": _session,
}  # fmt: skip
