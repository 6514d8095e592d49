"""TensorArrays and stacks as memory of the program.

Where a TensorArray's size and the shape of its elements are known, and nobody but steps that are generated sees its
handle, the array is a block of memory: what was done with each element, then the elements, the same for the array of
its gradients. A stack is one too, where it is known how often the loops that push can repeat. The handle then is this
memory, through loops as well; the flows that order the uses of an array are one number, which is never written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from scopert.backend import LOOP, WRITES, Loop, Program, Step, Value, as_dtype
from scopert.program.passes.dead import Dead
from scopert.program.rewrite import Rewriter, rewrite
from scopert.program.trips import count_loops
from scopert.program.uses import used_slots
from scopert_cupy.arena import aligned
from scopert_cupy.device import Facts
from scopert_cupy.emit import Emitter, Request, emit
from scopert_cupy.held import FLOWS, HELD, Held
from scopert_cupy.hold_together import hold_together
from scopert_cupy.prelude import stored

_MAKES = frozenset({"TensorArrayV3", "StackV2"})
_GRADIENT = "TensorArrayGradV3"
_SIZE = "TensorArraySizeV3"
#: By op, the input or (below zero) the output that tells the shape of an element, and how many axes count elements.
_USES = {
    "TensorArrayReadV3": (-1, 0), "TensorArrayWriteV3": (2, 0), "TensorArrayGatherV3": (-1, 1),
    "TensorArrayScatterV3": (2, 1), "TensorArrayConcatV3": (-1, 0), "TensorArraySplitV3": (1, 0),
    "StackPushV2": (1, 0), "StackPopV2": (-1, 0),
}  # fmt: skip
_CONCAT, _SPLIT = "TensorArrayConcatV3", "TensorArraySplitV3"
#: Steps whose elements are named by a constant.
_NUMBERED = frozenset({"TensorArrayGatherV3", "TensorArrayScatterV3"})
# A stack takes the memory that its loops may fill; where they may end early, no more than this.
_LARGEST_GUESS = 1 << 26
_UINT8 = as_dtype("uint8")

#: The program that a slot belongs to (its identity), and the slot.
_Key: TypeAlias = tuple[int, int]


@dataclass(eq=False)
class _Part:
    """An array, or one of its arrays of gradients, while it is looked at."""

    root: _Root
    source: tuple[Any, ...] = ()
    shapes: set[tuple[int, ...]] = field(default_factory=set)


@dataclass(eq=False)
class _Root:
    """What one step makes: an array with its arrays of gradients, or a stack."""

    step: Step
    size: int
    parts: dict[tuple[Any, ...], _Part] = field(default_factory=dict)
    #: Of a stack: how often it is pushed to at most, and whether just as often.
    pushes: int = 0
    is_exact: bool = True
    fails: bool = False
    #: Steps by program and outputs, with their part.
    uses: list[tuple[Program, Step, _Part]] = field(default_factory=list)
    #: All slots that hold a handle.
    slots: list[tuple[Program, int]] = field(default_factory=list)

    def part(self, source: tuple[Any, ...]) -> _Part:
        return self.parts.setdefault(source, _Part(self, source))


def hold(program: Program, facts: Facts, table: Mapping[str, Emitter]) -> Program:
    """The program whose arrays and stacks are memory, where they can be; to be laid out anew."""
    if not any(step.op in _MAKES for step in program.steps) and not any(step.op == LOOP for step in program.steps):
        return program
    follower = _Follower(program)
    follower.walk(program, {}, {})
    found: dict[tuple[int, tuple[int, ...]], Held | None] = {}
    blocks: dict[_Key, int] = {}
    for root in follower.roots:
        if not root.fails and follower.is_useless(root):
            found |= {(id(owner), step.outputs): None for owner, step, _ in root.uses if step.op not in _MAKES}
            continue
        laid = None if root.fails else _laid_out(root)
        if laid is None or not _can_emit(root, laid, facts, table):
            continue
        parts, nbytes = laid
        for owner, step, part in root.uses:
            found[id(owner), step.outputs] = parts[part.source]
        for owner, slot in root.slots:
            blocks[id(owner), slot] = nbytes
    if not found:
        return program
    made = _rewritten(program, found, blocks)
    return hold_together(Dead()(made) if None in found.values() else made)


class _Follower:
    """Goes through a program and its loops, and notes where handles go."""

    def __init__(self, program: Program) -> None:
        self.roots: list[_Root] = []
        # Only stacks need to know.
        self._trips = count_loops(program) if _has_stacks(program) else {}
        self._used: dict[int, set[int]] = {}
        #: What concatenations give as the lengths of elements: how many, and which one.
        self._lengths: dict[_Key, tuple[int, int]] = {}

    def walk(self, program: Program, handles: dict[int, _Part], repeats: Mapping[_Root, tuple[int, bool]]) -> None:
        """One program.

        Parameters
        ----------
        program : Program
        handles : dict
            Slot -> what it is the handle of.
        repeats : mapping
            Stack -> how often this program runs in its life at most, and whether just as often.
        """
        for slot, part in handles.items():
            part.root.slots.append((program, slot))
        self._used[id(program)] = used_slots(program.steps, [fetch.slot for fetch in program.fetches])
        for step in program.steps:
            for slot in step.guards:
                self._lose(handles, (slot,))
            if step.op in _MAKES:
                self._make(program, step, handles)
            elif isinstance(step.body, Loop):
                self._loop(step, step.body, handles, repeats)
            else:
                self._use(program, step, handles, repeats)
        self._lose(handles, [fetch.slot for fetch in program.fetches])

    def _are_lengths(self, program: Program, slot: int, expected: tuple[int, int]) -> bool:
        """Whether a slot holds so many lengths, all of which are this number."""
        array = program.constants.get(slot)
        if array is None:
            return self._lengths.get((id(program), slot)) == expected
        return bool(array.shape == expected[:1] and (array == expected[1]).all())

    def is_useless(self, root: _Root) -> bool:
        """Whether nobody looks at what is popped from a stack."""
        popped = [(id(owner), step.outputs[0]) for owner, step, _ in root.uses if step.op == "StackPopV2"]
        return root.step.op == "StackV2" and not any(slot in self._used[owner] for owner, slot in popped)

    def _lose(self, handles: Mapping[int, _Part], slots: Iterable[int]) -> None:
        """Somebody else may see these."""
        for slot in slots:
            if slot in handles:
                handles[slot].root.fails = True

    def _make(self, program: Program, step: Step, handles: dict[int, _Part]) -> None:
        size = program.constants.get(step.inputs[0])
        attrs = step.origin.attrs
        if size is None or step.guards or attrs.get("dynamic_size") or step.kept:
            return
        root = _Root(step, int(size))
        self.roots.append(root)
        handles[step.outputs[0]] = part = root.part(())
        root.uses.append((program, step, part))
        root.slots.append((program, step.outputs[0]))

    def _loop(
        self, step: Step, loop: Loop, handles: dict[int, _Part], repeats: Mapping[_Root, tuple[int, bool]]
    ) -> None:
        program, changing = loop.program, len(loop.following)
        self._lose(handles, step.inputs[:changing])
        inside = {
            inner: handles[slot]
            for inner, slot in zip(program.feeds[changing:], step.inputs[changing:], strict=True)
            if slot in handles
        }
        found = self._trips.get(step)
        times = {}
        for part in inside.values():
            count, exact = repeats.get(part.root, (1, True))
            known = found is not None and count >= 0
            times[part.root] = (count * found.count, exact and found.exact) if found and known else (-1, False)
        self.walk(program, inside, times)
        self._used[id(program)].update((*loop.following, *loop.results, loop.condition))
        self._lose(inside, (*loop.following, *loop.results, loop.condition))

    def _use(
        self, program: Program, step: Step, handles: dict[int, _Part], repeats: Mapping[_Root, tuple[int, bool]]
    ) -> None:
        given = [slot for slot in step.inputs if slot in handles]
        if not given:
            return
        part = handles.get(step.inputs[0])
        if part is None or len(given) > 1 or step.guards or step.kept:
            self._lose(handles, given)
            return
        root = part.root
        if step.op in ("Identity", _GRADIENT):
            if step.op == _GRADIENT:
                part = root.part((*part.source, step.origin.attrs["source"]))
            handles[step.outputs[0]] = part
            root.slots.append((program, step.outputs[0]))
        elif step.op in _USES:
            self._note_shape(program, step, part)
            if step.op == "StackPushV2":
                count, exact = repeats.get(root, (1, True))
                root.fails = root.fails or count < 0
                root.pushes, root.is_exact = root.pushes + count, root.is_exact and exact
        elif step.op != _SIZE:
            root.fails = True
        root.uses.append((program, step, part))

    def _note_shape(self, program: Program, step: Step, part: _Part) -> None:
        number, leading = _USES[step.op]
        value = program.values[step.outputs[0] if number < 0 else step.inputs[number]]
        shape = value.shape
        if shape is None or None in shape or len(shape) < leading:
            part.root.fails = True
            return
        static = tuple([n or 0 for n in shape])
        if step.op in _NUMBERED:
            places = program.constants.get(step.inputs[1])
            if places is None or not _are_places(places, part.root.size) or len(places) != static[0]:
                part.root.fails = True
                return
        if step.op in (_CONCAT, _SPLIT):
            size = part.root.size
            if not size or not static or static[0] % size:
                part.root.fails = True
                return
            static = (static[0] // size, *static[1:])
            if step.op == _CONCAT:
                self._lengths[id(program), step.outputs[1]] = (size, static[0])
            elif not self._are_lengths(program, step.inputs[2], (size, static[0])):
                part.root.fails = True
        part.shapes.add(static[leading:])


def _are_places(places: Any, count: int) -> bool:
    """Whether they name elements, each once."""
    if places.ndim != 1 or not places.size:
        return False
    return bool(places.min() >= 0 and places.max() < count and len(np.unique(places)) == len(places))


def _has_stacks(program: Program) -> bool:
    return any(
        step.op == "StackV2" or (isinstance(step.body, Loop) and _has_stacks(step.body.program))
        for step in program.steps
    )


def _laid_out(root: _Root) -> tuple[dict[tuple[Any, ...], Held], int] | None:
    """The parts with their places, and the bytes of the block; None if something is not known."""
    attrs, is_stack = root.step.origin.attrs, root.step.op == "StackV2"
    dtype = attrs["elem_type" if is_stack else "dtype"]
    shapes = set[tuple[int, ...]]().union(*[part.shapes for part in root.parts.values()])
    if len(shapes) != 1 or stored(dtype) is None:
        return None
    (shape,) = shapes
    if any(program.values[slot].dtype is not dtype for program, slot in _elements(root)):
        return None
    count = root.pushes if is_stack else root.size
    if is_stack and 0 <= root.size < count:
        count = root.size
    name = attrs.get("tensor_array_name") or root.step.origin.name
    first = Held(
        "stack" if is_stack else "array", name.decode() if isinstance(name, bytes) else name, dtype, shape, count,
        clears=attrs.get("clear_after_read", True), identical=attrs.get("identical_element_shapes", False),
        declared=attrs.get("element_shape"), limit=root.size if is_stack else -1,
    )  # fmt: skip
    if count <= 0 or not first.nbytes or (first.declared is not None and not _fits(shape, first.declared)):
        return None
    if is_stack and not root.is_exact and count * first.nbytes > _LARGEST_GUESS:
        return None
    # Parents stand before the arrays of their gradients.
    sources = sorted({part[:n] for part in root.parts for n in range(len(part) + 1)}, key=len)
    heads = aligned(len(sources) * first.words)
    made: dict[tuple[Any, ...], Held] = {}
    for number, source in enumerate(sources):
        held = replace(
            first, head=number * first.words, start=heads + number * aligned(count * first.nbytes), heads=heads
        )
        if source:
            label = source[-1].decode() if isinstance(source[-1], bytes) else source[-1]
            parent = made[source[:-1]]
            held = replace(held, name=f"{parent.name}@{label}", adds=True, clears=True, parent=parent)
        made[source] = held
    return made, heads + len(sources) * aligned(count * first.nbytes)


def _elements(root: _Root) -> Iterable[tuple[Program, int]]:
    """What is put into the array or taken out of it."""
    for program, step, _ in root.uses:
        if step.op in _USES:
            number = _USES[step.op][0]
            yield program, step.outputs[0] if number < 0 else step.inputs[number]


def _fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    return len(shape) == len(declared) and all(m in (None, n) for n, m in zip(shape, declared, strict=True))


def _can_emit(
    root: _Root, laid: tuple[dict[tuple[Any, ...], Held], int], facts: Facts, table: Mapping[str, Emitter]
) -> bool:
    parts, nbytes = laid
    for program, step, part in root.uses:
        if step.op in _USES or step.op in _MAKES:
            values = list(program.values)
            for owner, slot in root.slots:
                if owner is program:
                    values[slot] = _block(values[slot], nbytes)
            made = _held(step, parts[part.source])
            if emit(Request(made, replace(program, values=tuple(values)), facts), table) is None:
                return False
    return True


def _block(value: Value, nbytes: int) -> Value:
    return replace(value, dtype=_UINT8, shape=(nbytes,))


def _held(step: Step, held: Held) -> Step:
    """The step on memory: without flows, which order nothing any more."""
    origin = replace(step.origin, attrs={**step.origin.attrs, HELD: held})
    outputs = step.outputs
    if step.op in FLOWS or step.op == "StackPushV2":
        outputs = ()
    elif step.op == "TensorArrayV3":
        outputs = outputs[:1]
    return replace(step, origin=origin, outputs=outputs, traits=frozenset({WRITES}))


def _rewritten(
    program: Program, found: Mapping[tuple[int, tuple[int, ...]], Held | None], blocks: Mapping[_Key, int]
) -> Program:
    def visit(rewriter: Rewriter, step: Step) -> None:
        owner = id(rewriter.program)
        if HELD not in rewriter.seen:
            rewriter.seen[HELD] = True
            for slot in range(len(rewriter.values)):
                if (owner, slot) in blocks:
                    rewriter.values[slot] = _block(rewriter.values[slot], blocks[owner, slot])
        if (owner, step.outputs) not in found:
            rewriter.keep(step)
            return
        held = found[owner, step.outputs]
        if held is None:
            if step.op == "StackPushV2":
                rewriter.replace(step.outputs[0], step.inputs[1])
        elif step.op in ("Identity", _GRADIENT):
            for output, source in zip(step.outputs, step.inputs, strict=False):
                rewriter.replace(output, source)
        elif step.op == _SIZE:
            rewriter.constant(step.outputs[0], np.int32(held.count))
        else:
            if step.op == "TensorArrayV3":
                rewriter.constant(step.outputs[1], np.float32(0))
            elif step.op in FLOWS:
                rewriter.replace(step.outputs[0], step.inputs[3])
            elif step.op == "StackPushV2":
                rewriter.replace(step.outputs[0], step.inputs[1])
            rewriter.keep(_held(step, held))

    return rewrite(program, visit)
