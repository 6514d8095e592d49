"""Tensors that stay in a session between runs."""

from __future__ import annotations

from typing import Any

from scopert.graph.dtypes import DType


class TensorHandle:
    """What running a `tf.get_session_handle` gives: the name of a value that the session keeps.

    The value is dropped when the handle is.
    """

    def __init__(self, handle: bytes, dtype: DType, session: Any) -> None:
        self._handle = handle.decode()
        self._dtype = dtype
        self._session = session
        self._owns = True

    def __str__(self) -> str:
        return self._handle

    def __repr__(self) -> str:
        return f"<TensorHandle {self._handle!r} dtype={self._dtype.name}>"

    @property
    def handle(self) -> str:
        """The name under which the session keeps the value."""
        return self._handle

    @property
    def dtype(self) -> DType:
        return self._dtype

    def eval(self) -> Any:
        """The value.

        Raises
        ------
        TypeError
            If the handle no longer owns it.
        """
        self._check()
        return self._session._context.handles.on_host(self._handle)

    def delete(self) -> None:
        """Drops the value.

        Raises
        ------
        TypeError
            If the handle no longer owns it.
        """
        self._check()
        self._owns = False
        self._session._context.handles.delete(self._handle)

    def get_raw_handle(self) -> str:
        """The name; from now on the caller has to delete the value."""
        self._owns = False
        return self._handle

    def _check(self) -> None:
        if not self._owns:
            raise TypeError(f"Persistent tensor {self._handle} may have already been deleted.")

    def __del__(self) -> None:
        if getattr(self, "_owns", False):
            self._session._context.handles.discard(self._handle)
