"""Reading event files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scopert.errors import DataLossError, NotFoundError
from scopert.graph.graph_def import protos
from scopert.public import public


@public("train.summary_iterator")
def summary_iterator(path: str) -> Iterator[Any]:
    """The events of an event file, one after the other; a last one that is incomplete is left out.

    Parameters
    ----------
    path : str

    Raises
    ------
    NotFoundError
        If there is no such file.
    DataLossError
        If it is not an event file.
    """
    kind = protos().event_pb2.Event
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed by the generator)
    except FileNotFoundError as error:
        raise NotFoundError(None, None, f"{path}; No such file or directory") from error
    return _events(file, kind, path)


def _events(file: Any, kind: Any, path: str) -> Iterator[Any]:
    # A record: its length (8 bytes), a checksum (4), the event, a checksum (4).
    with file:
        while len(header := file.read(12)) == 12:
            length = int.from_bytes(header[:8], "little")
            content = file.read(length + 4)
            if len(content) < length + 4:
                return
            try:
                yield kind.FromString(content[:length])
            except Exception as error:  # the message library has several exceptions for it
                raise DataLossError(None, None, f"corrupted record in {path}: {error}") from error
