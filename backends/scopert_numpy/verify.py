"""Checks around every kernel while programs run, for tests (``SCOPERT_VERIFY=1``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.backend import VIEW, Program, Step, check_step


def verified(function: Callable[..., Any], program: Program, step: Step) -> Callable[..., Any]:
    """The same function, which must not change its inputs and must return what the program declares."""

    def call(*inputs: Any) -> Any:
        made = function(*[_read_only(value) for value in inputs])
        outputs = (made,) if len(step.outputs) == 1 else tuple(made or ())
        check_step(program, step, outputs)
        if VIEW not in step.traits and not step.copies:
            for array in outputs:
                for value in inputs:
                    both = isinstance(array, np.ndarray) and isinstance(value, np.ndarray)
                    assert not (both and array.size and np.may_share_memory(array, value)), (
                        f"{step.op} returned memory of an input, but has not the trait VIEW"
                    )
        return made

    return call


def verified_into(function: Callable[..., Any], plain: Callable[..., Any], step: Step) -> Callable[..., Any]:
    """The same function, which fills memory: it must compute what `plain` does, and leave other inputs alone."""

    def call(*inputs: Any, out: Any) -> Any:
        places = out if isinstance(out, tuple) else (out,)
        expected = plain(*inputs)
        others = [(value, value.copy()) for value in inputs if isinstance(value, np.ndarray) and value.size]
        others = [pair for pair in others if not any(np.may_share_memory(pair[0], place) for place in places)]
        made = function(*inputs, out=out)
        for place, filled, wanted in zip(
            places, made if isinstance(out, tuple) else (made,), expected if isinstance(out, tuple) else (expected,),
            strict=True,
        ):  # fmt: skip
            assert filled is place, f"{step.op} did not return the memory that it was given"
            assert place.shape == wanted.shape, f"{step.op} filled {place.shape}, the generic kernel {wanted.shape}"
            same = place.tobytes() == wanted.tobytes() or np.array_equal(
                place, wanted, equal_nan=place.dtype.kind in "fcV"
            )
            assert same, f"{step.op} fills memory with other numbers than the generic kernel computes"
        for value, copy in others:
            assert value.tobytes() == copy.tobytes(), f"{step.op} changed an input"
        return made

    return call


def _read_only(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view
