"""An LSTM over 64 steps: by a loop and unrolled, forward and in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph_api import cross_entropy
from .jax_api import cross_entropy as jax_cross_entropy
from .jax_api import forward as jax_forward
from .jax_api import training as jax_training
from .registry import Data, Program, Workload, normal
from .torch_api import forward, training


def _data(rng: Any, small: bool) -> Data:
    steps, batch, inputs, units = (3, 2, 4, 5) if small else (64, 32, 64, 128)
    params = {
        "kernel": normal(rng, inputs + units, 4 * units) / np.float32(np.sqrt(inputs + units)),
        "bias": np.float32(0.01) * normal(rng, 4 * units),
        "out": normal(rng, units, 10) / np.float32(np.sqrt(units)), "out_bias": np.float32(0.01) * normal(rng, 10),
    }  # fmt: skip
    labels = rng.randint(0, 10, batch).astype(np.int32)
    return {"params": params, "x": normal(rng, steps, batch, inputs), "labels": labels, "units": units}


LOOP = Workload("lstm_loop", "LSTM of 128 units over 64 steps by while_loop, batch of 32: loss", _data)
LOOP_TRAINING = Workload("lstm_loop_training", "the same, a step of Adam", _data)
UNROLLED = Workload("lstm_unrolled", "the same without a loop: loss", _data)
UNROLLED_TRAINING = Workload("lstm_unrolled_training", "the same without a loop, a step of Adam", _data)


def _loss(api: Any, data: Data, loop: bool) -> Any:
    tf, p = api.tf, api.variables(data["params"])
    steps, batch, _ = data["x"].shape
    x = api.feed(data["x"])
    zero = tf.zeros([batch, data["units"]], api.dtype)

    def cell(now: Any, hidden: Any, memory: Any) -> Any:
        gates = tf.nn.bias_add(tf.matmul(tf.concat([now, hidden], 1), p["kernel"]), p["bias"])
        write, new, keep, show = tf.split(gates, 4, axis=1)
        memory = memory * tf.sigmoid(keep + 1.0) + tf.sigmoid(write) * tf.tanh(new)
        return tf.sigmoid(show) * tf.tanh(memory), memory

    if loop:
        _, hidden, _ = tf.while_loop(
            lambda t, h, c: t < steps, lambda t, h, c: (t + 1, *cell(tf.gather(x, t), h, c)),
            [tf.constant(0), zero, zero],
        )  # fmt: skip
    else:
        hidden = memory = zero
        for now in tf.unstack(x):
            hidden, memory = cell(now, hidden, memory)
    logits = tf.nn.bias_add(tf.matmul(hidden, p["out"]), p["out_bias"])
    return cross_entropy(tf, api.feed(data["labels"]), logits)


def _jax(jax: Any, data: Data, loop: bool) -> Any:
    jnp = jax.numpy

    def loss(p: Any, x: Any, labels: Any) -> Any:
        def cell(state: Any, now: Any) -> Any:
            hidden, memory = state
            gates = jnp.concatenate([now, hidden], 1) @ p["kernel"] + p["bias"]
            write, new, keep, show = jnp.split(gates, 4, axis=1)
            memory = memory * jax.nn.sigmoid(keep + 1) + jax.nn.sigmoid(write) * jnp.tanh(new)
            return (jax.nn.sigmoid(show) * jnp.tanh(memory), memory), None

        zero = jnp.zeros((x.shape[1], data["units"]), x.dtype)
        state = (zero, zero)
        if loop:
            state, _ = jax.lax.scan(cell, state, x)
        else:
            for now in x:
                state, _ = cell(state, now)
        return jax_cross_entropy(jax, labels, state[0] @ p["out"] + p["out_bias"])

    return loss


def _torch(torch: Any, data: Data, loop: bool) -> Any:
    units, inputs = data["units"], data["x"].shape[2]

    def by_cells(p: Any, x: Any) -> Any:
        hidden = memory = torch.zeros(x.shape[1], units)
        for now in x.unbind():
            gates = torch.addmm(p["bias"], torch.cat([now, hidden], 1), p["kernel"])
            write, new, keep, show = gates.chunk(4, dim=1)
            memory = memory * torch.sigmoid(keep + 1) + torch.sigmoid(write) * torch.tanh(new)
            hidden = torch.sigmoid(show) * torch.tanh(memory)
        return hidden

    def by_library(p: Any, x: Any) -> Any:
        """torch's own LSTM, whose order of gates is input, forget, new, output."""
        write, new, keep, show = p["kernel"].t().chunk(4)
        kernel = torch.cat([write, keep, new, show])
        write, new, keep, show = p["bias"].chunk(4)
        bias = torch.cat([write, keep + 1, new, show])
        zero = torch.zeros(1, x.shape[1], units)
        both = [kernel[:, :inputs].contiguous(), kernel[:, inputs:].contiguous(), bias, torch.zeros_like(bias)]
        return torch._VF.lstm(x, (zero, zero), both, True, 1, 0.0, True, False, False)[1][0]

    def loss(p: Any, x: Any, labels: Any) -> Any:
        hidden = (by_library if loop else by_cells)(p, x)
        logits = torch.addmm(p["out_bias"], hidden, p["out"])
        return torch.nn.functional.cross_entropy(logits, labels.long())

    return loss


def _add(workload: Workload, loop: bool, trains: bool) -> None:
    """The programs of one of the four."""

    @workload.program("graph")
    def _(api: Any, data: Data) -> Program:
        loss = _loss(api, data, loop)
        return api.adam(loss) if trains else api.program([loss])

    @workload.program("jax")
    def _(jax: Any, data: Data) -> Program:
        loss, arguments = _jax(jax, data, loop), (data["params"], data["x"], data["labels"])
        return jax_training(jax, loss, *arguments) if trains else jax_forward(jax, lambda *a: [loss(*a)], *arguments)

    @workload.program("torch")
    def _(torch: Any, data: Data) -> Program:
        loss, arguments = _torch(torch, data, loop), (data["params"], data["x"], data["labels"])
        return training(torch, loss, *arguments) if trains else forward(torch, lambda *a: [loss(*a)], *arguments)


_add(LOOP, loop=True, trains=False)
_add(LOOP_TRAINING, loop=True, trains=True)
_add(UNROLLED, loop=False, trains=False)
_add(UNROLLED_TRAINING, loop=False, trains=True)

WORKLOADS = (LOOP, LOOP_TRAINING, UNROLLED, UNROLLED_TRAINING)
