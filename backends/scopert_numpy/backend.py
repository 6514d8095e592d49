"""The device: the host's own memory, and NumPy's functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scopert.backend import Capabilities, DType, Executable, Kernel, Program, RunContext
from scopert_numpy.executable import NumpyExecutable
from scopert_numpy.handed_out import is_large
from scopert_numpy.matmul import WithBlas, uses_blas
from scopert_numpy.planned import PlannedExecutable
from scopert_numpy.steps import Binder

# NumPy aligns to 16 bytes only; layouts count on 256.
_ALIGNMENT = 256


class NumpyBackend:
    """NumPy arrays in the host's memory."""

    name = "numpy"
    xp: Any = np
    capabilities = Capabilities(fuses=True)

    def __init__(self, device: int = 0) -> None:
        if device != 0:
            raise ValueError(f"the numpy backend has one device, 0; got device {device}")

    def allocate(self, nbytes: int) -> Any:
        """A zeroed buffer whose address is a multiple of 256."""
        raw = np.zeros(nbytes + _ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        return raw[start : start + nbytes]

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: DType) -> Any:
        """An array over a part of a buffer."""
        count = 1
        for size in shape:
            count *= size
        nbytes = count * dtype.np.itemsize
        return buffer[offset : offset + nbytes].view(dtype.np).reshape(shape)

    def to_device(self, array: Any) -> Any:
        """The array itself."""
        return array

    def to_host(self, array: Any) -> Any:
        """The array itself."""
        return array

    def synchronize(self) -> None:
        """Does nothing: every call is finished when it returns."""

    def kernels(self) -> Iterable[Kernel]:
        """NumPy-only kernels that are faster than the generic ones."""
        from scopert_numpy.kernels import KERNELS

        return KERNELS

    def describe(self) -> str:
        """What computes here: the version of NumPy, machine code if there is any, threads."""
        from scopert_numpy.report import machine_lines

        return "\n".join(machine_lines())

    def compile(self, program: Program, context: RunContext) -> Executable:
        """Binds every step's kernel, and its place where the program has a memory plan."""
        own: dict[str, list[Kernel]] = {}
        for kernel in self.kernels():
            own.setdefault(kernel.op, []).append(kernel)
        binder = Binder(context, own, self.allocate, self.view)
        executable: Executable
        large = any(is_large(program.values[fetch.slot]) for fetch in program.fetches)
        if program.memory is not None and (program.memory.nbytes or large):
            executable = PlannedExecutable(program, binder)
        else:
            executable = NumpyExecutable(program, binder)
        return WithBlas(executable) if uses_blas(program) else executable
