"""The ops of queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.graph.dtypes import int64
from scopert.graph.opdef import STATEFUL, define_op
from scopert.graph.shape_rules import no_outputs, scalar, unknown
from scopert.ops.queue_store import (
    PaddingQueueStore,
    PriorityQueueStore,
    QueueStore,
    ShuffleQueueStore,
    shared_queue,
)

_COMMON = (
    "component_types: list(type) >= 1; shapes: list(shape) >= 0 = []; capacity: int = -1; {}"
    'container: string = ""; shared_name: string = ""'
)


def _maker(kind: type[QueueStore]) -> Callable[..., Any]:
    def kernel(xp: Any, *, op: Any, context: Any) -> Any:
        attrs = op.attrs
        return shared_queue(
            context, op, lambda name: kind(name, attrs["component_types"], attrs["shapes"], attrs["capacity"])
        )

    return kernel


FIFO_QUEUE = define_op(
    "FIFOQueueV2", outputs="handle: resource", attrs=_COMMON.format(""), shape=scalar, kernel=_maker(QueueStore),
    traits=STATEFUL, differentiable=False,
)  # fmt: skip
PADDING_FIFO_QUEUE = define_op(
    "PaddingFIFOQueueV2", outputs="handle: resource", attrs=_COMMON.format(""), shape=scalar,
    kernel=_maker(PaddingQueueStore), traits=STATEFUL, differentiable=False,
)  # fmt: skip


def _shuffle(xp: Any, *, op: Any, context: Any) -> Any:
    attrs = op.attrs
    return shared_queue(
        context, op,
        lambda name: ShuffleQueueStore(
            name, attrs["component_types"], attrs["shapes"], attrs["capacity"], attrs["min_after_dequeue"],
            attrs["seed"], attrs["seed2"],
        ),
    )  # fmt: skip


RANDOM_SHUFFLE_QUEUE = define_op(
    "RandomShuffleQueueV2", outputs="handle: resource",
    attrs=_COMMON.format("min_after_dequeue: int = 0; seed: int = 0; seed2: int = 0; "), shape=scalar,
    kernel=_shuffle, traits=STATEFUL, differentiable=False,
)  # fmt: skip


def _priority(xp: Any, *, op: Any, context: Any) -> Any:
    attrs = op.attrs
    shapes = [(), *attrs["shapes"]] if attrs["shapes"] else None
    return shared_queue(
        context, op,
        lambda name: PriorityQueueStore(name, [int64, *attrs["component_types"]], shapes, attrs["capacity"]),
    )  # fmt: skip


PRIORITY_QUEUE = define_op(
    "PriorityQueueV2", outputs="handle: resource",
    attrs="component_types: list(type) >= 0 = []; shapes: list(shape) >= 0; capacity: int = -1; "
    'container: string = ""; shared_name: string = ""',
    shape=scalar, kernel=_priority, traits=STATEFUL, differentiable=False,
)  # fmt: skip


def _enqueue(xp: Any, handle: QueueStore, *components: Any, op: Any, context: Any) -> tuple[()]:
    handle.put(xp, components, op.attrs["Tcomponents"], context)
    return ()


def _enqueue_many(xp: Any, handle: QueueStore, *components: Any, op: Any, context: Any) -> tuple[()]:
    handle.put_many(xp, components, op.attrs["Tcomponents"], context)
    return ()


_ENQUEUE = "Tcomponents: list(type) >= 1; timeout_ms: int = -1"
QUEUE_ENQUEUE = define_op(
    "QueueEnqueueV2", inputs="handle: resource, components: Tcomponents", attrs=_ENQUEUE, shape=no_outputs,
    kernel=_enqueue, traits=STATEFUL, differentiable=False,
)  # fmt: skip
QUEUE_ENQUEUE_MANY = define_op(
    "QueueEnqueueManyV2", inputs="handle: resource, components: Tcomponents", attrs=_ENQUEUE, shape=no_outputs,
    kernel=_enqueue_many, traits=STATEFUL, differentiable=False,
)  # fmt: skip


def _results(values: Any) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


_DEQUEUE = "component_types: list(type) >= 1; timeout_ms: int = -1"
QUEUE_DEQUEUE = define_op(
    "QueueDequeueV2", inputs="handle: resource", outputs="components: component_types", attrs=_DEQUEUE,
    shape=unknown, kernel=lambda xp, handle, *, context: _results(handle.take(context)), traits=STATEFUL,
)  # fmt: skip
QUEUE_DEQUEUE_MANY = define_op(
    "QueueDequeueManyV2", inputs="handle: resource, n: int32", outputs="components: component_types", attrs=_DEQUEUE,
    shape=unknown, kernel=lambda xp, handle, n, *, context: _results(handle.take_many(xp, int(n), context)),
    traits=STATEFUL,
)  # fmt: skip
QUEUE_DEQUEUE_UP_TO = define_op(
    "QueueDequeueUpToV2", inputs="handle: resource, n: int32", outputs="components: component_types", attrs=_DEQUEUE,
    shape=unknown,
    kernel=lambda xp, handle, n, *, context: _results(handle.take_many(xp, int(n), context, or_fewer=True)),
    traits=STATEFUL,
)  # fmt: skip


def _close(xp: Any, handle: QueueStore, *, cancel_pending_enqueues: bool) -> tuple[()]:
    handle.close(cancel_pending_enqueues)
    return ()


QUEUE_CLOSE = define_op(
    "QueueCloseV2", inputs="handle: resource", attrs="cancel_pending_enqueues: bool = false", shape=no_outputs,
    kernel=_close, traits=STATEFUL, differentiable=False,
)  # fmt: skip
QUEUE_IS_CLOSED = define_op(
    "QueueIsClosedV2", inputs="handle: resource", outputs="is_closed: bool", shape=scalar,
    kernel=lambda xp, handle: np.bool_(handle.closed), traits=STATEFUL, differentiable=False,
)  # fmt: skip
QUEUE_SIZE = define_op(
    "QueueSizeV2", inputs="handle: resource", outputs="size: int32", shape=scalar,
    kernel=lambda xp, handle: np.int32(handle.size()), traits=STATEFUL, differentiable=False,
)  # fmt: skip
