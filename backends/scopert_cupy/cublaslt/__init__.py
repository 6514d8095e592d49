"""Matrix products by cuBLASLt, through a binding of our own: descriptors can be made, and tested, without a driver."""

from scopert_cupy.cublaslt.plans import CublasLt, LtPlan

__all__ = ["CublasLt", "LtPlan"]
