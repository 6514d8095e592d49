"""Attention as one step: two batched products around the softmax of scaled and masked scores, and its gradient.

A pass over a program, before it is planned, for devices with a library that computes attention whole: the scores are
then never in memory. What people write is recognised by what it computes (`attention_body`), not by how. The gradient
is joined where all of it is there: the two products with the gradient of the result, the gradient of the softmax, and
the two products with that. Scores that somebody else looks at, such as a gradient of the mask, keep all of it apart.

Transpositions of heads, and splits of queries, keys and values that were made by one product, become strides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from scopert.backend import FUSED, LOOP, WRITES, Fused, Node, Program, Step, Value, as_dtype
from scopert.program.passes.dead import Dead
from scopert.program.passes.place import Place
from scopert_cupy.attention_body import Scores, body_of, divided, is_gradient_of, softmax_of
from scopert_cupy.device import Facts, nothing
from scopert_cupy.emitters.attention import ENDS, OPERATION, OPS, STARTS
from scopert_cupy.emitters.copying import row_major
from scopert_cupy.emitters.source import shape_of
from scopert_cupy.going import Going, beside, turned
from scopert_cupy.lying import Lying, lying
from scopert_cupy.operation import Attention, AttentionGradient, Tensor

_PRODUCTS = frozenset({"BatchMatMul", "BatchMatMulV2"})
_HALVES = ("float16", "bfloat16")
# How far numbers of a program of 16-bit floats may be apart that are meant to be the same.
_ROUNDING = {"float16": 2.0**-9, "bfloat16": 2.0**-6}
#: Bytes that a tensor's beginning, and its steps but the last, are a multiple of.
_ALIGNMENT = 16
_FLOAT = as_dtype("float32")
_T = TypeVar("_T")


@dataclass(slots=True)
class _Forward:
    """Attention that was found; what it is called follows from who uses it.

    Attributes
    ----------
    first, softmax, second : Step
        The products of queries and keys, and of the softmax and the values.
    scores : Scores
    q, k, v : int
        Slots.
    shape : tuple of int
        Batch, heads, rows, columns.
    """

    first: Step
    softmax: Step
    second: Step
    scores: Scores
    q: int
    k: int
    v: int
    shape: tuple[int, int, int, int]

    @property
    def o(self) -> int:
        return self.second.outputs[0]


@dataclass(slots=True)
class _Backward:
    """Its gradient: the products that make those of the softmax and of `v`, the softmax's own, those of `q` and `k`."""

    to_softmax: Step
    to_v: Step
    inner: Step
    to_q: Step
    to_k: Step

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.to_softmax, self.inner, *self.results

    @property
    def results(self) -> tuple[Step, ...]:
        return self.to_q, self.to_k, self.to_v


def join_attention(program: Program, facts: Facts, place: bool = True) -> Program:
    """The program with attention joined, and (with `place`) a new layout.

    One without a layout stays what it is: its shapes are not sure. So does one for a device without such a library.
    """
    if program.memory is None or facts.computes is nothing:
        return program
    joining = _Joining(program, facts)
    for step in program.steps:
        if step.op == FUSED:
            joining.look_at(step)
    if not joining.replaced:
        return program
    steps = []
    for step in program.steps:
        if id(step) in joining.before:
            steps.append(joining.before[id(step)])
        if id(step) not in joining.gone:
            steps.append(joining.replaced.get(id(step), step))
    made = Dead()(replace(program, values=tuple(joining.values), steps=tuple(steps)))
    return Place()(made) if place else made


class _Joining:
    def __init__(self, program: Program, facts: Facts) -> None:
        self._program, self._facts = program, facts
        self.values = list(program.values)
        #: By the identity of the step in whose place they stand.
        self.replaced: dict[int, Step] = {}
        self.gone: set[int] = set()
        #: What makes a bias, by the identity of the step that it stands in front of.
        self.before: dict[int, Step] = {}
        self._made = {slot: step for step in program.steps for slot in step.outputs}
        self._users: dict[int, list[Step]] = {}
        for step in program.steps:
            for slot in (*step.inputs, *step.guards):
                self._users.setdefault(slot, []).append(step)
        self._fetched = Counter(fetch.slot for fetch in program.fetches)
        self._at = {id(step): number for number, step in enumerate(program.steps)}
        self._answers: dict[Any, Any] = {}
        #: What joined steps read, in the place of what was made of it.
        self._taken: set[int] = set()
        self._changes = [n for n, step in enumerate(program.steps) if WRITES in step.traits or step.op == LOOP]

    def look_at(self, step: Step) -> None:
        """Joins the attention whose softmax a step makes, if it is one."""
        forward = self._forward(step)
        if forward is None or any(self._fetched[slot] for slot in step.outputs):
            return
        if not self._undisturbed((forward.first, step, forward.second)):
            return
        slots = (*step.outputs, *forward.first.outputs)
        users = [user for slot in slots for user in self._users.get(slot, [])]
        others = {id(user): user for user in users if user is not forward.second and user is not step}
        if not others:
            self._join(forward, None)
            return
        backward = self._backward(forward, list(others.values()))
        if backward is not None and self._undisturbed(backward.steps):
            self._join(forward, backward)

    # What it is.

    def _forward(self, step: Step) -> _Forward | None:
        body = step.body
        if not isinstance(body, Fused) or not self._is_free(step):
            return None
        for number, slot in enumerate(step.inputs):
            first = self._product(slot, (False, True))
            if first is None or self._used(slot)[:1] != [step] or step.inputs.count(slot) != 1:
                continue
            for output in step.outputs:
                second = next((user for user in self._users.get(output, []) if self._is_second(user, output)), None)
                if second is not None:
                    return self._checked(first, step, second, number, body)
        return None

    def _is_second(self, user: Step, softmax: int) -> bool:
        """Whether it is a product of the softmax with something."""
        return self._product(user.outputs[0], (False, False)) is user and user.inputs[0] == softmax

    def _checked(self, first: Step, step: Step, second: Step, number: int, body: Fused) -> _Forward | None:
        scores = shape_of(self.values[first.outputs[0]])
        if len(scores) not in (3, 4):
            return None
        batch, heads, rows, columns = scores if len(scores) == 4 else (scores[0], 1, *scores[1:])
        shape = (batch, heads, rows, columns)
        found = self._once(softmax_of, body, number, step.inputs, self._known(step), shape)
        if found is None:
            return None
        queries, keys = first.inputs
        forward = _Forward(first, step, second, found, queries, keys, second.inputs[1], shape)
        # A batch of one operand that stands for all of another's is not among what the library takes.
        slots = (forward.q, forward.k, forward.v, forward.o)
        alike = all(shape_of(self.values[slot])[:-2] == scores[:-2] for slot in slots)
        halves = {self.values[slot].dtype.base.name for slot in (*slots, first.outputs[0], second.inputs[0])}
        return forward if alike and len(halves) == 1 and halves <= set(_HALVES) else None

    def _backward(self, forward: _Forward, users: Sequence[Step]) -> _Backward | None:
        """The gradient, if it is all that the softmax, and the product it is made of, are used for otherwise."""
        stored = dict(zip(forward.softmax.outputs, forward.scores.stored, strict=True))
        kind = self.values[forward.o].dtype.base.name
        to_v = next((user for user in users if user.op in _PRODUCTS), None)
        inner = next((user for user in users if user.op == FUSED), None)
        if to_v is None or inner is None or len(users) != 2 or not self._is_free(inner):
            return None
        if self._product(to_v.outputs[0], (True, False)) is not to_v or stored.get(to_v.inputs[0]) != "softmax":
            return None
        gradient = to_v.inputs[1]
        body = inner.body
        assert isinstance(body, Fused)
        if len(set(inner.inputs)) != len(inner.inputs):
            return None
        roles = {**stored, forward.first.outputs[0]: "product"}
        for slot in inner.inputs:
            to_softmax = self._product(slot, (False, True))
            if to_softmax is None or to_softmax.inputs != (gradient, forward.v) or self._used(slot) != [inner]:
                continue
            named = {**roles, slot: "gradient"}
            numbered = {number: named[each] for number, each in enumerate(inner.inputs) if each in named}
            asked = (forward.scores, body, numbered, inner.inputs, self._known(inner), _ROUNDING[kind], forward.shape)
            if self._once(is_gradient_of, *asked):
                return self._products_of(forward, to_softmax, to_v, inner)
        return None

    def _products_of(self, forward: _Forward, to_softmax: Step, to_v: Step, inner: Step) -> _Backward | None:
        """The gradient with the products that make those of the queries and the keys."""
        slot = inner.outputs[0]
        users = self._used(slot)
        to_q = next((u for u in users if u.inputs == (slot, forward.k) and self._is_product(u, (False, False))), None)
        to_k = next((u for u in users if u.inputs == (slot, forward.q) and self._is_product(u, (True, False))), None)
        if to_q is None or to_k is None or to_q is to_k or len(users) != 2:
            return None
        return _Backward(to_softmax, to_v, inner, to_q, to_k)

    def _product(self, slot: int, flips: tuple[bool, bool]) -> Step | None:
        """The batched product that makes a slot, if it takes its operands so."""
        step = self._made.get(slot)
        return step if step is not None and self._is_product(step, flips) else None

    def _is_product(self, step: Step, flips: tuple[bool, bool]) -> bool:
        if step.op not in _PRODUCTS or not self._is_free(step):
            return False
        attrs = step.origin.attrs
        values = [self.values[slot] for slot in (*step.inputs, *step.outputs)]
        known = all(value.shape is not None and None not in value.shape and 0 not in value.shape for value in values)
        return known and (bool(attrs["adj_x"]), bool(attrs["adj_y"])) == flips

    def _is_free(self, step: Step) -> bool:
        return not step.guards and not step.kept and id(step) not in self.gone and id(step) not in self.replaced

    def _used(self, slot: int) -> list[Step]:
        """Who uses a slot, if nobody else does: it is not fetched, and not read by what was joined."""
        return [] if self._fetched[slot] or slot in self._taken else self._users.get(slot, [])

    def _known(self, step: Step) -> dict[int, Any]:
        constants = self._program.constants
        return {number: constants[slot] for number, slot in enumerate(step.inputs) if slot in constants}

    def _once(self, ask: Callable[..., _T], *args: Any) -> _T:
        """What is asked of a body; layers of a model are alike, and masks are large: each is looked at once."""
        key = (ask, *[_key(arg) for arg in args])
        if key not in self._answers:
            self._answers[key] = ask(*args)
        return self._answers[key]

    def _undisturbed(self, steps: Sequence[Step]) -> bool:
        """Whether nothing is written from the first to the last of them: they read at another time, joined."""
        places = [self._at[id(step)] for step in steps]
        return not any(min(places) < change < max(places) for change in self._changes)

    # What becomes of it.

    def _join(self, forward: _Forward, backward: _Backward | None) -> None:
        """Puts one step in the place of all of it, and one in that of its gradient, if the library computes both."""
        scores, second = forward.scores, forward.second
        operands = [self._operand(slot) for slot in (forward.q, forward.k, forward.v)]
        going = turned(self._program, forward.o, self._used, self._is_free)
        o = self._tensor(forward.o, going.strides)
        bias = None if scores.bias is None else self._bias(forward, scores.bias)
        if scores.bias is not None and bias is None:
            return
        q, k, v = [tensor for _, tensor in operands]
        added = None if bias is None else bias[0]
        made = Attention(q, k, v, o, scores.scale, scores.causal, added, backward is not None)
        results: list[Going] = []
        if backward is not None:
            at_do, do = self._operand(backward.to_v.inputs[1])
            slots = [step.outputs[0] for step in backward.results]
            results = self._results(slots)
            tensors = [self._tensor(slot, each.strides) for slot, each in zip(slots, results, strict=True)]
            back = AttentionGradient(made, do, *tensors)
            if not self._facts.computes(back):
                return
        if not self._facts.computes(made):
            return
        given = [place for place, _ in operands]
        if bias is not None:
            given.append(Lying(self._added(forward, *bias), 0, ()))
        outputs = [going]
        if backward is not None:
            kept = self._statistics(forward)
            outputs.append(Going(kept, 0, ()))
            inputs = [*given, Lying(going.slot, 0, ()), at_do, Lying(kept, 0, ())]
            first = min((backward.to_softmax, backward.to_v), key=lambda step: self._at[id(step)])
            self._replace(first, backward.to_v, OPS[1], inputs, results, back)
            self.gone.update(id(step) for step in backward.steps if step is not first)
        self._replace(second, second, OPS[0], given, outputs, made)
        self.gone.update((id(forward.first), id(forward.softmax)))
        self.gone.update(id(step) for each in (going, *results) for step in each.saved)

    def _statistics(self, forward: _Forward) -> int:
        """The slot of what the gradient computes the softmax from again."""
        slot, name = len(self.values), f"{self.values[forward.o].name}/statistics"
        self.values.append(Value(slot, name, _FLOAT, (*forward.shape[:3], 1)))
        return slot

    def _replace(
        self, where: Step, origin: Step, op: str, inputs: Sequence[Lying], outputs: Sequence[Going], operation: Any
    ) -> None:  # fmt: skip
        def begins(place: Lying | Going) -> int:
            return place.start * int(self.values[place.slot].dtype.base.np.itemsize)

        self._taken.update(place.slot for place in inputs)
        made = list(dict.fromkeys([place.slot for place in outputs]))
        ends = tuple([(made.index(place.slot), begins(place)) for place in outputs])
        starts = tuple([begins(place) for place in inputs])
        attrs = {**origin.origin.attrs, OPERATION: operation, STARTS: starts, ENDS: ends}
        self.replaced[id(where)] = replace(
            origin, op=op, inputs=tuple([place.slot for place in inputs]), outputs=tuple(made),
            origin=replace(origin.origin, attrs=attrs), kernel=None,
        )  # fmt: skip

    def _operand(self, slot: int) -> tuple[Lying, Tensor]:
        """Where an operand lies, as far back as its rows are whole and aligned there."""
        for place in lying(self._program, slot, self._made, self._is_free, self._facts):
            if self._is_aligned(place, slot):
                return place, self._tensor(slot, place.strides)
        place = Lying(slot, 0, row_major(shape_of(self.values[slot])))
        return place, self._tensor(slot, place.strides)

    def _results(self, slots: Sequence[int]) -> list[Going]:
        """Where results go: beside each other into one array, or each by itself."""
        together = beside(self._program, slots, self._used, self._is_free)
        if together is not None and all(self._is_aligned(going, slots[0]) for going in together):
            return together
        return [turned(self._program, slot, self._used, self._is_free) for slot in slots]

    def _is_aligned(self, place: Going | Lying, slot: int) -> bool:
        """Whether a library takes it: rows are whole, and all of them begin at a multiple of some bytes."""
        size = self.values[slot].dtype.base.np.itemsize
        *outer, last = place.strides
        return last == 1 and not any(number * size % _ALIGNMENT for number in (place.start, *outer))

    def _tensor(self, slot: int, strides: tuple[int, ...]) -> Tensor:
        """A value with these strides, as the library says it."""
        value = self.values[slot]
        shape = shape_of(value)
        if len(shape) == 3:  # one head
            shape, strides = (shape[0], 1, *shape[1:]), (strides[0], strides[0], *strides[1:])
        return Tensor(shape, strides, value.dtype.base.name)

    def _bias(self, forward: _Forward, number: int) -> tuple[Tensor, Fused, tuple[int, ...]] | None:
        """What is added to the scores, as the library walks it, and what makes it; None if it cannot."""
        body = forward.softmax.body
        assert isinstance(body, Fused)
        alone, inputs = body_of(body, number, forward.scores.negated)
        kind = alone.nodes[alone.stores[0].node].dtype.base.name
        store = _behind_casts(alone)
        if store.op == "load" and not forward.scores.negated:  # it need not be made
            access = alone.loads[store.value]
            kind = self.values[forward.softmax.inputs[inputs[store.value]]].dtype.base.name
        else:
            access = alone.stores[0].access
        strides = divided(body.extents, access.strides, forward.shape)
        if strides is None or access.offset or kind not in (self.values[forward.o].dtype.base.name, "float32"):
            return None
        shape = tuple([n if stride else 1 for n, stride in zip(forward.shape, strides, strict=True)])
        return Tensor(shape, tuple([stride or 1 for stride in strides]), kind), alone, inputs

    def _added(self, forward: _Forward, bias: Tensor, body: Fused, inputs: tuple[int, ...]) -> int:
        """The slot of what is added: an input, or what a step makes from now on."""
        given = tuple([forward.softmax.inputs[number] for number in inputs])
        store = _behind_casts(body)
        if store.op == "load" and not forward.scores.negated:
            return given[store.value]
        slot = len(self.values)
        name = f"{self.values[forward.softmax.outputs[0]].name}/added"
        self.values.append(Value(slot, name, as_dtype(bias.dtype), bias.shape))
        self.before[id(forward.second)] = replace(forward.softmax, inputs=given, outputs=(slot,), body=body)
        return slot


def _behind_casts(body: Fused) -> Node:
    """What the one store of a body is, but for casts."""
    node = body.nodes[body.stores[0].node]
    while node.op == "cast":
        node = body.nodes[node.args[0]]
    return node


def _key(arg: Any) -> Any:
    """What an argument is the same by: a body by what it says, an array by being that array."""
    if isinstance(arg, Fused):
        return arg.extents, arg.rows, arg.nodes, arg.loads, arg.stores
    if isinstance(arg, dict):
        return tuple([(name, value if isinstance(value, str) else id(value)) for name, value in arg.items()])
    return arg


__all__ = ["join_attention"]
