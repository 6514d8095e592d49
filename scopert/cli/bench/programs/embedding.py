"""Rows of a large table, looked up and changed by their gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Data, Program, Workload, normal

RATE = 100.0


def _data(rng: Any, small: bool) -> Data:
    rows, width, batch = (20, 3, 8) if small else (100_000, 64, 4096)
    ids = rng.randint(0, rows, batch).astype(np.int32)
    ids[-batch // 8 :] = ids[: batch // 8]  # some twice, whose gradients add up
    return {"table": normal(rng, rows, width), "target": normal(rng, batch, width), "ids": ids}


EMBEDDING = Workload("embedding", "4096 of 100,000 rows of 64, a step of gradient descent", _data)


@EMBEDDING.program("graph")
def _(api: Any, data: Data) -> Program:
    tf = api.tf
    table, target = api.variable("table", data["table"]), api.variable("target", data["target"], trainable=False)
    difference = tf.nn.embedding_lookup(table, api.feed(data["ids"])) - target
    loss = tf.reduce_mean(tf.square(difference))
    return api.program([loss], tf.train.GradientDescentOptimizer(RATE).minimize(loss), [table])


@EMBEDDING.program("jax")
def _(jax: Any, data: Data) -> Program:
    target = jax.numpy.asarray(data["target"])

    def step(table: Any, ids: Any) -> Any:
        loss, gradient = jax.value_and_grad(lambda rows: jax.numpy.square(rows - target).mean())(table[ids])
        return table.at[ids].add(-RATE * gradient), loss

    compiled = jax.jit(step, donate_argnums=0)
    held = [jax.numpy.array(data["table"])]

    def run() -> Any:
        held[0], loss = compiled(held[0], data["ids"])
        return [np.asarray(loss)]

    return Program(run, lambda: [np.asarray(held[0])])


@EMBEDDING.program("torch")
def _(torch: Any, data: Data) -> Program:
    table = torch.from_numpy(data["table"].copy()).requires_grad_()
    target = torch.from_numpy(data["target"])
    optimizer = torch.optim.SGD([table], lr=RATE)

    def run() -> Any:
        optimizer.zero_grad(set_to_none=True)
        rows = torch.nn.functional.embedding(torch.from_numpy(data["ids"]).long(), table, sparse=True)
        loss = torch.square(rows - target).mean()
        loss.backward()
        optimizer.step()
        return [loss.detach().numpy()]

    return Program(run, lambda: [table.detach().numpy()])


@EMBEDDING.program("numpy")
def _(_: Any, data: Data) -> Program:
    table, target, ids = data["table"].copy(), data["target"], data["ids"]

    def run() -> Any:
        difference = table[ids] - target
        np.subtract.at(table, ids, np.float32(2 * RATE / difference.size) * difference)
        return [np.square(difference).mean()]

    return Program(run, lambda: [table])


WORKLOADS = (EMBEDDING,)
