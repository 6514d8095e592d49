"""What a run costs beyond the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Data, Program, Workload, normal


def _data(rng: Any, small: bool) -> Data:
    return {"x": normal(rng, 16), "c": normal(rng, 16)}


RUN = Workload("run", "Session.run of one addition: one feed, one fetch", _data, calls=50)
CALLABLE = Workload("callable", "the same by make_callable", _data, calls=50)


@RUN.program("graph")
def _(api: Any, data: Data) -> Program:
    return api.program([api.feed(data["x"]) + api.number(data["c"])])


@CALLABLE.program("graph")
def _(api: Any, data: Data) -> Program:
    x = api.feed(data["x"])
    value = api.feeds[x]
    call = api.session().make_callable([x + api.number(data["c"])], [x])
    return Program(lambda: call(value))


@RUN.program("jax")
def _(jax: Any, data: Data) -> Program:
    constant = data["c"]
    compiled = jax.jit(lambda x: x + constant)
    return Program(lambda: [np.asarray(compiled(data["x"]))])


@RUN.program("torch")
def _(torch: Any, data: Data) -> Program:
    constant = torch.from_numpy(data["c"])
    return Program(lambda: [(torch.from_numpy(data["x"]) + constant).numpy()])


@RUN.program("numpy")
def _(_: Any, data: Data) -> Program:
    return Program(lambda: [data["x"] + data["c"]])


WORKLOADS = (RUN, CALLABLE)
