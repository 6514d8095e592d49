"""Stopping several threads together, and reporting the first error of any."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from scopert.errors import OutOfRangeError
from scopert.public import public

_log = logging.getLogger("scopert")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


@public("train.Coordinator")
class Coordinator:
    """Tells threads to stop when one of them asks for it, and raises its error in `join`.

    Parameters
    ----------
    clean_stop_exception_types : tuple of exception types, optional
        Errors that only mean that the work is done. Default: ``tf.errors.OutOfRangeError``.

    Examples
    --------
    >>> import scopert as tf, threading
    >>> coord = tf.train.Coordinator()
    >>> def work():
    ...     with coord.stop_on_exception():
    ...         while not coord.should_stop():
    ...             coord.request_stop()
    >>> thread = threading.Thread(target=work)
    >>> thread.start()
    >>> coord.join([thread])
    >>> coord.should_stop()
    True
    """

    def __init__(self, clean_stop_exception_types: Iterable[type[BaseException]] | None = None) -> None:
        default = (OutOfRangeError,) if clean_stop_exception_types is None else clean_stop_exception_types
        self._clean_types = tuple(default)
        self._lock = threading.Lock()
        self._stop_event = threading.Event()
        self._error: BaseException | None = None
        self._joined = False
        self._registered_threads: set[threading.Thread] = set()

    def request_stop(self, ex: BaseException | ExcInfo | None = None) -> None:
        """Asks all threads to stop.

        Parameters
        ----------
        ex : exception or the triple of ``sys.exc_info()``, optional
            The reason; the first one is raised by `join`, at once if that is over.
        """
        error = ex[1] if isinstance(ex, tuple) else ex
        if isinstance(error, self._clean_types):
            error = None
        with self._lock:
            if self._joined and error is not None:
                raise error
            if not self._stop_event.is_set():
                if error is not None and self._error is None:
                    _log.info("Error reported to Coordinator: %s, %s", type(error), error)
                    self._error = error
                self._stop_event.set()

    def clear_stop(self) -> None:
        """Forgets the request and its error."""
        with self._lock:
            self._joined = False
            self._error = None
            self._stop_event.clear()

    def should_stop(self) -> bool:
        """Whether a stop was requested."""
        return self._stop_event.is_set()

    @contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """An exception in the block becomes a request to stop."""
        try:
            yield
        except BaseException as error:
            self.request_stop(error)

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Waits until a stop is requested; false if that took longer than `timeout` seconds."""
        return self._stop_event.wait(timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Adds a thread to those that `join` waits for."""
        with self._lock:
            self._registered_threads.add(thread)

    def join(
        self, threads: Iterable[threading.Thread] | None = None, stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:  # fmt: skip
        """Waits for the threads to end, and raises the error with which one of them asked to stop.

        Parameters
        ----------
        threads : list of Thread, optional
            Besides the registered ones.
        stop_grace_period_secs : float
            How long to wait after a request to stop.
        ignore_live_threads : bool
            Do not complain about threads that run on.

        Raises
        ------
        RuntimeError
            If a thread runs on after the grace period.
        """
        with self._lock:
            waiting = list(self._registered_threads.union(threads or ()))
        while any(thread.is_alive() for thread in waiting) and not self.wait_for_stop(0.1):
            continue
        pause = 0.001
        while any(thread.is_alive() for thread in waiting) and stop_grace_period_secs >= 0.0:
            time.sleep(pause)
            stop_grace_period_secs -= pause
            pause = min(2 * pause, max(stop_grace_period_secs, 0.001))
        alive = [thread.name for thread in waiting if thread.is_alive()]
        with self._lock:
            self._joined = True
            self._registered_threads.clear()
            if self._error is not None:
                raise self._error
            if alive and not ignore_live_threads:
                raise RuntimeError(f"Coordinator stopped with threads still running: {' '.join(alive)}")
            if alive:
                _log.info("Coordinator stopped with threads still running: %s", " ".join(alive))

    @property
    def joined(self) -> bool:
        """Whether `join` is over."""
        return self._joined

    def raise_requested_exception(self) -> None:
        """Raises the error that was reported, if any."""
        with self._lock:
            if self._error is not None:
                raise self._error


@public("train.LooperThread")
class LooperThread(threading.Thread):
    """A thread that does something again and again until its coordinator stops.

    Parameters
    ----------
    coord : Coordinator
    timer_interval_secs : float or None
        Between two starts; None: without pause.
    target : callable, optional
        Default: the method `run_loop` of a subclass.
    args : tuple, optional
    kwargs : dict, optional

    Raises
    ------
    ValueError
        If `coord` is none, or arguments are given without `target`.
    """

    def __init__(
        self, coord: Coordinator, timer_interval_secs: float | None, target: Callable[..., Any] | None = None,
        args: Sequence[Any] | None = None, kwargs: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(coord, Coordinator):
            raise ValueError(f"'coord' argument must be a Coordinator: {coord}")
        if target is None and (args or kwargs):
            raise ValueError("'args' and 'kwargs' argument require that you also pass 'target'")
        super().__init__(daemon=True)
        self._coord = coord
        self._interval = timer_interval_secs
        self._work = target
        self._work_args = tuple(args or ())
        self._work_kwargs = dict(kwargs or {})
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator, timer_interval_secs: float | None, target: Callable[..., Any],
        args: Sequence[Any] | None = None, kwargs: dict[str, Any] | None = None,
    ) -> LooperThread:  # fmt: skip
        """A started thread that calls `target`."""
        looper = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        looper.start()
        return looper

    def run(self) -> None:
        """What the thread does."""
        with self._coord.stop_on_exception():
            self.start_loop()
            if self._interval is None:
                while not self._coord.should_stop():
                    self.run_loop()
            else:
                due = time.time()
                while not self._coord.wait_for_stop(due - time.time()):
                    due += self._interval
                    self.run_loop()
            self.stop_loop()

    def start_loop(self) -> None:
        """Called first."""

    def stop_loop(self) -> None:
        """Called last."""

    def run_loop(self) -> None:
        """Called again and again."""
        if self._work is not None:
            self._work(*self._work_args, **self._work_kwargs)
