"""Regions and places: nothing overlaps that lives at the same time, and everything is aligned."""

import numpy as np
from scopert_cupy.actions import Batch, nbytes_of
from scopert_cupy.arena import CONSTANTS, FEEDS, FETCHES, VALUES, VARIABLES, WORKSPACE, Arena, Regions, Spot
from scopert_cupy.host.device import HostDevice
from scopert_cupy.plan import plan

import scopert as tf
from scopert.backend import as_dtype
from scopert.program.lower import lower
from scopert.program.passes.pipeline import PIPELINE, optimised


def _planned(fetches, feeds=(), shapes=()):
    from scopert_cupy.emitters import TABLE

    program = optimised(lower(fetches, (), feeds), shapes, PIPELINE)
    return plan(program, HostDevice().facts, TABLE)


def test_regions_are_aligned():
    regions = Regions()
    spots = [regions.reserve(VALUES, nbytes) for nbytes in (4, 0, 256, 257)]
    assert [spot.offset for spot in spots] == [0, 256, 512, 768]
    regions.at_least(WORKSPACE, 10)
    assert regions.sizes[VALUES] == 1280 and regions.sizes[WORKSPACE] == 256


def test_an_arena_is_one_allocation():
    device = HostDevice()
    taken = []

    def take(nbytes):
        taken.append(nbytes)
        return device.allocate(nbytes)

    sizes = [256, 512, 0, 1024, 0, 4096]
    arena = Arena(device, sizes, take)
    assert taken == [1792] and arena.nbytes == 1792
    assert arena.base(FETCHES) - arena.base(FEEDS) == 256
    view = arena.view(Spot(FETCHES, 256), (4,), as_dtype("float32"))
    assert view.ctypes.data == arena.base(FETCHES) + 256
    assert np.isnan(view).all(), "fresh memory is poisoned"


def test_an_empty_program_needs_no_memory():
    arena = Arena(HostDevice(), [0] * 6, lambda nbytes: 1 / 0)
    assert arena.nbytes == 0


def test_feeds_and_parameters_are_neighbours():
    """So that one copy sends them."""
    x = tf.placeholder(tf.float32, [5])
    y = tf.placeholder(tf.float64, [3])
    noise = tf.random.uniform([5], seed=1)
    found = _planned([x + noise, y * 2.0], [x, y], [(5,), (3,)])
    spots = [found.top.spots[slot] for slot in found.top.program.feeds]
    assert [spot.base for spot in spots] == [FEEDS, FEEDS]
    (parameter, _, spot), = found.parameters
    assert spot.base == FEEDS and found.sent == spot.offset + parameter.nbytes <= found.regions.sizes[FEEDS]


def test_fetches_are_neighbours_and_of_their_own():
    x = tf.placeholder(tf.float32, [4])
    v = tf.get_variable("v", [4])
    a = tf.cumsum(x)
    found = _planned([a, tf.convert_to_tensor(v), a * 2.0, tf.reshape(a, [2, 2])], [x], [(4,)])
    assert len(found.top.fetched) == 4
    assert {spot.base for spot in found.top.fetched.values()} == {FETCHES}
    assert found.top.spots[found.top.program.fetches[1].slot].base >= VARIABLES


def test_values_alive_at_the_same_time_do_not_overlap():
    x = tf.placeholder(tf.float32, [8, 8])
    parts = [tf.cumsum(x, axis=1), tf.reverse(x, [0]), tf.transpose(x)]
    total = tf.concat([tf.cumsum(part, axis=0) for part in parts], 0)
    found = _planned([tf.cumsum(total)], [x], [(8, 8)])
    program = found.top.program
    (batch,) = [action for action in found.top.actions if isinstance(action, Batch)]
    made, last = {}, {}
    for position, work in enumerate(batch.works):
        for slot in work.step.outputs:
            made[slot] = position
        for slot in work.step.inputs:
            last[slot] = position
    slots = [slot for slot in made if found.top.spots[slot].base == WORKSPACE]
    assert len(slots) > 4
    for one in slots:
        for other in slots:
            a, b = found.top.spots[one].offset, found.top.spots[other].offset
            overlap = a < b + nbytes_of(program.values[other]) and b < a + nbytes_of(program.values[one])
            alive = made[one] < last[other] and made[other] < last[one]
            assert one == other or not (overlap and alive and a != b)


def test_constants_stand_once():
    table = np.arange(1000, dtype=np.float32)
    x = tf.placeholder(tf.float32, [1000])
    c = tf.constant(table)
    found = _planned([tf.cumsum(x * c), tf.cumsum(x - c)], [x], [(1000,)])
    assert found.regions.sizes[CONSTANTS] == 4096
