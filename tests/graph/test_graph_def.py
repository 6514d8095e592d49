"""GraphDef messages, as a reader of TensorFlow's own messages sees them."""

import numpy as np
import pytest

import scopert as tf

pytest.importorskip("tensorboard")


def test_nodes():
    with tf.name_scope("s"):
        c = tf.constant([[1.0, 2.0]], name="c")
        with tf.control_dependencies([c]):
            d = tf.constant("text", name="d")
    with tf.device("/gpu:1"):
        e = tf.matmul(c, c, transpose_b=True, name="e")
    found = tf.get_default_graph().as_graph_def(add_shapes=True)
    nodes = {node.name: node for node in found.node}
    assert list(nodes) == ["s/c", "s/d", "e"]
    assert list(nodes["e"].input) == ["s/c", "s/c"] and nodes["e"].op == "MatMul"
    assert nodes["e"].attr["transpose_b"].b and not nodes["e"].attr["transpose_a"].b
    assert nodes["e"].attr["T"].type == tf.float32.as_datatype_enum
    assert nodes["e"].device == "/device:GPU:1"
    assert [dim.size for dim in nodes["e"].attr["_output_shapes"].list.shape[0].dim] == [1, 1]
    assert list(nodes["s/d"].input) == ["^s/c"]
    assert nodes["s/d"].attr["value"].tensor.string_val[0] == b"text"
    np.testing.assert_array_equal(np.frombuffer(nodes["s/c"].attr["value"].tensor.tensor_content, np.float32), [1, 2])
    assert d.op.node_def.name == "s/d" and e.op.node_def == nodes_without_shapes(nodes["e"])


def nodes_without_shapes(node):
    made = type(node)()
    made.CopyFrom(node)
    del made.attr["_output_shapes"]
    return made


def test_from_version():
    tf.constant(1.0, name="a")
    version = tf.get_default_graph().version
    tf.constant(1.0, name="b")
    assert [node.name for node in tf.get_default_graph().as_graph_def(from_version=version).node] == ["b"]
