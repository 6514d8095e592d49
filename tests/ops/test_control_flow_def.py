"""Contexts as messages: there and back, and as TensorFlow 1.15.5 wrote one."""

import scopert as tf
from scopert.graph.collections import GraphKeys
from scopert.ops.control_flow_def import decode, encode


def _facts(context):
    """What is in a context, as names."""
    pairs = {a.name: b.name for a, b in context._external_values.items()}
    return type(context).__name__, context.name, sorted(t.name for t in context._values), pairs, [
        _facts(inner) for inner in context._nested_contexts
    ]  # fmt: skip


def test_there_and_back():
    with tf.Graph().as_default() as graph:
        p, x = tf.placeholder(tf.bool, [], name="p"), tf.placeholder(tf.float32, [], name="x")
        tf.cond(p, lambda: tf.cond(x > 1.0, lambda: x * x, lambda: x), lambda: x)
        _, r = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.cond(p, lambda: y * x, lambda: y)), [0, x])
        for key, kind in ((GraphKeys.COND_CONTEXT, "cond"), (GraphKeys.WHILE_CONTEXT, "while")):
            for context in graph.get_collection(key):
                data = encode(context)
                again = decode(data, kind)
                assert _facts(again) == _facts(context)
                assert encode(again) == data
        # The contexts that were read are in force now: the loop can be differentiated.
        (gradient,) = tf.gradients(r, x)
        with tf.Session() as session:
            assert session.run(gradient, {p: True, x: 2.0}) == 32.0


def test_the_bytes_are_those_of_tensorflow():
    # tf.cond(p, lambda: 1.0, lambda: 2.0) in TensorFlow 1.15.5, the context of the true branch.
    expected = bytes.fromhex(
        "0a0e636f6e642f636f6e645f74657874120e636f6e642f707265645f69643a301a0f636f6e642f7377697463685f743a3020"
        "012a510a0c636f6e642f436f6e73743a300a0e636f6e642f707265645f69643a300a0f636f6e642f7377697463685f743a30"
        "12200a0e636f6e642f707265645f69643a30120e636f6e642f707265645f69643a30"
    )
    with tf.Graph().as_default() as graph:
        p = tf.placeholder(tf.bool, [], name="p")
        tf.cond(p, lambda: tf.constant(1.0), lambda: tf.constant(2.0))
        assert encode(graph.get_collection(GraphKeys.COND_CONTEXT)[0]) == expected
