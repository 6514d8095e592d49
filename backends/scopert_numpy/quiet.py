"""Running without NumPy's warnings: TensorFlow divides by zero in silence."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

import numpy as np

from scopert.backend import HOST, LOOP, Loop, Program

# Contexts that no run is in at the moment. To enter one costs a tenth of what `np.errstate` does.
_FREE: list[Context] = []


def quiet(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function in a context of its own where NumPy does not warn.

    It sees no other context variables, so it is not for code of the user.
    """
    try:
        context = _FREE.pop()
    except IndexError:
        context = Context()
        context.run(np.seterr, all="ignore")
    try:
        return context.run(function, *arguments)
    finally:
        _FREE.append(context)


def quiet_for_all(function: Callable[..., Any], *arguments: Any) -> Any:
    """The same in the caller's context."""
    with np.errstate(all="ignore"):
        return function(*arguments)


def quiet_for(program: Program) -> Callable[..., Any]:
    """What runs a program's steps: those that call the user's functions must see his context."""
    return quiet_for_all if _calls_user(program) else quiet


def _calls_user(program: Program) -> bool:
    return any(
        HOST in step.traits or (step.op == LOOP and isinstance(step.body, Loop) and _calls_user(step.body.program))
        for step in program.steps
    )
