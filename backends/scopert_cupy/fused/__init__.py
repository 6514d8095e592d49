"""Bodies of `FUSED` steps as CUDA C++."""
