"""Steps of the conformance table as they run: what went into each, and what NumPy's generic kernel made of it."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from ops.conformance import Built, Case, differentiable_inputs, rows
from scopert_cupy.device import Facts
from scopert_cupy.emit import Request
from scopert_cupy.emitters import TABLE

import scopert as tf
from scopert.backend import READ, WRITES, BackendSpec, Capabilities, Program, Step, StepFailed, select_kernel
from scopert.runtime import backends

FACTS = Facts("test", "sm_90", 132, 227 * 1024, 1 << 37)


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One step.

    Attributes
    ----------
    request : Request
    inputs : list
        Arrays; of a variable, what it held before.
    outputs : list
        Arrays; of an output that is a variable, what it held afterwards.
    after : dict
        Number of an input that is a variable -> what it held afterwards.
    """

    request: Request
    inputs: list[Any]
    outputs: list[Any]
    after: dict[int, Any]

    @property
    def signature(self) -> tuple[Any, ...]:
        """Equal for steps that are compiled alike."""
        step = self.request.step
        shapes = tuple([(np.shape(a), str(np.asarray(a).dtype)) for a in self.inputs])
        known = tuple([str(self.request.constant(k)) for k in range(len(self.inputs))])
        return step.op, str(sorted(step.origin.attrs.items(), key=lambda pair: pair[0])), shapes, known


class _Recorder:
    """A backend that runs generic kernels and remembers the steps of some ops."""

    name = "recorder"
    xp: Any = np
    capabilities = Capabilities()

    def __init__(self, wanted: frozenset[str]) -> None:
        self.wanted = wanted
        self.seen: dict[tuple[Any, ...], Recorded] = {}

    def allocate(self, nbytes: int) -> Any:
        return np.zeros(nbytes, np.uint8)

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> Any:
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.np.itemsize
        return buffer[offset : offset + nbytes].view(dtype.np).reshape(shape)

    def to_device(self, array: Any) -> Any:
        return array

    def to_host(self, array: Any) -> Any:
        return array

    def synchronize(self) -> None:
        return None

    def kernels(self) -> Iterable[Any]:
        return ()

    def compile(self, program: Program, context: Any) -> Any:
        return _Recording(self, program, context)


class _Recording:
    def __init__(self, recorder: _Recorder, program: Program, context: Any) -> None:
        if any(step.body is not None or step.guards for step in program.steps):
            raise NotImplementedError("the recorder runs neither loops nor branches")
        self._recorder, self._program, self._context = recorder, program, context

    def run(self, feeds: Sequence[Any], trace: Any = None) -> list[Any]:
        program = self._program
        slots: dict[int, Any] = dict(zip(program.feeds, feeds, strict=True))
        slots |= program.constants
        slots |= {slot: self._context.variable(origin) for slot, origin in program.variables.items()}
        for step in program.steps:
            inputs = [_lone(slots[slot]) for slot in step.inputs]
            if step.op == READ:
                made: Any = np.array(inputs[0].read())
            else:
                before = [_copy(value) for value in inputs]
                try:
                    with np.errstate(all="ignore"):
                        made = select_kernel(step, np, self._context)(*inputs)
                except Exception as error:
                    raise StepFailed(step, inputs) from error
            results = (made,) if len(step.outputs) == 1 else made or ()
            slots.update(zip(step.outputs, results, strict=True))
            if step.op in self._recorder.wanted:
                self._note(step, before, inputs, results)
        return [np.array(slots[fetch.slot])[()] for fetch in program.fetches]

    def _note(self, step: Step, before: list[Any], inputs: list[Any], results: Sequence[Any]) -> None:
        values = list(self._program.values)
        for slot, array in zip((*step.inputs, *step.outputs), (*before, *map(_copy, results)), strict=True):
            dtype, is_variable = values[slot].dtype, slot in self._program.variables
            if is_variable:
                dtype = tf.as_dtype(array.dtype)._as_ref
            values[slot] = replace(values[slot], shape=np.shape(array), dtype=dtype)
        request = Request(step, replace(self._program, values=tuple(values)), FACTS)
        after = {k: _copy(v) for k, v in enumerate(inputs) if hasattr(v, "write_view") and WRITES in step.traits}
        found = Recorded(request, before, [_copy(value) for value in results], after)
        self._recorder.seen.setdefault(found.signature, found)


def _lone(value: Any) -> Any:
    """Kernels get a single string as bytes."""
    return value[()] if isinstance(value, np.ndarray) and value.dtype == object and not value.ndim else value


def _copy(value: Any) -> Any:
    if hasattr(value, "write_view"):
        return np.array(value.read()) if value.initialized else np.zeros(value.shape or (), value.dtype.base.np)
    return np.array(value) if isinstance(value, (np.ndarray, np.generic)) else value


_opened: _Recorder | None = None


def _open(device: int) -> Any:
    assert _opened is not None
    return _opened


SPEC = BackendSpec("recorder", -9, lambda: None, _open, "remembers steps")


@contextmanager
def _recorder(wanted: frozenset[str]) -> Iterator[_Recorder]:
    global _opened
    _opened = _Recorder(wanted)
    found = importlib.metadata.entry_points
    entry = importlib.metadata.EntryPoint("recorder", f"{__name__}:SPEC", backends.GROUP)
    importlib.metadata.entry_points = lambda **names: [entry]  # type: ignore[assignment,return-value]
    backends.forget_backends()
    os.environ[backends.VARIABLE] = "recorder"
    try:
        yield _opened
    finally:
        del os.environ[backends.VARIABLE]
        importlib.metadata.entry_points = found
        backends.forget_backends()


@cache
def of_table() -> dict[str, list[Recorded]]:
    """By op, the different steps that the conformance table runs of the ops that have emitters; recorded once."""
    found: dict[str, list[Recorded]] = {}
    for step in record(TABLE):
        found.setdefault(step.request.step.op, []).append(step)
    return found


def record(wanted: Iterable[str], cases: Iterable[Case] | None = None) -> list[Recorded]:
    """The different steps of these ops that cases (default: the conformance table) and their gradients run."""
    ops = frozenset(wanted)
    with _recorder(ops) as recorder:
        for case in rows() if cases is None else cases:
            if case.error:
                continue
            for dtype in case.dtypes:
                _run(case, dtype)
            if differentiable_inputs(case):
                _run(case, "float32" if "float32" in case.dtypes else case.dtypes[0], gradients=True)
    return list(recorder.seen.values())


def _run(case: Case, dtype: str, gradients: bool = False) -> None:
    with tf.Graph().as_default() as graph:
        built = Built(case, dtype, True)
        fetches = list(built.outputs)
        if gradients:
            inputs = [built.tensors[k] for k in differentiable_inputs(case)]
            outputs = [tensor for tensor in built.outputs if tensor.dtype.is_floating]
            fetches = [tf.convert_to_tensor(g) for g in tf.gradients(outputs, inputs) if g is not None]
        with tf.Session(graph=graph) as session:
            try:
                session.run(fetches, built.feeds)
            except (tf.errors.UnimplementedError, NotImplementedError):
                return  # loops and branches: the recorder does not run them
