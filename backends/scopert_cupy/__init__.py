"""The CuPy backend: scoped graphs on a CUDA device, or on a host device that runs the same kernels."""
