"""For the tests of the CuPy backend: it runs on the host device, unless a test asks for a card."""

import pytest


@pytest.fixture(autouse=True)
def host_device(monkeypatch, request):
    """The host device stands for a card."""
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setenv("SCOPERT_CUPY_DEVICE", "host")
