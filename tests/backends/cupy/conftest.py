"""For the tests of the CuPy backend: it runs on the host device, unless a test asks for a card."""

from functools import cache
from importlib.util import find_spec

import pytest
from scopert_cupy.backend import CupyBackend
from scopert_cupy.host.faulty import FaultyDevice, open_host

from scopert.runtime import backends

# It speaks CuPy's own types.
collect_ignore = [] if find_spec("cupy") else ["stand_in.py"]


@cache
def host_backend():
    """One for all tests that need none of their own."""
    return CupyBackend(open_host(""))


@pytest.fixture(autouse=True)
def host_device(monkeypatch, request):
    """The host device stands for a card, whatever was found in this process before."""
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setenv("SCOPERT_CUPY_DEVICE", "host")
        monkeypatch.setitem(backends._registry._reasons, "cupy", None)
        monkeypatch.setitem(backends._registry._opened, ("cupy", 0), host_backend())


class CountedDevice(FaultyDevice):
    """A device that can be told to fail, and that counts what it is asked for."""

    def count(self, call):
        """Begins to count a call; the function returned says how often it was made since."""
        self.arm(call, 10**9)
        return lambda: self.calls[call]


@pytest.fixture
def device(monkeypatch):
    """A small device of its own, which sessions open as ``cupy``."""
    device = CountedDevice(memory=1 << 20)
    monkeypatch.setitem(backends._registry._opened, ("cupy", 0), CupyBackend(device))
    return device
