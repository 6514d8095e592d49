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


def _read_only(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view
