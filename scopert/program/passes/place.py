"""Placing: every value of static shape gets an offset in one workspace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import cast

from scopert.graph.dtypes import resource, string, variant
from scopert.graph.opdef import ELEMENTWISE, HOST, RANDOM, READS, STATEFUL, VIEW, WRITES
from scopert.program.expression import REDUCTIONS, Fused
from scopert.program.ir import FUSED, LOOP, Loop, Program, Step, Value
from scopert.program.memory import Memory
from scopert.program.pack import Piece, most_alive, pack

#: Ops whose output is their first input's memory under another shape, if that memory is contiguous.
SAME_MEMORY = frozenset({
    "Identity", "StopGradient", "PreventGradient", "Snapshot", "Reshape", "ExpandDims", "Squeeze",
})  # fmt: skip


# What such steps get may outlive the run.
_OUTSIDE = frozenset({STATEFUL, HOST})
# They keep a copy of what is a view of other memory, such as a workspace, or nothing of what they get.
_COPIES_VIEWS = frozenset({
    "StackPushV2", "TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArrayReadV3", "TensorArrayGatherV3",
})  # fmt: skip
_EFFECTS = frozenset({STATEFUL, HOST, WRITES, READS})


@dataclass(frozen=True)
class Place:
    """Lays out the workspace of a program.

    A value lives from the step that makes it to the last step that uses it or a view of it. The output of
    an elementwise step takes the memory of an input that dies with the step, where each element is read
    before it is written. What is fetched, what a step may keep for itself (a queue, a callback), and what
    is made under a guard or by a loop is allocated by the run.

    Attributes
    ----------
    in_place : bool
        Outputs may overwrite dying inputs.
    """

    in_place: bool = True
    name: str = "place"

    def __call__(self, program: Program) -> Program:
        if any(step.origin.attrs.get("validate_shape") is False for step in program.steps):
            return program  # a variable may have another shape than its reads were promised
        return self._placed(program, None)

    def _placed(self, program: Program, loop: Loop | None) -> Program:
        if any(step.op == LOOP for step in program.steps):
            program = replace(program, steps=tuple([self._inside(step) for step in program.steps]))
        return replace(program, memory=_Placing(program, self.in_place, loop).memory())

    def _inside(self, step: Step) -> Step:
        if not isinstance(step.body, Loop):
            return step
        return replace(step, body=replace(step.body, program=self._placed(step.body.program, step.body)))


def alive_at_once(program: Program) -> int:
    """The largest number of bytes that `Place` has to keep at the same time."""
    return most_alive(_Placing(program, True).pieces())


class _Placing:
    """The layout of a program, or of what a loop repeats.

    In a loop, the variables have places for all of it; so has what an iteration makes for a later one. A following
    value takes the place of its variable where the variable is not needed any more, else it is copied there.
    """

    def __init__(self, program: Program, in_place: bool, loop: Loop | None = None) -> None:
        self._program = program
        self._in_place = in_place
        self._loop = loop
        # What is needed so long is needed after the run; a loop looks at values once its last step has run.
        self._end = len(program.steps) + (loop is not None)
        self._sizes = [placed_bytes(value, loop is not None) for value in program.values]
        self._copied: set[int] = set()
        self._late = self._used_before_made()
        self._needed_in_iteration: list[int] = []
        self._variables = self._placed_variables()
        self._until = self._last_needed(self._read_contiguously())
        while not self._variables.keys().isdisjoint(kept := self._kept_variables()):
            self._variables = {slot: other for slot, other in self._variables.items() if slot not in kept}
            self._copied.clear()
            self._until = self._last_needed(self._read_contiguously())
        self._pieces: list[Piece] = []
        # Slots that are the whole memory of a piece, and those that may be a part of it.
        self._whole: dict[int, Piece] = {}
        self._behind: dict[int, frozenset[int]] = {}
        self._views: set[int] = set()

    def pieces(self) -> list[Piece]:
        """What is to be placed."""
        end = self._end
        for slot in self._variables:
            self._whole[slot] = Piece(self._sizes[slot], 0, end)
            self._pieces.append(self._whole[slot])
        for position, step in enumerate(self._program.steps):
            if self._is_same_memory(step):
                output = step.outputs[0]
                self._whole[output] = self._whole[step.inputs[0]]
                self._views.add(output)
                continue
            if not step.guards:
                self._place_outputs(position, step)
            if VIEW in step.traits:
                behind = frozenset[int]().union(*[self._memory_behind(slot) for slot in step.inputs])
                if behind:
                    self._behind.update({slot: behind for slot in step.outputs if slot not in self._whole})
        return self._pieces

    def memory(self) -> Memory:
        nbytes = pack(self.pieces())
        offsets = {slot: piece.offset for slot, piece in self._whole.items()}
        return Memory(
            offsets, frozenset(self._views), frozenset(self._copied), nbytes, most_alive(self._pieces),
            len(self._pieces),
        )  # fmt: skip

    # What a loop needs.

    def _placed_variables(self) -> dict[int, int]:
        """By variable of the loop that can have a place, the slot of its next value."""
        loop, values = self._loop, self._program.values
        if loop is None:
            return {}
        pairs = zip(self._program.feeds, loop.following, strict=False)
        return {
            slot: following for slot, following in pairs
            if self._sizes[slot] and values[slot].dtype.base is values[following].dtype.base
            and values[slot].shape == values[following].shape
        }  # fmt: skip

    def _kept_variables(self) -> set[int]:
        """Variables that somebody may look at after the run."""
        return {slot for slot in self._variables if self._until[slot] >= self._end}

    def _used_before_made(self) -> set[int]:
        """Slots that a step uses before the step that fills them: it sees the value of the iteration before."""
        if self._loop is None:
            return set()
        used: set[int] = set()
        late: set[int] = set()
        for step in self._program.steps:
            used.update(step.inputs)
            used.update(step.guards)
            late.update(slot for slot in step.outputs if slot in used)
        return late

    def _needed_by_loop(self, until: list[int]) -> None:
        """What a loop looks at besides its steps."""
        loop, end = self._loop, self._end
        if loop is None:
            return
        until[loop.condition] = max(until[loop.condition], loop.decided)
        for variable, following in zip(self._program.feeds, loop.following, strict=False):
            placed = variable in self._variables
            until[following] = max(until[following], loop.repeated if placed else end)
        for slot in loop.results:
            until[slot] = max(until[slot], end - 1)
        for slot in self._late:
            until[slot] = end

    def _place_of_variable(self, position: int, step: Step, number: int) -> Piece | None:
        """The memory of a loop's variable whose next value an output is."""
        loop, output = self._loop, step.outputs[number]
        if loop is None or not self._in_place or position >= loop.repeated:
            return None
        found = [slot for slot, following in self._variables.items() if following == output and slot in self._whole]
        if len(found) != 1 or loop.following.count(output) != 1 or found[0] in loop.following:
            return None
        variable = found[0]
        piece = self._whole[variable]
        if self._needed_in_iteration[variable] > position or any(self._whole.get(o) is piece for o in step.outputs):
            return None
        if self._needed_in_iteration[variable] == position:
            elementwise = (step.op == FUSED or ELEMENTWISE in step.traits) and VIEW not in step.traits
            return piece if elementwise and self._may_take(piece, step, number) else None
        return piece

    def _memory_behind(self, slot: int) -> frozenset[int]:
        """The pieces, by identity, that a slot may show parts of."""
        piece = self._whole.get(slot)
        return self._behind.get(slot, frozenset()) if piece is None else frozenset({id(piece)})

    def _read_contiguously(self) -> set[int]:
        """Slots that some step needs as contiguous memory."""
        needed: set[int] = set()
        for step in reversed(self._program.steps):
            if step.op == FUSED or step.op == "Reshape":
                needed.update(step.inputs)
            elif step.op in SAME_MEMORY and step.outputs[0] in needed:
                needed.add(step.inputs[0])
        return needed

    def _last_needed(self, contiguous: set[int]) -> list[int]:
        """By slot, the last step that needs its memory; the number of steps if the run does not end that."""
        end = self._end
        until = [-1] * len(self._program.values)
        for fetch in self._program.fetches:
            until[fetch.slot] = end
        self._needed_by_loop(until)
        # Without what lies behind the repeated steps: they have run when those run.
        iteration = [-1] * len(self._program.values)
        if self._loop is not None:
            for slot in self._loop.following:
                iteration[slot] = self._loop.repeated
        for position in range(len(self._program.steps) - 1, -1, -1):
            step = self._program.steps[position]
            last = position
            if self._keeps_inputs(step):
                last = end
            elif (VIEW in step.traits or step.op == LOOP) and not step.copies:
                for slot in step.outputs:
                    is_copied = step.op == LOOP or (slot in contiguous and self._can_be_copied(step))
                    if is_copied and not step.guards and self._sizes[slot] and until[slot] < end:
                        self._copied.add(slot)
                    else:
                        last = max(last, until[slot])
            for slot in step.inputs:
                until[slot] = max(until[slot], last)
                if self._loop is not None and position < self._loop.repeated:
                    seen = [position, *[iteration[output] for output in step.outputs if VIEW in step.traits]]
                    iteration[slot] = max(iteration[slot], *seen)
            for slot in step.outputs:
                until[slot] = max(until[slot], position)
        self._needed_in_iteration = iteration
        return until

    def _keeps_inputs(self, step: Step) -> bool:
        """Whether what a step gets may be used after the run, or through an object that it returns."""
        values = self._program.values
        if any(values[slot].dtype in (resource, variant) for slot in step.outputs):
            return True
        if step.op in _COPIES_VIEWS:
            return False
        return bool(step.traits & _OUTSIDE) and not step.traits & {WRITES, RANDOM, READS}

    def _can_be_copied(self, step: Step) -> bool:
        return step.op not in SAME_MEMORY and step.op != LOOP and not step.guards and not step.traits & _EFFECTS

    def _place_outputs(self, position: int, step: Step) -> None:
        end = self._end
        is_view = VIEW in step.traits and not step.copies
        taken: list[Piece] = []
        for number, slot in enumerate(step.outputs):
            if not self._sizes[slot] or self._until[slot] >= end or (is_view and slot not in self._copied):
                continue
            piece = self._place_of_variable(position, step, number) or self._overwritten(position, step, number)
            if piece is None or any(piece is other for other in taken):
                piece = Piece(self._sizes[slot], position, position)
                self._pieces.append(piece)
            taken.append(piece)
            piece.death = max(piece.death, self._until[slot])
            if self._loop is not None and slot in self._loop.results:
                piece.birth = 0  # what the last iteration made is a result
            self._whole[slot] = piece
            if step.copies:
                self._copied.add(slot)

    def _overwritten(self, position: int, step: Step, number: int) -> Piece | None:
        """The memory of an input that dies here and that an output may take."""
        if not self._in_place or not (step.op == FUSED or ELEMENTWISE in step.traits) or VIEW in step.traits:
            return None
        for slot in step.inputs:
            piece = self._whole.get(slot)
            if piece is not None and piece.death == position and self._may_take(piece, step, number):
                return piece
        return None

    def _may_take(self, piece: Piece, step: Step, number: int) -> bool:
        values, output = self._program.values, step.outputs[number]
        if piece.nbytes != self._sizes[output]:
            return False
        for index, slot in enumerate(step.inputs):
            if self._whole.get(slot) is piece:
                if isinstance(step.body, Fused):
                    fits = reads_before_writing(step.body, index, number)
                else:
                    same_size = values[slot].dtype.np.itemsize == values[output].dtype.np.itemsize
                    fits = same_size and values[slot].shape == values[output].shape
                if not fits:
                    return False
            elif id(piece) in self._behind.get(slot, ()):
                return False
        return True

    def _is_same_memory(self, step: Step) -> bool:
        if step.op not in SAME_MEMORY or step.guards or step.copies:
            return False
        source, output = step.inputs[0], step.outputs[0]
        return source in self._whole and self._sizes[source] == self._sizes[output] > 0


# Every printer computes these in one go, element by element.
_AT_ONCE = frozenset({"add", "sub", "mul", "div"})


def reads_before_writing(body: Fused, load: int, store: int) -> bool:
    """Whether an output may lie where an input lies.

    That is so if both are accessed alike, each element once, and nothing reads the input in the node
    that is stored or in a later one: a printer may write a node's value as soon as it has it. Bodies that
    use their own reductions go over their inputs several times.
    """
    access = body.stores[store].access
    if body.loads[load] != access:
        return False
    if any(not stride for stride, extent in zip(access.strides, body.extents, strict=True) if extent > 1):
        return False
    loads = {number for number, node in enumerate(body.nodes) if node.op == "load" and node.value == load}
    stored = body.stores[store].node
    if loads.intersection(other.node for other in body.stores):
        return False
    for number, node in enumerate(body.nodes):
        if number >= stored and loads.intersection(node.args) and not (number == stored and node.op in _AT_ONCE):
            return False
        if any(body.nodes[arg].op in REDUCTIONS for arg in node.args):
            return False
    return True


def placed_bytes(value: Value, scalars: bool = False) -> int:
    """The size of a value that can be placed; 0 of others, and of scalars unless asked for, which are no arrays."""
    dtype, shape = value.dtype, value.shape
    if shape is None or (not shape and not scalars) or None in shape:
        return 0
    if dtype.is_ref or dtype in (string, resource, variant) or dtype.np.hasobject:
        return 0
    return prod(cast(tuple[int, ...], shape)) * int(dtype.np.itemsize)
