"""Specialisation: the shapes that were fed, and what follows from them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from scopert.graph.constant_value import follows_from_shapes, known_value
from scopert.graph.dtypes import resource
from scopert.graph.opdef import OpDef, find_op
from scopert.graph.operation import Operation
from scopert.graph.shape import is_compatible, merge
from scopert.graph.tensor import Tensor
from scopert.program.ir import LOOP, READ, Loop, Program, Shape, Step, Value
from scopert.program.passes.contents import Content, Contents, in_common
from scopert.program.rewrite import Rewriter
from scopert.program.uses import is_pure


class _Tensor:
    """A value that looks to a shape rule like a tensor of a graph."""

    __slots__ = ("_dtype", "_op", "_shape", "_value_index", "dtype", "graph", "name", "op")

    def __init__(self, op: _Op, index: int, value: Value) -> None:
        self._op = self.op = op
        self._value_index = index
        self._dtype = self.dtype = value.dtype
        self._shape = value.shape
        self.name = value.name
        self.graph = None

    @property
    def _rank(self) -> int | None:
        return None if self._shape is None else len(self._shape)


class _Op:
    """A step that looks to a shape rule like an operation of a graph."""

    __slots__ = (
        "_control_flow_context", "_control_inputs", "_inputs", "_location", "attrs", "inputs", "name", "opdef",
        "outputs", "type",
    )  # fmt: skip

    def __init__(self, kind: str, name: str, opdef: OpDef | None, attrs: dict[str, Any], inputs: Sequence[_Tensor]):
        self.type = kind
        self.name = name
        self.opdef = opdef
        self.attrs = attrs
        self._inputs = self.inputs = list(inputs)
        self.outputs: list[_Tensor] = []
        self._control_inputs = ()
        self._control_flow_context = None
        self._location = None


# After so many rounds without an end, nothing is taken for granted.
_ROUNDS = 8


@dataclass(frozen=True)
class Specialise:
    """Makes the shapes of a program those that follow from the shapes of its feeds, inside loops too.

    What follows from shapes alone (`Shape`, `Size`, `ShapeN`) becomes a constant. The shape of a loop's variable is
    what its initial and its following values have in common, found in rounds. So is the shape of what stacks and
    TensorArrays hold: that of all that is put into them.

    Attributes
    ----------
    shapes : tuple of shapes
        Of the feeds, in their order.
    """

    shapes: tuple[Shape, ...] = ()
    name: str = "specialise"

    def __call__(self, program: Program) -> Program:
        values = list(program.values)
        for slot, shape in zip(program.feeds, self.shapes, strict=True):
            values[slot] = replace(values[slot], shape=merge(values[slot].shape, shape))
        program = replace(program, values=tuple(values))
        known: dict[Hashable, Content] = {}
        for _ in range(_ROUNDS):
            inference = _Inference(known)
            made = inference.program(program)
            if inference.contents.found == known:
                return made
            known = inference.contents.found
        return _Inference({}).program(program)


class _Inference:
    """One round; `known` says what stacks and arrays hold."""

    def __init__(self, known: dict[Hashable, Content]) -> None:
        self.contents = Contents(known)

    def program(self, program: Program) -> Program:
        rewriter = Rewriter(program)
        tensors: dict[int, _Tensor] = {}
        self.contents.enter(program, {})
        for step in program.steps:
            self._step(rewriter, rewriter.inputs(step), tensors)
        # Somebody else may use these.
        self.contents.leave_to(program, [fetch.slot for fetch in program.fetches])
        return rewriter.finish()

    def _step(self, rewriter: Rewriter, step: Step, tensors: dict[int, _Tensor]) -> None:
        if isinstance(step.body, Loop):
            self._loop(rewriter, step, step.body, tensors)
        else:
            self._infer(rewriter, step, [self._source(rewriter, slot, tensors) for slot in step.inputs], tensors)

    def _source(self, rewriter: Rewriter, slot: int, tensors: dict[int, _Tensor]) -> _Tensor:
        found = tensors.get(slot)
        if found is None:
            value = rewriter.values[slot]
            array = rewriter.constants.get(slot)
            opdef = find_op("Const") if array is not None else None
            op = _Op("Const" if array is not None else "Placeholder", value.name, opdef, {"value": array}, ())
            found = tensors[slot] = _Tensor(op, 0, value)
            op.outputs.append(found)
        return found

    def _loop(self, rewriter: Rewriter, step: Step, loop: Loop, tensors: dict[int, _Tensor]) -> None:
        inner, count = loop.program, len(loop.following)
        static = [inner.values[slot].shape for slot in inner.feeds]
        try:
            shapes = [merge(own, rewriter.values[slot].shape) for own, slot in zip(static, step.inputs, strict=True)]
        except ValueError:  # the run will report it
            shapes = static
        for _ in range(_ROUNDS):
            made = self._body(loop, shapes, rewriter.program, step)
            after = [made.program.values[slot].shape for slot in made.following]
            common = [in_common(before, then) for before, then in zip(shapes[:count], after, strict=True)]
            try:
                wider = [merge(own, shape) for own, shape in zip(static[:count], common, strict=True)]
            except ValueError:
                wider = static[:count]
            if wider == shapes[:count]:
                break
            shapes = [*wider, *shapes[count:]]
        else:
            made = self._body(loop, [*static[:count], *shapes[count:]], rewriter.program, step)
        for slot, result in zip(step.outputs, made.results, strict=True):
            value = rewriter.values[slot]
            shape = made.program.values[result].shape
            if shape != value.shape and (value.shape is None or shape is None or is_compatible(value.shape, shape)):
                rewriter.values[slot] = replace(value, shape=merge(value.shape, shape))
            tensors.pop(slot, None)
        rewriter.keep(replace(step, body=made))

    def _body(self, loop: Loop, shapes: Sequence[Shape], outer: Program, step: Step) -> Loop:
        """The loop if its variables and what is given to it have these shapes."""
        program = loop.program
        values = list(program.values)
        for slot, shape in zip(program.feeds, shapes, strict=True):
            if values[slot].shape != shape:
                values[slot] = replace(values[slot], shape=shape)
        program = replace(program, values=tuple(values))
        # A handle that is a variable may be another one in each iteration; so may one that is a result.
        count = len(loop.following)
        lost = any(program.values[slot].dtype is resource for slot in loop.results)
        self.contents.leave_to(outer, step.inputs if lost else step.inputs[:count])
        self.contents.enter(program, dict(zip(program.feeds[count:], step.inputs[count:], strict=True)), outer)
        rewriter = Rewriter(program)
        tensors: dict[int, _Tensor] = {}
        ends = []
        for inner in program.steps:
            ends.append(len(rewriter.steps))
            self._step(rewriter, rewriter.inputs(inner), tensors)
        ends.append(len(rewriter.steps))
        return Loop(
            rewriter.finish(), ends[loop.decided], ends[loop.repeated], rewriter.resolve(loop.condition),
            tuple([rewriter.resolve(slot) for slot in loop.following]),
            tuple([rewriter.resolve(slot) for slot in loop.results]),
        )  # fmt: skip

    def _infer(self, rewriter: Rewriter, step: Step, inputs: list[_Tensor], tensors: dict[int, _Tensor]) -> None:
        values = rewriter.values
        opdef = find_op(step.op)
        # A step that is no op of the graph (a read, a loop) tells nothing about its inputs.
        op = _Op(step.op, step.origin.name, opdef, step.origin.attrs, inputs if opdef is not None else ())
        shapes: Sequence[Shape] = [values[slot].shape for slot in step.outputs]
        if step.op == READ:
            shapes = [merge(values[step.inputs[0]].shape, shapes[0])]
        elif opdef is not None and step.op != LOOP and any(shape is None or None in shape for shape in shapes):
            try:
                found = opdef.shape(cast(Operation, op))
                shapes = [merge(known, new) for known, new in zip(shapes, found, strict=True)]
            except ValueError:
                pass  # the run will report it, with the shapes that there were
        if step.op == "TensorArraySplitV3":
            self.contents.note_lengths(rewriter, step.inputs[2], known_value(cast(Tensor, inputs[2])))
        shapes = self.contents.visit(rewriter, step, shapes)
        if step.op == "TensorArrayV3" and not step.origin.attrs["dynamic_size"]:
            # Often computed of shapes, which is folded later.
            self.contents.note_size(rewriter, step, known_value(cast(Tensor, inputs[0])))
        for index, (slot, shape) in enumerate(zip(step.outputs, shapes, strict=True)):
            if shape != values[slot].shape:
                values[slot] = replace(values[slot], shape=shape)
            tensor = tensors[slot] = _Tensor(op, index, values[slot])
            op.outputs.append(tensor)
        if follows_from_shapes(op.type) and not step.kept and is_pure(step):
            arrays = [known_value(cast(Tensor, tensor)) for tensor in op.outputs]
            if all(array is not None for array in arrays):
                for slot, array in zip(step.outputs, arrays, strict=True):
                    rewriter.constant(slot, array)
                    del tensors[slot]
                return
        for found in (self.contents.size(rewriter, step), self.contents.constant(rewriter, step)):
            if found is not None and not step.kept:
                rewriter.constant(step.outputs[0], found)
                del tensors[step.outputs[0]]
                return
        if not step.kept and self.contents.is_needless(rewriter, step):
            rewriter.replace(step.outputs[0], step.inputs[1])
            return
        rewriter.keep(step)
