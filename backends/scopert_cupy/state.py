"""The values of one program's slots in one frame, on the device and on the host."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

import numpy as np

from scopert.backend import DEAD, Step, TraceRow
from scopert_cupy.actions import Scope, nbytes_of
from scopert_cupy.device import Device
from scopert_cupy.staging import Clock

#: Bytes of the largest scalar.
_WORD = 16


class State:
    """Values by slot.

    A slot with a place has its array there for good; others hold what was put into them last. What a step of
    the host made, and what is fed or constant, is kept on the host as well.
    """

    def __init__(self, device: Device, clock: Clock, scope: Scope) -> None:
        self.device = device
        self.clock = clock
        self.scope = scope
        self.program = scope.program
        self.views: dict[int, Any] = {}
        self.addresses: dict[int, int] = {}
        self.values: list[Any] = [None] * len(self.program.values)
        self.host: dict[int, Any] = {}
        self._initial: list[Any] = []
        self._initial_host: dict[int, Any] = {}
        self._xp = device.xp
        self._plain = device.xp is np
        self._word: Any = None
        for slot, array in self.program.constants.items():
            self._initial_host[slot] = array[()] if array.dtype == object and not array.ndim else array

    def bind(self, views: Mapping[int, tuple[Any, int]], variables: Mapping[int, Any]) -> None:
        """Sets arrays and addresses of places, and the variables behind handles."""
        for slot, (view, address) in views.items():
            self.views[slot] = view
            self.addresses[slot] = address
        values: list[Any] = [None] * len(self.program.values)
        for slot, view in self.views.items():
            values[slot] = view
        for slot, array in self._initial_host.items():
            if slot not in self.views:
                values[slot] = array
        for slot, variable in variables.items():
            values[slot] = variable
        self._initial = values
        self.reset()

    def reset(self) -> None:
        """As before a run."""
        self.values[:] = self._initial
        self.host.clear()
        self.host.update(self._initial_host)

    # What kernels get.

    def on_device(self, slot: int) -> Any:
        """An array of the device, or an object that stands for itself."""
        value = self.values[slot]
        if self._plain:
            return value[()] if type(value) is np.ndarray and not value.ndim else value
        if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
            return self._xp.asarray(value)
        return value

    def on_host(self, slot: int) -> Any:
        """A NumPy array or scalar that stays as it is, or an object."""
        found = self.host.get(slot)
        if found is not None:
            return found
        value = self.values[slot]
        if slot in self.views and value is self.views[slot]:
            return self.fetched(slot)
        return self.to_host(value)

    def fetched(self, slot: int) -> Any:
        """A copy of what stands in a place."""
        value = self.program.values[slot]
        dtype, shape = value.dtype.base.np, self.views[slot].shape
        if not shape:  # conditions of loops and branches, which are read again and again
            if self._word is None:
                self._word = self.device.pinned(_WORD)
            self.device.copy_out(self._word, self.addresses[slot], dtype.itemsize)
            self.clock.wait()
            return self._word[: dtype.itemsize].view(dtype)[0]
        made = np.empty(shape, dtype)
        if made.size:
            self.device.copy_out(made, self.addresses[slot], made.nbytes)
            self.clock.wait()
        return made

    def to_host(self, value: Any) -> Any:
        """A copy of an array of the device; objects stand for themselves."""
        if isinstance(value, np.ndarray | np.generic):
            return value.copy() if isinstance(value, np.ndarray) and self._plain else value
        if not hasattr(value, "dtype") or not hasattr(value, "strides"):
            return value
        array = self._xp.ascontiguousarray(value)
        made = np.empty(array.shape, array.dtype)
        if made.size:
            self.device.copy_out(made, self.device.address_of(array), made.nbytes)
            self.clock.wait()
        return made if made.ndim else made[()]

    def to_device(self, value: Any) -> Any:
        """An array of the device of its own memory."""
        return self._xp.array(value)

    # What steps make.

    def put(self, slot: int, made: Any, from_host: bool, copy: bool = False) -> None:
        """Takes what a step made; `copy`: it may lie in memory that will be filled anew."""
        view = self.views.get(slot)
        self.host.pop(slot, None)
        if made is DEAD:
            self.values[slot] = DEAD
            return
        if view is None:
            self.values[slot] = self.own(made) if copy else made
            if from_host:
                self.host[slot] = made
            return
        if made.shape != view.shape:
            name = self.program.values[slot].name
            raise ValueError(f"{name} got the shape {tuple(made.shape)}, the program was made for {tuple(view.shape)}")
        if from_host:
            array = np.ascontiguousarray(made)
            if array.nbytes:
                self.device.copy_in(self.addresses[slot], array, array.nbytes)
            self.host[slot] = made
        elif view.size:
            view[...] = made if self._plain or not isinstance(made, np.ndarray) else self._xp.asarray(made)
        self.values[slot] = view

    def fill(self, slot: int, array: Any) -> None:
        """Copies an array of the device to a slot's place."""
        if self._plain:  # NumPy is not in order with the device
            self.clock.wait()
        self.views[slot][...] = array

    def own(self, value: Any) -> Any:
        """A copy of an array; other objects stand for themselves."""
        if isinstance(value, np.ndarray) or (hasattr(value, "strides") and hasattr(value, "dtype")):
            return value.copy()
        return value

    def take(self, slot: int, other: State, source: int) -> None:
        """Gives a slot the value of another scope's slot."""
        value = other.values[source]
        if value is not DEAD and slot in self.views and source in other.views and value is other.views[source]:
            target, origin = self.addresses[slot], other.addresses[source]
            if target != origin and value.nbytes:
                self.device.copy(target, origin, value.nbytes)
            self.values[slot] = self.views[slot]
        elif value is not DEAD and slot in self.views and source in other.host:
            self.put(slot, other.host[source], from_host=True)
        else:
            self.put(slot, value, from_host=False, copy=source in other.views)
        if source in other.host and value is not DEAD:
            self.host[slot] = other.host[source]
        else:
            self.host.pop(slot, None)

    def kill(self, step: Step) -> None:
        """What a step in a branch that was not taken makes."""
        for slot in step.outputs:
            self.values[slot] = DEAD
            self.host.pop(slot, None)

    def revive(self, slots: tuple[int, ...]) -> None:
        """Slots that commands have filled."""
        for slot in slots:
            view = self.views.get(slot)
            if view is not None:
                self.values[slot] = view
            self.host.pop(slot, None)

    def is_dead(self, guards: tuple[int, ...]) -> bool:
        """Whether one of these slots is dead."""
        return any(self.values[slot] is DEAD for slot in guards)

    def nbytes(self, slot: int) -> int:
        """The size of a placed value, else of what the slot holds."""
        if slot in self.views:
            return nbytes_of(self.program.values[slot])
        return int(getattr(self.values[slot], "nbytes", 0))

    def note(self, trace: list[TraceRow], step: Step, start: int) -> None:
        """A row for a step that has ended now."""
        trace.append((step, start, perf_counter_ns(), sum([self.nbytes(slot) for slot in step.outputs])))
