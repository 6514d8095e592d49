"""What a device refuses, said in our words."""

from __future__ import annotations


class DeviceError(RuntimeError):
    """A call to the device failed; the text says which, and with what."""


class OutOfMemory(DeviceError, MemoryError):
    """The device has no room."""


class CompileError(DeviceError):
    """A kernel source was refused; the text has the compiler's log and the source's numbered lines."""

    @classmethod
    def of(cls, compiler: str, log: str, source: str) -> CompileError:
        """An error that shows what the compiler said and what it was given."""
        lines = "\n".join([f"{number:5}  {line}" for number, line in enumerate(source.splitlines(), 1)])
        return cls(f"{compiler} refused a kernel of the CUDA backend; this is a bug of scopert.\n{log}\n{lines}")
