"""Counting the variables of a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scopert.graph.shape import as_tuple, num_elements
from scopert.public import public


@public("contrib.slim.model_analyzer.tensor_description")
def tensor_description(var: Any) -> str:
    """Type and shape of a tensor or variable, as ``(float32 3x4)``."""
    shape = as_tuple(var.shape)
    sizes = "<unknown>" if shape is None else "x".join("?" if n is None else str(n) for n in shape)
    return f"({var.dtype.name} {sizes})"


@public("contrib.slim.model_analyzer.analyze_vars")
def analyze_vars(variables: Iterable[Any], print_info: bool = False) -> tuple[int, int]:
    """The number of elements and of bytes of variables; `print_info` prints one line for each.

    Returns
    -------
    total_size, total_bytes : int
    """
    if print_info:
        print("---------", "Variables: name (type shape) [size]", "---------", sep="\n")
    total_size = total_bytes = 0
    for var in variables:
        size = num_elements(as_tuple(var.shape)) or 0
        total_size += size
        total_bytes += size * var.dtype.size
        if print_info:
            print(var.name, tensor_description(var), f"[{size}, bytes: {size * var.dtype.size}]")
    if print_info:
        print(f"Total size of variables: {total_size}", f"Total bytes of variables: {total_bytes}", sep="\n")
    return total_size, total_bytes
