"""`tf.GradientTape` over graphs: `tf.gradients` of what was made while the tape was recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from scopert import nest
from scopert.derivatives.backprop import UnconnectedGradients, gradients
from scopert.graph import dtypes
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.graph import Graph
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.public import public


@public("GradientTape")
class GradientTape:
    """Records the operations of a ``with`` block, so that what depends on watched tensors can be differentiated.

    In a graph `tf.gradients` does the same without a tape, and through all operations.

    Parameters
    ----------
    persistent : bool
        Let `gradient` be called more than once.
    watch_accessed_variables : bool
        Watch the trainable resource variables that the block reads.

    Examples
    --------
    >>> import scopert as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> with tf.Session() as sess:
    ...     print(sess.run(tape.gradient(y, x)))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watches_variables = watch_accessed_variables
        self._watched: dict[Tensor, None] = {}
        self._spans: list[tuple[int, int]] = []
        self._graph: Graph | None = None
        self._since: int | None = None
        self._used = False

    def __enter__(self) -> GradientTape:
        if self._since is not None:
            raise ValueError("Tape is already recording.")
        self._graph = get_default_graph()
        self._since = self._graph._last_id
        return self

    def __exit__(self, *exc: object) -> None:
        if self._since is not None:
            self._pause()

    def _pause(self) -> None:
        assert self._graph is not None and self._since is not None
        self._spans.append((self._since, self._graph._last_id))
        self._since = None

    def watch(self, tensor: Any) -> None:
        """Watches a tensor or resource variable, or a structure of them."""
        for item in nest.flatten(tensor):
            self._watched[_source(item)] = None

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Operations made in the block are not recorded.

        Raises
        ------
        ValueError
            If the tape does not record.
        """
        if self._since is None:
            raise ValueError("Tape is not recording.")
        self._pause()
        try:
            yield
        finally:
            assert self._graph is not None
            self._since = self._graph._last_id

    def reset(self) -> None:
        """Forgets what was recorded and watched."""
        self._spans.clear()
        self._watched.clear()
        if self._since is not None and self._graph is not None:
            self._since = self._graph._last_id

    def watched_variables(self) -> tuple[Any, ...]:
        """The trainable variables that are watched, in the order of their creation."""
        watched = self._watched_tensors()
        found = [] if self._graph is None else self._graph.get_collection(GraphKeys.TRAINABLE_VARIABLES)
        return tuple(variable for variable in found if getattr(variable, "handle", None) in watched)

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
    ) -> Any:  # fmt: skip
        """The gradients of `target` with respect to `sources`, through the recorded operations only.

        Parameters
        ----------
        target : Tensor, or structure of Tensor
        sources : Tensor, resource variable, or structure of them
        output_gradients : Tensor or list, optional
            The gradients to start from.
        unconnected_gradients : UnconnectedGradients or str
            What is given for a source that is not watched or not connected.

        Returns
        -------
        structure like `sources` of Tensor, IndexedSlices or None

        Raises
        ------
        RuntimeError
            At a second call, unless the tape is persistent.
        """
        if self._used and not self._persistent:
            raise RuntimeError("GradientTape.gradient can only be called once on non-persistent tapes.")
        self._used = True
        if self._since is not None and not self._persistent:
            self._pause()
        targets = [convert_to_tensor(item) for item in nest.flatten(target)]
        given = [None] * len(targets) if output_gradients is None else nest.flatten(output_gradients)
        flat = [_source(item) for item in nest.flatten(sources)]
        watched = self._watched_tensors()
        rows = [
            (y, grad) for y, grad in zip(targets, given, strict=True) if self._recorded(y.op) or y in watched
        ]  # fmt: skip
        known = [x for x in flat if x in watched]
        ys, seeds = [y for y, _ in rows], [grad for _, grad in rows]
        found = gradients(ys, known, seeds, stop_gradients=self._barriers(ys))
        by_source = dict(zip(known, found, strict=True))
        results = [by_source.get(x) for x in flat]
        if UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO:
            zeros = gradients([], flat, unconnected_gradients=UnconnectedGradients.ZERO)
            results = [zero if item is None else item for item, zero in zip(results, zeros, strict=True)]
        return nest.pack_sequence_as(sources, results)

    def jacobian(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not supported: NotImplementedError."""
        raise NotImplementedError("GradientTape.jacobian is not supported: use tf.gradients or tf.hessians")

    batch_jacobian = jacobian

    def _recorded(self, op: Operation) -> bool:
        if self._since is not None and op._id > self._since:
            return True
        return any(start < op._id <= end for start, end in self._spans)

    def _watched_tensors(self) -> set[Tensor]:
        """What was watched, and the variables that recorded operations read."""
        found = set(self._watched)
        if self._watches_variables and self._graph is not None:
            trainable = self._graph.get_collection(GraphKeys.TRAINABLE_VARIABLES)
            for variable in trainable:
                handle = getattr(variable, "handle", None)
                if isinstance(handle, Tensor) and any(self._recorded(op) for op in handle.consumers()):
                    found.add(handle)
        return found

    def _barriers(self, targets: list[Tensor]) -> list[Tensor]:
        """Where backpropagation leaves what was recorded."""
        found: dict[Tensor, None] = {}
        seen: set[Operation] = set()
        stack = [tensor.op for tensor in targets]
        while stack:
            op = stack.pop()
            if op in seen:
                continue
            seen.add(op)
            for tensor in op.inputs:
                if self._recorded(tensor.op):
                    stack.append(tensor.op)
                else:
                    found[tensor] = None
        return list(found)


def _source(item: Any) -> Tensor:
    handle = getattr(item, "handle", None)
    if isinstance(handle, Tensor) and handle.dtype is dtypes.resource and hasattr(item, "initializer"):
        return handle
    return convert_to_tensor(item)
