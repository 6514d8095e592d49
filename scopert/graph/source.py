"""Where in the user's program something was made.

A source location is ``(code object, instruction offset)``: capturing it costs a walk over a few
frames, and the line number is only computed when somebody asks.
"""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from types import CodeType

Location = tuple[CodeType, int]

_PACKAGE = str(Path(__file__).resolve().parent.parent)
# Command line programs that ship with the package are written as a user would write them.
_USER_PARTS = (str(Path(_PACKAGE) / "cli"),)
_internal: dict[str, bool] = {}


def _is_internal(filename: str) -> bool:
    known = filename.startswith(_PACKAGE) and not filename.startswith(_USER_PARTS)
    known = known or filename.endswith(("contextlib.py", "functools.py", "threading.py"))
    _internal[filename] = known
    return known


def here() -> Location | None:
    """The innermost frame that is not the library's own."""
    frame = sys._getframe(1)
    known = _internal.get
    while frame is not None:
        filename = frame.f_code.co_filename
        internal = known(filename)
        if internal is None:
            internal = _is_internal(filename)
        if not internal:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back  # type: ignore[assignment]
    return None


def resolve(location: Location | None) -> tuple[str, int, str] | None:
    """File name, line number and function name of a location."""
    if location is None:
        return None
    code, offset = location
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return code.co_filename, line, code.co_name
    return code.co_filename, code.co_firstlineno, code.co_name


def text(location: Location | None) -> str:
    """``file:line``, or a phrase that says that it is unknown."""
    found = resolve(location)
    return "an unknown place" if found is None else f"{found[0]}:{found[1]}"


def excerpt(location: Location | None) -> str:
    """The location as Python prints a frame of a traceback, with its source line."""
    found = resolve(location)
    if found is None:
        return "  (unknown)"
    filename, line, function = found
    source = linecache.getline(filename, line).strip()
    return f'  File "{filename}", line {line}, in {function}' + (f"\n    {source}" if source else "")
