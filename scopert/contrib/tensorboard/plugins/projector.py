"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.summary.projector import EmbeddingInfo as EmbeddingInfo
from scopert.summary.projector import ProjectorConfig as ProjectorConfig
from scopert.summary.projector import SpriteMetadata as SpriteMetadata
from scopert.summary.projector import visualize_embeddings as visualize_embeddings

__all__ = [
    "EmbeddingInfo",
    "ProjectorConfig",
    "SpriteMetadata",
    "visualize_embeddings",
]
