"""Values that are known before a run.

Shape rules need them (``reshape`` to a computed shape). Any pure operation whose inputs are known is
computed by its own kernel; only what follows from static shapes has rules of its own, registered
beside the op by :func:`static_value` and :func:`static_shape`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.errors import OpError
from scopert.graph.kernel import bind, origin_of
from scopert.graph.literals import Array
from scopert.graph.opdef import HOST, RANDOM, READS, STATEFUL, WRITES
from scopert.graph.operation import Operation
from scopert.graph.shape import as_tuple, num_elements
from scopert.graph.tensor import Shape, Tensor
from scopert.public import public

_EFFECTS = frozenset({HOST, RANDOM, READS, STATEFUL, WRITES})
# Their whole point is that a run may feed another value.
_FEEDABLE = frozenset({"PlaceholderWithDefault"})
# Larger arrays are not computed while a graph is built.
_LARGEST = 4096
_DEEPEST = 32

ValueRule = Callable[[Operation], Any]
_value_rules: dict[str, ValueRule] = {}
_shape_rules: dict[str, Callable[[Operation], Shape]] = {}


def static_value(*op_types: str) -> Callable[[ValueRule], ValueRule]:
    """Registers ``rule(op) -> array or None`` for ops whose value follows from shapes (a list for several outputs)."""

    def register(rule: ValueRule) -> ValueRule:
        for op_type in op_types:
            _value_rules[op_type] = rule
        return rule

    return register


def static_shape(*op_types: str) -> Callable[[Callable[[Operation], Shape]], Callable[[Operation], Shape]]:
    """Registers ``rule(op) -> shape`` for ops whose output, read as a shape, may be known in part."""

    def register(rule: Callable[[Operation], Shape]) -> Callable[[Operation], Shape]:
        for op_type in op_types:
            _shape_rules[op_type] = rule
        return rule

    return register


def follows_from_shapes(op_type: str) -> bool:
    """Whether the value of such an operation may be known from the shapes of its inputs alone."""
    return op_type in _value_rules


def known_value(tensor: Tensor, depth: int = 0) -> Array | None:
    """The value of a tensor if it is known, for shape rules; it may still be fed."""
    op = tensor._op
    if op.type == "Const":
        value: Array = op.attrs["value"]
        return value
    rule = _value_rules.get(op.type)
    if rule is not None:
        found = rule(op)
        if isinstance(found, list):
            found = found[tensor._value_index]
        return None if found is None else np.asarray(found)
    if depth > _DEEPEST or not op._inputs or op.opdef.kernel is None or op.opdef.traits & _EFFECTS:
        return None
    if op.type in _FEEDABLE:
        return None
    # A shape that is not known follows from the values of the inputs, and those are small.
    if (num_elements(tensor._shape) or 0) > _LARGEST:
        return None
    values = []
    for other in op._inputs:
        value_of = known_value(other, depth + 1)
        if value_of is None or value_of.size > _LARGEST:
            return None
        values.append(value_of)
    try:
        made = bind(op.opdef.kernel, op.opdef.kernel_keywords, np, origin_of(op))(*values)
    except (OpError, ValueError, TypeError, IndexError, ArithmeticError):
        return None  # the run will report it, with the operation's name
    return np.asarray(made[tensor._value_index] if isinstance(made, (tuple, list)) else made)


def known_shape(tensor: Tensor) -> Shape:
    """A tensor that holds a shape, as far as it is known; -1 counts as unknown.

    Returns
    -------
    tuple of int or None, or None
        None if not even its length is known.
    """
    value = known_value(tensor)
    if value is not None:
        if value.ndim == 0:
            return None if int(value) == -1 else ()
        if value.ndim > 1:
            raise ValueError(f"Shape must be rank 1 but is rank {value.ndim}")
        return tuple(None if n < 0 else int(n) for n in value.tolist())
    rule = _shape_rules.get(tensor._op.type)
    if rule is not None:
        found = rule(tensor._op)
        if found is not None:
            return found
    shape = tensor._shape
    if shape is None or len(shape) != 1 or shape[0] is None:
        return None
    return (None,) * shape[0]


# What TensorFlow's wrappers can compute. They make other operations where a value is not known to them,
# so knowing more here would change names.
_COMPUTED = frozenset({
    "Cast", "Concat", "ConcatOffset", "ConcatV2", "Const", "Equal", "Fill", "NotEqual", "Pack", "Range", "Rank",
    "Shape", "Size",
})  # fmt: skip
_OF_SHAPES = frozenset({"Rank", "Shape", "Size"})


def _is_computed(tensor: Tensor) -> bool:
    op = tensor._op
    if op.type not in _COMPUTED:
        return False
    if op.type == "Pack" and op.attrs["axis"] != 0:
        return False
    return op.type in _OF_SHAPES or all(_is_computed(other) for other in op._inputs)


@public("get_static_value", "contrib.util.constant_value")
def constant_value(tensor: Any, partial: bool = False) -> Any:
    """The value of a tensor if it can be computed without a run, else None.

    Who asks may rely on the answer, so a tensor whose value is given can no longer be fed.

    Parameters
    ----------
    tensor : Tensor
    partial : bool
        A packed tensor that is known in part gives an object array with None in places.

    Returns
    -------
    numpy.ndarray or None
        What is no tensor is given back as it is.
    """
    if not isinstance(tensor, Tensor):
        return None if hasattr(tensor, "_as_graph_element") else tensor
    found = known_value(tensor) if _is_computed(tensor) else None
    if found is None and partial and tensor.op.type == "Pack" and tensor.op.attrs["axis"] == 0:
        parts = [constant_value(item) for item in tensor.op.inputs]
        if any(part is not None for part in parts):
            mixed = np.empty(len(parts), dtype=object)
            mixed[:] = parts
            return mixed
    if found is not None:
        _prevent_feeding(tensor)
    return found


#: Of these TensorFlow asks for the inputs' values in the same way.
_ASK_INPUTS = frozenset({"Cast", "Concat", "ConcatV2", "Equal", "Fill", "NotEqual", "Pack", "Range"})


def _prevent_feeding(tensor: Tensor) -> None:
    tensor.graph.prevent_feeding(tensor)
    if tensor._op.type in _ASK_INPUTS:
        for other in tensor._op._inputs:
            _prevent_feeding(other)


def constant_value_as_shape(tensor: Any) -> Shape:
    """`known_shape` of a tensor, or the shape that a value stands for."""
    return known_shape(tensor) if isinstance(tensor, Tensor) else as_tuple(tensor)
