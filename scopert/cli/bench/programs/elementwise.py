"""Elementwise operations: few over many numbers, many over few."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jax_api import whole as jax_whole
from .registry import Data, Program, Workload, normal
from .torch_api import whole as torch_whole

ROOT = 0.7978845608028654  # sqrt(2 / pi)
FACTORS = (1.0, 0.5, 0.25)

CHAIN = Workload(
    "chain", "3 x (GELU and a residual) over 4 million floats",
    lambda rng, small: {"x": normal(rng, 1000 if small else 1 << 22)},
)  # fmt: skip
TINY = Workload(
    "tiny", "1000 dependent operations on 16 floats",
    lambda rng, small: {"x": normal(rng, 16), "c": normal(rng, 125, 16)},
)  # fmt: skip


def gelu(x: Any, tanh: Any) -> Any:
    """The approximation by tanh."""
    return 0.5 * x * (1.0 + tanh(ROOT * (x + 0.044715 * x * x * x)))


def _chain(x: Any, tanh: Any) -> Any:
    for factor in FACTORS:
        x = factor * x + gelu(x, tanh)
    return x


@CHAIN.program("graph")
def _(api: Any, data: Data) -> Program:
    return api.program([_chain(api.variable("x", data["x"], trainable=False), api.tf.tanh)])


@CHAIN.program("jax")
def _(jax: Any, data: Data) -> Program:
    return jax_whole(jax, lambda x: [_chain(x, jax.numpy.tanh)], data["x"])


@CHAIN.program("torch")
def _(torch: Any, data: Data) -> Program:
    def chain(x: Any) -> Any:
        for factor in FACTORS:
            x = factor * x + torch.nn.functional.gelu(x, approximate="tanh")
        return [x]

    return torch_whole(torch, chain, data["x"])


@CHAIN.program("numpy")
def _(_: Any, data: Data) -> Program:
    return Program(lambda: [_chain(data["x"], np.tanh)])


def _tiny(x: Any, constants: Any, xp: Any, sigmoid: Any) -> Any:
    """Eight operations a row, none of which algebra can merge with the next."""
    for row in constants:
        x = xp.tanh(x + row)
        x = xp.maximum(x * 1.25, row - 2.0)
        x = sigmoid(row - x)
        x = xp.minimum(x * 1.75, 1.5 - row)
    return x


@TINY.program("graph")
def _(api: Any, data: Data) -> Program:
    return api.program([_tiny(api.feed(data["x"]), api.number(data["c"]), api.tf, api.tf.sigmoid)])


@TINY.program("jax")
def _(jax: Any, data: Data) -> Program:
    compiled = jax.jit(lambda x: _tiny(x, data["c"], jax.numpy, jax.nn.sigmoid))
    return Program(lambda: [np.asarray(compiled(data["x"]))])


@TINY.program("torch")
def _(torch: Any, data: Data) -> Program:
    rows = list(torch.from_numpy(data["c"]))

    def step() -> Any:
        with torch.no_grad():
            return [_tiny(torch.from_numpy(data["x"]), rows, torch, torch.sigmoid).numpy()]

    return Program(step)


@TINY.program("numpy")
def _(_: Any, data: Data) -> Program:
    return Program(lambda: [_tiny(data["x"], data["c"], np, lambda x: 1 / (1 + np.exp(-x)))])


WORKLOADS = (CHAIN, TINY)
