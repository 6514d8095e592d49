"""Connectionist temporal classification against the sum over all paths."""

from itertools import groupby, product

import numpy as np
import pytest

from scopert.ops import ctc_kernels as kernels


def collapse(path, blank, merge):
    symbols = [s for s, _ in groupby(path)] if merge else path
    return tuple(s for s in symbols if s != blank)


def path_sums(logits, merge=True):
    """Probability of each label sequence: all paths, one by one."""
    steps, classes = logits.shape
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = {}
    for path in product(range(classes), repeat=steps):
        labels = collapse(path, classes - 1, merge)
        found[labels] = found.get(labels, 0.0) + np.prod(p[range(steps), path])
    return found


@pytest.mark.parametrize("merge", [True, False])
def test_loss_is_the_sum_over_all_paths(merge):
    logits = np.random.default_rng(0).normal(size=(4, 3, 3))
    labels, lengths = [[0, 1], [1, 1], [0]], np.array([4, 4, 2])
    loss, _ = kernels.ctc_loss(np, logits, labels, lengths, merge)
    for b in range(3):
        expected = -np.log(path_sums(logits[: lengths[b], b], merge)[tuple(labels[b])])
        np.testing.assert_allclose(loss[b], expected, rtol=1e-12)


@pytest.mark.parametrize("merge", [True, False])
def test_gradient_by_differences(merge):
    logits = np.random.default_rng(1).normal(size=(4, 3, 3))
    labels, lengths = [[0, 1], [1, 1], []], np.array([4, 4, 3])
    _, gradient = kernels.ctc_loss(np, logits, labels, lengths, merge)
    for at in np.ndindex(*logits.shape):
        up, down = logits.copy(), logits.copy()
        up[at] += 1e-6
        down[at] -= 1e-6
        high, _ = kernels.ctc_loss(np, up, labels, lengths, merge)
        low, _ = kernels.ctc_loss(np, down, labels, lengths, merge)
        np.testing.assert_allclose(gradient[at], (high - low)[at[1]] / 2e-6, atol=1e-7)


def test_a_label_that_does_not_fit_has_infinite_loss_and_the_softmax_as_gradient():
    logits = np.zeros((2, 1, 3))
    loss, gradient = kernels.ctc_loss(np, logits, [[0, 1, 0]], np.array([2]), True)
    assert np.isinf(loss[0])
    np.testing.assert_allclose(gradient, 1 / 3)


def test_labels_out_of_a_sparse_matrix():
    indices, values = np.array([[0, 0], [0, 1], [2, 0]]), np.array([1, 1, 0])
    assert kernels.ctc_labels(indices, values, 3) == [[1, 1], [], [0]]
    assert kernels.without_repeats([1, 1, 2, 1]) == [1, 2, 1]


def test_beam_search_with_room_for_all_prefixes_is_exact():
    logits = np.random.default_rng(2).normal(size=(4, 3))
    sums = sorted(path_sums(logits).items(), key=lambda item: -item[1])
    log_p = np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    for (labels, score), (expected, p) in zip(kernels.beam_search(log_p, 1000, 5, False), sums, strict=False):
        assert tuple(labels) == expected
        np.testing.assert_allclose(score, np.log(p))


def test_greedy_decoding():
    hot = np.eye(3)[[0, 0, 2, 0, 1]][:, None, :] * 2.0
    rows, score = kernels.greedy_decode(hot, np.array([5]), merge_repeated=True)
    assert rows == [[0, 0, 1]] and score.tolist() == [[-10.0]]
    assert kernels.greedy_decode(hot, np.array([4]), merge_repeated=False)[0] == [[0, 0, 0]]
