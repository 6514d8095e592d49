"""Commands of an emitter on the host device: memory, addresses, launches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scopert_cupy.command import Command, Copy, Fill, Function, Launch, Operand
from scopert_cupy.host.device import HostDevice

from scopert.backend import as_dtype


def functions_of(commands: Iterable[Command]) -> list[Function]:
    """The functions of commands, each once."""
    found = {c.function.name: c.function for c in commands if isinstance(c, Launch)}
    return list(found.values())


def source_of(functions: Iterable[Function]) -> str:
    return "\n".join([function.source for function in functions])


def compiled(device: HostDevice, commands: Sequence[Command]) -> Any:
    """One module of all functions that commands launch."""
    functions = functions_of(commands)
    return device.compile(source_of(functions), [(f.name, f.fibers) for f in functions]) if functions else None


class Bench:
    """A host device with arrays on it.

    Parameters
    ----------
    device : HostDevice
    inputs : sequence of array
    outputs : sequence of (shape, dtype)
    scratch : int
    parameters : sequence of array
    """

    def __init__(
        self, device: HostDevice, inputs: Sequence[Any], outputs: Sequence[tuple[Any, Any]], scratch: int = 0,
        parameters: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        self.device = device
        self.held: dict[tuple[str, int], Any] = {}
        self.shapes = list(outputs)
        for role, arrays in (("input", inputs), ("parameter", parameters)):
            for k, array in enumerate(arrays):
                array = np.ascontiguousarray(array)
                memory = device.allocate(max(array.nbytes, 1))
                if array.nbytes:
                    device.copy_in(memory.address, array, array.nbytes)
                self.held[role, k] = memory
        for k, (shape, dtype) in enumerate(outputs):
            self.held["output", k] = device.allocate(max(int(np.prod(shape)) * np.dtype(dtype).itemsize, 1))
        self.held["scratch", 0] = device.allocate(max(scratch, 1))

    def address(self, operand: Operand) -> int:
        key = operand.role, 0 if operand.role == "scratch" else operand.number
        return int(self.held[key].address) + operand.offset

    def run(self, commands: Sequence[Command], module: Any = None) -> list[Any]:
        """Runs commands; the outputs."""
        if module is None:
            module = compiled(self.device, commands)
        for command in commands:
            if isinstance(command, Launch):
                arguments = [np.uint64(self.address(a)) if isinstance(a, Operand) else a for a in command.arguments]
                function = module.function(command.function.name)
                self.device.launch(function, command.grid, command.block, command.shared, arguments)
            elif isinstance(command, Copy):
                self.device.copy(self.address(command.target), self.address(command.source), command.nbytes)
            elif isinstance(command, Fill):
                self.device.fill(self.address(command.target), command.byte, command.nbytes)
            else:
                raise TypeError(f"{command}")
        return self.results()

    def results(self) -> list[Any]:
        self.device.synchronize()
        return [
            np.array(self.device.view(self.held["output", k], 0, tuple(shape), as_dtype(dtype)))
            for k, (shape, dtype) in enumerate(self.shapes)
        ]


def batched(items: Iterable[Any], n: int) -> Iterable[list[Any]]:
    """Lists of up to `n` items."""
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, n)):
        yield chunk
