"""Checks that operations are placed on devices that exist."""

from __future__ import annotations

import itertools
import logging

from scopert.errors import InvalidArgumentError
from scopert.graph import source
from scopert.graph.graph import Graph
from scopert.graph.operation import Operation
from scopert.program.ir import Program
from scopert.runtime.devices import DeviceAttributes, exists
from scopert.runtime.options import ConfigProto

_log = logging.getLogger("scopert")


class Placement:
    """The devices of one session, and what of the graph has been checked."""

    def __init__(self, graph: Graph, config: ConfigProto, devices: list[DeviceAttributes]) -> None:
        self._graph = graph
        self._devices = devices
        self._soft = bool(config.allow_soft_placement)
        self._pruned = bool(config.graph_options.place_pruned_graph)
        self._logs = bool(config.log_device_placement)
        self._checked = 0
        self._known: dict[str, bool] = {"": True}

    def check(self, program: Program) -> None:
        """Raises InvalidArgumentError for an operation on a device that does not exist.

        As in TensorFlow the whole graph is looked at, also what does not run, unless
        ``graph_options.place_pruned_graph`` is set; with `allow_soft_placement` it runs elsewhere.
        """
        if self._logs:
            for step in program.steps:
                _log.warning("%s: (%s): %s", step.origin.name, step.origin.type, self._devices[-1].name)
        if self._soft:
            return
        ops = self._graph._ops
        if self._pruned:
            for step in program.steps:
                self._check(ops.get(step.origin.name))
            for slot in program.constants:
                self._check(ops.get(program.values[slot].name.rpartition(":")[0]))
            return
        count = len(ops)
        for op in itertools.islice(list(ops.values()), self._checked, count):
            self._check(op)
        self._checked = count

    def _check(self, op: Operation | None) -> None:
        device = "" if op is None else op._device
        known = self._known.get(device)
        if known is None:
            known = self._known[device] = exists(device, self._devices)
        if not known:
            assert op is not None
            names = ", ".join(attributes.name for attributes in self._devices)
            raise InvalidArgumentError(
                None, op,
                f"Cannot assign a device for operation {op.name}: it asks for {device!r}, and there are only {names}. "
                f"It was made at {source.text(op._location)}. Set ConfigProto(allow_soft_placement=True) to run "
                f"it where it can run.",
            )  # fmt: skip
