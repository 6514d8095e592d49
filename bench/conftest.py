"""Options of the benchmarks."""

import importlib

import pytest


def pytest_addoption(parser):
    parser.addoption("--api", default="scopert", help="the module with TensorFlow 1's API that is timed")


@pytest.fixture(scope="session")
def tf(request):
    return importlib.import_module(request.config.getoption("--api"))
