"""The pool of threads, with machine code and without."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import numpy as np
import pytest
from scopert_numpy import threads
from scopert_numpy.threads import Pool, blas, blas_threads


@pytest.fixture(params=["native", "python"])
def pool(request: Any, monkeypatch: Any) -> Pool:
    if request.param == "python":
        monkeypatch.setattr(threads, "_team", threads._PythonTeam)
    else:
        pytest.importorskip("llvmlite")
    return Pool(4)


def test_every_index_once(pool: Pool) -> None:
    seen = np.zeros(1000, int)

    def add(lo: int, hi: int) -> None:
        seen[lo:hi] += 1

    for _ in range(300):
        pool.parallel_for(add, 1000)
    assert (seen == 300).all()


def test_threads_run_together(pool: Pool) -> None:
    together, met = threading.Barrier(4, timeout=20), []
    pool.parallel_for(lambda lo, hi: met.append(together.wait()), 4)
    assert sorted(met) == [0, 1, 2, 3]


def test_sleeping_workers_wake_up(pool: Pool) -> None:
    for _ in range(3):
        time.sleep(0.05)
        together, met = threading.Barrier(4, timeout=20), []
        pool.parallel_for(lambda lo, hi: met.append(together.wait()), 4)
        assert sorted(met) == [0, 1, 2, 3]


def test_errors_reach_the_caller(pool: Pool) -> None:
    def fail(lo: int, hi: int) -> None:
        if lo:
            raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        pool.parallel_for(fail, 8)
    pool.parallel_for(lambda lo, hi: None, 8)


def test_several_callers(pool: Pool) -> None:
    seen = np.zeros((4, 500), int)

    def call(row: int) -> None:
        def add(lo: int, hi: int) -> None:
            seen[row, lo:hi] += 1

        for _ in range(100):
            pool.parallel_for(add, 500)

    callers = [threading.Thread(target=call, args=(row,)) for row in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert (seen == 100).all()


def test_grain(pool: Pool) -> None:
    calls: list[tuple[int, int]] = []
    pool.parallel_for(lambda lo, hi: calls.append((lo, hi)), 10, grain=6)
    assert calls == [(0, 10)]


def test_resting(pool: Pool) -> None:
    seen = np.zeros(8, int)

    def add(lo: int, hi: int) -> None:
        seen[lo:hi] += 1

    pool.parallel_for(add, 8)
    with pool.resting():
        pool.parallel_for(add, 8)
    pool.parallel_for(add, 8)
    assert (seen == 3).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork() -> None:
    threads.pool(2).parallel_for(lambda lo, hi: None, 8)
    child = os.fork()
    if not child:
        seen: list[int] = []
        threads.pool(2).parallel_for(lambda lo, hi: seen.append(hi - lo), 8)
        os._exit(0 if sum(seen) == 8 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_blas_threads() -> None:
    library = blas()
    if not library.known:
        pytest.skip("NumPy's BLAS cannot be told")
    before = library.threads
    with blas_threads(1):
        assert library.threads == 1
        np.ones((64, 64)) @ np.ones((64, 64))
    assert library.threads == before
