"""The workloads: sizes, data that all peers share, and what they move and compute at least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Sizes = dict[str, int]
Data = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """Something to be timed.

    Attributes
    ----------
    name : str
    text : str
    full, small : dict
        Sizes on a card, and where only correctness counts; kernels are the same for both.
    data : callable
        Host arrays for some sizes.
    precision : str
        ``float32``, ``tf32`` or ``bf16``: what matrix products multiply.
    traffic : callable, optional
        Bytes that memory has to move at least, for workloads that are bound by it.
    flops : callable, optional
        Operations of its matrix products.
    tolerance : float
        How far results of peers may lie apart, relatively.
    """

    name: str
    text: str
    full: Sizes
    small: Sizes
    data: Callable[[Sizes], Data]
    precision: str = "float32"
    traffic: Callable[[Sizes], int] | None = None
    flops: Callable[[Sizes], int] | None = None
    tolerance: float = 1e-3


def _generator() -> np.random.Generator:
    return np.random.default_rng(20261122)


def _normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Any:
    return (rng.standard_normal(shape, np.float32) * np.float32(scale)).astype(np.float32)


def _mlp(s: Sizes) -> Data:
    rng = _generator()
    widths = [s["inputs"], s["width"], s["width"], s["classes"]]
    params = {}
    for k, (a, b) in enumerate(pairwise(widths)):
        params[f"w{k}"] = _normal(rng, a, b, scale=a**-0.5)
        params[f"b{k}"] = np.zeros(b, np.float32)
    labels = rng.integers(0, s["classes"], s["batch"]).astype(np.int32)
    return {"params": params, "x": _normal(rng, s["batch"], s["inputs"]), "labels": labels}


def _vector(s: Sizes) -> Data:
    return {"x": _normal(_generator(), s["count"])}


def _matrix(s: Sizes) -> Data:
    return {"x": _normal(_generator(), s["rows"], s["columns"])}


def _normalization(s: Sizes) -> Data:
    rng = _generator()
    columns = s["columns"]
    return {"x": _normal(rng, s["rows"], columns), "gamma": 1 + _normal(rng, columns), "beta": _normal(rng, columns)}


def _gpt(s: Sizes) -> Data:
    rng = _generator()
    width, scale = s["width"], 0.02
    counts = {"words": s["words"], "places": s["length"]}
    params = {name: _normal(rng, count, width, scale=scale) for name, count in counts.items()}
    shapes = {"qkv": (width, 3 * width), "join": (width, width), "wide": (width, 4 * width), "back": (4 * width, width)}
    for layer in range(s["layers"]):
        for name, shape in shapes.items():
            params[f"{layer}_{name}"] = _normal(rng, *shape, scale=scale)
            params[f"{layer}_{name}_bias"] = np.zeros(shape[1], np.float32)
        for name in ("one", "two"):
            params[f"{layer}_{name}_gamma"] = np.ones(width, np.float32)
            params[f"{layer}_{name}_beta"] = np.zeros(width, np.float32)
    params["end_gamma"], params["end_beta"] = np.ones(width, np.float32), np.zeros(width, np.float32)
    text = rng.integers(0, s["words"], (s["batch"], s["length"] + 1)).astype(np.int32)
    return {"params": params, "text": text[:, :-1].copy(), "next": text[:, 1:].reshape(-1).copy()}


def _conv(s: Sizes) -> Data:
    rng = _generator()
    channels = [3, s["channels"], s["channels"], 2 * s["channels"], 2 * s["channels"]]
    params = {}
    for k, (a, b) in enumerate(pairwise(channels)):
        params[f"w{k}"], params[f"b{k}"] = _normal(rng, 3, 3, a, b, scale=(9 * a) ** -0.5), np.zeros(b, np.float32)
    features = channels[-1] * (s["side"] // 4) ** 2
    params["w_out"], params["b_out"] = _normal(rng, features, 10, scale=features**-0.5), np.zeros(10, np.float32)
    labels = rng.integers(0, 10, s["batch"]).astype(np.int32)
    return {"params": params, "x": _normal(rng, s["batch"], s["side"], s["side"], 3), "labels": labels}


def _embedding(s: Sizes) -> Data:
    rng = _generator()
    return {
        "table": _normal(rng, s["rows"], s["columns"]), "target": _normal(rng, s["count"], s["columns"]),
        "ids": rng.integers(0, s["rows"], s["count"]).astype(np.int32),
    }  # fmt: skip


def _gpt_flops(s: Sizes) -> int:
    tokens = s["batch"] * s["length"]
    dense = 12 * s["layers"] * s["width"] ** 2 + s["words"] * s["width"]
    return 2 * tokens * dense + 2 * s["layers"] * tokens * s["length"] * s["width"]  # causal: half of the scores


_MLP = (
    {"batch": 128, "inputs": 784, "width": 512, "classes": 10},
    {"batch": 32, "inputs": 784, "width": 64, "classes": 10},
)  # fmt: skip
_VECTOR = ({"count": 1 << 26}, {"count": 1 << 12})
_SQUARE = ({"rows": 8192, "columns": 8192}, {"rows": 8, "columns": 8192})
_TALL = ({"rows": 65536, "columns": 1024}, {"rows": 16, "columns": 1024})
_GPT = (
    {"batch": 8, "length": 512, "width": 768, "heads": 12, "layers": 12, "words": 50304},
    {"batch": 1, "length": 16, "width": 96, "heads": 3, "layers": 2, "words": 512},
)
_CONV = ({"batch": 256, "side": 32, "channels": 64}, {"batch": 2, "side": 8, "channels": 8})
_TABLE = ({"rows": 1 << 20, "columns": 64, "count": 1 << 16}, {"rows": 128, "columns": 64, "count": 256})
_FEW = ({"count": 4}, {"count": 4})


def _twice(itemsize: int) -> Callable[[Sizes], int]:
    """Everything is read once and written once."""
    return lambda s: 2 * itemsize * (s["count"] if "count" in s else s["rows"] * s["columns"])


def _three_times(s: Sizes) -> int:
    """Forward, and a gradient by each operand."""
    return 3 * _gpt_flops(s)


WORKLOADS = (
    Workload("mlp", "784-512-512-10, batch 128, a step of Adam, data on the device", *_MLP, _mlp),
    Workload("mlp_tf32", "the same in tf32", *_MLP, _mlp, "tf32", tolerance=1e-2),
    Workload("mlp_fed", "the same, fed from NumPy and the loss fetched in each step", *_MLP, _mlp),
    Workload("gelu", "GELU of 2^26 float32", *_VECTOR, _vector, traffic=_twice(4)),
    Workload("gelu_bf16", "GELU of 2^26 bfloat16", *_VECTOR, _vector, "bf16", _twice(2), tolerance=2e-2),
    Workload("softmax", "softmax of 8192 x 8192 float32", *_SQUARE, _matrix, traffic=_twice(4)),
    Workload("softmax_bf16", "softmax of 8192 x 8192 bfloat16", *_SQUARE, _matrix, "bf16", _twice(2), tolerance=2e-2),
    Workload("layer_norm", "layer norm of 65536 x 1024 float32", *_TALL, _normalization, traffic=_twice(4)),
    Workload("gpt2_bf16", "GPT-2 small, 8 x 512, the loss", *_GPT, _gpt, "bf16", None, _gpt_flops, 2e-2),
    Workload("gpt2_tf32", "the same in tf32", *_GPT, _gpt, "tf32", None, _gpt_flops, 1e-2),
    Workload("gpt2_training_bf16", "GPT-2 small, a step of Adam", *_GPT, _gpt, "bf16", None, _three_times, 2e-2),
    Workload("gpt2_training_tf32", "the same in tf32", *_GPT, _gpt, "tf32", None, _three_times, 1e-2),
    Workload("conv", "four convolutions, 256 x 32 x 32 x 3, with momentum", *_CONV, _conv, "tf32", tolerance=2e-2),
    Workload("embedding", "65536 of 1M rows of 64, a step of gradient descent on them", *_TABLE, _embedding),
    Workload("session", "a run of y = x + 1 with four numbers fed and fetched", *_FEW, _vector),
)

BY_NAME = {workload.name: workload for workload in WORKLOADS}


@dataclass
class Program:
    """A workload of one peer.

    Attributes
    ----------
    step : callable
        Asks for one step; it may return before that is done.
    wait : callable
        Returns when all steps are done.
    check : callable
        Numbers of the result that all peers must agree on.
    session : object, optional
        What it runs in, on scopert.
    """

    step: Callable[[], Any]
    wait: Callable[[], None]
    check: Callable[[], list[float]]
    session: Any = None


def probe(array: Any) -> list[float]:
    """A few numbers that tell of a whole array."""
    flat = np.asarray(array).astype(np.float64).ravel()
    return [float(flat.mean()), float(np.sqrt((flat**2).mean())), float(flat[0]), float(flat[-1])]
