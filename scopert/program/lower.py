"""From a graph to a Program: what the fetches need, in order, with every read of a variable visible."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scopert.graph.kernel import Origin, origin_of
from scopert.graph.opdef import READS, VIEW
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.program.ir import LOOP, READ, Fetch, Program, Step, Value
from scopert.program.order import execution_order, needed
from scopert.program.variables import ref_arguments, touched, variable_of

_READ_TRAITS = frozenset({READS, VIEW})


def lower(fetches: Sequence[Tensor], targets: Sequence[Operation], feeds: Sequence[Tensor]) -> Program:
    """Makes the Program of one set of fetches.

    Parameters
    ----------
    fetches : sequence of Tensor
        What the caller wants to have.
    targets : sequence of Operation
        What only has to run.
    feeds : sequence of Tensor
        What the caller gives: their producers do not run.

    Raises
    ------
    CycleError
        If operations wait for each other.
    """
    return _Lowering(fetches, targets, feeds).program()


class _Lowering:
    def __init__(self, fetches: Sequence[Tensor], targets: Sequence[Operation], feeds: Sequence[Tensor]) -> None:
        self._fetches = fetches
        self._targets = targets
        self._values: list[Value] = []
        self._slots: dict[Tensor, int] = {}
        self._constants: dict[int, Any] = {}
        self._steps: list[Step] = []
        # What a reference was last read into; forgotten when its variable is written.
        self._reads: dict[Tensor, int] = {}
        self._fetch_reads: dict[Tensor, int] = {}
        # Positions of the writes of each variable, and which variable a read step reads.
        self._writes: dict[object, list[int]] = {}
        self._read_from: dict[int, tuple[object, ...]] = {}
        self._feeds = tuple(self._new(tensor, value=True) for tensor in feeds)
        self._fed = frozenset(feeds)

    def _new(self, tensor: Tensor, value: bool = False) -> int:
        slot = self._slots[tensor] = self._slot(tensor, value)
        return slot

    def _slot(self, tensor: Tensor, value: bool) -> int:
        number = len(self._values)
        dtype = tensor._dtype.base if value else tensor._dtype
        self._values.append(Value(number, tensor.name, dtype, tensor._shape))
        return number

    def program(self) -> Program:
        is_fed = self._fed.__contains__
        wanted = [tensor._op for tensor in self._fetches if not is_fed(tensor)]
        ops = execution_order(needed([*wanted, *self._targets], is_fed), is_fed)
        fetched_refs = {t for t in self._fetches if t._dtype.is_ref and not is_fed(t)}
        for op in ops:
            self._emit(op)
            if fetched_refs:
                for tensor in op.outputs:
                    if tensor in fetched_refs:
                        self._fetch_reads[tensor] = self._read(tensor, origin_of(op))
        slots = [self._fetch_reads.get(tensor, self._slots[tensor]) for tensor in self._fetches]
        self._mark_copies(slots)
        shared = self._shared()
        return Program(
            tuple(self._values), self._feeds, self._constants, tuple(self._steps),
            tuple(Fetch(slot, slot in shared) for slot in slots),
        )  # fmt: skip

    def _emit(self, op: Operation) -> None:
        opdef = op.opdef
        if opdef.name == "Const":
            self._constants[self._new(op.outputs[0])] = op.attrs["value"]
            return
        if not op.outputs and not op._inputs and not opdef.traits:
            return  # only control edges meet in it
        origin = origin_of(op)
        inputs = self._inputs(op, origin)
        position = len(self._steps)
        reads, writes = touched(op)
        for variable in writes:
            self._writes.setdefault(variable, []).append(position)
        if writes:
            written = set(writes)
            for tensor in [tensor for tensor in self._reads if variable_of(tensor) in written]:
                del self._reads[tensor]
        if READS in opdef.traits:
            self._read_from[position] = tuple(reads)
        outputs = tuple([self._new(tensor) for tensor in op.outputs])
        self._steps.append(
            Step(opdef.name, inputs, outputs, origin, opdef.kernel, opdef.kernel_keywords, opdef.traits)
        )

    def _inputs(self, op: Operation, origin: Origin) -> tuple[int, ...]:
        slots, values = self._slots, self._values
        found = [slots[tensor] for tensor in op._inputs]
        for _index, slot in enumerate(found):
            if values[slot].dtype.is_ref:
                refs = ref_arguments(op)
                return tuple(
                    self._read(tensor, origin) if values[s].dtype.is_ref and not refs[i] else s
                    for i, (tensor, s) in enumerate(zip(op._inputs, found, strict=True))
                )
        return tuple(found)

    def _read(self, tensor: Tensor, origin: Origin) -> int:
        slot = self._reads.get(tensor)
        if slot is None:
            slot = self._reads[tensor] = self._slot(tensor, value=True)
            self._read_from[len(self._steps)] = (variable_of(tensor),)
            self._steps.append(Step(READ, (self._slots[tensor],), (slot,), origin, traits=_READ_TRAITS))
        return slot

    def _mark_copies(self, fetched: Sequence[int]) -> None:
        """Finds the reads whose memory changes while their value is still needed."""
        if not any(self._writes.values()) or not self._read_from:
            return
        end = len(self._steps)
        last = [-1] * len(self._values)
        for slot in fetched:
            last[slot] = end
        for position in range(end - 1, -1, -1):
            step = self._steps[position]
            until = position
            if VIEW in step.traits:
                until = max([position, *(last[slot] for slot in step.outputs)])
            for slot in step.inputs:
                if last[slot] < until:
                    last[slot] = until
        for position, variables in self._read_from.items():
            step = self._steps[position]
            until = max((last[slot] for slot in step.outputs), default=-1)
            if any(self._written_between(variable, position, until) for variable in variables):
                self._steps[position] = replace(step, copies=True)

    def _written_between(self, variable: object, after: int, until: int) -> bool:
        writes = self._writes.get(variable, [])
        index = bisect_right(writes, after)
        return index < len(writes) and writes[index] <= until

    def _shared(self) -> set[int]:
        """Slots whose memory may belong to a variable, a constant or a feed."""
        shared = {*self._feeds, *self._constants}
        for step in self._steps:
            if (READS in step.traits and not step.copies) or step.op == LOOP or (VIEW in step.traits and any(slot in shared for slot in step.inputs)):
                shared.update(step.outputs)
        return shared


__all__ = ["lower"]
