"""Specialisation: the shapes that were fed, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from scopert.graph.constant_value import follows_from_shapes, known_value
from scopert.graph.opdef import OpDef, find_op
from scopert.graph.operation import Operation
from scopert.graph.shape import merge
from scopert.graph.tensor import Tensor
from scopert.program.ir import LOOP, READ, Program, Shape, Step, Value
from scopert.program.rewrite import Rewriter, rewrite
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


@dataclass(frozen=True)
class Specialise:
    """Makes the shapes of a program those that follow from the shapes of its feeds.

    What follows from shapes alone (`Shape`, `Size`, `ShapeN`) becomes a constant. Loops are left as they are: the
    shapes of their variables may change from one iteration to the next.

    Attributes
    ----------
    shapes : tuple of shapes
        Of the feeds, in their order.
    """

    shapes: tuple[Shape, ...] = ()
    name: str = "specialise"

    def __call__(self, program: Program) -> Program:
        tensors: dict[int, _Tensor] = {}
        values = list(program.values)
        for slot, shape in zip(program.feeds, self.shapes, strict=True):
            values[slot] = replace(values[slot], shape=merge(values[slot].shape, shape))
        program = replace(program, values=tuple(values))

        def source(rewriter: Rewriter, slot: int) -> _Tensor:
            found = tensors.get(slot)
            if found is None:
                value = rewriter.values[slot]
                array = rewriter.constants.get(slot)
                opdef = find_op("Const") if array is not None else None
                op = _Op("Const" if array is not None else "Placeholder", value.name, opdef, {"value": array}, ())
                found = tensors[slot] = _Tensor(op, 0, value)
                op.outputs.append(found)
            return found

        def visit(rewriter: Rewriter, step: Step) -> None:
            if rewriter.program is not program:
                rewriter.keep(step)
                return
            self._infer(rewriter, step, [source(rewriter, slot) for slot in step.inputs], tensors)

        return rewrite(program, visit)

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
        rewriter.keep(step)
