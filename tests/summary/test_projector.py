"""The configuration of TensorBoard's projector, read back by TensorBoard's own reader."""

import pytest

import scopert as tf

pytest.importorskip("tensorboard")
projector = tf.contrib.tensorboard.plugins.projector


def test_configuration_is_written(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    writer = tf.summary.FileWriter(str(tmp_path))
    config = projector.ProjectorConfig(model_checkpoint_path="m")
    embedding = config.embeddings.add()
    embedding.tensor_name = "words"
    embedding.sprite.CopyFrom(projector.SpriteMetadata(image_path="s.png", single_image_dim=[8, 8]))
    config.embeddings.append(projector.EmbeddingInfo(tensor_name="letters", metadata_path="labels.tsv"))
    projector.visualize_embeddings(writer, config)
    writer.close()
    text = (tmp_path / "projector_config.pbtxt").read_text(encoding="utf-8")
    assert text_format.Parse(text, projector_config_pb2.ProjectorConfig()) == config


def test_a_writer_without_a_folder():
    class Nowhere:
        def get_logdir(self):
            return None

    with pytest.raises(ValueError, match="must have a logdir"):
        projector.visualize_embeddings(Nowhere(), projector.ProjectorConfig())
