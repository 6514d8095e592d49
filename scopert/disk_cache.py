"""Compiled code on disk, found by what it was made from: shared by processes, bounded, and checked when read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

#: Bytes of each kind of code kept on disk (environment variable ``SCOPERT_CACHE_BYTES``).
LIMIT = 256 << 20
_DIGEST = 32


def cache_folder() -> Path | None:
    """Where compiled code is kept; None to keep none.

    ``SCOPERT_CACHE`` names it (empty: none); otherwise it is the user's cache folder.
    """
    named = os.environ.get("SCOPERT_CACHE")
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return Path(base or Path.home() / ".cache") / "scopert"
    except RuntimeError:  # no home
        return None


def key_of(*parts: str) -> str:
    """A name for what is made from some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class DiskCache:
    """Files named by keys.

    A file appears in one step, so that other processes see all of it or nothing; its digest stands behind the
    data, so that a damaged one is not used; the ones unused for longest go when all of a kind exceed the limit.
    A disk that is full or read-only only costs the next start its time.

    Parameters
    ----------
    suffix : str
        The kind: an extension such as ``".cubin"``.
    """

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix

    def path(self, key: str) -> Path | None:
        """The file of a key, whether it is there or not; None if nothing is kept."""
        folder = cache_folder()
        return None if folder is None else folder / (key + self.suffix)

    def read(self, key: str) -> bytes | None:
        """The data under a key; None if there is none or it is damaged."""
        path = self.path(key)
        if path is None:
            return None
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        data = stored[:-_DIGEST]
        if hashlib.sha256(data).digest() != stored[-_DIGEST:]:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used now: the oldest are the first to go
        return data

    def write(self, key: str, data: bytes) -> None:
        """Keeps data under a key."""
        path = self.path(key)
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data + hashlib.sha256(data).digest())
                os.replace(part, path)
            except OSError:
                os.unlink(part)
                raise
            self._bound(path.parent)
        except OSError:
            return

    def _bound(self, folder: Path) -> None:
        limit = int(os.environ.get("SCOPERT_CACHE_BYTES", LIMIT))
        rows = []
        for path in folder.glob("*" + self.suffix):
            with contextlib.suppress(OSError):  # another process may have removed it
                status = path.stat()
                rows.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in rows)
        for _, size, path in sorted(rows, key=lambda row: row[0]):
            if total <= limit:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size
