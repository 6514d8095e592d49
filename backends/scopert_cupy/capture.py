"""Commands that are launched one by one at first, and as one recorded graph from the second time on."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from scopert_cupy.device import Device, Recording
from scopert_cupy.failures import DeviceError, OutOfMemory

_LOG = logging.getLogger("scopert")

#: ``0`` launches every command by itself, always.
VARIABLE = "SCOPERT_CUPY_GRAPHS"

Call = tuple[Callable[..., Any], tuple[Any, ...]]

_told: set[str] = set()


class Segment:
    """Commands in order; the caller holds the device's lock.

    The first run launches them one by one, which loads what has to be loaded. The second records them, and it
    and all that follow replay the recording. What cannot be recorded is launched, and the reason logged once.

    Attributes
    ----------
    recording : Recording or None
    refused : str
        Why it is not recorded.
    """

    __slots__ = ("_calls", "_device", "_runs", "recording", "refused")

    def __init__(self, device: Device, calls: Sequence[Call]) -> None:
        self._device = device
        self._calls = tuple(calls)
        self._runs = 0
        self.recording: Recording | None = None
        self.refused = ""
        if len(self._calls) < 2:
            self.refused = "a single command gains nothing"
        elif os.environ.get(VARIABLE, "1") == "0":
            self.refused = f"{VARIABLE}=0"

    def __len__(self) -> int:
        return len(self._calls)

    def run(self) -> None:
        """Launches or replays."""
        if self.recording is not None:
            self._device.replay(self.recording)
            return
        if self._runs and not self.refused and self._record():
            assert self.recording is not None
            self._device.replay(self.recording)
            return
        for function, arguments in self._calls:
            function(*arguments)
        self._runs += 1

    def launch(self, start: int, end: int) -> None:
        """Some of the commands, one by one."""
        for function, arguments in self._calls[start:end]:
            function(*arguments)

    def _record(self) -> bool:
        collects = gc.isenabled()
        gc.disable()  # a finaliser that frees memory while commands are recorded would spoil the recording
        try:
            self._device.begin_capture()
            try:
                for function, arguments in self._calls:
                    function(*arguments)
            except BaseException:
                self._discard()
                raise
            self.recording = self._device.end_capture()
        except OutOfMemory:
            raise
        except DeviceError as error:
            self.refused = f"{error}"
            reason = self.refused.partition("\n")[0]
            if reason not in _told:
                _told.add(reason)
                _LOG.warning("a segment of %d commands is launched one by one: %s", len(self._calls), reason)
            return False
        finally:
            if collects:
                gc.enable()
        return True

    def _discard(self) -> None:
        """Ends a recording that failed; that it cannot be ended is no news."""
        try:
            self._device.end_capture()
        except DeviceError as error:
            _LOG.debug("ending a failed recording: %s", error)
