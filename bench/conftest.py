"""Options of the benchmarks."""

import importlib

import pytest

#: Name -> kind of its programs and the module.
PEERS = {"scopert": "graph", "jax": "jax", "torch": "torch", "numpy": "numpy"}


def pytest_addoption(parser):
    parser.addoption("--api", default="scopert", help="the module with TensorFlow 1's API that is timed")


@pytest.fixture(scope="session")
def tf(request):
    return importlib.import_module(request.config.getoption("--api"))


@pytest.fixture(params=PEERS)
def peer(request):
    """(kind, module) of a peer that is installed here; `scopert bench` also reaches those that are elsewhere."""
    name = request.param if request.param != "scopert" else request.config.getoption("--api")
    return PEERS[request.param], pytest.importorskip(name, reason=f"the peer {name} is not installed")


@pytest.fixture
def time_workload(benchmark, peer):
    """Times a workload's step on one peer."""
    from scopert.cli.bench.programs.graph_api import GraphApi

    kind, module = peer

    def run(workload):
        if kind not in workload.programs:
            pytest.skip(f"no program of {workload.name} for {module.__name__}")
        small = benchmark.disabled
        make, data = workload.programs[kind], workload.inputs(small)
        benchmark.group = workload.name
        if kind != "graph":
            api = module
            if kind == "jax":
                importlib.import_module("jax.numpy")
            program = make(api, data)
        else:
            api = GraphApi(module)
            with api.graph.as_default():
                program = make(api, data)
        benchmark(program.step)
        return program

    return run
