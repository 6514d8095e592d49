"""Tests of programs compare bits with the plain kernels: NumPy runs their fused steps, not machine code."""

import pytest


@pytest.fixture(autouse=True)
def numpy_runs_fused_steps(monkeypatch):
    monkeypatch.setenv("SCOPERT_NATIVE", "0")
