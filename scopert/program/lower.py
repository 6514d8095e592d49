"""From a graph to a Program: what the fetches need, in order, with every read of a variable visible."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph import source
from scopert.graph.kernel import Origin, origin_of
from scopert.graph.opdef import READS, VIEW
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.program.control_flow import CONTROL_FLOW, LoopShape, merge_kernel, pass_kernel, switch_kernel
from scopert.program.frames import EXITS, MERGES, SWITCHES, LoopNode, Node, frames, touched_by
from scopert.program.ir import LOOP, READ, Fetch, Loop, Program, Step, Value
from scopert.program.liveness import ALWAYS, Life, Liveness, all_of, merged_conditions, predicate
from scopert.program.order import execution_order, needed
from scopert.program.uses import mark_kept, shared_slots
from scopert.program.variables import VARIABLE_OPS, ref_arguments, touched, variable_of

_READ_TRAITS = frozenset({READS, VIEW})
_VIEW_TRAITS = frozenset({VIEW})
# Their slots are filled before a run.
_NO_STEPS = VARIABLE_OPS | {"Const"}


def lower(
    fetches: Sequence[Tensor], targets: Sequence[Operation], feeds: Sequence[Tensor],
    done: frozenset[Operation] = frozenset(),
) -> Program:  # fmt: skip
    """Makes the Program of one set of fetches.

    Parameters
    ----------
    fetches : sequence of Tensor
        What the caller wants to have.
    targets : sequence of Operation
        What only has to run.
    feeds : sequence of Tensor
        What the caller gives: their producers do not run.
    done : frozenset of Operation
        What has run already and does not run again; what is needed of it is fed.

    Raises
    ------
    CycleError
        If operations wait for each other.
    """
    return _Lowering(fetches, targets, feeds, done).program()


class _Lowering:
    def __init__(
        self, fetches: Sequence[Tensor], targets: Sequence[Operation], feeds: Sequence[Tensor],
        done: frozenset[Operation],
    ) -> None:  # fmt: skip
        self._done = done
        self._fetches = fetches
        self._targets = targets
        self._values: list[Value] = []
        self._slots: dict[Tensor, int] = {}
        self._constants: dict[int, Any] = {}
        self._variables: dict[int, Origin] = {}
        self._steps: list[Step] = []
        # By variable, what references to it were last read into; forgotten when it is written.
        self._reads: dict[object, dict[Tensor, int]] = {}
        self._fetch_reads: dict[Tensor, int] = {}
        # Positions of the writes of each variable, and which variable a read step reads.
        self._writes: dict[object, list[int]] = {}
        self._read_from: dict[int, tuple[object, ...]] = {}
        # Values that a loop reads anew in each iteration: which variable they are of.
        self._fresh: dict[Tensor, object] = {}
        self._liveness = Liveness()
        self._feeds = tuple(self._new(tensor, value=True) for tensor in feeds)
        self._fed = frozenset(feeds)
        self._fed_refs = frozenset(tensor for tensor in feeds if tensor._dtype.is_ref)

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
        frame = frames(needed([*wanted, *self._targets], is_fed, self._done), is_fed)
        fetched_refs = {t for t in self._fetches if t._dtype.is_ref and not is_fed(t)}
        for op in execution_order(frame, is_fed):
            if isinstance(op, LoopNode):
                self._emit_loop(op)
                continue
            self._emit(op)
            if fetched_refs:
                for tensor in op.outputs:
                    if tensor in fetched_refs:
                        self._fetch_reads[tensor] = self._read(tensor, origin_of(op))
        slots = [
            self._fetch_reads[tensor] if tensor in self._fetch_reads else self._mortal(tensor)
            for tensor in self._fetches
        ]
        self._mark_copies(slots)
        steps = mark_kept(self._steps, slots, {op.name for op in self._targets})
        shared = shared_slots((*self._feeds, *self._constants), steps)
        return Program(
            tuple(self._values), self._feeds, self._constants, self._variables, tuple(steps),
            tuple(Fetch(slot, slot in shared) for slot in slots),
        )  # fmt: skip

    def _emit(self, op: Operation) -> None:
        opdef = op.opdef
        life = self._liveness.of_op(op, self._fed.__contains__)
        if opdef.name == "Const":
            self._constants[self._new(op.outputs[0])] = op.attrs["value"]
            self._set_life(op, life, life.guards)
            return
        if opdef.name in VARIABLE_OPS:
            self._variables[self._new(op.outputs[0])] = origin_of(op)
            self._set_life(op, life, life.guards)
            return
        if not op.outputs and not op._inputs and not opdef.traits:
            # Only control edges meet in it.
            if opdef.name != "ControlTrigger":
                self._set_life(op, life, life.guards)
            return
        if opdef.name in CONTROL_FLOW:
            self._emit_control_flow(op, life)
            return
        if self._fed_refs:
            self._check_fed_refs(op)
        origin = origin_of(op)
        inputs = self._inputs(op, origin)
        position = len(self._steps)
        reads, writes = touched(op)
        if writes:
            self._note_writes(writes, position)
        if READS in opdef.traits:
            self._read_from[position] = tuple(reads)
        outputs = tuple([self._new(tensor) for tensor in op.outputs])
        self._steps.append(
            Step(
                opdef.name, inputs, outputs, origin, opdef.kernel, opdef.kernel_keywords, opdef.traits,
                guards=life.guards,
            )
        )  # fmt: skip
        self._set_life(op, life, outputs[:1] or life.guards)

    def _check_fed_refs(self, op: Operation) -> None:
        for tensor, is_ref in zip(op._inputs, ref_arguments(op), strict=True):
            if is_ref and tensor in self._fed_refs:
                raise InvalidArgumentError(
                    None, op,
                    f"{op.name} (made at {source.text(op._location)}) needs the variable {tensor.name} itself, which "
                    "is fed: a fed value can only be read",
                )  # fmt: skip

    def _note_writes(self, variables: Collection[object], position: int) -> None:
        """What was read of these variables before is out of date."""
        for variable in variables:
            self._writes.setdefault(variable, []).append(position)
            self._reads.pop(variable, None)

    def _set_life(self, op: Operation, life: Life, guards: tuple[int, ...]) -> None:
        """Notes when an operation and its outputs are alive; `guards` are the slots that tell."""
        if life is ALWAYS:
            return
        self._liveness.ops[op] = Life(life.conditions, guards)
        for tensor in op.outputs:
            own = guards if op.type in _NO_STEPS else (self._slots[tensor],)
            self._liveness.tensors[tensor] = Life(life.conditions, own)

    def _mortal(self, tensor: Tensor) -> int:
        """A slot for the value that is dead whenever the tensor is: constants in a branch have none yet."""
        slot = self._slots[tensor]
        life = self._liveness.tensors.get(tensor)
        if life is None or slot in life.guards:
            return slot
        made = self._slot(tensor, value=True)
        self._steps.append(
            Step("Identity", (slot,), (made,), origin_of(tensor._op), pass_kernel, (), _VIEW_TRAITS, guards=life.guards)
        )
        return made

    def _emit_control_flow(self, op: Operation, life: Life) -> None:
        origin = origin_of(op)
        if op.type in SWITCHES:
            inputs = self._inputs(op, origin)
            outputs = tuple([self._new(tensor) for tensor in op.outputs])
            self._steps.append(
                Step(op.type, inputs, outputs, origin, switch_kernel, (), _VIEW_TRAITS, guards=life.guards)
            )
            if life is not ALWAYS:
                self._liveness.ops[op] = life
            chooser = predicate(op._inputs[1])
            for branch, tensor in enumerate(op.outputs):
                conditions = life.conditions | {(chooser, branch)}
                self._liveness.tensors[tensor] = Life(conditions, (outputs[branch],))
        elif op.type in MERGES:
            inputs = tuple([self._merged(op, tensor) for tensor in op._inputs])
            outputs = tuple([self._new(tensor) for tensor in op.outputs])
            self._steps.append(Step(op.type, inputs, outputs, origin, merge_kernel, (), _VIEW_TRAITS))
            lives = [self._liveness.tensors.get(tensor, ALWAYS) for tensor in op._inputs]
            conditions = merged_conditions(op, lives)
            if conditions:
                self._set_life(op, Life(conditions, ()), outputs[:1])
        else:
            self._alias(op.outputs[0], op._inputs[0])

    def _merged(self, merge: Operation, tensor: Tensor) -> int:
        """The slot that a merge takes: of a variable its value, unless the merge is one of references."""
        if self._values[self._slots[tensor]].dtype.is_ref and not merge.outputs[0]._dtype.is_ref:
            return self._read(tensor, origin_of(merge))
        return self._mortal(tensor)

    def _passed_on(self, merge: Operation, following: Operation) -> int:
        """The slot of what a loop's variable is in the next iteration."""
        tensor = following._inputs[0]
        if self._values[self._slots[tensor]].dtype.is_ref and not merge.outputs[0]._dtype.is_ref:
            return self._read(tensor, origin_of(following))
        return self._slots[tensor]

    def _alias(self, tensor: Tensor, source: Tensor) -> None:
        """The same value, without a step."""
        self._slots[tensor] = self._slots[source]
        life = self._liveness.tensors.get(source)
        if life is not None:
            self._liveness.tensors[tensor] = self._liveness.ops[tensor._op] = life

    def _emit_loop(self, loop: LoopNode) -> None:
        is_fed = self._fed.__contains__
        shape = LoopShape(loop, execution_order(loop, is_fed), is_fed)
        inner = _Lowering((), (), (), self._done)
        inner._fed = self._fed
        reads, writes = touched_by(loop)
        first_enters = [enter for _, enter, _ in shape.variables]
        life = all_of([self._liveness.of_op(op, is_fed) for op in first_enters])
        inputs = []
        for merge, enter, _ in shape.variables:
            inputs.append(self._inputs(enter, origin_of(enter))[0])
            inner._new(merge.outputs[0])
        for enter in shape.invariants:
            own = self._liveness.of_op(enter, is_fed)
            variable, ref = self._variable_read_by(enter._inputs[0])
            if variable in writes and own.conditions <= life.conditions:
                inner._slots[enter.outputs[0]] = inner._slot(ref, value=False)
                inner._values[-1] = replace(inner._values[-1], dtype=ref._dtype._as_ref)
                inner._fresh[enter.outputs[0]] = variable
                inputs.append(self._slots[ref])
                continue
            slot = inner._new(enter.outputs[0])
            if own.conditions <= life.conditions:
                inputs.append(self._inputs(enter, origin_of(enter))[0])
            else:
                # It may be dead although the loop runs.
                inputs.append(self._mortal(enter._inputs[0]))
                inner._liveness.tensors[enter.outputs[0]] = Life(frozenset({(enter, 1)}), (slot,))
        feeds = tuple(range(len(inputs)))
        ends = []
        following: list[int] = []
        for number, part in enumerate(shape.parts):
            for node in part:
                inner._emit_in_loop(node, shape)
            if number == 1:
                following = [inner._passed_on(merge, op) for merge, _, op in shape.variables]
            ends.append(len(inner._steps))
        inner._copy_reads(set(writes))
        condition = inner._slots[shape.condition.outputs[0]]
        results = tuple([inner._slots[op._inputs[0]] for op in loop.exits])
        steps = tuple(mark_kept(inner._steps, (condition, *following, *results), ()))
        program = Program(tuple(inner._values), feeds, inner._constants, inner._variables, steps, ())
        exits = loop.exits
        body = Loop(program, ends[0], ends[1], condition, tuple(following), results)
        position = len(self._steps)
        if writes:
            self._note_writes(writes, position)
        self._read_from[position] = tuple(reads)
        outputs = tuple([self._new(op.outputs[0]) for op in exits])
        origin = origin_of(first_enters[0] if first_enters else loop.enters[0])
        self._steps.append(
            Step(LOOP, tuple(inputs), outputs, origin, traits=_READ_TRAITS, body=body, guards=life.guards)
        )
        for op, slot in zip(exits, outputs, strict=True):
            self._set_life(op, life, (slot,))

    def _variable_read_by(self, tensor: Tensor) -> tuple[object, Tensor]:
        """The variable that a tensor is a plain read of, and a tensor whose slot holds it; None if it is none.

        In TensorFlow such a read shares the variable's memory: what a loop writes, its later iterations see.
        """
        known = self._fresh.get(tensor)
        if known is not None:
            return known, tensor
        op = tensor._op
        if op.type == "Identity" and op._inputs[0]._dtype.is_ref and tensor not in self._fed:
            ref = op._inputs[0]
            if ref in self._slots:
                return variable_of(ref), ref
        return None, tensor

    def _emit_in_loop(self, node: Node, shape: LoopShape) -> None:
        if isinstance(node, LoopNode):
            self._emit_loop(node)
        elif node.type in ("Enter", "RefEnter") or shape.is_loop_merge(node) or node.type in EXITS:
            return
        elif node is shape.condition or shape.is_loop_switch(node):
            for tensor in node.outputs:
                self._alias(tensor, node._inputs[0])
        else:
            self._emit(node)

    def _copy_reads(self, written: set[object]) -> None:
        """Reads of variables that the loop itself writes must not change in a later iteration."""
        for position, variables in self._read_from.items():
            if not written.isdisjoint(variables):
                self._steps[position] = replace(self._steps[position], copies=True)

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
        variable = self._fresh.get(tensor) or variable_of(tensor)
        known = self._reads.setdefault(variable, {})
        slot = known.get(tensor)
        if slot is None:
            slot = known[tensor] = self._slot(tensor, value=True)
            self._read_from[len(self._steps)] = (variable,)
            guards = self._liveness.tensors.get(tensor, ALWAYS).guards
            self._steps.append(
                Step(READ, (self._slots[tensor],), (slot,), origin, traits=_READ_TRAITS, guards=guards)
            )
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


__all__ = ["lower"]
