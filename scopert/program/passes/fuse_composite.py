"""Softmax, the cross-entropies and batch normalisation as maps and reductions, as their generic kernels compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph import dtypes
from scopert.graph.dtypes import DType
from scopert.graph.opdef import VIEW
from scopert.program.ir import Step
from scopert.program.passes.fuse_body import Body
from scopert.program.passes.fuse_expand import Expansion
from scopert.program.passes.fuse_table import FLOATS

#: A longer row would not stay in a core's cache between the passes over it.
LONGEST_ROW = 1 << 16


def _working(dtype: DType) -> DType:
    return dtypes.float32 if dtype.size == 2 else dtype


def _fits(x: Expansion, logits: int) -> bool:
    shape = x.shape(logits)
    return bool(shape) and shape[-1] <= LONGEST_ROW and x.dtype(logits) in FLOATS


def _shifted(x: Expansion, logits: int) -> int:
    """Logits minus the maximum of their row, so that exp cannot overflow."""
    logits = x.wide(logits, _working(x.dtype(logits)))
    top = x.reduce("max_over", logits, (len(x.shape(logits)) - 1,), _row(x, logits))
    return x.map(lambda b, a, m: b("sub", a, m), (logits, top), x.new(logits))


def _row(x: Expansion, like: int) -> int:
    return x.new(like, shape=(*x.shape(like)[:-1], 1))


def _weights(x: Expansion, shifted: int) -> tuple[int, int]:
    weights = x.map(lambda b, a: b("exp", a), (shifted,), x.new(shifted), costly=True)
    return weights, x.reduce("sum", weights, (len(x.shape(shifted)) - 1,), _row(x, shifted))


def _softmax(x: Expansion, step: Step) -> bool:
    logits, output = step.inputs[0], step.outputs[0]
    if not _fits(x, logits):
        return False
    dtype = x.dtype(logits)
    weights, total = _weights(x, _shifted(x, logits))
    x.map(lambda b, w, t: b.cast(b("div", w, t), dtype), (weights, total), output)
    return True


def _log_softmax(x: Expansion, step: Step) -> bool:
    logits, output = step.inputs[0], step.outputs[0]
    if not _fits(x, logits):
        return False
    dtype = x.dtype(logits)
    shifted = _shifted(x, logits)
    _, total = _weights(x, shifted)
    x.map(lambda b, s, t: b.cast(b("sub", s, b("log", t)), dtype), (shifted, total), output, costly=True)
    return True


def _cross_entropy(x: Expansion, step: Step) -> bool:
    logits, labels = step.inputs
    loss, backprop = step.outputs
    if not _fits(x, logits) or x.shape(labels) != x.shape(logits):
        return False
    dtype = x.dtype(logits)
    labels = x.wide(labels, _working(dtype))
    shifted = _shifted(x, logits)
    weights, total = _weights(x, shifted)

    def term(b: Body, label: int, s: int, t: int) -> int:
        # A label of zero takes no part, also where its logit is minus infinity.
        return b("select", b("eq", label, b.like(label, 0)), b.like(s, 0), b("mul", label, b("sub", b("log", t), s)))

    terms = x.map(term, (labels, shifted, total), x.new(shifted), costly=True)
    _total_of(x, terms, loss, dtype)
    x.map(lambda b, w, t, label: b.cast(b("sub", b("div", w, t), label), dtype), (weights, total, labels), backprop)
    return True


def _sparse_cross_entropy(x: Expansion, step: Step) -> bool:
    logits, labels = step.inputs
    loss, backprop = step.outputs
    if not _fits(x, logits) or len(x.shape(labels)) != 1:
        return False
    dtype = x.dtype(logits)
    classes = x.shape(logits)[-1]
    checked = x.new(labels)
    x.before.append(
        Step(
            "CheckLabels",
            (labels,),
            (checked,),
            step.origin,
            CheckLabels(classes),
            traits=frozenset({VIEW}),
            guards=step.guards,
        )
    )
    column = x.regroup(checked, x.new(labels, shape=(*x.shape(labels), 1)))
    shifted = _shifted(x, logits)
    weights, total = _weights(x, shifted)

    def chosen(b: Body, label: int) -> int:
        return b("eq", b.position(1, b.nodes[label].dtype), label)

    terms = x.map(lambda b, s, label: b("select", chosen(b, label), s, b.like(s, 0)), (shifted, column), x.new(shifted))
    own = x.reduce("sum", terms, (1,), x.new(terms, shape=(x.shape(terms)[0], 1)))
    value = x.map(
        lambda b, t, s: b.cast(b("sub", b("log", t), s), dtype), (total, own), x.new(own, dtype=dtype), costly=True
    )
    x.regroup(value, loss)

    def difference(b: Body, w: int, t: int, label: int) -> int:
        share = b("div", w, t)
        return b.cast(b("sub", share, b("select", chosen(b, label), b.like(w, 1), b.like(w, 0))), dtype)

    x.map(difference, (weights, total, column), backprop)
    return True


@dataclass(frozen=True, slots=True)
class CheckLabels:
    """A kernel that passes labels on if all of them are classes.

    Attributes
    ----------
    classes : int
        How many there are.
    """

    classes: int

    def __call__(self, xp: Any, labels: Any) -> Any:
        wrong = (labels < 0) | (labels >= self.classes)
        if wrong.any():
            raise InvalidArgumentError(
                None, None,
                f"Received a label value of {labels[wrong][0]} which is outside the valid range of "
                f"[0, {self.classes}).  Label values: {' '.join(map(str, labels.tolist()))}",
            )  # fmt: skip
        return labels


def _total_of(x: Expansion, terms: int, output: int, dtype: DType) -> None:
    last = len(x.shape(terms)) - 1
    if x.dtype(terms) is dtype:
        x.reduce("sum", terms, (last,), output)
        return
    total = x.reduce("sum", terms, (last,), x.new(output, dtype=x.dtype(terms)))
    x.map(lambda b, t: b.cast(t, dtype), (total,), output)


COMPOSITES: dict[str, Callable[[Expansion, Step], bool]] = {
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "SoftmaxCrossEntropyWithLogits": _cross_entropy,
    "SparseSoftmaxCrossEntropyWithLogits": _sparse_cross_entropy,
}
