"""What the system knows of an op, and the registry of all ops.

An op is defined once: one :func:`define_op` call with TensorFlow's own op and attribute names, the
shape rule, the generic kernel and the traits; its gradient rule is attached by :func:`gradient`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from scopert.graph.dtypes import DType
from scopert.graph.signature import Arg, Attr, parse_args, parse_attrs

if TYPE_CHECKING:
    from scopert.graph.operation import Operation

Shape = tuple[int | None, ...] | None
ShapeRule = Callable[["Operation"], Sequence[Shape]]
Kernel = Callable[..., Any]
GradientRule = Callable[..., Any]

#: Each output element depends on the broadcast input elements at its place only.
ELEMENTWISE = "elementwise"
#: The operands of a binary op can be exchanged.
COMMUTATIVE = "commutative"
#: Reduces over axes given by its second input.
REDUCTION = "reduction"
#: An output may share memory with an input.
VIEW = "view"
#: Keeps state between runs or has effects: never folded, never merged with an equal op.
STATEFUL = "stateful"
#: Changes the variable behind its first input.
WRITES = "writes"
#: Changes its variables element by element: its inputs are these variables, arrays of their shape, and scalars.
UPDATE = "update"
#: Reads the variable behind its first (resource) input.
READS = "reads"
#: Draws random numbers.
RANDOM = "random"
#: Works on host objects (strings, callbacks, queues), not on device arrays.
HOST = "host"

TRAITS = frozenset({ELEMENTWISE, COMMUTATIVE, REDUCTION, VIEW, STATEFUL, WRITES, UPDATE, READS, RANDOM, HOST})
PURE: frozenset[str] = frozenset()


class OpDef:
    """An op: its signature, rules, generic kernel and traits.

    Attributes
    ----------
    name : str
        TensorFlow's name of the op (``MatMul``, ``AddV2``).
    inputs, outputs : tuple of Arg
    attrs : tuple of Attr
    shape : callable
        ``rule(op) -> [shape of each output]``; shapes are tuples, ``None`` where unknown.
    kernel : callable or None
        ``kernel(xp, *inputs, *, attrs it needs)`` over an array namespace.
    traits : frozenset of str
    module : str
        Where it is defined.
    """

    __slots__ = (
        "_signature", "attr_by_name", "attrs", "completed", "differentiable", "has_refs", "inferred", "inputs",
        "kernel", "kernel_keywords", "module", "name", "outputs", "plain", "shape", "traits",
    )  # fmt: skip

    attrs: tuple[Attr, ...]
    attr_by_name: dict[str, Attr]
    inputs: tuple[Arg, ...]
    outputs: tuple[Arg, ...]
    #: Names of the kernel's keyword-only parameters.
    kernel_keywords: tuple[str, ...]
    #: Attributes whose value follows from the inputs.
    inferred: frozenset[str]
    #: Takes a variable itself, not its value.
    has_refs: bool
    #: No list inputs, no refs: the quick way of `build.apply` serves it.
    plain: bool

    def __init__(
        self, name: str, inputs: str, outputs: str, attrs: str, shape: ShapeRule,
        kernel: Kernel | None, traits: frozenset[str], differentiable: bool, module: str,
    ) -> None:  # fmt: skip
        self.name = name
        self.module = module
        self._signature = (inputs, outputs, attrs)
        self.shape = shape
        self.kernel = kernel
        self.traits = traits
        self.differentiable = differentiable
        #: Input types -> (attributes, output types) of operations whose attributes all follow from
        #: them. Those operations share the one dict, which is why attributes are never changed in place.
        self.completed: dict[tuple[DType, ...], tuple[dict[str, Any], list[DType]]] = {}

    def __getattr__(self, name: str) -> Any:
        # A slot that is still empty. A program uses few of the ops that there are, so a signature is
        # parsed when it is first asked for, not when the library is imported.
        if name not in _PARSED:
            raise AttributeError(f"an OpDef has no attribute {name!r}")
        self._parse()
        return getattr(self, name)

    def _parse(self) -> None:
        inputs, outputs, attrs = self._signature
        self.attrs = parse_attrs(attrs)
        self.attr_by_name = {attr.name: attr for attr in self.attrs}
        self.inputs = parse_args(inputs, self.attrs)
        self.outputs = parse_args(outputs, self.attrs)
        self.kernel_keywords = keyword_only(self.kernel) if self.kernel is not None else ()
        self.inferred = frozenset(
            key
            for arg in self.inputs
            for key in (arg.type_attr, arg.type_list_attr, arg.number_attr)
            if key is not None
        )
        self.has_refs = any(arg.is_ref for arg in self.inputs)
        self.plain = not any(arg.is_list or arg.is_ref for arg in self.inputs)

    def __repr__(self) -> str:
        return f"<OpDef {self.name}>"


_PARSED = frozenset({"attrs", "attr_by_name", "inputs", "outputs", "kernel_keywords", "inferred", "has_refs", "plain"})


def keyword_only(function: Kernel) -> tuple[str, ...]:
    """The names of a kernel's keyword-only parameters."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


_ops: dict[str, OpDef] = {}
_gradients: dict[str, GradientRule | None] = {}


def define_op(
    name: str,
    inputs: str = "",
    outputs: str = "",
    attrs: str = "",
    *,
    shape: ShapeRule,
    kernel: Kernel | None = None,
    traits: str | Iterable[str] = PURE,
    differentiable: bool = True,
) -> OpDef:
    """Defines an op and registers it.

    Parameters
    ----------
    name : str
        The op's type, as in TensorFlow.
    inputs, outputs, attrs : str
        The signature, in the grammar of :mod:`scopert.graph.signature`.
    shape : callable
        The shape rule.
    kernel : callable, optional
        The generic kernel. Ops without one are executed by the runtime itself.
    traits : str or iterable of str
        Of the constants in this module.
    differentiable : bool
        False where no gradient exists by nature: `tf.gradients` gives None there.

    Raises
    ------
    ValueError
        If an op of this name exists, or a trait is unknown.
    """
    if name in _ops:
        raise ValueError(f"the op {name!r} is already defined, in {_ops[name].module}")
    given = frozenset((traits,) if isinstance(traits, str) else traits)
    if not given <= TRAITS:
        raise ValueError(f"unknown traits of op {name!r}: {sorted(given - TRAITS)}")
    module = sys._getframe(1).f_globals.get("__name__", "")
    opdef = _ops[name] = OpDef(name, inputs, outputs, attrs, shape, kernel, given, differentiable, module)
    if not differentiable:
        _gradients[name] = None
    return opdef


def unknown_op(name: str, outputs: int) -> OpDef:
    """A stand-in for the definition of an op that scopert lacks: no kernel, nothing known of its outputs."""
    shapes: list[Shape] = [None] * outputs
    return OpDef(name, "", "", "", lambda op: shapes, None, frozenset({STATEFUL}), True, __name__)


def gradient(*names: str) -> Callable[[GradientRule], GradientRule]:
    """Attaches a gradient rule ``rule(op, *grads)`` to ops; the same as ``tf.RegisterGradient``."""

    def attach(rule: GradientRule) -> GradientRule:
        for name in names:
            register_gradient(name, rule)
        return rule

    return attach


def register_gradient(name: str, rule: GradientRule | None) -> None:
    """Registers a gradient rule under an op type or an override name.

    Raises
    ------
    KeyError
        If one is registered under this name already.
    """
    if name in _gradients:
        raise KeyError(f"Registering two gradient with name '{name}'!")
    _gradients[name] = rule


def gradient_rule(name: str) -> GradientRule | None:
    """The rule registered under a name; None if there is none by nature.

    Raises
    ------
    LookupError
        If nothing is registered.
    """
    try:
        return _gradients[name]
    except KeyError:
        raise LookupError(f"gradient registry has no entry for: {name}") from None


def find_op(name: str) -> OpDef | None:
    """The op of this type, or None."""
    return _ops.get(name)


def all_ops() -> dict[str, OpDef]:
    """All ops by name."""
    return dict(_ops)
