"""What stacks and TensorArrays hold: the shape, or even the value, that all have which are put into them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopert.graph.dtypes import resource
from scopert.graph.shape import is_compatible, merge
from scopert.program.ir import Program, Shape, Step
from scopert.program.rewrite import Rewriter

_MAKES = frozenset({"StackV2", "TensorArrayV3"})
_GRADIENT = "TensorArrayGradV3"
_CLOSES = "TensorArrayCloseV3"
#: By op, the input that is put in, and how many of its leading axes count elements.
_PUTS = {"StackPushV2": (1, 0), "TensorArrayWriteV3": (2, 0), "TensorArrayScatterV3": (2, 1)}
#: Constants of at most so many bytes are compared.
_LARGEST = 256
_UNKNOWN_PUTS = frozenset({"TensorArrayGradWithShape"})
_SPLIT, _CONCAT = "TensorArraySplitV3", "TensorArrayConcatV3"


def in_common(a: Shape, b: Shape) -> Shape:
    """What holds of both shapes."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple([n if n == m else None for n, m in zip(a, b, strict=True)])


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of all values: their shape, and the value itself as (type, shape, bytes) if it is always one."""

    shape: Shape
    value: tuple[str, tuple[int, ...], bytes] | None = None


_ANYTHING = Content(None)


class Contents:
    """Goes through a program and notes what is put where.

    A handle is known by the step that made it, that of an array of gradients by the array's and its source. What is
    not followed (a handle that comes out of a branch) is forgotten with all that it may stand for.

    Parameters
    ----------
    known : dict
        What the round before found.

    Attributes
    ----------
    found : dict
        What this round finds, by handle.
    """

    def __init__(self, known: dict[Hashable, Content]) -> None:
        self._known = known
        self.found: dict[Hashable, Content] = {}
        # By program (its identity while it is gone through) and slot.
        self._handles: dict[int, dict[int, Hashable]] = {}
        self._sizes: dict[Hashable, Any] = {}
        # Slots that hold the lengths of elements, all of which are the same: this number.
        self._lengths: dict[tuple[int, int], int] = {}

    def enter(self, program: Program, feeds: dict[int, int], outer: Program | None = None) -> None:
        """Begins a program, or what a loop repeats: which slots of the outer program its feeds are."""
        known = self._handles.get(id(outer), {})
        self._handles[id(program)] = {slot: known[source] for slot, source in feeds.items() if source in known}

    def leave_to(self, outer: Program, slots: Sequence[int]) -> None:
        """Forgets handles that are not followed any further."""
        for slot in slots:
            self._forget(self._handles[id(outer)].get(slot))

    def _handle(self, rewriter: Rewriter, slot: int) -> Hashable | None:
        return self._handles[id(rewriter.program)].get(slot)

    def visit(self, rewriter: Rewriter, step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
        """Notes what a step does; returns the shapes of its outputs, with what is known of the contents."""
        handles = [slot for slot in step.inputs if rewriter.values[slot].dtype is resource]
        if step.op in _MAKES:
            handle = step.origin.name
            self._handles[id(rewriter.program)][step.outputs[0]] = handle
            return shapes
        if not handles:
            return shapes
        found = self._handle(rewriter, handles[0])
        if found is None or len(handles) > 1 or step.guards:
            for slot in handles:
                self._forget(self._handle(rewriter, slot))
            return shapes
        if step.op == "Identity":
            self._handles[id(rewriter.program)][step.outputs[0]] = found
        elif step.op == _GRADIENT:
            gradients = self._handles[id(rewriter.program)][step.outputs[0]] = (found, step.origin.attrs["source"])
            self._sizes[gradients] = self._sizes.get(found)
        elif step.op == _CLOSES:  # asking for the size is an error now, which the run has to raise
            self._sizes[found] = None
        elif step.op in _PUTS:
            number, leading = _PUTS[step.op]
            shape = rewriter.values[step.inputs[number]].shape
            value = rewriter.constants.get(step.inputs[number]) if step.op == "StackPushV2" else None
            self._put(found, Content(shape if shape is None else shape[leading:], _frozen(value)))
        elif step.op == _SPLIT:
            shape, length = (
                rewriter.values[step.inputs[1]].shape,
                self._lengths.get((id(rewriter.program), step.inputs[2])),
            )
            self._put(found, Content((length, *shape[1:]) if shape and length is not None else None))
        elif step.op in _UNKNOWN_PUTS or any(rewriter.values[slot].dtype is resource for slot in step.outputs):
            self._forget(found)
        if step.op == _CONCAT:
            return self._concatenated(rewriter, step, found, shapes)
        return [self._with_contents(rewriter, step, found, shape) for shape in shapes[:1]] + list(shapes[1:])

    def note_lengths(self, rewriter: Rewriter, slot: int, lengths: Any) -> None:
        """Notes the lengths of elements that a slot holds, if they are known (not None)."""
        if lengths is not None and lengths.ndim == 1 and lengths.size and (lengths == lengths[0]).all():
            self._lengths[id(rewriter.program), slot] = int(lengths[0])

    def _concatenated(
        self, rewriter: Rewriter, step: Step, handle: Hashable, shapes: Sequence[Shape]
    ) -> Sequence[Shape]:
        """The shapes of all elements put after one another, and of their lengths."""
        known, size = self._shape(handle), self._sizes.get(handle)
        if not known or size is None or int(size) <= 0:
            return shapes
        length, count = known[0], int(size)
        if length is not None:
            self._lengths[id(rewriter.program), step.outputs[1]] = length
        found = [(None if length is None else count * length, *known[1:]), (count,)]
        return [
            merge(shape, made) if is_compatible(shape, made) else shape
            for shape, made in zip(shapes, found, strict=True)
        ]

    def _shape(self, handle: Hashable) -> Shape:
        """What is known of the shape of all elements."""
        known = self._known.get(handle, _ANYTHING).shape
        while isinstance(handle, tuple):  # what was not added to is zeros, of the shape of the array's element
            handle = handle[0]
            known = in_common(known, self._known.get(handle, _ANYTHING).shape)
        return known

    def _with_contents(self, rewriter: Rewriter, step: Step, handle: Hashable, shape: Shape) -> Shape:
        known = self._shape(handle)
        if known is None:
            return shape
        if step.op == "TensorArrayGatherV3":
            indices = rewriter.values[step.inputs[1]].shape
            known = (indices[0] if indices else None, *known)
        elif step.op not in ("TensorArrayReadV3", "StackPopV2"):
            return shape
        return merge(shape, known) if is_compatible(shape, known) else shape

    def note_size(self, rewriter: Rewriter, step: Step, size: Any) -> None:
        """Notes how many elements the array has that a step makes; None if that is not known."""
        self._sizes[self._handle(rewriter, step.outputs[0])] = size

    def size(self, rewriter: Rewriter, step: Step) -> Any:
        """The number of elements, for a step that asks for it, if it is known."""
        if step.op != "TensorArraySizeV3":
            return None
        handle = self._handle(rewriter, step.inputs[0])
        found = None if handle is None else self._sizes.get(handle)
        return None if found is None or int(found) < 0 else np.array(found, np.int32)

    def constant(self, rewriter: Rewriter, step: Step) -> Any:
        """What a step gives that pops from a stack of equal values."""
        if step.op != "StackPopV2" or step.guards:
            return None
        found = self._stacked(rewriter, step)
        if found is None:
            return None
        dtype, shape, content = found
        return np.frombuffer(content, dtype).reshape(shape)

    def is_needless(self, rewriter: Rewriter, step: Step) -> bool:
        """Whether a step pushes what all that pop know already."""
        return step.op == "StackPushV2" and not step.guards and self._stacked(rewriter, step) is not None

    def _stacked(self, rewriter: Rewriter, step: Step) -> tuple[str, tuple[int, ...], bytes] | None:
        handle = self._handle(rewriter, step.inputs[0])
        return None if handle is None else self._known.get(handle, _ANYTHING).value

    def _put(self, handle: Hashable, content: Content) -> None:
        if handle in self.found:
            other = self.found[handle]
            value = content.value if content.value == other.value else None
            content = Content(in_common(other.shape, content.shape), value)
        self.found[handle] = content

    def _forget(self, handle: Hashable | None) -> None:
        if handle is not None:
            self.found[handle] = _ANYTHING


def _frozen(array: Any) -> tuple[str, tuple[int, ...], bytes] | None:
    if array is None or array.dtype.kind not in "biuf" or array.nbytes > _LARGEST:
        return None
    return array.dtype.str, array.shape, array.tobytes()
