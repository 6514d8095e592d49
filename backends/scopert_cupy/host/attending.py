"""Attention of the host device, by NumPy in float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scopert_cupy.operation import Attention, AttentionGradient

#: Elements of a head come in multiples of this, and may be so many.
_MULTIPLE, _MOST, _MOST_OF_GRADIENTS = 8, 256, 128


def computes(operation: Attention | AttentionGradient) -> bool:
    """Whether cuDNN would, as far as its documentation says."""
    a = operation if isinstance(operation, Attention) else operation.forward
    most = _MOST if operation is a else _MOST_OF_GRADIENTS
    sizes = (a.q.shape[-1], a.v.shape[-1])
    lying = all(tensor.strides[-1] == 1 for name, tensor in operation.tensors.items() if name != "bias")
    return operation.dtype in ("float16", "bfloat16") and lying and all(n % _MULTIPLE == 0 and n <= most for n in sizes)


def made(operation: Attention | AttentionGradient, views: Mapping[str, Any]) -> dict[str, Any]:
    """What attention, or its gradient, makes."""
    a = operation if isinstance(operation, Attention) else operation.forward
    q, k, v = (views[name].astype(np.float32) for name in ("q", "k", "v"))
    scores = np.float32(a.scale) * (q @ k.swapaxes(-1, -2))
    if a.bias is not None:
        scores += views["bias"].astype(np.float32)
    if a.causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, np.float32(-np.inf))
    if isinstance(operation, Attention):
        largest = scores.max(-1, keepdims=True)
        exponentials = np.exp(scores - largest)
        total = exponentials.sum(-1, keepdims=True)
        found = {"o": exponentials / total @ v}
        return {**found, "stats": largest + np.log(total)} if a.statistics else found
    o, do = views["o"].astype(np.float32), views["do"].astype(np.float32)
    weights = np.exp(scores - views["stats"])
    inner = weights * (do @ v.swapaxes(-1, -2) - (do * o).sum(-1, keepdims=True)) * np.float32(a.scale)
    return {
        "dq": inner @ k, "dk": inner.swapaxes(-1, -2) @ q, "dv": weights.swapaxes(-1, -2) @ do,
    }  # fmt: skip
