"""Layouts: no overlap, aligned, stable order, and what growth copies."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import scopert as tf
from scopert.graph.dtypes import float32, float64, int64
from scopert.scope.layout import ALIGNMENT, OTHER, TRAINABLE, VariableSpec, moves, plan


def spec(name, shape, kind=OTHER, dtype=float32, owner=None):
    return VariableSpec(name, name, dtype, shape, kind, owner)


SHAPES = st.lists(st.integers(0, 40), max_size=3).map(tuple)
SPECS = st.lists(st.tuples(SHAPES, st.sampled_from([TRAINABLE, OTHER, "Adam/m"]), st.sampled_from([float32, float64, int64])))


@given(SPECS)
def test_slots_are_aligned_and_do_not_overlap(rows):
    layout = plan([spec(str(i), shape, kind, dtype) for i, (shape, kind, dtype) in enumerate(rows)])
    end = 0
    for slot in layout.slots():
        assert slot.offset % ALIGNMENT == 0 and slot.offset >= end
        end = slot.offset + slot.nbytes
    assert layout.nbytes >= end and layout.nbytes - end < ALIGNMENT
    assert sorted(slot.spec.name for slot in layout.slots()) == sorted(str(i) for i in range(len(rows)))


@given(SPECS, SPECS)
def test_growth_moves_every_byte_of_every_value(old_rows, new_rows):
    rows = [*old_rows, *new_rows]
    specs = [spec(str(i), shape, kind, dtype) for i, (shape, kind, dtype) in enumerate(rows)]
    old, new = plan(specs[: len(old_rows)]), plan(specs)
    before = np.arange(old.nbytes, dtype=np.int64)
    after = np.full(new.nbytes, -1)
    for source, target, size in moves(old, new):
        after[target : target + size] = before[source : source + size]
    places = {slot.spec.key: slot for slot in new.slots()}
    for slot in old.slots():
        target = places[slot.spec.key].offset
        assert (after[target : target + slot.nbytes] == before[slot.offset : slot.offset + slot.nbytes]).all()


def test_an_unchanged_layout_is_one_copy():
    layout = plan([spec(str(i), (number,), TRAINABLE) for i, number in enumerate([3, 70, 5])])
    assert moves(layout, layout) == [(0, 0, 788)]


def test_order_of_kinds():
    layout = plan([
        spec("count", (), dtype=int64),
        spec("w", (2,), TRAINABLE),
        spec("w/m", (2,), "Adam/m", owner="w"),
        spec("b/m", (2,), "Adam/m", owner="b"),
        spec("b", (2,), TRAINABLE),
    ])  # fmt: skip
    assert [segment.kind for segment in layout.segments] == [TRAINABLE, "Adam/m", OTHER]
    assert [slot.spec.name for slot in layout.slots()] == ["w", "b", "w/m", "b/m", "count"]


def test_slots_of_optimizers_and_averages_are_marked():
    w = tf.get_variable("w", [2])
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(w))
    average = tf.train.ExponentialMovingAverage(0.9)
    average.apply([w])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        kinds = {slot.spec.name: slot.spec.kind for slot in sess.store.layout.slots()}
    assert kinds == {"w": TRAINABLE, "w/Momentum": "Momentum/momentum", "w/ExponentialMovingAverage": "ExponentialMovingAverage"}
