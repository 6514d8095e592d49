"""Memory plans: what may share memory does, what may not does not."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import scopert as tf
from scopert.program.memory import ALIGNMENT
from scopert.program.pack import Piece, most_alive, pack
from scopert.program.passes.pipeline import optimised


def planned(fetches, targets=(), feeds=(), shapes=()):
    """The program of some fetches, with its memory."""
    with tf.Session(backend="null") as sess:
        program = sess.program(fetches, [t.op if isinstance(t, tf.Tensor) else t for t in targets], feeds)
    return optimised(program, shapes or [tuple(t.shape.as_list()) for t in feeds])


def slot(program, name):
    return next(value.number for value in program.values if value.name == f"{name}:0")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 40), st.integers(0, 20)), max_size=60))
def test_what_is_alive_together_does_not_overlap(rows):
    pieces = [Piece(size, birth, birth + length) for size, birth, length in rows]
    total = pack(pieces)
    for a, b in combinations(pieces, 2):
        if a.birth <= b.death and b.birth <= a.death:
            assert a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
    assert all(p.offset % ALIGNMENT == 0 and 0 <= p.offset <= total - p.nbytes for p in pieces)
    assert total >= most_alive(pieces)


def test_many_small_pieces_take_the_places_of_dead_ones():
    total = pack([Piece(64, birth, birth + 3) for birth in range(5000)])
    assert total < 100 * 64


def test_a_chain_runs_in_place():
    x = tf.placeholder(tf.float32, [100])
    y = x
    for _ in range(5):
        y = tf.exp(y, name="e")
    program = planned([tf.reduce_sum(y)], feeds=[x])
    assert program.memory.bound == 400
    assert len({program.memory.offsets[s] for s in program.memory.offsets}) == 1
    assert program.memory.values == 1


def test_an_input_that_is_needed_later_is_not_overwritten():
    x = tf.placeholder(tf.float32, [100])
    a = tf.exp(x, name="a")
    b = tf.sin(a, name="b")
    program = planned([tf.reduce_sum(a * b)], feeds=[x])
    offsets = program.memory.offsets
    assert offsets[slot(program, "a")] != offsets[slot(program, "b")]


def test_a_value_that_is_viewed_with_other_strides_is_not_overwritten():
    x = tf.placeholder(tf.float32, [10, 10])
    a = tf.exp(x, name="a")
    b = tf.add(a, tf.transpose(a), name="b")
    program = planned([tf.reduce_sum(b)], feeds=[x])
    assert program.memory.offsets[slot(program, "a")] != program.memory.offsets[slot(program, "b")]


def test_a_view_keeps_its_memory_alive():
    x = tf.placeholder(tf.float32, [10, 10])
    a = tf.exp(x, name="a")
    t = tf.transpose(a)
    b = tf.sin(x, name="b")
    program = planned([tf.matmul(t, b)], feeds=[x])
    assert program.memory.offsets[slot(program, "a")] != program.memory.offsets[slot(program, "b")]


def test_shapes_change_without_a_copy():
    x = tf.placeholder(tf.float32, [10, 10])
    a = tf.exp(x, name="a")
    r = tf.reshape(a, [100], name="r")
    e = tf.expand_dims(r, 0, name="ex")
    program = planned([tf.reduce_sum(tf.matmul(e, e, transpose_b=True)), tf.reduce_sum(r)], feeds=[x])
    offsets = program.memory.offsets
    assert offsets[slot(program, "a")] == offsets[slot(program, "r")] == offsets[slot(program, "ex")]
    assert {slot(program, "r"), slot(program, "ex")} <= program.memory.views


def test_what_is_fetched_is_not_in_the_workspace():
    x = tf.placeholder(tf.float32, [10])
    a = tf.exp(x, name="a")
    view = tf.reshape(a, [2, 5])
    program = planned([view, tf.sin(a)], feeds=[x])
    assert not program.memory.offsets


def test_what_a_step_keeps_is_not_in_the_workspace():
    x = tf.placeholder(tf.float32, [10])
    a = tf.exp(x, name="a")
    queue = tf.FIFOQueue(2, [tf.float32], [[10]])
    program = planned([], [queue.enqueue([a])], [x])
    assert slot(program, "a") not in program.memory.offsets


def test_a_program_that_changes_a_variables_shape_has_no_plan():
    v = tf.Variable(tf.zeros([3]), name="v")
    assign = tf.assign(v, tf.ones([4]), validate_shape=False)
    assert planned([], [assign.op]).memory is None


def mlp(width=64, batch=32):
    x = tf.placeholder(tf.float32, [None, 20])
    y = tf.placeholder(tf.int32, [None])
    h = tf.layers.dense(x, width, tf.nn.relu)
    h = tf.layers.dense(h, width, tf.nn.relu)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tf.layers.dense(h, 5)))
    return x, y, loss, tf.train.AdamOptimizer(0.01).minimize(loss)


def layer_norm(x, name):
    with tf.variable_scope(name):
        width = x.shape[-1]
        mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
        gain = tf.get_variable("g", [width], initializer=tf.ones_initializer())
        return (x - mean) * tf.rsqrt(variance + 1e-5) * gain + tf.get_variable("b", [width])


def block(x, heads, name):
    """A transformer block as GPT-2 has it."""
    with tf.variable_scope(name):
        batch, time, width = x.shape.as_list()
        qkv = tf.layers.dense(tf.reshape(layer_norm(x, "n1"), [-1, width]), 3 * width)
        qkv = tf.transpose(tf.reshape(qkv, [batch, time, 3, heads, width // heads]), [2, 0, 3, 1, 4])
        q, k, v = tf.unstack(qkv)
        scores = tf.matmul(q, k, transpose_b=True) * (width // heads) ** -0.5
        scores += tf.constant(np.triu(np.full((time, time), -1e9, np.float32), 1))
        mixed = tf.reshape(tf.transpose(tf.nn.softmax(scores) @ v, [0, 2, 1, 3]), [-1, width])
        x += tf.reshape(tf.layers.dense(mixed, width), [batch, time, width])
        h = tf.layers.dense(tf.reshape(layer_norm(x, "n2"), [-1, width]), 4 * width)
        h = 0.5 * h * (1 + tf.tanh(0.79788456 * (h + 0.044715 * tf.pow(h, 3))))
        return x + tf.reshape(tf.layers.dense(h, width), [batch, time, width])


def gpt(layers, batch, time, width, heads, words):
    tokens = tf.placeholder(tf.int32, [batch, time])
    table = tf.get_variable("wte", [words, width])
    x = tf.gather(table, tokens) + tf.get_variable("wpe", [1, time, width])
    for number in range(layers):
        x = block(x, heads, f"h{number}")
    x = tf.reshape(layer_norm(x, "nf"), [-1, width])
    return tokens, tf.reduce_max(tf.matmul(x, table, transpose_b=True), 1)


def test_a_training_step_needs_little_more_than_is_alive():
    x, y, loss, train = mlp()
    memory = planned([loss], [train], [x, y], [(32, 20), (32,)]).memory
    assert memory.values > 10
    assert memory.ratio <= 1.1, str(memory)


def test_gpt2_small_needs_little_more_than_is_alive():
    tokens, logits = gpt(12, 1, 1024, 768, 12, 50257)
    memory = planned([logits], feeds=[tokens]).memory
    # The logits are the largest value, and with the last hidden state alive at the end.
    assert memory.bound >= 1024 * 50257 * 4
    assert memory.ratio <= 1.1, str(memory)


def test_a_memory_prints():
    x, y, loss, train = mlp()
    text = str(planned([loss], [train], [x, y], [(32, 20), (32,)]).memory)
    assert "workspace: " in text and "ratio" in text
