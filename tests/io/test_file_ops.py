"""ReadFile and WriteFile in a run."""

import pytest

import scopert as tf


def test_write_then_read(tmp_path):
    name = str(tmp_path / "folder" / "file.bin")
    write = tf.write_file(name, tf.constant(b"\x00\xffdata"))
    with tf.control_dependencies([write]):
        read = tf.read_file(tf.constant(name))
    with tf.Session() as sess:
        assert sess.run(read) == b"\x00\xffdata"
    assert (tmp_path / "folder" / "file.bin").read_bytes() == b"\x00\xffdata"


def test_missing_file(tmp_path):
    read = tf.read_file(str(tmp_path / "missing"), name="reader")
    with tf.Session() as sess:
        with pytest.raises(tf.errors.NotFoundError, match="missing; No such file") as caught:
            sess.run(read)
        assert caught.value.op is read.op
        assert sess.run(tf.constant(1)) == 1
