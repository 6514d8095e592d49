"""The workloads on scopert: plain TensorFlow 1 programs."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from card.workloads import Data, Program, Sizes, Workload, probe


def prepare(workload: Workload) -> None:
    """Settings of the process, before a session is opened."""
    os.environ["SCOPERT_MATMUL_PRECISION"] = "tf32" if workload.precision == "tf32" else "float32"


class _Graph:
    """A graph, its variables with values, and its session."""

    def __init__(self, workload: Workload) -> None:
        import scopert as tf

        self.tf, self.workload = tf, workload
        self.half = tf.bfloat16 if workload.precision == "bf16" else tf.float32
        self.graph = tf.Graph()
        self._loads: list[Any] = []

    def variable(self, name: str, array: Any, dtype: Any = None, trainable: bool = True) -> Any:
        tf = self.tf
        dtype = tf.as_dtype(array.dtype) if dtype is None else dtype
        made = tf.get_variable(name, array.shape, dtype, tf.zeros_initializer(), trainable=trainable)
        value = tf.placeholder(dtype, array.shape)
        self._loads.append((tf.assign(made, value).op, value, array.astype(dtype.as_numpy_dtype)))
        return made

    def variables(self, arrays: dict[str, Any]) -> dict[str, Any]:
        return {name: self.variable(name, array) for name, array in arrays.items()}

    def cast(self, x: Any) -> Any:
        return x if x.dtype.base_dtype == self.half else self.tf.cast(x, self.half)

    def program(self, fetch: Any, result: Any, feeds: dict[Any, Any] | None = None) -> Program:
        tf = self.tf
        session = tf.Session(graph=self.graph, backend="cupy")
        session.run(tf.global_variables_initializer())
        for op, value, array in self._loads:
            session.run(op, {value: array})
        keys, values = list(feeds or ()), list((feeds or {}).values())
        run = session.make_callable(fetch, feed_list=keys)
        return Program(
            lambda: run(*values), session.backend.synchronize, lambda: probe(session.run(result, feeds)), session
        )  # fmt: skip


def largest_executable(program: Program) -> Any:
    """The executable of a program's step."""
    found = program.session.backend.residents.all()
    return max(found, key=lambda each: len(each.program.steps))


def by_itself(executable: Any) -> list[str]:
    """The steps that are not part of a graph of commands: engine and operation of each."""
    actions = executable.plan.top.actions
    return [f"{action.engine} {action.step.op}" for action in actions if hasattr(action, "why")]


def gelu(tf: Any, x: Any) -> Any:
    """The tanh form."""
    return 0.5 * x * (1.0 + tf.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


def make(workload: Workload, sizes: Sizes, data: Data) -> Program:
    """A program that is ready to run."""
    family = workload.name.removesuffix("_bf16").removesuffix("_tf32")
    graph = _Graph(workload)
    with graph.graph.as_default():
        return _MAKERS[family](graph, sizes, data)


def _mlp(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    tf, p = graph.tf, graph.variables(data["params"])
    feeds = None
    if graph.workload.name == "mlp_fed":
        x, labels = (tf.placeholder(tf.as_dtype(data[name].dtype), data[name].shape) for name in ("x", "labels"))
        feeds = {x: data["x"], labels: data["labels"]}
    else:
        x, labels = (graph.variable(name, data[name], trainable=False) for name in ("x", "labels"))
    h = x
    for k in range(3):
        h = tf.nn.bias_add(tf.matmul(h, p[f"w{k}"]), p[f"b{k}"])
        h = tf.nn.relu(h) if k < 2 else h
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=h))
    train = tf.train.AdamOptimizer(1e-3).minimize(loss)
    return graph.program([loss, train] if feeds else train, loss, feeds)


def _into(graph: _Graph, x: Any, result: Any) -> Program:
    """Leaves a result on the device."""
    tf = graph.tf
    y = tf.get_variable("y", x.shape, x.dtype.base_dtype, tf.zeros_initializer(), trainable=False)
    return graph.program(tf.assign(y, result).op, y)


def _gelu(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    x = graph.variable("x", data["x"], graph.half, trainable=False)
    return _into(graph, x, gelu(graph.tf, x))


def _softmax(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    x = graph.variable("x", data["x"], graph.half, trainable=False)
    return _into(graph, x, graph.tf.nn.softmax(x))


def normalized(tf: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """Layer norm over the last axis."""
    mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
    return (x - mean) * tf.rsqrt(variance + 1e-5) * gamma + beta


def _layer_norm(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    x, gamma, beta = (graph.variable(name, data[name], trainable=False) for name in ("x", "gamma", "beta"))
    return _into(graph, x, normalized(graph.tf, x, gamma, beta))


def _gpt_loss(graph: _Graph, sizes: Sizes, data: Data) -> Any:
    tf, p, cast = graph.tf, graph.variables(data["params"]), graph.cast
    batch, length, width, heads = (sizes[name] for name in ("batch", "length", "width", "heads"))
    text, following = (graph.variable(name, data[name], trainable=False) for name in ("text", "next"))
    mask = tf.constant(np.where(np.tril(np.ones((length, length), bool)), 0, -1e9).astype(np.float32))

    def dense(x: Any, name: str) -> Any:
        return tf.nn.bias_add(tf.matmul(x, cast(p[name])), cast(p[name + "_bias"]))

    def normal(x: Any, name: str) -> Any:
        return cast(normalized(tf, x, p[name + "_gamma"], p[name + "_beta"]))

    def split(x: Any) -> Any:
        return tf.transpose(tf.reshape(x, [batch, length, heads, width // heads]), [0, 2, 1, 3])

    def wide(x: Any) -> Any:
        return tf.cast(x, tf.float32)

    x = tf.reshape(tf.nn.embedding_lookup(p["words"], text) + p["places"], [batch * length, width])
    for layer in range(sizes["layers"]):
        query, key, value = map(split, tf.split(dense(normal(x, f"{layer}_one"), f"{layer}_qkv"), 3, axis=1))
        scores = wide(tf.matmul(query, key, transpose_b=True)) * (width // heads) ** -0.5 + mask
        mixed = tf.transpose(tf.matmul(cast(tf.nn.softmax(scores)), value), [0, 2, 1, 3])
        x = x + wide(dense(tf.reshape(mixed, [batch * length, width]), f"{layer}_join"))
        x = x + wide(dense(gelu(tf, dense(normal(x, f"{layer}_two"), f"{layer}_wide")), f"{layer}_back"))
    logits = wide(tf.matmul(normal(x, "end"), cast(p["words"]), transpose_b=True))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=following, logits=logits))


def _gpt2(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    loss = _gpt_loss(graph, sizes, data)
    kept = graph.tf.get_variable("loss", [], graph.tf.float32, graph.tf.zeros_initializer(), trainable=False)
    return graph.program(graph.tf.assign(kept, loss).op, loss)


def _gpt2_training(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    loss = _gpt_loss(graph, sizes, data)
    return graph.program(graph.tf.train.AdamOptimizer(1e-4).minimize(loss), loss)


def _conv(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    tf, p = graph.tf, graph.variables(data["params"])
    x, labels = (graph.variable(name, data[name], trainable=False) for name in ("x", "labels"))
    h = x
    for k in range(4):
        h = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(h, p[f"w{k}"], [1, 1, 1, 1], "SAME"), p[f"b{k}"]))
        if k % 2:
            h = tf.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    logits = tf.nn.bias_add(tf.matmul(tf.reshape(h, [sizes["batch"], -1]), p["w_out"]), p["b_out"])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    return graph.program(tf.train.MomentumOptimizer(1e-2, 0.9).minimize(loss), loss)


def _embedding(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    tf = graph.tf
    table = graph.variable("table", data["table"])
    ids, target = (graph.variable(name, data[name], trainable=False) for name in ("ids", "target"))
    loss = tf.reduce_mean(tf.square(tf.nn.embedding_lookup(table, ids) - target))
    return graph.program(tf.train.GradientDescentOptimizer(1.0).minimize(loss), loss)


def _session(graph: _Graph, sizes: Sizes, data: Data) -> Program:
    x = graph.tf.placeholder(graph.tf.float32, data["x"].shape)
    return graph.program(x + 1.0, x + 1.0, {x: data["x"]})


_MAKERS = {
    "mlp": _mlp, "mlp_fed": _mlp, "gelu": _gelu, "softmax": _softmax, "layer_norm": _layer_norm, "gpt2": _gpt2,
    "gpt2_training": _gpt2_training, "conv": _conv, "embedding": _embedding, "session": _session,
}  # fmt: skip
