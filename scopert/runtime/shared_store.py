"""Variables of another process: its buffer on the device, seen from here without a copy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from scopert.backend import DeviceBackend, as_dtype
from scopert.errors import InvalidArgumentError, NotFoundError
from scopert.runtime.backends import open_backend
from scopert.scope.layout import Layout, Slot

_MAGIC = b"scopert variables 1\n"


def exported(backend: str, handle: bytes, layout: Layout, slots: Sequence[Slot]) -> bytes:
    """A buffer's handle, and where the variables stand in it."""
    facts = {
        "backend": backend,
        "handle": handle.hex(),
        "nbytes": layout.nbytes,
        "variables": [[s.spec.name, s.spec.dtype.name, list(s.spec.shape), s.offset] for s in slots],
    }
    return _MAGIC + json.dumps(facts).encode()


class SharedVariables:
    """The variables of another process.

    Attributes
    ----------
    nbytes : int
        The size of their buffer.
    """

    def __init__(self, backend: DeviceBackend, buffer: Any, facts: dict[str, Any]) -> None:
        self._backend = backend
        self._buffer = buffer
        self._places = {name: (dtype, tuple(shape), offset) for name, dtype, shape, offset in facts["variables"]}
        self.nbytes: int = facts["nbytes"]

    def names(self) -> list[str]:
        """The names of the variables."""
        return list(self._places)

    def array(self, name: str) -> Any:
        """A variable's memory: it changes when the other process changes the variable.

        Raises
        ------
        NotFoundError
            If there is no variable of this name.
        """
        try:
            dtype, shape, offset = self._places[name]
        except KeyError:
            raise NotFoundError(None, None, f"the other process exported no variable {name!r}") from None
        return self._backend.view(self._buffer, offset, shape, as_dtype(dtype))


def attach_ipc(data: bytes, device: int = 0) -> SharedVariables:
    """The variables that another process exported with `VariableStore.export_ipc`.

    The other process must live, and have the same device. What it runs meanwhile is not waited for.

    Parameters
    ----------
    data : bytes
    device : int

    Raises
    ------
    InvalidArgumentError
        If `data` is something else.
    UnavailableError
        If the backend cannot be used here.
    """
    if not data.startswith(_MAGIC):
        raise InvalidArgumentError(None, None, "these bytes are not what VariableStore.export_ipc returns")
    facts = json.loads(data[len(_MAGIC) :])
    backend = cast(DeviceBackend, open_backend(facts["backend"], device))
    return SharedVariables(backend, backend.attach(bytes.fromhex(facts["handle"]), facts["nbytes"]), facts)


__all__ = ["SharedVariables", "attach_ipc", "exported"]
