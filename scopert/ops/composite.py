"""Values that are no tensors but stand for some: IndexedSlices, sparse tensors, tensor arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from scopert import nest
from scopert.graph.convert import to_tensor
from scopert.graph.tensor import Tensor


def to_tensor_or_composite(value: Any, name: str | None = None, as_ref: bool = False) -> Any:
    """A composite itself, anything else as a tensor."""
    if type(value) is Tensor or nest.is_composite(value):
        return value
    return to_tensor(value, None, name, None, as_ref)


def to_tensors_or_composites(values: Iterable[Any], as_ref: bool = False) -> list[Any]:
    """The same for several values."""
    return [to_tensor_or_composite(value, None, as_ref) for value in values]


def map_tensors(function: Callable[[Any], Any], value: Any) -> Any:
    """A composite of the results of `function` for the tensors of a composite."""
    return nest.map_structure(function, value, expand_composites=True)


class FlowValue:
    """An object whose state is a tensor that orders its uses (a TensorArray): control flow hands that on."""

    @property
    def flow(self) -> Tensor:
        raise NotImplementedError

    def with_flow(self, flow: Tensor) -> FlowValue:
        """The same object after the uses that `flow` stands for."""
        raise NotImplementedError


def to_flow(value: Any) -> Any:
    """The flow of an object that has one, anything else itself."""
    return value.flow if isinstance(value, FlowValue) else value


def from_flows(originals: Iterable[Any], flows: Iterable[Any]) -> list[Any]:
    """The results of `to_flow`, after control flow, as objects again."""
    return [
        original.with_flow(flow) if isinstance(original, FlowValue) else flow
        for original, flow in zip(originals, flows, strict=True)
    ]
