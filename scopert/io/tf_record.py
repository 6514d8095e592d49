"""TFRecord files: each record with its length and the checksums of both.

A record is its length (8 bytes, little endian), the masked CRC-32C of those bytes, the data, and the masked CRC-32C
of the data. A compressed file is such a stream inside gzip or zlib.
"""

from __future__ import annotations

import gzip
import io
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

from scopert import errors
from scopert.io.crc32c import masked_crc32c
from scopert.public import public

_CHUNK = 1 << 16


@public("python_io.TFRecordCompressionType", "io.TFRecordCompressionType")
class TFRecordCompressionType:
    """How a file is compressed."""

    NONE = 0
    ZLIB = 1
    GZIP = 2


_NAMES = {TFRecordCompressionType.NONE: "", TFRecordCompressionType.ZLIB: "ZLIB", TFRecordCompressionType.GZIP: "GZIP"}


@public("python_io.TFRecordOptions", "io.TFRecordOptions")
class TFRecordOptions:
    """Options of TFRecord files.

    Parameters
    ----------
    compression_type : int or str
        Of `TFRecordCompressionType`, or ``""``, ``ZLIB``, ``GZIP``.
    flush_mode, input_buffer_size, output_buffer_size, window_bits, compression_method, mem_level : int, optional
    compression_strategy : int, optional
        zlib's parameters. Only those that change the file are used: window, level, memory and strategy.
    compression_level : int, optional

    Raises
    ------
    ValueError
        If the compression is unknown.
    """

    compression_type_map = _NAMES

    def __init__(
        self, compression_type: Any = None, flush_mode: int | None = None, input_buffer_size: int | None = None,
        output_buffer_size: int | None = None, window_bits: int | None = None, compression_level: int | None = None,
        compression_method: int | None = None, mem_level: int | None = None, compression_strategy: int | None = None,
    ) -> None:  # fmt: skip
        self.get_compression_type_string(compression_type)
        self.compression_type = compression_type
        self.flush_mode = flush_mode
        self.input_buffer_size = input_buffer_size
        self.output_buffer_size = output_buffer_size
        self.window_bits = window_bits
        self.compression_level = compression_level
        self.compression_method = compression_method
        self.mem_level = mem_level
        self.compression_strategy = compression_strategy

    @classmethod
    def get_compression_type_string(cls, options: Any) -> str:
        """``""``, ``ZLIB`` or ``GZIP`` for options, a constant, a name or None.

        Raises
        ------
        ValueError
            If there is no such compression.
        """
        if not options:
            return ""
        if isinstance(options, TFRecordOptions):
            return cls.get_compression_type_string(options.compression_type)
        if isinstance(options, int) and options in _NAMES:
            return _NAMES[options]
        if options in _NAMES.values():
            return str(options)
        raise ValueError(f'Not a valid compression_type: "{options}"')


def _compression(options: Any) -> str:
    return TFRecordOptions.get_compression_type_string(options)


class _Compressed:
    """A file that is written through zlib."""

    def __init__(self, file: IO[bytes], options: TFRecordOptions | None, extra_bits: int) -> None:
        options = options or TFRecordOptions()

        def chosen(value: int | None, default: int) -> int:
            return default if value is None else value

        self._file = file
        self.closed = False
        self._deflate = zlib.compressobj(
            chosen(options.compression_level, zlib.Z_DEFAULT_COMPRESSION), zlib.DEFLATED,
            chosen(options.window_bits, 15) + extra_bits, chosen(options.mem_level, 9),
            chosen(options.compression_strategy, zlib.Z_DEFAULT_STRATEGY),
        )  # fmt: skip

    def write(self, data: bytes) -> None:
        self._file.write(self._deflate.compress(data))

    def flush(self) -> None:
        self._file.write(self._deflate.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        if not self.closed:
            self._file.write(self._deflate.flush())
            self._file.close()
        self.closed = True


@public("python_io.TFRecordWriter", "io.TFRecordWriter")
class TFRecordWriter:
    """Writes records to a file; also a context manager.

    Parameters
    ----------
    path : str
    options : TFRecordOptions, TFRecordCompressionType or str, optional

    Raises
    ------
    NotFoundError
        If the folder does not exist.
    ValueError
        If the compression is unknown.

    Examples
    --------
    >>> import os, tempfile
    >>> import scopert as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "some.tfrecords")
    >>> with tf.python_io.TFRecordWriter(path) as writer:
    ...     writer.write(b"one")
    >>> list(tf.python_io.tf_record_iterator(path))
    [b'one']
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        compression = _compression(options)
        try:
            file: Any = open(os.fsdecode(path), "wb")  # noqa: SIM115
        except FileNotFoundError as error:
            raise errors.NotFoundError(None, None, f"{path}; No such file or directory") from error
        if compression:
            given = options if isinstance(options, TFRecordOptions) else None
            # 16 more window bits ask zlib for gzip's header.
            file = _Compressed(file, given, 16 if compression == "GZIP" else 0)
        self._file = file

    def write(self, record: Any) -> None:
        """Appends a record of bytes (or text, which becomes UTF-8).

        Raises
        ------
        FailedPreconditionError
            If the writer is closed.
        """
        if self._file.closed:
            raise errors.FailedPreconditionError(None, None, "Writer is closed.")
        data = record.encode() if isinstance(record, str) else bytes(record)
        length = struct.pack("<Q", len(data))
        head = length + struct.pack("<I", masked_crc32c(length))
        self._file.write(head + data + struct.pack("<I", masked_crc32c(data)))

    def flush(self) -> None:
        """Hands what was written to the file system."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file; again does nothing."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Inflated(io.RawIOBase):
    """A zlib stream that is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._inflate = zlib.decompressobj()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._inflate.eof:
            chunk = self._file.read(_CHUNK)
            if not chunk:
                break
            self._ready = self._inflate.decompress(chunk)
        part = self._ready[: len(buffer)]
        self._ready = self._ready[len(part) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()


def _opened(path: Any, compression: str) -> Any:
    try:
        file = open(os.fsdecode(path), "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise errors.NotFoundError(None, None, f"{path}; No such file or directory") from error
    if compression == "GZIP":
        return gzip.GzipFile(fileobj=file)
    return io.BufferedReader(_Inflated(file), _CHUNK) if compression == "ZLIB" else file


def read_records(path: Any, compression: str = "") -> Iterator[bytes]:
    """The records of a file, one after the other.

    Raises
    ------
    NotFoundError
        If there is no file.
    DataLossError
        If a checksum is wrong or the file ends inside a record.
    """
    with _opened(path, compression) as file:
        offset = 0
        try:
            while head := file.read(12):
                length = int.from_bytes(head[:8], "little")
                if len(head) < 12:
                    raise errors.DataLossError(None, None, f"truncated record at {offset}")
                if struct.unpack("<I", head[8:])[0] != masked_crc32c(head[:8]):
                    raise errors.DataLossError(None, None, f"corrupted record at {offset}")
                body = file.read(length + 4)
                if len(body) < length + 4:
                    raise errors.DataLossError(None, None, f"truncated record at {offset}")
                data = body[:length]
                if struct.unpack("<I", body[length:])[0] != masked_crc32c(data):
                    raise errors.DataLossError(None, None, f"corrupted record at {offset}")
                yield data
                offset += length + 16
        except (OSError, EOFError, zlib.error) as error:
            raise errors.DataLossError(
                None, None, f"{path}: broken {compression} stream at {offset}: {error}"
            ) from error


@public("python_io.tf_record_iterator", "io.tf_record_iterator")
def tf_record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """The records of a file, one after the other.

    Parameters
    ----------
    path : str
    options : TFRecordOptions, TFRecordCompressionType or str, optional

    Raises
    ------
    NotFoundError
        If there is no file; when the first record is asked for.
    DataLossError
        If a checksum is wrong or the file ends inside a record.
    """
    return read_records(path, _compression(options))
