"""Operations that only order others: NoOp, groups, tuples, dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scopert import nest
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, control_dependencies, device, name_scope
from scopert.graph.shape_rules import no_outputs
from scopert.graph.tensor import Tensor
from scopert.public import public

NO_OP = define_op("NoOp", shape=no_outputs, kernel=lambda xp: (), differentiable=False)


@public("no_op")
def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing but carry control dependencies.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.Graph().as_default().__enter__() and tf.no_op(name="start").name
    'start'
    """
    operation: Operation = apply(NO_OP, name=name)
    return operation


def _group_on(place: str | None, deps: Sequence[Any], name: str | None = None) -> Operation:
    with control_dependencies(deps):
        if place is None:
            return no_op(name=name)
        with device(place):
            return no_op(name=name)


@public("group")
def group(*inputs: Any, name: str | None = None, **unknown: Any) -> Operation:
    """An operation that is done when all of `inputs` are.

    Inputs on several devices are grouped by device first: one NoOp a device, in the order of the device
    names, then one over those.

    Parameters
    ----------
    *inputs : Operation, Tensor, variable, or nested structures of them
    name : str, optional
        Default ``group_deps``.

    Raises
    ------
    ValueError
        If an unknown keyword is given.
    TypeError
        If an input is nothing that runs.
    """
    if unknown:
        raise ValueError("Unknown keyword arguments: " + ", ".join(unknown))
    with name_scope(name, "group_deps", inputs) as scope:
        if not inputs:
            return no_op(name=scope)
        by_device: dict[Any, list[Any]] = {}
        for item in nest.flatten(inputs, expand_composites=True):
            if not hasattr(item, "device"):
                raise TypeError(
                    f"Expected tf.group() expected Tensor arguments not '{item}' with type '{type(item)}'"
                )
            by_device.setdefault(item.device, []).append(item)
        if len(by_device) == 1:
            [(place, deps)] = by_device.items()
            return _group_on(place, deps, scope)
        parts = [_group_on(place, by_device[place]) for place in sorted(by_device, key=lambda p: p or "")]
        with control_dependencies(parts):
            return no_op(name=scope)


def with_dependencies(dependencies: Iterable[Any], output_tensor: Any, name: str | None = None) -> Any:
    """The value of a tensor or IndexedSlices, only after `dependencies` have run.

    Parameters
    ----------
    dependencies : list of Operation or Tensor
    output_tensor : tensor-like or IndexedSlices
    name : str, optional
        Default ``control_dependency``.
    """
    from scopert.ops.array_identity import identity  # arrays are made with arithmetic, which groups

    before = list(dependencies)
    with (
        name_scope(name, "control_dependency", [*before, output_tensor]) as scope,
        colocate_with(output_tensor.op if isinstance(output_tensor, IndexedSlices) else output_tensor),
        control_dependencies(before),
    ):
        if isinstance(output_tensor, IndexedSlices):
            values = identity(output_tensor.values, name=scope)
            return IndexedSlices(values, output_tensor.indices, output_tensor.dense_shape)
        return identity(convert_to_tensor(output_tensor), name=scope)


@public("tuple")
def tuple_(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """The same tensors, each available only when all of them are computed.

    Parameters
    ----------
    tensors : list of Tensor, IndexedSlices, Operation or None
        An operation gives an operation, None stays None.
    name : str, optional
        Default ``tuple``.
    control_inputs : list of Operation or Tensor, optional
        What must have run besides.

    Raises
    ------
    ValueError
        If there is no tensor and no operation.
    TypeError
        If a control input is neither a tensor nor an operation.
    """
    with name_scope(name, "tuple", tensors):
        items = [
            item if item is None or isinstance(item, (Operation, Tensor, IndexedSlices)) or _is_tensor_like(item)
            else convert_to_tensor(item)
            for item in tensors
        ]  # fmt: skip
        gates = {item if isinstance(item, Operation) else item.op for item in items if item is not None}
        for item in control_inputs or ():
            if isinstance(item, Tensor):
                gates.add(item.op)
            elif isinstance(item, Operation):
                gates.add(item)
            else:
                raise TypeError(f"Control input must be Operation or Tensor: {item}")
        if not gates:
            raise ValueError(f"Must have at least one Tensor: {items}")
        gate = group(*sorted(gates, key=lambda op: op._id))
        gated: list[Any] = []
        for item in items:
            if item is None:
                gated.append(None)
            elif isinstance(item, Operation):
                with control_dependencies([gate]):
                    gated.append(group(item))
            else:
                gated.append(with_dependencies([gate], item))
        return gated


def _is_tensor_like(item: Any) -> bool:
    return hasattr(item, "op") and hasattr(item, "dtype")
