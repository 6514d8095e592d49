"""Convolutions and attention by cuDNN, through NVIDIA's front end for it, where both are installed."""

from scopert_cupy.cudnn.library import Cudnn, CudnnPlan, load, version

__all__ = ["Cudnn", "CudnnPlan", "load", "version"]
