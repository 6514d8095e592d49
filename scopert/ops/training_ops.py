"""The ops of the optimizers: ApplyX, ResourceApplyX, SparseApplyX and ResourceSparseApplyX from one rule each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.opdef import STATEFUL, UPDATE, WRITES, OpDef, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape import merge
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape
from scopert.ops import training_rules as rules
from scopert.ops.state_resource import handle_shape
from scopert.ops.state_variables import NUMBERS

_Rule = Callable[..., None]
#: Inputs that hold one entry for each of the variable.
FULL = frozenset({"grad", "delta"})


def _input_text(name: str, states: int, index: int, resource: bool) -> str:
    if index < states:
        return f"{name}: resource" if resource else f"{name}: Ref(T)"
    if name == "indices":
        return "indices: Tindices"
    return f"{name}: int64" if name == "global_step" else f"{name}: T"


def _shape_rule(names: list[str], states: int, sparse: bool, resource: bool) -> Callable[[Operation], list[Shape]]:
    def rule(op: Operation) -> list[Shape]:
        shape: Shape = None
        for index in range(states):
            tensor = op._inputs[index]
            shape = merge(shape, handle_shape(tensor) if resource else tensor._shape)
        for index in range(states, len(names)):
            found = op._inputs[index]._shape
            if names[index] == "indices":
                with_rank(found, 1)
            elif names[index] not in FULL:
                with_rank(found, 0)
            elif sparse:
                if shape is not None and found is not None:
                    merge((None, *shape[1:]), found)
            else:
                shape = merge(shape, found)
        return [] if resource else [shape]

    return rule


#: ``apply(rule, xp, views, others, flags)`` changes the views as ``rule(xp, *views, *others, **flags)`` does.
Apply = Callable[[_Rule, Any, list[Any], Sequence[Any], dict[str, bool]], None]


def _apply(rule: _Rule, xp: Any, views: list[Any], others: Sequence[Any], flags: dict[str, bool]) -> None:
    rule(xp, *views, *others, **flags)


def _dense_kernel(
    rule: _Rule, names: list[str], states: int, flags: tuple[str, ...], resource: bool, apply: Apply = _apply
) -> Any:
    full = [index for index, name in enumerate(names) if name in FULL]

    def kernel(xp: Any, *inputs: Any, **given: bool) -> Any:
        refs = inputs[:states]
        views = [ref.write_view() for ref in refs]
        for index in (*range(1, states), *full):
            check_same_shape(views[0], views[index] if index < states else inputs[index], names[index])
        apply(rule, xp, views, inputs[states:], given)
        return None if resource else refs[0]

    return _with_flags(kernel, flags)


def check_same_shape(variable: Any, array: Any, name: str) -> None:
    """Raises InvalidArgumentError if an input called `name` has not the variable's shape."""
    if array.shape != variable.shape:
        raise InvalidArgumentError(
            None, None,
            f"var and {name} do not have the same shape: {list(variable.shape)} and {list(array.shape)}",
        )  # fmt: skip


#: ``apply_rows(rule, xp, views, indices, others, flags)`` does the same for rows of the views; false if it cannot.
ApplyRows = Callable[[_Rule, Any, list[Any], Any, Sequence[Any], dict[str, bool]], bool]


def _sparse_kernel(
    rule: _Rule, names: list[str], states: int, flags: tuple[str, ...], resource: bool,
    apply_rows: ApplyRows | None = None,
) -> Any:  # fmt: skip
    at_indices, at_grad = names.index("indices"), names.index("grad")

    def kernel(xp: Any, *inputs: Any, **given: bool) -> Any:
        refs, indices, grad = inputs[:states], inputs[at_indices], inputs[at_grad]
        views = [ref.write_view() for ref in refs]
        _check_rows(xp, views[0], indices, grad)
        others = list(inputs[states:])
        if apply_rows is not None:
            rest = [item for index, item in enumerate(others) if index != at_indices - states]
            if apply_rows(rule, xp, views, indices, rest, given):
                return None if resource else refs[0]
        for chosen in _rounds(xp, indices):
            rows = indices if chosen is None else indices[chosen]
            others[at_grad - states] = grad if chosen is None else grad[chosen]
            parts = [view[rows] for view in views]
            rule(xp, *parts, *(item for index, item in enumerate(others) if index != at_indices - states), **given)
            for view, part in zip(views, parts, strict=True):
                view[rows] = part
        return None if resource else refs[0]

    return _with_flags(kernel, flags)


def _rounds(xp: Any, indices: Any) -> list[Any]:
    """Positions to be updated at once, so that each row occurs once: repeated rows are updated one after the other."""
    count = indices.shape[0]
    order = xp.argsort(indices, kind="stable")
    arranged = indices[order]
    first = xp.ones(count, dtype=bool)
    first[1:] = arranged[1:] != arranged[:-1]
    if bool(first.all()):
        return [None]
    places = xp.arange(count)
    occurrence = xp.empty(count, dtype=places.dtype)
    starts = places[first]
    occurrence[order] = places - starts[xp.cumsum(first) - 1]
    return [xp.nonzero(occurrence == number)[0] for number in range(int(occurrence.max()) + 1)]


def _check_rows(xp: Any, var: Any, indices: Any, grad: Any) -> None:
    if indices.shape[:1] != grad.shape[:1]:
        raise InvalidArgumentError(
            None, None, "grad must be the same size as indices in the first dimension: "
            f"{list(grad.shape)} and {list(indices.shape)}"
        )  # fmt: skip
    if grad.shape[1:] != var.shape[1:]:
        raise InvalidArgumentError(
            None, None, f"var and grad must match beyond the first dimension: {list(var.shape)} and {list(grad.shape)}"
        )
    wrong = xp.nonzero((indices < 0) | (indices >= var.shape[0]))[0]
    if wrong.size:
        place = int(wrong[0])
        raise InvalidArgumentError(
            None, None, f"Index {int(indices[place])} at offset {place} in indices is out of range: "
            f"the variable has {var.shape[0]} rows"
        )  # fmt: skip


def _with_flags(kernel: Any, flags: tuple[str, ...]) -> Any:
    """Gives the kernel a signature from which the attributes it needs can be read."""
    parameters = [
        inspect.Parameter("xp", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL),
        *(inspect.Parameter(flag, inspect.Parameter.KEYWORD_ONLY) for flag in flags),
    ]
    kernel.__signature__ = inspect.Signature(parameters)
    return kernel


_DENSE: dict[str, tuple[_Rule, list[str], int, tuple[str, ...], bool]] = {}
_SPARSE: dict[str, tuple[_Rule, list[str], int, tuple[str, ...], bool]] = {}


@dataclass(frozen=True)
class Update:
    """How an op with the trait UPDATE changes its variables: ``rule(xp, *views, *others, **flags)``.

    Attributes
    ----------
    rule : callable
    states : int
        So many inputs, the first, are variables.
    names : tuple of str
        Of all inputs.
    flags : tuple of str
        Attributes that the rule wants.
    resource : bool
        The op has no outputs; else the first variable is its output.
    """

    rule: _Rule
    states: int
    names: tuple[str, ...]
    flags: tuple[str, ...]
    resource: bool


def update_of(op: str) -> Update | None:
    """The rule of an op that updates whole variables; None of any other op."""
    found = _DENSE.get(op)
    if found is None:
        return None
    rule, names, states, flags, resource = found
    return Update(rule, states, tuple(names), flags, resource)


def row_update_of(op: str) -> Update | None:
    """The same of an op that updates the rows which its input ``indices`` names; the rule does not get that input."""
    found = _SPARSE.get(op)
    if found is None:
        return None
    rule, names, states, flags, resource = found
    return Update(rule, states, tuple(names), flags, resource)


def dense_kernels(apply: Apply) -> dict[str, Any]:
    """The kernels of the ops that update whole variables, by op, on top of a way to apply a rule."""
    return {name: _dense_kernel(*row, apply) for name, row in _DENSE.items()}


def sparse_kernels(apply_rows: ApplyRows) -> dict[str, Any]:
    """The kernels of the ops that update rows of variables, by op, on top of a way to apply a rule to rows."""
    return {name: _sparse_kernel(*row, apply_rows) for name, row in _SPARSE.items()}


def _define(
    name: str, inputs: str, states: int, rule: _Rule, *, flags: str = "", resource: bool, sparse: bool = False
) -> OpDef:
    names = inputs.split()
    given = tuple(flags.split("=")[:1]) if flags else ()
    made = _sparse_kernel if sparse else _dense_kernel
    attrs = f"T: {NUMBERS};" + (" Tindices: {int32, int64};" if sparse else "") + " use_locking: bool = false"
    if flags:
        key, value = flags.split("=")
        attrs += f"; {key}: bool = {value}"
    full_name = ("Resource" if resource else "") + ("Sparse" if sparse else "") + "Apply" + name
    (_SPARSE if sparse else _DENSE)[full_name] = (rule, names, states, given, resource)
    return define_op(
        full_name,
        inputs=", ".join(_input_text(item, states, index, resource) for index, item in enumerate(names)),
        outputs="" if resource else "out: Ref(T)",
        attrs=attrs,
        shape=_shape_rule(names, states, sparse, resource),
        kernel=made(rule, names, states, given, resource),
        traits=(WRITES, *(() if sparse else (UPDATE,)), *((STATEFUL,) if resource else ())),
    )


#: (name, inputs of the dense op, number of variables among them, rule, flag with its default,
#: inputs of the op for rows ("" if there is none), its own rule if any, forms by reference/by resource)
_TABLE: tuple[tuple[str, str, int, _Rule, str, str, _Rule | None], ...] = (
    ("GradientDescent", "var alpha delta", 1, rules.gradient_descent, "", "", None),
    (
        "ProximalGradientDescent", "var alpha l1 l2 delta", 1, rules.proximal_gradient_descent, "",
        "var alpha l1 l2 grad indices", None,
    ),
    (
        "Momentum", "var accum lr grad momentum", 2, rules.momentum, "use_nesterov=false",
        "var accum lr grad indices momentum", None,
    ),
    (
        "Adagrad", "var accum lr grad", 2, rules.adagrad, "update_slots=true",
        "var accum lr grad indices", None,
    ),
    (
        "AdagradV2", "var accum lr epsilon grad", 2, rules.adagrad_v2, "update_slots=true",
        "var accum lr epsilon grad indices", None,
    ),
    (
        "AdagradDA", "var gradient_accumulator gradient_squared_accumulator grad lr l1 l2 global_step", 3,
        rules.adagrad_da, "",
        "var gradient_accumulator gradient_squared_accumulator grad indices lr l1 l2 global_step", None,
    ),
    (
        "ProximalAdagrad", "var accum lr l1 l2 grad", 2, rules.proximal_adagrad, "",
        "var accum lr l1 l2 grad indices", None,
    ),
    (
        "Adadelta", "var accum accum_update lr rho epsilon grad", 3, rules.adadelta, "",
        "var accum accum_update lr rho epsilon grad indices", None,
    ),
    (
        "Ftrl", "var accum linear grad lr l1 l2 lr_power", 3, rules.ftrl, "",
        "var accum linear grad indices lr l1 l2 lr_power", None,
    ),
    (
        "FtrlV2", "var accum linear grad lr l1 l2 l2_shrinkage lr_power", 3, rules.ftrl_v2, "",
        "var accum linear grad indices lr l1 l2 l2_shrinkage lr_power", None,
    ),
    (
        "Adam", "var m v beta1_power beta2_power lr beta1 beta2 epsilon grad", 3, rules.adam, "use_nesterov=false",
        "", None,
    ),
    ("AdaMax", "var m v beta1_power lr beta1 beta2 epsilon grad", 3, rules.adamax, "", "", None),
    (
        "RMSProp", "var ms mom lr rho momentum epsilon grad", 3, rules.rms_prop, "",
        "var ms mom lr rho momentum epsilon grad indices", rules.sparse_rms_prop,
    ),
    (
        "CenteredRMSProp", "var mg ms mom lr rho momentum epsilon grad", 4, rules.centered_rms_prop, "",
        "var mg ms mom lr rho momentum epsilon grad indices", rules.sparse_centered_rms_prop,
    ),
    ("AddSign", "var m lr alpha sign_decay beta grad", 2, rules.add_sign, "", "", None),
    ("PowerSign", "var m lr logbase sign_decay beta grad", 2, rules.power_sign, "", "", None),
)  # fmt: skip

#: By op type, for the optimizers.
TRAINING_OPS: dict[str, OpDef] = {}


def _define_all() -> None:
    made = []
    for name, dense, states, rule, flags, sparse, sparse_rule in _TABLE:
        for resource in (False, True):
            made.append(_define(name, dense, states, rule, flags=flags, resource=resource))
            if sparse:
                made.append(
                    _define(name, sparse, states, sparse_rule or rule, flags=flags, resource=resource, sparse=True)
                )
    # These two exist for resource variables only.
    keras = "var accum lr grad momentum"
    made.append(_define("KerasMomentum", keras, 2, rules.keras_momentum, flags="use_nesterov=false", resource=True))
    made.append(
        _define(
            "KerasMomentum", "var accum lr grad indices momentum", 2, rules.keras_momentum,
            flags="use_nesterov=false", resource=True, sparse=True,
        )
    )  # fmt: skip
    amsgrad = "var m v vhat beta1_power beta2_power lr beta1 beta2 epsilon grad"
    made.append(_define("AdamWithAmsgrad", amsgrad, 4, rules.adam_with_amsgrad, resource=True))
    TRAINING_OPS.update({opdef.name: opdef for opdef in made})


_define_all()
