"""Connectionist temporal classification: the loss with its gradient, and two decoders.

Logits are ``(time, batch, classes)`` and the last class is the blank. The loss runs the forward and the
backward recursion in log space over time, for all sequences of the batch at once. The decoders visit the
symbols one by one and run on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.ops.softmax_kernels import log_softmax

Array = Any


def ctc_labels(indices: np.ndarray[Any, Any], values: np.ndarray[Any, Any], batch: int) -> list[list[int]]:
    """The label sequence of each example out of a sparse ``(batch, position)`` matrix."""
    rows: list[list[int]] = [[] for _ in range(batch)]
    for (example, _), value in zip(indices.tolist(), values.tolist(), strict=True):
        rows[example].append(value)
    return rows


def without_repeats(row: Sequence[int]) -> list[int]:
    """A sequence with runs of equal labels made one."""
    return [label for place, label in enumerate(row) if not place or label != row[place - 1]]


def _log_add(xp: Any, *terms: Array) -> Array:
    """Logarithm of the sum of exponentials, minus infinity being an exact zero."""
    total = terms[0]
    for term in terms[1:]:
        total = xp.logaddexp(total, term)
    return total


def _shift(xp: Any, alpha: Array, by: int) -> Array:
    """Columns moved ``by`` to the right (left if negative), minus infinity coming in."""
    moved = xp.full_like(alpha, -xp.inf)
    if abs(by) < alpha.shape[1]:
        if by > 0:
            moved[:, by:] = alpha[:, :-by]
        else:
            moved[:, :by] = alpha[:, -by:]
    return moved


def ctc_loss(
    xp: Any, logits: Array, labels: Sequence[Sequence[int]], lengths: Array, merge_repeated: bool
) -> tuple[Array, Array]:
    """Negative log probability of each label sequence and its gradient to the logits.

    Formulas (6) to (16) of Graves et al., "Connectionist Temporal Classification", ICML 2006. Without
    ``merge_repeated`` a repeated label stands for itself, so repeats may follow without a blank between.
    """
    steps, batch, classes = logits.shape
    dtype = logits.dtype
    blank = classes - 1
    log_probs = log_softmax(xp, logits).astype(xp.float64)
    # Every second state is a blank: blank, l1, blank, l2, ..., blank.
    longest = max([len(row) for row in labels], default=0)
    width = 2 * longest + 1
    states = np.full((batch, width), blank, dtype=np.int64)
    skips = np.zeros((batch, width), dtype=bool)
    counts = np.array([2 * len(row) + 1 for row in labels], dtype=np.int64).reshape(batch)
    for example, row in enumerate(labels):
        states[example, 1 : 2 * len(row) : 2] = row
        for place, symbol in enumerate(row):
            skips[example, 2 * place + 1] = place > 0 and (not merge_repeated or symbol != row[place - 1])
    states, skips, counts = xp.asarray(states), xp.asarray(skips), xp.asarray(counts)
    lengths = xp.asarray(lengths).astype(xp.int64)
    every = xp.arange(batch)
    column = xp.arange(width)[None, :]
    inside = column < counts[:, None]
    never = xp.float64(-xp.inf)
    # Emission log probability of each state: (time, batch, states).
    emit = xp.take_along_axis(log_probs, xp.broadcast_to(states, (steps, batch, width)), axis=2)
    emit = xp.where(inside[None], emit, never)

    stay_label = (column % 2 == 0) | merge_repeated
    alpha = xp.full((steps, batch, width), -xp.inf)
    alpha[0] = xp.where(column < 2, emit[0], never)
    for t in range(1, steps):
        before = alpha[t - 1]
        skipped = xp.where(skips, _shift(xp, before, 2), never)
        alpha[t] = emit[t] + _log_add(xp, xp.where(stay_label, before, never), _shift(xp, before, 1), skipped)
    last = xp.maximum(lengths - 1, 0)
    final = xp.where(column >= counts[:, None] - 2, xp.where(inside, 0.0, never), never)
    log_likelihood = xp.logaddexp.reduce(alpha[last, every] + final, axis=1)

    # beta[t] holds what is emitted after t. Beyond the end of a sequence nothing is defined or needed.
    beta = xp.full((steps, batch, width), -xp.inf)
    skip_from = _shift(xp, xp.where(skips, 0.0, never), -2)
    for t in range(steps - 1, -1, -1):
        ends = (lengths == t + 1)[:, None]
        if t + 1 < steps:
            after = beta[t + 1] + emit[t + 1]
            onward = _log_add(
                xp,
                xp.where(stay_label, after, never),
                _shift(xp, after, -1),
                _shift(xp, after, -2) + skip_from,
            )
        else:
            onward = xp.full((batch, width), -xp.inf)
        beta[t] = xp.where(ends, final, onward)

    # Posterior of each class: the states that emit it, added up.
    possible = xp.isfinite(log_likelihood)
    occupancy = alpha + beta - xp.where(possible, log_likelihood, 0.0)[None, :, None]
    posterior = xp.zeros((steps, batch, classes))
    weight = xp.exp(occupancy)
    for state in range(width):
        posterior[:, every, states[:, state]] += weight[:, :, state]
    # Where no path gives the labels the posterior stays zero: the gradient is that of the logarithm alone.
    posterior = xp.where(possible[None, :, None], posterior, 0.0)
    running = xp.arange(steps)[:, None] < lengths[None, :]
    gradient = xp.where(running[:, :, None], xp.exp(log_probs) - posterior, 0.0)
    loss = xp.where(lengths > 0, -log_likelihood, 0.0)
    return loss.astype(dtype), gradient.astype(dtype)


def greedy_decode(
    logits: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any], merge_repeated: bool
) -> tuple[list[list[int]], np.ndarray[Any, Any]]:
    """The best class of each step, blanks dropped; with the negated sum of the best logits."""
    _, batch, classes = logits.shape
    blank = classes - 1
    best = logits.argmax(axis=2)
    rows: list[list[int]] = []
    scores = np.zeros((batch, 1), dtype=logits.dtype)
    for example in range(batch):
        count = int(lengths[example])
        path = best[:count, example].tolist()
        scores[example, 0] = -logits[np.arange(count), example, path].sum()
        row: list[int] = []
        previous = -1
        for symbol in path:
            if symbol != blank and not (merge_repeated and symbol == previous):
                row.append(symbol)
            previous = symbol
        rows.append(row)
    return rows, scores


class _Beam:
    """A label prefix with the log probability of all paths to it that end in a blank and in its label."""

    __slots__ = ("blank", "label", "total")

    def __init__(self) -> None:
        self.blank = self.label = self.total = -np.inf


def beam_search(
    log_probs: np.ndarray[Any, Any], beam_width: int, top_paths: int, merge_repeated: bool
) -> list[tuple[list[int], float]]:
    """The most probable label sequences of one example out of its ``(time, classes)`` log probabilities.

    Prefix search as in Graves and Jaitly, "Towards End-to-End Speech Recognition", ICML 2014.
    """
    blank = log_probs.shape[1] - 1
    start = _Beam()
    start.blank = start.total = 0.0
    beams: dict[tuple[int, ...], _Beam] = {(): start}
    for frame in log_probs:
        found: dict[tuple[int, ...], _Beam] = {}
        for prefix, beam in beams.items():
            kept = found.setdefault(prefix, _Beam())
            kept.blank = np.logaddexp(kept.blank, beam.total + frame[blank])
            if prefix:
                kept.label = np.logaddexp(kept.label, beam.label + frame[prefix[-1]])
            for symbol in range(blank):
                # The same label again is a new one only if a blank stood between.
                reached = beam.blank if prefix and prefix[-1] == symbol else beam.total
                if reached == -np.inf:
                    continue
                longer = found.setdefault((*prefix, symbol), _Beam())
                longer.label = np.logaddexp(longer.label, reached + frame[symbol])
        for beam in found.values():
            beam.total = np.logaddexp(beam.blank, beam.label)
        ranked = sorted(found.items(), key=lambda item: -item[1].total)
        beams = dict(ranked[:beam_width])
    result = []
    for prefix, beam in list(beams.items())[:top_paths]:
        labels = list(prefix)
        result.append((without_repeats(labels) if merge_repeated else labels, float(beam.total)))
    return result
