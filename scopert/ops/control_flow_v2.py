"""Which form of control flow is built: TensorFlow 1's own, of Switch and Merge, always."""

from __future__ import annotations

from scopert.public import public


@public("control_flow_v2_enabled")
def control_flow_v2_enabled() -> bool:
    """False: conds and loops are built of Switch, Merge, Enter and Exit."""
    return False


@public("disable_control_flow_v2")
def disable_control_flow_v2() -> None:
    """Does nothing: it never was enabled."""


@public("enable_control_flow_v2")
def enable_control_flow_v2() -> None:
    """Not available: there are no functional While and If operations.

    Raises
    ------
    NotImplementedError
        Always.
    """
    raise NotImplementedError("control flow v2 (functional While and If operations) is not available")
