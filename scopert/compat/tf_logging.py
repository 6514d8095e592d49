"""``tf.logging``: Python's logging under TensorFlow's names."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from scopert.public import export, public

DEBUG = logging.DEBUG
INFO = logging.INFO
WARN = logging.WARNING
ERROR = logging.ERROR
FATAL = logging.CRITICAL

for _name in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL"):
    export(__name__, _name, f"logging.{_name}")

_lock = threading.Lock()
_counts: dict[str, int] = {}


def _make_logger() -> logging.Logger:
    logger = logging.getLogger("scopert")
    if not logger.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
        logger.addHandler(handler)
    if logger.level == logging.NOTSET:
        logger.setLevel(WARN)
    return logger


_logger = _make_logger()
# Callers are shown by their own line, not by this file's.
_SKIP = 2


@public("logging.log")
def log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message with ``%`` arguments at a level."""
    _logger.log(level, msg, *args, stacklevel=_SKIP, **kwargs)


@public("logging.debug")
def debug(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at DEBUG."""
    _logger.debug(msg, *args, stacklevel=_SKIP, **kwargs)


@public("logging.info")
def info(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at INFO."""
    _logger.info(msg, *args, stacklevel=_SKIP, **kwargs)


@public("logging.warning", "logging.warn")
def warning(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at WARN."""
    _logger.warning(msg, *args, stacklevel=_SKIP, **kwargs)


@public("logging.error")
def error(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at ERROR."""
    _logger.error(msg, *args, stacklevel=_SKIP, **kwargs)


@public("logging.fatal")
def fatal(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at FATAL; the program goes on."""
    _logger.critical(msg, *args, stacklevel=_SKIP, **kwargs)


@public("logging.vlog")
def vlog(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at a level; the same as `log`."""
    _logger.log(level, msg, *args, stacklevel=_SKIP, **kwargs)


@public("logging.log_if")
def log_if(level: int, msg: Any, condition: Any, *args: Any) -> None:
    """Logs if a condition holds."""
    if condition:
        _logger.log(level, msg, *args, stacklevel=_SKIP)


def _count(msg: Any) -> int:
    with _lock:
        count = _counts.get(str(msg), -1) + 1
        _counts[str(msg)] = count
    return count


@public("logging.log_every_n")
def log_every_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Logs the first and then every n-th time that this message is given."""
    if _count(msg) % n == 0:
        _logger.log(level, msg, *args, stacklevel=_SKIP)


@public("logging.log_first_n")
def log_first_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Logs the first n times that this message is given."""
    if _count(msg) < n:
        _logger.log(level, msg, *args, stacklevel=_SKIP)


@public("logging.flush")
def flush() -> None:
    """Writes what handlers hold back."""
    for handler in _logger.handlers:
        handler.flush()


@public("logging.get_verbosity")
def get_verbosity() -> int:
    """The level below which nothing is logged."""
    return _logger.getEffectiveLevel()


@public("logging.set_verbosity")
def set_verbosity(v: int) -> None:
    """Sets the level below which nothing is logged."""
    _logger.setLevel(v)
