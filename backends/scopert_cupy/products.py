"""How a card computes a matrix product: by generated kernels where no library does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scopert_cupy.command import Extent, Gemm, Operand
from scopert_cupy.device import Address, Device
from scopert_cupy.epilogue import finish
from scopert_cupy.tiled import tiled


@dataclass(frozen=True, slots=True)
class GeneratedPlan:
    """A product as launches; it needs no workspace.

    Attributes
    ----------
    gemm : Gemm
    launches : tuple
        Function, grid, block, bytes of shared memory and arguments of each.
    """

    gemm: Gemm
    launches: tuple[tuple[Any, Extent, Extent, int, tuple[Any, ...]], ...]
    workspace: int = 0


class Generated:
    """Products by kernels of ours."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def plan(self, gemm: Gemm) -> GeneratedPlan:
        """Compiles what computes a product."""
        launches = [tiled(gemm), *finish(gemm)]
        functions = {launch.function.name: launch.function for launch in launches}
        source = "\n".join([function.source for function in functions.values()])
        module = self._device.compile(source, [(function.name, function.fibers) for function in functions.values()])
        return GeneratedPlan(
            gemm,
            tuple([
                (module.function(each.function.name), each.grid, each.block, each.shared, each.arguments)
                for each in launches
            ]),
        )  # fmt: skip

    def run(self, plan: GeneratedPlan, a: Address, b: Address, out: Address, bias: Address, aux: Address) -> None:
        """Launches it."""
        gemm = plan.gemm
        places: dict[Operand | None, Address] = {gemm.bias: bias, gemm.bias_gradient: bias, gemm.aux: aux}
        places |= {gemm.a.at: a, gemm.b.at: b, gemm.out.at: out}
        for function, grid, block, shared, arguments in plan.launches:
            values = [np.uint64(places[each]) if isinstance(each, Operand) else each for each in arguments]
            self._device.launch(function, grid, block, shared, values)


class Products:
    """Chooses for each product who computes it."""

    def __init__(self, device: Device) -> None:
        self._generated = Generated(device)

    def plan(self, gemm: Gemm) -> Any:
        """A plan; its ``workspace`` is how many bytes it needs while it runs."""
        return self._generated.plan(gemm)

    def run(
        self, plan: Any, a: Address, b: Address, out: Address, bias: Address, workspace: Address, aux: Address
    ) -> None:
        """Computes a planned product."""
        self._generated.run(plan, a, b, out, bias, aux)
