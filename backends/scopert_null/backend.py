"""A device that holds nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from scopert.backend import (
    Capabilities,
    DType,
    Executable,
    Kernel,
    Program,
    RunContext,
    StepFailed,
    Value,
    shape_text,
)


class NullBackend:
    """Runs no kernel: a fetch gives zeros of the static shape."""

    name = "null"
    xp: Any = np
    capabilities = Capabilities(computes=False)

    def __init__(self, device: int = 0) -> None:
        if device != 0:
            raise ValueError(f"the null backend has one device, 0; got device {device}")

    def allocate(self, nbytes: int) -> Any:
        """A buffer that takes no memory: only its size counts."""
        return np.broadcast_to(np.zeros((), np.uint8), (nbytes,))

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: DType) -> Any:
        """Zeros of this shape that take no memory."""
        return np.broadcast_to(np.zeros((), dtype.np), shape)

    def to_device(self, array: Any) -> Any:
        """The array itself."""
        return array

    def to_host(self, array: Any) -> Any:
        """The array itself."""
        return array

    def synchronize(self) -> None:
        """Does nothing."""

    def kernels(self) -> Iterable[Kernel]:
        """None: nothing is computed."""
        return ()

    def compile(self, program: Program, context: RunContext) -> Executable:
        """Only remembers the shapes."""
        return _NullExecutable(program)


class _NullExecutable:
    def __init__(self, program: Program) -> None:
        self._program = program

    def run(self, feeds: Sequence[Any], trace: Any = None) -> list[Any]:
        """What is fed is what is fetched; everything else is zero."""
        fed = dict(zip(self._program.feeds, feeds, strict=True))
        return [
            fed[fetch.slot] if fetch.slot in fed else self._zeros(self._program.values[fetch.slot])
            for fetch in self._program.fetches
        ]

    def _zeros(self, value: Value) -> Any:
        shape, dtype = value.shape, value.dtype.base
        if shape is None or None in shape:
            error = ValueError(
                f"the null backend computes no values, and the shape {shape_text(shape)} of {value.name} is not known"
            )
            step = next((step for step in self._program.steps if value.number in step.outputs), None)
            if step is None:
                raise error
            raise StepFailed(step, ()) from error
        if dtype.np == np.dtype(object):
            made: Any = np.full(shape, b"", object)
        else:
            made = np.zeros([size or 0 for size in shape], dtype.np)
        return made if made.ndim else made[()]
