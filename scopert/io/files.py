"""Files under TensorFlow's names (``tf.gfile``), on the local file system."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, TypeVar

from scopert import errors
from scopert.public import public

T = TypeVar("T")
_MODES = frozenset({"r", "w", "a", "r+", "w+", "a+", "rb", "wb", "ab", "rb+", "wb+", "ab+", "r+b", "w+b", "a+b"})


def _path(path: Any) -> str:
    text = os.fsdecode(path)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    if scheme == "file":
        return rest
    raise errors.UnimplementedError(None, None, f"File system scheme '{scheme}' not implemented (file: '{text}')")


def _run(action: Callable[[], T], path: Any) -> T:
    """Runs a file action; failures become TensorFlow's exceptions."""
    try:
        return action()
    except FileNotFoundError as error:
        raise errors.NotFoundError(None, None, f"{path}; No such file or directory") from error
    except PermissionError as error:
        raise errors.PermissionDeniedError(None, None, f"{path}; Permission denied") from error
    except FileExistsError as error:
        raise errors.AlreadyExistsError(None, None, f"{path}; File exists") from error
    except (IsADirectoryError, NotADirectoryError, OSError) as error:
        raise errors.FailedPreconditionError(None, None, f"{path}; {error.strerror or error}") from error


@public("gfile.GFile", "gfile.Open", "gfile.FastGFile", "io.gfile.GFile")
class GFile:
    """A file, opened when it is first used.

    Parameters
    ----------
    name : str
    mode : str
        As for `open`; text modes give strings (UTF-8), modes with ``b`` give bytes.

    Raises
    ------
    NotFoundError, PermissionDeniedError
        When it is used.
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        if mode not in _MODES:
            raise errors.InvalidArgumentError(None, None, f"Unknown file mode: {mode!r}")
        self._name = name
        self._mode = mode
        self._file: IO[Any] | None = None

    @property
    def name(self) -> Any:
        return self._name

    @property
    def mode(self) -> str:
        return self._mode

    def _opened(self, action: str = "r") -> IO[Any]:
        if action == "r" and self._mode[0] != "r" and "+" not in self._mode:
            raise errors.PermissionDeniedError(None, None, "File isn't open for reading")
        if action == "w" and self._mode[0] == "r" and "+" not in self._mode:
            raise errors.PermissionDeniedError(None, None, "File isn't open for writing")
        if self._file is None:
            encoding = None if "b" in self._mode else "utf-8"
            self._file = _run(lambda: open(_path(self._name), self._mode, encoding=encoding), self._name)  # noqa: SIM115
        return self._file

    def read(self, n: int = -1) -> Any:
        """The next `n` characters or bytes; the rest without `n`."""
        return self._opened().read(n)

    def readline(self) -> Any:
        """The next line with its end."""
        return self._opened().readline()

    def readlines(self) -> list[Any]:
        """All further lines."""
        return self._opened().readlines()

    def write(self, file_content: Any) -> None:
        """Writes at the end or at the position."""
        self._opened("w").write(file_content)

    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Moves to a position."""
        target = position if offset is None else offset
        if target is None:
            raise TypeError("seek(): offset argument required")
        self._opened("s").seek(target, whence)

    def tell(self) -> int:
        """The position."""
        return self._opened("s").tell()

    def size(self) -> int:
        """The size in bytes."""
        self.flush()
        return _run(lambda: os.path.getsize(_path(self._name)), self._name)

    def flush(self) -> None:
        """Hands what was written to the operating system."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Closes the file; using it again opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._opened())


class FileStatistics(NamedTuple):
    """What `stat` gives."""

    length: int
    mtime_nsec: int
    is_directory: bool


@public("gfile.Exists", "io.gfile.exists")
def exists(path: Any) -> bool:
    """Whether there is a file or folder."""
    return os.path.exists(_path(path))


@public("gfile.IsDirectory", "io.gfile.isdir")
def isdir(path: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(_path(path))


@public("gfile.MakeDirs", "io.gfile.makedirs")
def makedirs(path: Any) -> None:
    """Makes a folder and those above it."""
    _run(lambda: os.makedirs(_path(path), exist_ok=True), path)


@public("gfile.MkDir", "io.gfile.mkdir")
def mkdir(path: Any) -> None:
    """Makes a folder in one that exists."""
    _run(lambda: os.mkdir(_path(path)), path)


@public("gfile.ListDirectory", "io.gfile.listdir")
def listdir(path: Any) -> list[str]:
    """The names in a folder.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    """
    if not isdir(path):
        raise errors.NotFoundError(None, None, f"Could not find directory {path}")
    return _run(lambda: os.listdir(_path(path)), path)


@public("gfile.Glob", "io.gfile.glob")
def match(pattern: Any) -> list[str]:
    """The paths that match a pattern, or any of several, sorted."""
    patterns = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    return [path for item in patterns for path in sorted(glob.glob(_path(item)))]


@public("gfile.Remove", "io.gfile.remove")
def remove(path: Any) -> None:
    """Removes a file."""
    _run(lambda: os.remove(_path(path)), path)


@public("gfile.DeleteRecursively", "io.gfile.rmtree")
def rmtree(path: Any) -> None:
    """Removes a folder with everything in it, or a file."""
    _run(lambda: shutil.rmtree(_path(path)) if isdir(path) else os.remove(_path(path)), path)


@public("gfile.Copy", "io.gfile.copy")
def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copies a file.

    Raises
    ------
    AlreadyExistsError
        If the target exists and `overwrite` is False.
    """
    _refuse_existing(dst, overwrite)
    _run(lambda: shutil.copyfile(_path(src), _path(dst)), src)


@public("gfile.Rename", "io.gfile.rename")
def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Renames or moves a file or folder; see `copy`."""
    _refuse_existing(dst, overwrite)
    _run(lambda: os.replace(_path(src), _path(dst)), src)


def _refuse_existing(path: Any, overwrite: bool) -> None:
    if not overwrite and os.path.exists(_path(path)):
        raise errors.AlreadyExistsError(None, None, f"file already exists: {path}")


@public("gfile.Stat", "io.gfile.stat")
def stat(path: Any) -> FileStatistics:
    """Length in bytes, time of the last change in nanoseconds, and whether it is a folder."""
    found = _run(lambda: os.stat(_path(path)), path)
    return FileStatistics(found.st_size, found.st_mtime_ns, isdir(path))


@public("gfile.Walk")
def walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """Folders below a folder as ``(folder, folders in it, files in it)``, from above or from below."""
    return os.walk(_path(top), topdown=in_order)


@public("io.gfile.walk")
def walk_v2(top: Any, topdown: bool = True, onerror: Callable[[OSError], None] | None = None) -> Iterator[Any]:
    """`gfile.Walk` with the arguments of `os.walk`."""
    return os.walk(_path(top), topdown=topdown, onerror=onerror)
