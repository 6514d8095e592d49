"""Summaries as TensorBoard's own reader sees them."""

import numpy as np
import pytest

import scopert as tf

pytest.importorskip("tensorboard")


def _read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"histograms": 0, "tensors": 0, "images": 0, "scalars": 0})
    found.Reload()
    return found


def _parse(data):
    message = tf.Summary()
    message.ParseFromString(data)
    return message


def test_names_and_tags():
    x = tf.constant(1.0, name="x")
    with tf.name_scope("n"):
        plain = tf.summary.scalar("loss", x)
        odd = tf.summary.scalar("a b", x)
        family = tf.summary.scalar("loss", x, family="train")
    merged = tf.summary.merge_all()
    assert [t.name for t in (plain, odd, family, merged)] == [
        "n/loss:0", "n/a_b:0", "n/train/loss:0", "Merge/MergeSummary:0",
    ]  # fmt: skip
    with tf.Session() as sess:
        assert [v.tag for v in _parse(sess.run(merged)).value] == ["n/loss", "n/a_b", "train/n/train/loss"]


def test_merge_all_takes_a_collection_and_a_scope():
    with tf.name_scope("a"):
        tf.summary.scalar("one", 1.0)
    tf.summary.scalar("two", 2.0, collections=["mine"])
    assert tf.summary.merge_all(key="nothing") is None
    with tf.Session() as sess:
        assert [v.tag for v in _parse(sess.run(tf.summary.merge_all("mine"))).value] == ["two"]
        assert tf.summary.merge_all(scope="b/") is None


def test_everything_arrives_in_an_event_file(tmp_path):
    rng = np.random.default_rng(0)
    x = tf.placeholder(tf.float32, [None, 8, 6, 3], name="x")
    tf.summary.scalar("average", tf.reduce_mean(x))
    tf.summary.histogram("values", x)
    tf.summary.image("picture", x, max_outputs=2)
    tf.summary.text("note", tf.constant("**bold**"))
    everything = tf.summary.merge_all()
    batches = rng.random((4, 3, 8, 6, 3)).astype(np.float32)
    with tf.Session() as sess, tf.summary.FileWriter(str(tmp_path), sess.graph) as writer:
        for step, batch in enumerate(batches):
            writer.add_summary(sess.run(everything, {x: batch}), step)
    found = _read(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("average")] == [
        (step, pytest.approx(batch.mean(dtype=np.float64), rel=1e-6)) for step, batch in enumerate(batches)
    ]
    histogram = found.Histograms("values")[-1].histogram_value
    assert histogram.num == batches[-1].size
    assert histogram.sum == pytest.approx(batches[-1].sum(dtype=np.float64))
    assert sum(histogram.bucket) == batches[-1].size
    edges = np.array(histogram.bucket_limit)
    lower = np.concatenate([[-np.inf], edges[:-1]])
    counts = [int(((batches[-1] >= a) & (batches[-1] < b)).sum()) for a, b in zip(lower, edges, strict=True)]
    assert counts == [int(n) for n in histogram.bucket]
    assert {"picture/image/0", "picture/image/1"} <= set(found.Tags()["images"])
    image = found.Images("picture/image/0")[0]
    assert (image.height, image.width) == (8, 6)
    assert found.Tensors("note")[0].tensor_proto.string_val[0] == b"**bold**"
    assert {node.name for node in found.Graph().node} == {op.name for op in tf.get_default_graph().get_operations()}


def test_image_colours():
    from io import BytesIO

    from PIL import Image

    values = np.array([[[0.0], [0.5], [1.0]], [[np.nan], [0.25], [0.0]]], np.float32)[None]
    made = tf.summary.image("im", values, max_outputs=1)
    with tf.Session() as sess:
        (entry,) = _parse(sess.run(made)).value
    assert entry.tag == "im/image"
    picture = np.asarray(Image.open(BytesIO(entry.image.encoded_image_string)))
    assert picture.tolist() == [[0, 127, 255], [255, 63, 0]]


def test_errors_name_the_summary():
    bad = tf.summary.histogram("bad", tf.constant([1.0, np.nan]))
    one = tf.summary.scalar("s", 1.0)
    twice = tf.summary.merge([one, one])
    shapes = tf.summary.scalar("vector", tf.constant([1.0, 2.0]))
    with tf.Session() as sess:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Nan in summary histogram for: bad"):
            sess.run(bad)
        with pytest.raises(tf.errors.InvalidArgumentError, match="not the same shape"):
            sess.run(shapes)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag s found"):
            sess.run(twice)
    with pytest.raises(ValueError, match="to have dtype string, got"):
        tf.summary.text("t", tf.constant(1.0))


def test_writer_says_when_it_is_closed(tmp_path):
    writer = tf.summary.FileWriter(str(tmp_path))
    writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="by_hand", simple_value=3.0)]), 7)
    writer.close()
    with pytest.raises(ValueError, match="is closed; call reopen"):
        writer.add_summary(tf.Summary(), 8)
    writer.reopen()
    writer.close()
    (event,) = _read(tmp_path).Scalars("by_hand")
    assert (event.step, event.value) == (7, 3.0)
    with pytest.raises(TypeError, match="must be an instance of `Graph`"):
        tf.summary.FileWriter(str(tmp_path / "b"), graph=3)
