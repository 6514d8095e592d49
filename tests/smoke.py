"""The least that must work before anything lands: names, and (once there is a session) a run."""

import scopert as tf


def test_names():
    with tf.Graph().as_default() as graph, tf.name_scope("scope1"):
        a = tf.constant(1, name="a")
        assert a.name == "scope1/a:0"
        assert graph.get_tensor_by_name("scope1/a:0") is a


def test_run():
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None], name="x")
        assert sess.run({"y": tf.identity(x)}, {x: [1, 2]})["y"].tolist() == [1.0, 2.0]
