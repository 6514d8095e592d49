"""For the tests of the CuPy backend: it runs on the host device, unless a test asks for a card."""

from functools import cache

import pytest
from scopert_cupy.backend import CupyBackend
from scopert_cupy.host.faulty import open_host

from scopert.runtime import backends


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
