"""Workloads, and what a peer makes of one.

The modules of this folder also run under the interpreters of the peers, TensorFlow 1.15's Python 3.7 among
them: they import no scopert and use no newer syntax.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Dict, NamedTuple  # noqa: UP035

import numpy as np

Data = Dict[str, Any]  # noqa: UP006 (made when the module is loaded, by any Python)

#: The kinds of programs: `graph` is written against TensorFlow 1's API, and runs on scopert and TensorFlow.
KINDS = ("graph", "jax", "torch", "numpy")


class Program(NamedTuple):
    """What is timed.

    `step` takes NumPy arrays in and gives NumPy arrays out; `state` gives what has changed besides, for checks.
    """

    step: Callable[[], list[Any]]
    state: Callable[[], list[Any]] | None = None


class Workload:
    """Something to compute, on several peers.

    Parameters
    ----------
    name : str
    what : str
        One line for the tables.
    data : callable
        ``data(rng, small)``: the arrays; `small` asks for the size of a test.
    calls : int
        So many steps make one measurement, where one is too short for the clock.
    fresh : str
        What a new process per measurement times: "first" for building and the first step, "import" for the
        import; empty for the steady state.
    """

    def __init__(
        self, name: str, what: str, data: Callable[[Any, bool], Data], calls: int = 1, fresh: str = ""
    ) -> None:
        self.name, self.what, self.data, self.calls, self.fresh = name, what, data, calls, fresh
        self.programs: dict[str, Callable[[Any, Data], Program]] = {}

    def program(self, kind: str) -> Callable[[Any], Any]:
        """Decorates ``make(api, data) -> Program`` for one of `KINDS`."""
        if kind not in KINDS:
            raise ValueError("kind must be one of {}, got {!r}".format(", ".join(KINDS), kind))

        def record(make: Any) -> Any:
            self.programs[kind] = make
            return make

        return record

    def inputs(self, small: bool = False) -> Data:
        """The data: the same in every process, whatever its version of NumPy."""
        return self.data(np.random.RandomState(sum(map(ord, self.name))), small)


def normal(rng: Any, *shape: int) -> Any:
    """Standard normal numbers, float32."""
    return rng.standard_normal(shape).astype(np.float32)


def weights(rng: Any, shapes: list[tuple[str, tuple[int, ...]]], scale: float = 0.05) -> Data:
    """Small numbers for each name and shape; what ends in ``gamma`` lies around one."""
    return {
        name: (scale * normal(rng, *shape) + name.endswith("gamma")).astype(np.float32) for name, shape in shapes
    }
