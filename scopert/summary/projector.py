"""TensorBoard's embedding projector: which variables it shows, and with which labels."""

from __future__ import annotations

import os
from typing import Any

from scopert.graph.graph_def import protos
from scopert.public import public


def _messages() -> Any:
    protos()  # its ImportError says what to install
    from tensorboard.plugins.projector import projector_config_pb2

    return projector_config_pb2


@public("contrib.tensorboard.plugins.projector.ProjectorConfig")
def ProjectorConfig(**fields: Any) -> Any:
    """A configuration of the projector: a message with the list `embeddings`.

    Parameters
    ----------
    **fields
        Of the message, such as `model_checkpoint_path`.

    Raises
    ------
    ImportError
        Without the ``tensorboard`` package (extra ``tensorboard``).
    """
    return _messages().ProjectorConfig(**fields)


@public("contrib.tensorboard.plugins.projector.EmbeddingInfo")
def EmbeddingInfo(**fields: Any) -> Any:
    """One entry of ``ProjectorConfig().embeddings``, with `tensor_name`, `metadata_path` and `sprite`.

    Raises
    ------
    ImportError
        Without the ``tensorboard`` package (extra ``tensorboard``).
    """
    return _messages().EmbeddingInfo(**fields)


@public("contrib.tensorboard.plugins.projector.SpriteMetadata")
def SpriteMetadata(**fields: Any) -> Any:
    """The images of an embedding: `image_path` and `single_image_dim`.

    Raises
    ------
    ImportError
        Without the ``tensorboard`` package (extra ``tensorboard``).
    """
    return _messages().SpriteMetadata(**fields)


@public("contrib.tensorboard.plugins.projector.visualize_embeddings")
def visualize_embeddings(summary_writer: Any, config: Any) -> None:
    """Writes a configuration where TensorBoard looks for it: ``projector_config.pbtxt`` in the writer's folder.

    Parameters
    ----------
    summary_writer : tf.summary.FileWriter
    config : ProjectorConfig

    Raises
    ------
    ValueError
        If the writer has no folder.
    """
    from google.protobuf import text_format

    folder = summary_writer.get_logdir()
    if folder is None:
        raise ValueError("Summary writer must have a logdir")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
        file.write(text_format.MessageToString(config))
