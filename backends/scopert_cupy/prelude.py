"""What every kernel source begins with, in CUDA C++ without headers.

The texts lie in ``text/``: element types, memory accesses, the primitives of fused bodies, reductions, Philox.
A device compiles `PRELUDE` before the functions of a module; NVRTC knows all that it uses, and the host device's
shim provides the same names (among them ``__float_as_uint``, ``__umulhi``, ``__shfl_xor_sync``,
``__syncthreads``, ``__dmul_rn``, ``__dadd_rn``, ``threadIdx``...).
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

import numpy as np

from scopert.backend import DType
from scopert_cupy.command import Function

_PARTS = ("types", "functions", "reduce", "philox")
PRELUDE: Final = "\n".join([(files("scopert_cupy") / "text" / f"{part}.cu").read_text("utf-8") for part in _PARTS])

#: NumPy's name of a type -> that of an element in memory.
_STORED = {
    "bool": "sc_bool", "float16": "sc_f16", "bfloat16": "sc_bf16", "float32": "float", "float64": "double",
    "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned", "uint64": "unsigned long long",
}  # fmt: skip
_COMPUTED = {"sc_bool": "bool", "sc_f16": "float", "sc_bf16": "float"}


def stored(dtype: DType) -> str | None:
    """The C++ type of an element in memory; None if kernels have none (complex numbers, handles)."""
    return _STORED.get(dtype.base.np.name)


def computed(dtype: DType) -> str:
    """The C++ type in which an element is computed: ``sc_value`` of `stored`."""
    element = _STORED[dtype.base.np.name]
    return _COMPUTED.get(element, element)


def define(
    stem: str, parameters: str, body: str, *, fibers: bool = False, width: int = 0, threads: int = 256
) -> Function:
    """A ``__global__`` function whose name ends with a hash of its text.

    Parameters
    ----------
    stem : str
        What the name begins with.
    parameters, body : str
        C++: ``const float* x, int n`` and the statements.
    fibers, width, threads
        As in `Function`.
    """
    content = f"{parameters}\0{body}\0{threads}\0{fibers}"
    name = f"sc_{stem}_{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    # The 1 (a block a multiprocessor) keeps the compiler from spilling for the sake of occupancy.
    source = f"SC_KERNEL void __launch_bounds__({threads}, 1) {name}({parameters}) {{\n{body}\n}}\n"
    return Function(name, source, fibers, width, threads)


def divider(divisor: int) -> tuple[np.uint32, np.uint32]:
    """Multiplier and shift with which ``sc_divide`` divides numbers below 2^31 (Granlund and Montgomery, 1994)."""
    if not 0 < divisor < 1 << 31:
        raise ValueError(f"a divisor of 1 to 2^31 - 1 is needed, got {divisor}")
    shift = (divisor - 1).bit_length()
    multiplier = ((1 << 32) * ((1 << shift) - divisor)) // divisor + 1
    return np.uint32(multiplier), np.uint32(shift)
