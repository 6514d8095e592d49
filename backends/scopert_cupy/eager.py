"""Steps that run one by one: kernels over arrays of the device, and kernels over objects of the host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from scopert.backend import (
    FUSED,
    HOST,
    READ,
    STATEFUL,
    WRITES,
    Fused,
    Program,
    RunContext,
    Step,
    VariableRef,
    check_step,
    select_kernel,
    verifying,
)
from scopert_cupy.interpreter import interpret

_LOG = logging.getLogger("scopert")

#: They keep arrays of the device by themselves, and copy where they have to.
KEEPERS = frozenset({"GetSessionHandle", "GetSessionTensor"})


def function_of(step: Step, program: Program, xp: Any, context: RunContext) -> Callable[..., Any]:
    """The callable of a step over arrays of `xp`."""
    if step.op == READ:
        return lambda ref: ref.read()
    if step.op == FUSED:
        body = step.body
        assert isinstance(body, Fused)
        shapes = [program.values[slot].shape for slot in step.outputs]

        def run(*inputs: Any) -> Any:
            made = interpret(xp, body, inputs, shapes)  # type: ignore[arg-type]
            return made[0] if len(made) == 1 else made

        return run
    return select_kernel(step, xp, context)


def keeps_inputs(step: Step) -> bool:
    """Whether what it gets may be used after it has run: then it gets copies."""
    return bool(step.traits & {STATEFUL, HOST}) and WRITES not in step.traits and step.op not in KEEPERS


class HostRef:
    """A variable for a kernel of the host, which works on a copy of its value."""

    def __init__(self, ref: VariableRef, to_host: Callable[[Any], Any], to_device: Callable[[Any], Any]) -> None:
        self._ref = ref
        self._to_host = to_host
        self._to_device = to_device
        self._copy: Any = None
        self.name = ref.name
        self.dtype = ref.dtype

    @property
    def initialized(self) -> bool:
        return self._ref.initialized

    @property
    def shape(self) -> tuple[int, ...] | None:
        return self._ref.shape

    @property
    def origin(self) -> Any:
        """The operation that made the variable."""
        return self._ref.origin  # type: ignore[attr-defined]

    def read(self) -> Any:
        """A copy of the value."""
        return self._to_host(self._ref.read())

    def write_view(self) -> Any:
        """A copy of the value; what is done to it reaches the variable with `finish`."""
        self._copy = self.read()
        return self._copy

    def assign(self, value: Any, validate_shape: bool = True) -> None:
        """Sets the variable."""
        self._ref.assign(self._to_device(np.asarray(value)), validate_shape)

    def finish(self) -> None:
        """Writes the changed copy back."""
        if self._copy is not None:
            self._ref.assign(self._to_device(self._copy))
            self._copy = None

    def under(self) -> VariableRef:
        """The variable itself."""
        return self._ref


class Fallback:
    """A kernel over arrays of the device that goes to the host when the array library refuses it.

    The host then runs the very kernel of the NumPy backend, so an error of the program itself has its text.
    """

    def __init__(
        self, step: Step, program: Program, xp: Any, context: RunContext,
        to_host: Callable[[Any], Any], to_device: Callable[[Any], Any],
    ) -> None:  # fmt: skip
        self._step = step
        self._function = function_of(step, program, xp, context)
        self._make_host: Callable[[], Callable[..., Any]] = lambda: function_of(step, program, np, context)
        self._host: Callable[..., Any] | None = None
        self._to_host = to_host
        self._to_device = to_device

    def __call__(self, *inputs: Any) -> Any:
        if self._host is None:
            try:
                return self._function(*inputs)
            except MemoryError:
                raise
            except Exception as error:  # array libraries have exceptions of their own; the host has the last word
                host = self._make_host()
                made = on_host(host, inputs, self._to_host, self._to_device)
                self._host = host
                _LOG.warning(
                    "%s (%s) runs on the host: the device's array library refuses it: %s: %s",
                    self._step.origin.name, self._step.op, type(error).__name__, error,
                )  # fmt: skip
                return made
        return on_host(self._host, inputs, self._to_host, self._to_device)


def on_host(
    function: Callable[..., Any], inputs: Sequence[Any], to_host: Callable[[Any], Any], to_device: Callable[[Any], Any]
) -> Any:
    """Calls a kernel with copies on the host; variables get back what it writes."""
    refs: list[HostRef] = []
    arguments = []
    for value in inputs:
        if hasattr(value, "write_view"):
            value = HostRef(value, to_host, to_device)
            refs.append(value)
        else:
            value = to_host(value)
        arguments.append(value)
    made = function(*arguments)
    for ref in refs:
        ref.finish()
    if isinstance(made, tuple | list):
        return tuple([item.under() if isinstance(item, HostRef) else item for item in made])
    return made.under() if isinstance(made, HostRef) else made


def verified(function: Callable[..., Any], program: Program, step: Step) -> Callable[..., Any]:
    """The same, checked: what is returned is what the program declares (``SCOPERT_VERIFY=1``)."""
    if not verifying():
        return function

    def call(*inputs: Any) -> Any:
        made = function(*inputs)
        check_step(program, step, (made,) if len(step.outputs) == 1 else tuple(made or ()))
        return made

    return call


def lock_of(step: Step, context: RunContext) -> Any:
    """What a step holds while it changes a variable."""
    return context.write_lock if WRITES in step.traits else nullcontext()
