"""From an `Operation` to a graph of cuDNN's front end: no device, no driver.

Tensors are numbered from 1, in the operation's order: a plan is run with a dictionary from number to address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scopert_cupy.operation import Attention, AttentionGradient, Convolution, Operation, Tensor

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
    if operation.dtype not in _TYPES:
        raise Unsupported(f"cuDNN computes no {operation} of {operation.dtype}")
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
    if isinstance(operation, Convolution):
        made = _convolved(graph, operation, given)
    elif isinstance(operation, Attention):
        made = _attended(cudnn, graph, operation, given)
    else:
        made = _attended_back(cudnn, graph, operation, given)
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
    if c.precision not in ("float32", "tf32"):
        raise Unsupported(f"cuDNN computes no {c} of float32 as {c.precision}")
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


def _scores(cudnn: Any, a: Attention) -> dict[str, Any]:
    """How the scores of attention are made of the product."""
    if a.dtype not in ("float16", "bfloat16"):
        raise Unsupported(f"cuDNN's {a} is not one of {a.dtype} in full precision")
    made: dict[str, Any] = {"attn_scale": a.scale}
    if a.causal:
        made |= {"diagonal_alignment": cudnn.diagonal_alignment.TOP_LEFT, "diagonal_band_right_bound": 0}
    return made


def _attended(cudnn: Any, graph: Any, a: Attention, given: Mapping[str, Any]) -> dict[str, Any]:
    o, stats = graph.sdpa(**given, generate_stats=a.statistics, **_scores(cudnn, a))
    return {"o": o, "stats": stats} if a.statistics else {"o": o}


def _attended_back(cudnn: Any, graph: Any, a: AttentionGradient, given: Mapping[str, Any]) -> dict[str, Any]:
    named = {"dO" if name == "do" else name: tensor for name, tensor in given.items()}
    made = graph.sdpa_backward(**named, use_deterministic_algorithm=True, **_scores(cudnn, a.forward))
    return dict(zip(a.made, made, strict=True))


def refused_notes(cudnn: Any, operation: Operation) -> list[Any]:
    """What a plan must not say of its arithmetic."""
    names = list(_NEVER)
    if isinstance(operation, Convolution) and operation.dtype == operation.precision == "float32":
        names.append(_ROUNDED)
    return [getattr(cudnn.numerical_note, name) for name in names if hasattr(cudnn.numerical_note, name)]


__all__ = ["Unsupported", "graph_of", "refused_notes"]
