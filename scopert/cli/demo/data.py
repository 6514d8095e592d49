"""Pairs of scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels, which come with the package."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Pairs(NamedTuple):
    """`left[i]` and `right[i]` show the same digit where `same[i]` is 1."""

    left: Array
    right: Array
    same: Array


class Digits(NamedTuple):
    """Images in [0, 1] and their digits, for training and held out."""

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array


def load(held_out: int = 397) -> Digits:
    """The digits; the last `held_out` images, by other writers, are kept for the test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.data / 16.0).astype(np.float32)
    labels = found.target.astype(np.int32)
    return Digits(images[:-held_out], labels[:-held_out], images[-held_out:], labels[-held_out:])


def draw(images: Array, labels: Array, count: int, rng: np.random.Generator) -> Pairs:
    """`count` random pairs, about half of them of the same digit."""
    first = rng.integers(len(images), size=count)
    second = rng.integers(len(images), size=count)
    by_digit = [np.flatnonzero(labels == digit) for digit in range(10)]
    for index in np.flatnonzero(rng.random(count) < 0.45):
        second[index] = rng.choice(by_digit[labels[first[index]]])
    same = (labels[first] == labels[second]).astype(np.float32)
    return Pairs(images[first], images[second], same)
