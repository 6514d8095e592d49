"""One run in several parts, with feeds in between: `partial_run_setup` and `partial_run`."""

from __future__ import annotations

import itertools
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.program.order import needed
from scopert.program.variables import is_handle
from scopert.runtime.base_session import BaseSession
from scopert.runtime.feeds import feed_tensor
from scopert.runtime.fetches import FetchPlan, expand_feed_key


class _PartialRun:
    """What one handle stands for: what may still be fed and fetched, and the values known so far."""

    def __init__(self, fetches: set[Tensor], targets: set[Operation], feeds: set[Tensor]) -> None:
        self.fetches = fetches
        self.targets = targets
        self.feeds = feeds
        self.fetched: set[Tensor] = set()
        self.known: dict[Tensor, Any] = {}
        self.fed: set[Tensor] = set()
        self.done: set[Operation] = set()

    def feed(self, pairs: dict[Tensor, Any]) -> None:
        for tensor, value in pairs.items():
            if tensor not in self.feeds:
                raise _invalid(f"The feed {tensor.name} was not specified in partial_run_setup.")
            if tensor in self.fed:
                raise _invalid(f"The feed {tensor.name} has already been fed.")
            self.fed.add(tensor)
            self.known[tensor] = value

    def check_fetches(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            if tensor not in self.fetches:
                raise _invalid(f"The fetch {tensor.name} was not specified in partial_run_setup.")
            if tensor in self.fetched:
                raise _invalid(f"The fetch {tensor.name} has already been fetched.")


def _invalid(message: str) -> InvalidArgumentError:
    return InvalidArgumentError(None, None, message)


class PartialRuns(BaseSession):
    """Adds runs in parts to a session."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self._partial: dict[str, _PartialRun] = {}
        self._partial_numbers = itertools.count()
        super().__init__(*args, **keywords)

    def partial_run_setup(self, fetches: Any, feeds: Any = None) -> str:
        """Prepares one run in several parts.

        Parameters
        ----------
        fetches : object
            All that the parts will fetch, as for `run`.
        feeds : list, optional
            All that the parts will feed.

        Returns
        -------
        str
            The handle for `partial_run`.

        Raises
        ------
        InvalidArgumentError
            If there is nothing to fetch.
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        plan = FetchPlan(self._graph, fetches, self)
        keys = [key for feed in feeds or [] for key in expand_feed_key(feed)]
        tensors = {feed_tensor(self._graph, key) for key in keys}
        if not plan.tensors and not plan.operations:
            raise _invalid("Must specify at least one target to fetch or execute.")
        handle = f"partial_run_{next(self._partial_numbers)}"
        self._partial[handle] = _PartialRun(set(plan.tensors), set(plan.operations), tensors)
        return handle

    def partial_run(self, handle: str, fetches: Any, feed_dict: Any = None) -> Any:
        """Continues a run with more feeds; no operation of it runs twice.

        Parameters
        ----------
        handle : str
            What `partial_run_setup` returned.
        fetches, feed_dict
            As for `run`, a part of what was set up.

        Raises
        ------
        InvalidArgumentError
            For an unknown handle, for what was not set up, and for what was fed or fetched before.
        RuntimeError
            If operations are fetched.
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        state = self._partial.get(handle)
        if state is None:
            raise _invalid("Must run 'setup' before performing partial runs!")
        plan = FetchPlan(self._graph, fetches, self)
        if plan.operations:
            raise RuntimeError("partial_run() requires empty target_list.")
        state.check_fetches(plan.tensors)
        state.feed(self._feed_pairs(feed_dict))
        results = self._advance(state, plan.tensors)
        if state.fetched == state.fetches and state.feeds == state.fed:
            self._finish(state)
            del self._partial[handle]
        return plan.build(results)

    def _advance(self, state: _PartialRun, tensors: list[Tensor], targets: tuple[Operation, ...] = ()) -> list[Any]:
        known = state.known
        wanted = [tensor._op for tensor in tensors if tensor not in known]
        done = frozenset(state.done)
        ops = needed([*wanted, *targets], known.__contains__, done)
        # What later parts may need of it is kept, but for handles: those are there in every run.
        kept = [t for op in ops for t in op.outputs if t not in known and not is_handle(t)]
        for tensor in tensors:
            if tensor not in known and tensor not in kept:
                kept.append(tensor)
        program = self.program(kept, targets, tuple(known), done)
        values = self._execute(self.compile(program), list(known.values()))
        known.update(zip(kept, values, strict=True))
        state.done.update(op for op in ops if not any(is_handle(t) for t in op.outputs))
        state.fetched.update(tensors)
        return [known[tensor] for tensor in tensors]

    def _finish(self, state: _PartialRun) -> None:
        targets = tuple(op for op in state.targets if op not in state.done)
        if targets:
            self._advance(state, [], targets)
