"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.compat.tf_logging import DEBUG as DEBUG
from scopert.compat.tf_logging import ERROR as ERROR
from scopert.compat.tf_logging import FATAL as FATAL
from scopert.compat.tf_logging import INFO as INFO
from scopert.compat.tf_logging import WARN as WARN
from scopert.compat.tf_logging import debug as debug
from scopert.compat.tf_logging import error as error
from scopert.compat.tf_logging import fatal as fatal
from scopert.compat.tf_logging import flush as flush
from scopert.compat.tf_logging import get_verbosity as get_verbosity
from scopert.compat.tf_logging import info as info
from scopert.compat.tf_logging import log as log
from scopert.compat.tf_logging import log_every_n as log_every_n
from scopert.compat.tf_logging import log_first_n as log_first_n
from scopert.compat.tf_logging import log_if as log_if
from scopert.compat.tf_logging import set_verbosity as set_verbosity
from scopert.compat.tf_logging import vlog as vlog
from scopert.compat.tf_logging import warning as warn
from scopert.compat.tf_logging import warning as warning

__all__ = [
    "DEBUG",
    "ERROR",
    "FATAL",
    "INFO",
    "WARN",
    "debug",
    "error",
    "fatal",
    "flush",
    "get_verbosity",
    "info",
    "log",
    "log_every_n",
    "log_first_n",
    "log_if",
    "set_verbosity",
    "vlog",
    "warn",
    "warning",
]
