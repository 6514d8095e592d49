"""IndexedSlicesSpec: its parts, and from parts and back."""

import numpy as np

import scopert as tf


def test_parts_of_a_known_shape():
    spec = tf.IndexedSlicesSpec([5, 10], dense_shape_dtype=tf.int32, indices_shape=[20])
    assert spec._component_specs == (
        tf.TensorSpec([20, 10], tf.float32), tf.TensorSpec([20], tf.int64), tf.TensorSpec([2], tf.int32),
    )  # fmt: skip


def test_to_parts_and_back():
    for dense_shape in (None, tf.constant([4, 1])):
        slices = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([3]), dense_shape)
        spec = tf.IndexedSlicesSpec(dense_shape_dtype=None if dense_shape is None else tf.int32)
        again = spec._from_components(spec._to_components(slices))
        assert isinstance(again, spec.value_type)
        assert (again.values, again.indices, again.dense_shape) == (slices.values, slices.indices, dense_shape)
    assert tf.IndexedSlicesSpec()._from_components((np.ones(1), np.zeros(1))).dense_shape is None


def test_equality_is_by_content():
    assert tf.IndexedSlicesSpec([2, None]) == tf.IndexedSlicesSpec([2, None])
    assert len({tf.IndexedSlicesSpec([2, None]), tf.IndexedSlicesSpec([2, None]), tf.IndexedSlicesSpec([3])}) == 2
    assert tf.IndexedSlicesSpec([2]) != tf.IndexedSlicesSpec([2], tf.int32)
