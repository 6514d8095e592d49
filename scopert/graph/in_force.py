"""What is in force while operations are made, by thread: the name scope, devices, attributes and their kin."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scopert.graph.control import ControlDependencies
from scopert.graph.device import canonical_name
from scopert.graph.operation import Operation

VALID_OP_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\-/]*\Z").match
_VALID_SCOPE_NAME = re.compile(r"[A-Za-z0-9_.\-/]*\Z").match


class _Local(threading.local):
    """What is in force in one thread."""

    def __init__(self) -> None:
        self.name: str | None = ""
        self.control: list[ControlDependencies] = []
        self.devices: list[Any] = []
        self.colocation: list[Operation] = []
        self.flow: Any = None
        self.gradient_overrides: dict[str, str] = {}
        self.kernel_labels: dict[str, str] = {}
        self.attrs: dict[str, Any] = {}
        self.container = ""
        self.variable_creators: list[Callable[..., Any]] = []
        self.original: Operation | None = None


class InForce:
    """The names that a graph has given, and the scopes that operations of a graph are made in."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._local = _Local()
        self._names: dict[str, int] = {}

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """The full name that an operation called `name` would get here.

        Parameters
        ----------
        name : str
            A name below the current name scope.
        mark_as_used : bool
            Take it; otherwise only look.
        """
        scope = self._local.name
        if scope:
            name = f"{scope}/{name}"
        return self._take_name(name, mark_as_used)

    def _take_name(self, name: str, mark_as_used: bool = True) -> str:
        names = self._names
        key = name.lower()
        with self._lock:
            count = names.get(key, 0)
            if mark_as_used:
                names[key] = count + 1
            if not count:
                return name
            candidate = f"{key}_{count}"
            while candidate in names:
                count += 1
                candidate = f"{key}_{count}"
            if mark_as_used:
                names[candidate] = 1
                names[key] = count + 1
            return f"{name}_{count}"

    def _open_scope(self, name: Any) -> tuple[str | None, str]:
        """Enters a name scope; returns the one to go back to, and the new one with its slash."""
        local = self._local
        old = local.name
        if not name:
            local.name = None
            return old, ""
        if isinstance(name, bytes):
            name = name.decode()
        if not isinstance(name, str):
            raise TypeError(f"a name scope is a string, got {name!r} of type {type(name).__name__}")
        self._check_scope_name(name)
        new = name[:-1] if name[-1] == "/" else self.unique_name(name)
        local.name = new
        return old, new + "/"

    def _check_scope_name(self, name: str) -> None:
        """Raises ValueError if a scope of this name cannot be opened here; an op's own scope is one too."""
        if not (_VALID_SCOPE_NAME(name) if self._local.name else VALID_OP_NAME(name)):
            raise ValueError(f"'{name}' is not a valid scope name")

    @contextmanager
    def name_scope(self, name: Any) -> Iterator[str]:
        """Opens a name scope of this graph; see ``tf.name_scope``."""
        old, scope = self._open_scope(name)
        try:
            yield scope
        finally:
            self._local.name = old

    def get_name_scope(self) -> str | None:
        """The current name scope, without final slash."""
        return self._local.name

    @contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Places the operations made in the block.

        Parameters
        ----------
        device_name_or_function : str, DeviceSpec, callable or None
            A function gets the operation and returns a device. None forgets the blocks around.
        """
        spec = device_name_or_function
        if spec is not None and not callable(spec):
            spec = canonical_name(spec)
        local = self._local
        local.devices = [*local.devices, spec]
        size = len(local.devices)
        try:
            yield
        finally:
            local.devices = local.devices[: size - 1]

    @contextmanager
    def container(self, container_name: str) -> Iterator[None]:
        """Names the resource container of stateful operations made in the block."""
        local = self._local
        old, local.container = local.container, container_name
        try:
            yield
        finally:
            local.container = old

    @contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Operations made in the block take their gradient from rules registered under other names.

        Raises
        ------
        TypeError
            If the map is not one of strings.
        """
        if not isinstance(op_type_map, dict):
            raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        for key, value in op_type_map.items():
            if not (isinstance(key, str) and isinstance(value, str)):
                raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        local = self._local
        old = local.gradient_overrides
        local.gradient_overrides = {**old, **op_type_map}
        try:
            yield
        finally:
            local.gradient_overrides = old

    @contextmanager
    def _kernel_label_map(self, op_to_kernel_label_map: dict[str, str]) -> Iterator[None]:
        """Operations made in the block carry labels of kernels; they are kept, and choose nothing here.

        Raises
        ------
        TypeError
            If the map is not one of strings.
        """
        if not isinstance(op_to_kernel_label_map, dict) or not all(
            isinstance(item, str) for pair in op_to_kernel_label_map.items() for item in pair
        ):
            raise TypeError("op_to_kernel_label_map must be a dictionary mapping strings to strings")
        local = self._local
        old = local.kernel_labels
        local.kernel_labels = {**old, **op_to_kernel_label_map}
        try:
            yield
        finally:
            local.kernel_labels = old

    @contextmanager
    def _attr_scope(self, attr_map: dict[str, Any]) -> Iterator[None]:
        """Operations made in the block carry further attributes; None takes one away."""
        if not isinstance(attr_map, dict):
            raise TypeError("attr_map must be a dictionary mapping strings to attribute values")
        local = self._local
        old = local.attrs
        local.attrs = {k: v for k, v in {**old, **attr_map}.items() if v is not None}
        try:
            yield
        finally:
            local.attrs = old

    @contextmanager
    def _original_op(self, op: Operation) -> Iterator[None]:
        """Operations made in the block stand for `op`: their `_original_op` names it."""
        local = self._local
        old, local.original = local.original, op
        try:
            yield
        finally:
            local.original = old

    def _get_control_flow_context(self) -> Any:
        return self._local.flow

    def _set_control_flow_context(self, context: Any) -> None:
        self._local.flow = context
