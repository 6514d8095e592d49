"""The threads that share the work of a step: one pool for printers and kernels, and how many threads BLAS may use.

With llvmlite, workers wait in machine code, without the interpreter lock, and a job reaches them in about a
microsecond. Without it they are Python threads that wait for a lock. Which thread runs a chunk is left open;
what the chunks are is not, so results do not depend on it.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

NATIVE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
#: Chunks for each thread: the others take over what a slowed one has left.
_SHARE = 4
_SPINS = 3000


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """Shares ranges of work among threads. Use `pool`, which keeps one for each number of threads.

    Parameters
    ----------
    threads : int
        The caller counts as one of them.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._team: _NativeTeam | _PythonTeam | None = None
        self._worth: float | None = None

    def chunks(self, units: int, nanoseconds: float) -> int:
        """Into how many chunks to cut a range of `units` that would take one thread so long; 1 if not worth it."""
        if self.threads == 1 or units < 2 or nanoseconds < 2000 or nanoseconds < self.worth():
            return 1
        return min(units, self.threads * _SHARE)

    def worth(self) -> float:
        """Nanoseconds of work below which one thread is faster, measured once."""
        if self._worth is None:
            self._worth = self._started().measure()
        return self._worth

    def run_native(self, function: int, table: int, units: int, chunks: int) -> None:
        """Calls machine code ``function(table, lo, hi, chunk)`` for every chunk of ``range(units)``."""
        if chunks == 1:
            NATIVE(function)(table, 0, units, 0)
        else:
            self._started().run(function, table, units, chunks)

    def native_state(self) -> int:
        """Where the state of workers that wait in machine code is; 0 if they do not."""
        team = self._started() if self.threads > 1 else None
        return team.state if isinstance(team, _NativeTeam) else 0

    def parallel_for(self, function: Callable[[int, int], Any], n: int, grain: int = 1) -> None:
        """Calls ``function(lo, hi)`` for ranges that make up ``range(n)``, each of at least about `grain`.

        Ranges depend on `n`, `grain` and the number of threads only. NumPy's loops let other threads run.

        Raises
        ------
        Exception
            The first one that a call raised, once all calls are over.
        """
        chunks = max(1, min(n // max(grain, 1), self.threads))
        if chunks == 1:
            function(0, n)
            return
        errors: list[BaseException] = []

        def call(_table: int, lo: int, hi: int, _chunk: int) -> None:
            try:
                function(lo, hi)
            except BaseException as error:  # handed to the caller, in the thread that asked
                errors.append(error)

        self._started().run_python(call, n, chunks)
        if errors:
            raise errors[0]

    def _started(self) -> _NativeTeam | _PythonTeam:
        team = self._team
        if team is None:
            with self._lock:
                team = self._team
                if team is None:
                    team = self._team = _team(self.threads)
        return team

    def forget(self) -> None:
        """Drops the workers without ending them: in a child process they do not exist."""
        self._lock, self._team = threading.Lock(), None

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Within, idle workers sleep at once instead of looking for work: for BLAS with threads of its own."""
        team = self._team
        if team is None:
            yield
            return
        team.rest(True)
        try:
            yield
        finally:
            team.rest(False)


def _place(callback: Any) -> int:
    """Where a callback's code is; `ctypes.cast` would leave a cycle, which only the garbage collector takes apart."""
    return int(ctypes.c_void_p.from_buffer(callback).value or 0)


class _NativeTeam:
    """Workers that wait in machine code."""

    def __init__(self, threads: int, functions: Any) -> None:
        from scopert_numpy.native.dispatch import STATE_BYTES, quiet_word

        self._functions = functions
        self._memory = np.zeros(STATE_BYTES + 64, np.uint8)
        start = self._memory.ctypes.data
        self.state = start + -start % 64
        functions.prepare(self.state)
        self._quiet = quiet_word(self.state)
        self._dispatch = functions.dispatch
        for number in range(threads - 1):
            # The state must outlive the threads, which end with the process.
            worker = threading.Thread(target=self._work, name=f"scopert-{number + 1}", daemon=True)
            worker.start()

    def _work(self) -> None:
        self._functions.work(self.state, _SPINS)

    def run(self, function: int, table: int, units: int, chunks: int) -> None:
        self._dispatch(self.state, function, table, units, chunks)

    def run_python(self, call: Callable[[int, int, int, int], None], n: int, chunks: int) -> None:
        callback = NATIVE(call)
        self._dispatch(self.state, _place(callback), 0, n, chunks)

    def rest(self, quiet: bool) -> None:
        self._quiet.value = int(quiet)

    def measure(self) -> float:
        nothing = self._functions.nothing
        times = []
        self.run(nothing, 0, 2, 2)
        for _ in range(30):
            start = time.perf_counter_ns()
            self.run(nothing, 0, 2, 2)
            times.append(time.perf_counter_ns() - start)
        return 4.0 * statistics.median(times) + 2000.0


class _PythonTeam:
    """Workers that wait for a lock, which costs a fraction of what a condition does.

    It serves one caller at a time: a second one, or a call within a call, does its work by itself.
    """

    def __init__(self, threads: int) -> None:
        self._serving = threading.Lock()
        self._workers = [_Worker(number + 1) for number in range(threads - 1)]

    def run(self, function: int, table: int, units: int, chunks: int) -> None:
        native = NATIVE(function)
        self.run_python(lambda _table, lo, hi, chunk: native(table, lo, hi, chunk), units, chunks)

    def run_python(self, call: Callable[[int, int, int, int], None], n: int, chunks: int) -> None:
        upcoming = count().__next__

        def take_chunks() -> None:
            while (chunk := upcoming()) < chunks:
                call(0, n * chunk // chunks, n * (chunk + 1) // chunks, chunk)

        if not self._serving.acquire(blocking=False):
            take_chunks()
            return
        try:
            asked = self._workers[: chunks - 1]
            for worker in asked:
                worker.ask(take_chunks)
            try:
                take_chunks()
            finally:
                for worker in asked:
                    worker.wait()
        finally:
            self._serving.release()

    def rest(self, quiet: bool) -> None:
        """They always sleep."""

    def measure(self) -> float:
        times = []
        for _ in range(10):
            start = time.perf_counter_ns()
            self.run_python(lambda _table, _lo, _hi, _chunk: None, 2, 2)
            times.append(time.perf_counter_ns() - start)
        return 4.0 * statistics.median(times) + 2000.0


class _Worker:
    """A thread that does what it is asked for, one thing at a time."""

    def __init__(self, number: int) -> None:
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._job: Callable[[], None] | None = None
        threading.Thread(target=self._work, name=f"scopert-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._go.acquire()
            job, self._job = self._job, None
            assert job is not None
            job()
            # The arrays that it worked on may be used again as soon as nobody holds them.
            del job
            self._done.release()

    def ask(self, job: Callable[[], None]) -> None:
        """Begins a job, which raises nothing."""
        self._job = job
        self._go.release()

    def wait(self) -> None:
        """Until the job is over; one that has not begun is taken back: the others have done its work."""
        if self._go.acquire(blocking=False):
            self._job = None
            return
        interrupt: BaseException | None = None
        while True:
            try:
                self._done.acquire()
                break
            except BaseException as error:  # Ctrl-C: it still works on the caller's arrays
                interrupt = error
        if interrupt is not None:
            raise interrupt


def _team(threads: int) -> _NativeTeam | _PythonTeam:
    from scopert_numpy.native import unavailable

    if unavailable() is None:
        from scopert_numpy.native.dispatch import dispatcher

        functions = dispatcher()
        if functions is not None:
            return _NativeTeam(threads, functions)
    return _PythonTeam(threads)


_pools: dict[int, Pool] = {}
_pools_lock = threading.Lock()


def pool(threads: int | None = None) -> Pool:
    """The pool of so many threads (default, and 0: the cores available)."""
    number = threads or available_cores()
    with _pools_lock:
        return _pools.setdefault(number, Pool(number))


def _forget_all() -> None:
    for each in _pools.values():
        each.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class Blas:
    """How many threads the BLAS that NumPy brings may use.

    Attributes
    ----------
    known : bool
        Whether it can be told.
    """

    def __init__(self) -> None:
        self._get, self._set = _blas_functions()
        self.known = self._set is not None

    @property
    def threads(self) -> int:
        """How many it uses now (1 if unknown)."""
        return int(self._get()) if self._get is not None else 1

    def use(self, threads: int) -> None:
        """Sets the number; does nothing where `known` is false."""
        if self._set is not None:
            self._set(threads)


@cache
def blas() -> Blas:
    """NumPy's BLAS."""
    return Blas()


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Within, BLAS uses so many threads (of the whole process: other threads are affected as well)."""
    library = blas()
    before = library.threads
    if before == threads:
        yield
        return
    library.use(threads)
    try:
        yield
    finally:
        library.use(before)


@cache
def blas_library() -> tuple[Any, str, str]:
    """OpenBLAS as NumPy loaded it (loading it again gives the same one), and what stands around its names."""
    root = Path(np.__file__).parent
    folders = [root.parent / "numpy.libs", root / ".dylibs", root / ".libs"]
    for folder in folders:
        for path in sorted(folder.glob("*openblas*")) if folder.is_dir() else ():
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
                try:
                    library[f"{prefix}openblas_get_num_threads{suffix}"]
                except AttributeError:
                    continue
                return library, prefix, suffix
    return None, "", ""


def blas_function(name: str) -> tuple[Any, Any] | None:
    """A function of NumPy's OpenBLAS, such as ``cblas_saxpy``, and its integer type; None if there is none."""
    library, prefix, suffix = blas_library()
    if library is None:
        return None
    try:
        return library[f"{prefix}{name}{suffix}"], ctypes.c_int64 if suffix else ctypes.c_int32
    except AttributeError:
        return None


def _blas_functions() -> tuple[Any, Any]:
    """What reads and what sets the number of threads."""
    library, prefix, suffix = blas_library()
    if library is not None:
        return (library[f"{prefix}openblas_get_num_threads{suffix}"],
                library[f"{prefix}openblas_set_num_threads{suffix}"])  # fmt: skip
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None, None
    found = [one for one in ThreadpoolController().lib_controllers if one.user_api == "blas"]
    if not found:
        return None, None
    return found[0].get_num_threads, found[0].set_num_threads
