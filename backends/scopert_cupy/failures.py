"""What a device refuses, said in our words."""

from __future__ import annotations


class DeviceError(RuntimeError):
    """A call to the device failed; the text says which, and with what."""


class OutOfMemory(DeviceError, MemoryError):
    """The device has no room."""


class CompileError(DeviceError):
    """A kernel source was refused; the text has the compiler's log and the source's numbered lines."""
