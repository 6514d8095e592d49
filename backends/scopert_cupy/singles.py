"""Steps that run by themselves: eagerly, on the host, and the two ends of a branch."""

from __future__ import annotations

from contextlib import AbstractContextManager
from time import perf_counter_ns
from typing import Any

import numpy as np

from scopert.backend import DEAD, FUSED, RunContext, StepFailed, TraceRow
from scopert_cupy.actions import Single
from scopert_cupy.device import Device
from scopert_cupy.eager import KEEPERS, Fallback, function_of, keeps_inputs, lock_of, on_host, verified
from scopert_cupy.state import State


class BoundSingle:
    """A step that runs by itself, with its kernel.

    Parameters
    ----------
    single : Single
    state : State
    device : Device
    context : RunContext
    lock : context manager
        Held while the device is asked for anything.
    in_loop : bool
        What it makes may be needed when it runs again.
    """

    def __init__(
        self, single: Single, state: State, device: Device, context: RunContext, lock: AbstractContextManager[Any],
        in_loop: bool,
    ) -> None:  # fmt: skip
        step, program = single.step, state.program
        self.single = single
        self.state = state
        self._lock = lock
        self._xp: Any = device.xp
        self._copies = step.copies or in_loop
        self._keeps = keeps_inputs(step)
        self._own_lock = lock_of(step, context)
        self._function: Any = None
        if single.engine == "eager":
            if self._xp is np:
                self._function = verified(function_of(step, program, np, context), program, step)
            else:
                self._function = Fallback(step, program, self._xp, context, state.to_host, state.to_device)
        elif single.engine == "host":
            self._function = verified(function_of(step, program, np, context), program, step)

    def run(self, trace: list[TraceRow] | None) -> None:
        """Runs the step; with `trace`, waits for it and notes the time."""
        step, state = self.single.step, self.state
        start = perf_counter_ns() if trace is not None else 0
        if state.is_dead(self.single.guards):
            state.kill(step)
        elif self.single.engine == "switch":
            self._switch()
        elif self.single.engine == "merge":
            self._merge()
        elif step.op == "Assert" and self._holds():
            pass  # what it would show stays where it is
        else:
            self._call()
        if trace is not None:
            with self._lock:
                state.clock.wait()
            state.note(trace, step, start)

    def _holds(self) -> bool:
        with self._lock:
            return bool(self.state.on_host(self.single.step.inputs[0]))

    def _switch(self) -> None:
        step, state = self.single.step, self.state
        data, predicate = step.inputs
        with self._lock:
            chosen = 1 if bool(state.on_host(predicate)) else 0
            dead, alive = step.outputs[1 - chosen], step.outputs[chosen]
            state.put(dead, DEAD, from_host=False)
            state.take(alive, state, data)

    def _merge(self) -> None:
        step, state = self.single.step, self.state
        for index, slot in enumerate(step.inputs):
            if state.values[slot] is not DEAD:
                with self._lock:
                    state.take(step.outputs[0], state, slot)
                    state.put(step.outputs[1], np.int32(index), from_host=True)
                return
        state.kill(step)

    def _call(self) -> None:
        step, state = self.single.step, self.state
        inputs: list[Any] = []
        on_host_side = self.single.engine == "host"
        try:
            if on_host_side:
                with self._lock:
                    inputs = [state.on_host(slot) for slot in step.inputs]
                if self._keeps:
                    inputs = [value.copy() if type(value) is np.ndarray else value for value in inputs]
                with self._own_lock:
                    if self._xp is np:
                        made = self._function(*inputs)
                    else:
                        made = on_host(self._function, inputs, state.to_host, state.to_device)
            else:
                with self._own_lock, self._lock:
                    if step.op in KEEPERS:  # a scalar's memory, not its value
                        inputs = [state.values[slot] for slot in step.inputs]
                    else:
                        inputs = [state.on_device(slot) for slot in step.inputs]
                    if self._keeps and step.op != FUSED:
                        inputs = [state.own(value) for value in inputs]
                    if self._xp is np:
                        state.clock.wait()
                    made = self._function(*inputs)
            outputs = (made,) if len(step.outputs) == 1 else made or ()
            with self._lock:
                for slot, item in zip(step.outputs, outputs, strict=True):
                    state.put(slot, _array(item), from_host=on_host_side, copy=self._copies)
        except StepFailed:
            raise
        except Exception as error:
            raise StepFailed(step, inputs) from error


def _array(value: Any) -> Any:
    """Python numbers as NumPy's."""
    return np.asarray(value)[()] if isinstance(value, bool | int | float | complex) else value
