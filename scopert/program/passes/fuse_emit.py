"""From a group to the body of a FUSED step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from scopert.graph.dtypes import DType
from scopert.graph.kernel import Origin
from scopert.graph.opdef import PURE
from scopert.program.expression import REDUCTIONS, Access, Fused, Node, Store
from scopert.program.ir import FUSED, Step, Value
from scopert.program.passes.fuse_again import Again, Recipe, layout_of_operand
from scopert.program.passes.fuse_axes import Axes, Axis, Layout, flat, resolve, resolved, size
from scopert.program.passes.fuse_body import Body
from scopert.program.passes.fuse_expand import MAP, REDUCE, REGROUP, Part
from scopert.program.passes.fuse_groups import Group
from scopert.program.passes.fuse_schedule import aligned
from scopert.program.passes.fuse_table import RESHAPES
from scopert.program.passes.fuse_views import Views


def emit(
    group: Group, needed: Iterable[int], values: Sequence[Value], views: Views, again: Again,
    guards: tuple[int, ...] = (),
) -> list[Step]:  # fmt: skip
    """A FUSED step that fills those slots of a group that are `needed`, and reshapes of its results."""
    return _Emission(group, values, views, again).steps(needed, guards)


class _Emission:
    def __init__(self, group: Group, values: Sequence[Value], views: Views, again: Again) -> None:
        self._group = group
        self._again = {slot: recipe for slot in group.again if (recipe := again.recipes.get(slot)) is not None}
        self._values = values
        self._views = views
        self._parts = sorted(group.parts, key=lambda part: part.position)
        self._order, self._rows = _space(group, self._parts)
        self._number: dict[Axis, int] = {axis: k for k, axis in enumerate(self._order)}
        self._body = Body(tuple([axis.extent for axis in self._order]))
        self._nodes: dict[int, int] = {}
        self._inputs: dict[tuple[int, Access], int] = {}

    def steps(self, needed: Iterable[int], guards: tuple[int, ...]) -> list[Step]:
        for part in self._parts:
            self._nodes[part.output] = self._node(part)
        wanted = set(needed)
        stores: dict[int, Store] = {}
        behind: list[Step] = []
        for part in self._parts:
            if part.output in wanted:
                if self._is_reshaped(part, wanted):
                    behind.append(part.step)
                else:
                    strides = self._strides(flat(self._group.layouts[part.output]))
                    stores[part.output] = Store(self._nodes[part.output], Access(strides))
        body, inputs = self._fused(list(stores.values()))
        origins = list(dict.fromkeys(part.step.origin for part in self._parts))
        origin = _combined(origins, [self._values[s].dtype for s in inputs], [self._values[s].dtype for s in stores])
        step = Step(FUSED, tuple(inputs), tuple(stores), origin, traits=PURE, body=body, guards=guards)
        return [step, *behind]

    def _is_reshaped(self, part: Part, wanted: set[int]) -> bool:
        """Whether the step itself makes the value, as a view of another result that is stored anyway."""
        return part.kind == REGROUP and part.step.op in RESHAPES and part.step.inputs[0] in wanted

    def _node(self, part: Part) -> int:
        group, body = self._group, self._body
        layout = resolved(group.layouts[part.output])
        if part.kind != MAP:
            source = resolved(group.sources[part])
            node = self._operand(part.operands[0], source)
            if part.kind == REDUCE:
                over = frozenset(self._number[axis] for k in part.axes for axis in source[k])
                return body.reduce(part.op, node, over)
            return node
        assert part.build is not None
        body.place = tuple([tuple([self._number[axis] for axis in axes]) for axes in layout])
        shapes = [self._values[slot].shape or () for slot in part.operands]
        operands = [
            self._operand(slot, aligned(layout, shape))  # type: ignore[arg-type]
            for slot, shape in zip(part.operands, shapes, strict=True)
        ]
        return part.build(body, *operands)

    def _operand(self, slot: int, layout: Layout) -> int:
        found = self._nodes.get(slot)
        if found is not None:
            return found
        dtype = self._values[slot].dtype
        number = self._views.number(slot)
        if number is not None:
            return self._body.const(number, dtype)
        if slot in self._again:
            found = self._repeated(slot, self._again[slot], layout)
            if found is not None:
                return found
        look = self._views.look(slot)
        strides = [0] * len(self._order)
        for axes, stride in zip(layout, look.strides, strict=True):
            for axis in reversed(axes):
                strides[self._number[axis]] = stride
                stride *= axis.extent
        access = Access(tuple(strides), look.offset)
        index = self._inputs.setdefault((look.base, access), len(self._inputs))
        return self._body.load(index, dtype, frozenset(k for k, stride in enumerate(strides) if stride))

    def _repeated(self, slot: int, recipe: Recipe, layout: Layout) -> int | None:
        """A slot computed again, where it lies in `layout`; None if its axes do not fall into this space."""
        part, body = recipe.part, self._body
        shapes = [cast(tuple[int, ...], self._values[operand].shape) for operand in part.operands]
        if part.kind != MAP:
            source = layout_of_operand(part, layout, shapes[0])
            return None if source is None else self._inner(part.operands[0], recipe, source)
        assert part.build is not None
        place = body.place
        operands = []
        for operand, shape in zip(part.operands, shapes, strict=True):
            node = self._inner(operand, recipe, aligned(layout, shape))
            if node is None:
                return None
            operands.append(node)
        body.place = tuple([tuple([self._number[axis] for axis in axes]) for axes in layout])
        made = part.build(body, *operands)
        body.place = place
        return made

    def _inner(self, slot: int, recipe: Recipe, layout: Layout) -> int | None:
        inner = recipe.inner.get(slot)
        return self._operand(slot, layout) if inner is None else self._repeated(slot, inner, layout)

    def _strides(self, axes: Axes) -> tuple[int, ...]:
        """Of a contiguous array that these axes enumerate."""
        strides = [0] * len(self._order)
        step = 1
        for axis in reversed(axes):
            strides[self._number[axis]] = step
            step *= axis.extent
        return tuple(strides)

    def _fused(self, stores: Sequence[Store]) -> tuple[Fused, list[int]]:
        """The body without what no store needs."""
        nodes = self._body.nodes
        used = {store.node for store in stores}
        for number in range(len(nodes) - 1, -1, -1):
            if number in used:
                used.update(nodes[number].args)
        kept = [number for number in range(len(nodes)) if number in used]
        renamed = {number: k for k, number in enumerate(kept)}
        accesses = list(self._inputs)
        loaded: dict[int, int] = {}
        made: list[Node] = []
        for number in kept:
            node = nodes[number]
            value = node.value
            if node.op == "load":
                value = loaded.setdefault(value, len(loaded))
            made.append(Node(node.op, tuple([renamed[arg] for arg in node.args]), node.dtype, node.axes, value))
        inputs = [accesses[k] for k in loaded]
        fused = Fused(
            self._body.extents, self._rows, tuple(made), tuple([access for _, access in inputs]),
            tuple([Store(renamed[store.node], store.access) for store in stores]),
        )  # fmt: skip
        return coalesced(narrowed(fused)), [slot for slot, _ in inputs]


def _space(group: Group, parts: Sequence[Part]) -> tuple[Axes, int]:
    """The axes, rows first, and how many are rows."""
    order = resolve(group.order)
    columns = set(resolve(group.columns)) if group.columns is not None else set()
    if not columns:
        for part in parts:
            if part.kind == REDUCE:
                reduced, last = (resolve(axes) for axes in group.reductions[part.output])
                if last and last[-1] in reduced and size(reduced) < size(order) and order[-1:] == last[-1:]:
                    columns = set(reduced)
                    break
    rows = tuple([axis for axis in order if axis not in columns])
    return (*rows, *[axis for axis in order if axis in columns]), len(rows)


def _combined(origins: Sequence[Origin], inputs: Sequence[DType], outputs: Sequence[DType]) -> Origin:
    """One origin for many: errors and profiles name the last operation, and find all of them."""
    last = origins[-1]
    return replace(
        last, type=FUSED, attrs={"fused": tuple(origins)}, input_dtypes=tuple(inputs), output_dtypes=tuple(outputs)
    )


def narrowed(fused: Fused) -> Fused:
    """The same without axes along which nothing varies and nothing is reduced: only a vector of a group may be left."""
    accesses = [*fused.loads, *[store.access for store in fused.stores]]
    needed = {k for access in accesses for k, stride in enumerate(access.strides) if stride}
    needed.update(k for node in fused.nodes if node.op in REDUCTIONS for k in node.value)
    needed.update(node.value for node in fused.nodes if node.op == "index")
    kept = [k for k, extent in enumerate(fused.extents) if k in needed or extent == 1]
    if len(kept) == len(fused.extents):
        return fused
    number = {k: n for n, k in enumerate(kept)}

    def access_of(access: Access) -> Access:
        return Access(tuple([access.strides[k] for k in kept]), access.offset)

    nodes = []
    for node in fused.nodes:
        value = node.value
        if node.op in REDUCTIONS:
            value = frozenset([number[k] for k in value])
        elif node.op == "index":
            value = number[value]
        nodes.append(Node(node.op, node.args, node.dtype, frozenset([number[k] for k in node.axes]), value))
    return Fused(
        tuple([fused.extents[k] for k in kept]), sum(k < fused.rows for k in kept), tuple(nodes),
        tuple([access_of(access) for access in fused.loads]),
        tuple([Store(store.node, access_of(store.access)) for store in fused.stores]),
    )  # fmt: skip


def coalesced(fused: Fused) -> Fused:
    """The same with neighbouring axes made one wherever all accesses and reductions walk through them as one."""
    joins: list[bool] = []
    accesses = [*fused.loads, *[store.access for store in fused.stores]]
    reductions = [node.value for node in fused.nodes if node.op in REDUCTIONS]
    indexed = {node.value for node in fused.nodes if node.op == "index"}
    for k in range(len(fused.extents) - 1):
        inner = fused.extents[k + 1]
        joins.append(
            k + 1 != fused.rows
            and k not in indexed
            and k + 1 not in indexed
            and all(access.strides[k] == access.strides[k + 1] * inner for access in accesses)
            and all((k in axes) == (k + 1 in axes) for axes in reductions)
        )
    if not any(joins):
        return fused
    groups: list[list[int]] = [[0]]
    for k, join in enumerate(joins):
        if join:
            groups[-1].append(k + 1)
        else:
            groups.append([k + 1])
    number = {k: n for n, group in enumerate(groups) for k in group}

    known: dict[frozenset[int], frozenset[int]] = {}

    def axes_of(axes: frozenset[int]) -> frozenset[int]:
        found = known.get(axes)
        if found is None:
            found = known[axes] = frozenset([number[k] for k in axes])
        return found

    def access_of(access: Access) -> Access:
        return Access(tuple([access.strides[group[-1]] for group in groups]), access.offset)

    extents = []
    for group in groups:
        extent = 1
        for k in group:
            extent *= fused.extents[k]
        extents.append(extent)
    nodes = []
    for node in fused.nodes:
        value = node.value
        if node.op in REDUCTIONS:
            value = axes_of(value)
        elif node.op == "index":
            value = number[value]
        nodes.append(Node(node.op, node.args, node.dtype, axes_of(node.axes), value))
    rows = sum(1 for group in groups if group[0] < fused.rows)
    return Fused(
        tuple(extents), rows, tuple(nodes), tuple([access_of(a) for a in fused.loads]),
        tuple([Store(store.node, access_of(store.access)) for store in fused.stores]),
    )  # fmt: skip


__all__ = ["coalesced", "emit", "narrowed"]
