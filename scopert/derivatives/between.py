"""Which operations lie between `xs` and `ys`, and how many of them each one waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from scopert.graph import dtypes
from scopert.graph.dtypes import DType
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor

_TRAINABLE = frozenset(
    {dtypes.float16, dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128,
     dtypes.resource, dtypes.variant, dtypes.bfloat16}
)  # fmt: skip


def is_trainable(tensor_or_dtype: Tensor | DType) -> bool:
    """Whether something of this type can have a gradient."""
    dtype = tensor_or_dtype if isinstance(tensor_or_dtype, DType) else tensor_or_dtype._dtype
    return dtype.base in _TRAINABLE


def _reached_from(ops: Iterable[Operation]) -> set[Operation]:
    """The operations that depend on `ops` through tensors that can have gradients; `ops` too."""
    reached: set[Operation] = set()
    stack = list(ops)
    while stack:
        op = stack.pop()
        if op in reached:
            continue
        reached.add(op)
        for tensor in op.outputs:
            consumers = tensor._consumers
            if consumers and tensor._dtype.base in _TRAINABLE:
                stack.extend(consumers)
    return reached


def between_ops(to_ops: list[Operation], from_ops: list[Operation]) -> tuple[set[Operation], list[Operation]]:
    """Finds what backpropagation will visit.

    Parameters
    ----------
    to_ops : list of Operation
        Those of `ys`.
    from_ops : list of Operation
        Those of `xs`.

    Returns
    -------
    reachable : set of Operation
        The members of `to_ops` that depend on `from_ops`.
    between : list of Operation
        All that lies between, breadth first from `to_ops`.
    """
    reached = _reached_from(from_ops)
    reachable = {op for op in to_ops if op in reached}
    between: dict[Operation, None] = {}
    queue = deque(to_ops)
    while queue:
        op = queue.popleft()
        if op in reached:
            reached.remove(op)
            between[op] = None
            queue.extend([tensor._op for tensor in op._inputs])
    return reachable, list(between)


def count_pending(between: list[Operation]) -> dict[Operation, int]:
    """For each operation with consumers among `between`: the number of their inputs that it feeds."""
    members = set(between)
    pending: dict[Operation, int] = {}
    for op in between:
        for tensor in op._inputs:
            source = tensor._op
            if source in members:
                pending[source] = pending.get(source, 0) + 1
    return pending


def stop_ops(from_ops: list[Operation], barriers: list[Operation], pending: dict[Operation, int]) -> set[Operation]:
    """Where backpropagation ends: at `barriers`, and at `from_ops` behind which no other of them lies."""
    found = {op for op in from_ops if not any(pending.get(tensor._op, 0) > 0 for tensor in op._inputs)}
    found.update(barriers)
    return found
