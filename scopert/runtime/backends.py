"""Which backends there are, which one is used, and why not the others.

Backends come in through the entry points of the group ``scopert.backends``. The three that ship with the
package are known here as well, so that a source tree works without installed metadata.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import threading
from dataclasses import dataclass

from scopert.backend import Backend, BackendSpec
from scopert.errors import InternalError, NotFoundError, OpError, UnavailableError
from scopert.graph.opdef import find_op
from scopert.program.ir import BAGS
from scopert.public import public

GROUP = "scopert.backends"
VARIABLE = "SCOPERT_BACKEND"
_BUILT_IN = {"numpy": "scopert_numpy:SPEC", "null": "scopert_null:SPEC", "cupy": "scopert_cupy:SPEC"}
_log = logging.getLogger("scopert")


@dataclass(frozen=True, slots=True)
class BackendRow:
    """A backend: `reason` says why it cannot be used, None if it can."""

    name: str
    priority: int
    description: str
    origin: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class BackendReport:
    """All backends, highest priority first, the one that sessions use by default, and why.

    Attributes
    ----------
    rows : tuple of BackendRow
    used : str or None
        None if the one that is asked for cannot be used.
    because : str
    """

    rows: tuple[BackendRow, ...]
    used: str | None
    because: str

    def __str__(self) -> str:
        lines = []
        for row in self.rows:
            if row.name == self.used:
                state = "used"
            else:
                state = "can be used, but is not" if row.reason is None else f"cannot be used: {row.reason}"
            lines.append(f"{row.name:<10} priority {row.priority:>4}  {row.description or '-'}")
            lines.append(f"{'':<10} {state}  ({row.origin})")
        return "\n".join([*lines, f"used: {self.used or 'none'} ({self.because})"])


class _Registry:
    """Backends by name; loading, probing and opening happen once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._origins: dict[str, str] | None = None
        self._entries: dict[str, importlib.metadata.EntryPoint] = {}
        self._specs: dict[str, BackendSpec | str] = {}
        self._reasons: dict[str, str | None] = {}
        self._opened: dict[tuple[str, int], Backend] = {}
        self._told: set[str] = set()

    def names(self) -> list[str]:
        with self._lock:
            return list(self._found())

    def _found(self) -> dict[str, str]:
        if self._origins is None:
            origins: dict[str, str] = {}
            for entry in importlib.metadata.entry_points(group=GROUP):
                known = self._entries.get(entry.name)
                if known is not None and known.value != entry.value:
                    raise InternalError(
                        None, None,
                        f"two backends are called {entry.name!r}: {_origin(known)} and {_origin(entry)}; "
                        "uninstall one of them",
                    )  # fmt: skip
                self._entries[entry.name] = entry
                origins[entry.name] = _origin(entry)
            for name, value in _BUILT_IN.items():
                if name not in self._entries:
                    self._entries[name] = importlib.metadata.EntryPoint(name, value, GROUP)
                    origins[name] = f"{value}, part of scopert"
            self._origins = origins
        return self._origins

    def spec(self, name: str) -> BackendSpec | str:
        """The spec of a backend, or the reason why there is none."""
        with self._lock:
            self._found()
            found = self._specs.get(name)
            if found is None:
                found = self._specs[name] = self._load(name)
            return found

    def _load(self, name: str) -> BackendSpec | str:
        entry = self._entries[name]
        try:
            spec = entry.load()
        except Exception as error:  # whatever a foreign package raises
            return f"loading {_origin(entry)} failed: {type(error).__name__}: {error}"
        if not isinstance(spec, BackendSpec):
            return f"{_origin(entry)} is not a BackendSpec but a {type(spec).__name__}"
        if spec.name != name:
            return f"{_origin(entry)} is registered as {name!r} but calls itself {spec.name!r}"
        return spec

    def reason(self, name: str) -> str | None:
        """Why a backend cannot be used, or None."""
        with self._lock:
            if name not in self._reasons:
                spec = self.spec(name)
                self._reasons[name] = spec if isinstance(spec, str) else _probe(spec)
            return self._reasons[name]

    def report(self) -> BackendReport:
        rows = []
        for name in self.names():
            spec = self.spec(name)
            origin = self._found()[name]
            if isinstance(spec, str):
                rows.append(BackendRow(name, 0, "", origin, spec))
            else:
                rows.append(BackendRow(name, spec.priority, spec.description, origin, self.reason(name)))
        rows.sort(key=lambda row: -row.priority)
        asked = os.environ.get(VARIABLE, "").partition(":")[0]
        if asked and asked != "auto":
            usable = any(row.name == asked and row.reason is None for row in rows)
            return BackendReport(tuple(rows), asked if usable else None, f"{VARIABLE}={asked}")
        used = next((row for row in rows if row.reason is None and row.priority >= 0), None)
        return BackendReport(tuple(rows), used.name if used else None, "the highest priority of those that can be used")

    def choose(self, name: str | None) -> str:
        """The backend of this name, or the default one; raises if a named one cannot be used."""
        asked = (name or os.environ.get(VARIABLE) or "auto").partition(":")[0]
        source = "" if name else f" ({VARIABLE})"
        if asked != "auto":
            if asked not in self.names():
                raise NotFoundError(
                    None, None, f"no backend is called {asked!r}{source}; there are: {', '.join(sorted(self.names()))}"
                )
            reason = self.reason(asked)
            if reason is not None:
                raise UnavailableError(None, None, f"the backend {asked!r}{source} cannot be used: {reason}")
            return asked
        report = self.report()
        if report.used is None:
            raise UnavailableError(None, None, f"no backend can be used:\n{report}")
        for row in report.rows:
            if row.name == report.used:
                break
            if row.name not in self._told:
                self._told.add(row.name)
                # That there is no card is no news; that a plug-in which somebody installed does not work, is.
                level = logging.INFO if row.name in _BUILT_IN else logging.WARNING
                _log.log(level, "using the %s backend: %s cannot be used: %s", report.used, row.name, row.reason)
        return report.used

    def open(self, name: str, device: int) -> Backend:
        with self._lock:
            found = self._opened.get((name, device))
            if found is None:
                spec = self.spec(name)
                assert isinstance(spec, BackendSpec)
                found = self._opened[name, device] = _open(spec, device)
            return found

    def opened(self) -> list[tuple[str, Backend]]:
        """Names with device numbers, and what is open."""
        with self._lock:
            return [(f"{name}:{device}", backend) for (name, device), backend in self._opened.items()]

    def forget(self) -> None:
        """Looks for plug-ins again."""
        with self._lock:
            self._origins = None
            self._entries.clear()
            self._specs.clear()
            self._reasons.clear()
            self._opened.clear()
            self._told.clear()


def _origin(entry: importlib.metadata.EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else None
    return f"{entry.value}, from the package {package!r}" if package else entry.value


def _probe(spec: BackendSpec) -> str | None:
    try:
        return spec.probe()
    except Exception as error:  # a plug-in's fault must not take NumPy away
        return f"its probe failed: {type(error).__name__}: {error}"


def _open(spec: BackendSpec, device: int) -> Backend:
    try:
        backend = spec.open(device)
        unknown = [kernel.op for kernel in backend.kernels() if find_op(kernel.op) is None and kernel.op not in BAGS]
    except OpError:
        raise
    except Exception as error:  # whatever a foreign package raises
        raise UnavailableError(
            None, None, f"the backend {spec.name!r} cannot open device {device}: {type(error).__name__}: {error}"
        ) from error
    if unknown:
        raise InternalError(
            None, None, f"the backend {spec.name!r} has kernels for ops that do not exist: {', '.join(unknown)}"
        )
    return backend


_registry = _Registry()


def open_backend(name: str | None = None, device: int | None = None) -> Backend:
    """The opened backend of this name, or the default one.

    Parameters
    ----------
    name : str, optional
        None or ``"auto"``: what the environment variable ``SCOPERT_BACKEND`` says, else the highest
        priority that can be used. ``cupy:1`` is device 1 of the backend ``cupy``.
    device : int, optional
        Default: what stands in the name, else 0. Backends without numbered devices have only 0, whatever the name.

    Raises
    ------
    NotFoundError
        If there is none of this name.
    UnavailableError
        If it cannot be used: one that is asked for by name is never replaced by another.
    InternalError
        If two plug-ins have one name, or one has kernels for unknown ops.
    """
    chosen = _registry.choose(name)
    spec = _registry.spec(chosen)
    given = device is not None
    if device is None:
        asked, _, number = (name or os.environ.get(VARIABLE) or "").partition(":")
        if number and not number.isdecimal():
            raise NotFoundError(None, None, f"{asked}:{number} names no device: a number stands behind the colon")
        device = int(number or 0)
    numbered = isinstance(spec, BackendSpec) and spec.numbered
    return _registry.open(chosen, device if numbered or given else 0)


def opened_backends() -> list[tuple[str, Backend]]:
    """The backends that are open in this process, with the numbers of their devices."""
    return _registry.opened()


@public("backend_report")
def backend_report() -> BackendReport:
    """Which backends there are, which one is used by default, and why the others are not.

    Examples
    --------
    >>> import scopert as tf
    >>> "numpy" in [row.name for row in tf.backend_report().rows]
    True
    """
    return _registry.report()


def forget_backends() -> None:
    """Looks for plug-ins anew, as at the start of the process."""
    _registry.forget()
