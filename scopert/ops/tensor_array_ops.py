"""The ops of TensorArrays.

The handle is made anew in each run. Each use takes the flow of the one before, a float32 scalar that orders
them, and gives the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.opdef import STATEFUL, VIEW, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape import is_compatible, text
from scopert.graph.shape_rules import no_outputs, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.row_memory import RowMemory
from scopert.ops.tensor_array_store import TensorArrayStore

_FLOW = np.float32(0)


def _known_element_shape(handle: Tensor) -> tuple[bool, Shape]:
    """Whether all elements are known to have one shape, and what is known of it."""
    op = handle._op
    while op.type != "TensorArrayV3":
        if op.type == "TensorArrayGradWithShape" or not op._inputs:
            return False, None
        op = op._inputs[0]._op
    return op.attrs["identical_element_shapes"], op.attrs["element_shape"]


def _check_value(op: Operation, shape: Shape) -> None:
    known, expected = _known_element_shape(op._inputs[0])
    if known and not is_compatible(expected, shape):
        raise ValueError(f"Shapes must be compatible: {text(expected)} and {text(shape)}")


def _make(
    xp: Any, size: Any, *, op: Any, context: Any, dtype: Any, element_shape: Shape, dynamic_size: bool,
    clear_after_read: bool, identical_element_shapes: bool, tensor_array_name: Any,
) -> Any:  # fmt: skip
    name = tensor_array_name.decode() if isinstance(tensor_array_name, bytes) else tensor_array_name
    store = TensorArrayStore(
        name or op.name, dtype, int(size), element_shape, identical_element_shapes, dynamic_size, clear_after_read,
        memory=context.op_state(op, RowMemory),
    )
    return store, _FLOW


TENSOR_ARRAY = define_op(
    "TensorArrayV3", inputs="size: int32", outputs="handle: resource, flow: float32",
    attrs="dtype: type; element_shape: shape = <unknown>; dynamic_size: bool = false; clear_after_read: bool = true; "
    'identical_element_shapes: bool = false; tensor_array_name: string = ""',
    shape=lambda op: [(2,), ()], kernel=_make, traits=STATEFUL, differentiable=False,
)  # fmt: skip


def _grad_shape(op: Operation) -> list[Shape]:
    with_rank(op._inputs[0]._shape, 1)
    return [(2,), ()]


TENSOR_ARRAY_GRAD = define_op(
    "TensorArrayGradV3", inputs="handle: resource, flow_in: float32",
    outputs="grad_handle: resource, flow_out: float32", attrs="source: string", shape=_grad_shape,
    kernel=lambda xp, handle, flow, *, source: (handle.gradient(source), _FLOW), traits=STATEFUL,
    differentiable=False,
)  # fmt: skip
TENSOR_ARRAY_GRAD_WITH_SHAPE = define_op(
    "TensorArrayGradWithShape", inputs="handle: resource, flow_in: float32, shape_to_prepend: int32",
    outputs="grad_handle: resource, flow_out: float32", attrs="source: string",
    shape=lambda op: [(2,), ()],
    kernel=lambda xp, handle, flow, prepend, *, source: (handle.gradient(source, tuple(prepend.tolist())), _FLOW),
    traits=STATEFUL, differentiable=False,
)  # fmt: skip


def _write_shape(op: Operation) -> list[Shape]:
    with_rank(op._inputs[1]._shape, 0)
    _check_value(op, op._inputs[2]._shape)
    return [()]


def _write(xp: Any, handle: TensorArrayStore, index: Any, value: Any, flow: Any, *, op: Any) -> Any:
    handle.write(xp, int(index), value, op.attrs["T"])
    return _FLOW


TENSOR_ARRAY_WRITE = define_op(
    "TensorArrayWriteV3", inputs="handle: resource, index: int32, value: T, flow_in: float32",
    outputs="flow_out: float32", attrs="T: type", shape=_write_shape, kernel=_write, traits=STATEFUL,
)  # fmt: skip

TENSOR_ARRAY_READ = define_op(
    "TensorArrayReadV3", inputs="handle: resource, index: int32, flow_in: float32", outputs="value: dtype",
    attrs="dtype: type", shape=lambda op: [_known_element_shape(op._inputs[0])[1]],
    kernel=lambda xp, handle, index, flow, *, dtype: handle.read(xp, int(index), dtype), traits=(STATEFUL, VIEW),
)  # fmt: skip


def _gather_shape(op: Operation) -> list[Shape]:
    (count,) = with_rank(op._inputs[1]._shape, 1)
    known, shape = _known_element_shape(op._inputs[0])
    if not known:
        shape = op.attrs["element_shape"]
    return [None if shape is None else (count, *shape)]


TENSOR_ARRAY_GATHER = define_op(
    "TensorArrayGatherV3", inputs="handle: resource, indices: int32, flow_in: float32", outputs="value: dtype",
    attrs="dtype: type; element_shape: shape = <unknown>", shape=_gather_shape,
    kernel=lambda xp, handle, indices, flow, *, dtype, element_shape: handle.gather(
        xp, indices, dtype, element_shape
    ),
    traits=STATEFUL,
)  # fmt: skip


def _scatter_shape(op: Operation) -> list[Shape]:
    with_rank(op._inputs[1]._shape, 1)
    shape = op._inputs[2]._shape
    if shape:
        _check_value(op, shape[1:])
    return [()]


def _scatter(xp: Any, handle: TensorArrayStore, indices: Any, value: Any, flow: Any, *, op: Any) -> Any:
    handle.scatter(xp, indices, value, op.attrs["T"])
    return _FLOW


TENSOR_ARRAY_SCATTER = define_op(
    "TensorArrayScatterV3", inputs="handle: resource, indices: int32, value: T, flow_in: float32",
    outputs="flow_out: float32", attrs="T: type", shape=_scatter_shape, kernel=_scatter, traits=STATEFUL,
)  # fmt: skip


def _concat_shape(op: Operation) -> list[Shape]:
    return [None, (None,)]


def _concat(
    xp: Any, handle: TensorArrayStore, flow: Any, *, dtype: Any, element_shape_except0: Shape
) -> tuple[Any, Any]:
    value, lengths = handle.concat(xp, dtype, element_shape_except0)
    return value, np.array(lengths, np.int64)


TENSOR_ARRAY_CONCAT = define_op(
    "TensorArrayConcatV3", inputs="handle: resource, flow_in: float32", outputs="value: dtype, lengths: int64",
    attrs="dtype: type; element_shape_except0: shape = <unknown>", shape=_concat_shape, kernel=_concat,
    traits=STATEFUL,
)  # fmt: skip


def _split(xp: Any, handle: TensorArrayStore, value: Any, lengths: Any, flow: Any, *, op: Any) -> Any:
    handle.split(xp, value, lengths, op.attrs["T"])
    return _FLOW


TENSOR_ARRAY_SPLIT = define_op(
    "TensorArraySplitV3", inputs="handle: resource, value: T, lengths: int64, flow_in: float32",
    outputs="flow_out: float32", attrs="T: type", shape=lambda op: [()], kernel=_split, traits=STATEFUL,
)  # fmt: skip
TENSOR_ARRAY_SIZE = define_op(
    "TensorArraySizeV3", inputs="handle: resource, flow_in: float32", outputs="size: int32", shape=lambda op: [()],
    kernel=lambda xp, handle, flow: np.int32(len(handle)), traits=STATEFUL, differentiable=False,
)  # fmt: skip


def _close(xp: Any, handle: TensorArrayStore) -> tuple[()]:
    handle.close()
    return ()


TENSOR_ARRAY_CLOSE = define_op(
    "TensorArrayCloseV3", inputs="handle: resource", shape=no_outputs, kernel=_close, traits=STATEFUL,
    differentiable=False,
)  # fmt: skip
