"""From an `Operation` to a graph of cuDNN's front end: no device, no driver.

Tensors are numbered from 1, in the operation's order: a plan is run with a dictionary from number to address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scopert_cupy.operation import Convolution, Operation, Tensor

#: NumPy's name of a type -> the front end's.
_TYPES = {"float16": "HALF", "bfloat16": "BFLOAT16", "float32": "FLOAT"}
# Sums in the type of the operands, and transformed tiles that lose digits, are not what a program asked for.
_NEVER = (
    "NONDETERMINISTIC", "REDUCED_PRECISION_REDUCTION", "DOWN_CONVERT_INPUTS", "WINOGRAD_TILE_6x6",
    "WINOGRAD_TILE_13x13",
)  # fmt: skip
# The tensor cores round float32 operands to TF32.
_ROUNDED = "TENSOR_CORE"


class Unsupported(ValueError):
    """The front end has no form for an operation."""


def graph_of(cudnn: Any, operation: Operation, **options: Any) -> Any:
    """An operation as a graph.

    Parameters
    ----------
    cudnn : module
        The front end.
    operation : Operation
    **options
        Of ``cudnn.pygraph``: the handle, or the properties of a device that is not there.

    Raises
    ------
    Unsupported
        If the front end cannot say it.
    """
    if operation.dtype not in _TYPES or operation.precision not in ("float32", "tf32"):
        raise Unsupported(f"cuDNN computes no {operation} of {operation.dtype} as {operation.precision}")
    types = cudnn.data_type
    graph = cudnn.pygraph(
        io_data_type=getattr(types, _TYPES[operation.dtype]), intermediate_data_type=types.FLOAT,
        compute_data_type=types.FLOAT, **options,
    )  # fmt: skip
    given: dict[str, Any] = {}
    for number, (name, tensor) in enumerate(operation.tensors.items(), 1):
        if name not in operation.made:
            given[name] = graph.tensor(
                name=name, dim=list(tensor.shape), stride=list(tensor.strides),
                data_type=getattr(types, _TYPES[tensor.dtype]), uid=number,
            )  # fmt: skip
    made = _convolved(graph, operation, given)
    for number, (name, tensor) in enumerate(operation.tensors.items(), 1):
        if name in operation.made:
            _describe(made[name], tensor, number, getattr(types, _TYPES[tensor.dtype]))
    return graph


def _describe(made: Any, tensor: Tensor, number: int, dtype: Any) -> None:
    """Says of a result where it goes."""
    made.set_output(True)
    made.set_uid(number)
    made.set_dim(list(tensor.shape))
    made.set_stride(list(tensor.strides))
    made.set_data_type(dtype)


def _convolved(graph: Any, c: Convolution, given: Mapping[str, Any]) -> dict[str, Any]:
    steps: dict[str, Any] = {
        "pre_padding": list(c.before), "post_padding": list(c.after), "stride": list(c.strides),
        "dilation": list(c.rates),
    }  # fmt: skip
    if c.kind == "input":
        return {"image": graph.conv_dgrad(loss=given["out"], filter=given["filter"], **steps)}
    if c.kind == "filter":
        return {"filter": graph.conv_wgrad(image=given["image"], loss=given["out"], **steps)}
    made = graph.conv_fprop(image=given["image"], weight=given["filter"], **steps)
    if c.bias:
        made = graph.bias(input=made, bias=given["bias"])
    if c.activation == "relu":
        made = graph.relu(input=made)
    elif c.activation:
        raise Unsupported(f"no {c.activation} follows a {c}")
    return {"out": made}


def refused_notes(cudnn: Any, operation: Operation) -> list[Any]:
    """What a plan must not say of its arithmetic."""
    names = list(_NEVER)
    if operation.dtype == "float32" and operation.precision == "float32":
        names.append(_ROUNDED)
    return [getattr(cudnn.numerical_note, name) for name in names if hasattr(cudnn.numerical_note, name)]


__all__ = ["Unsupported", "graph_of", "refused_notes"]
