"""Event files for TensorBoard, through the ``tensorboard`` package's own writer."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

from scopert.graph.graph import Graph
from scopert.graph.graph_def import graph_def, protos
from scopert.public import public


def _event_file_writer(logdir: str, max_queue: int, flush_secs: float, suffix: str | None) -> Any:
    protos()  # its ImportError says what to install
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    return EventFileWriter(logdir, max_queue, flush_secs, suffix or "")


@public("summary.FileWriter")
class FileWriter:
    """Writes graphs and summaries where TensorBoard finds them.

    Parameters
    ----------
    logdir : str
        A folder; made if it is not there.
    graph : Graph, optional
        Written at once.
    max_queue : int
        How many events may wait before an add blocks.
    flush_secs : float
        How often waiting events are written, in seconds.
    graph_def : GraphDef, optional
        Deprecated: `graph` in another form.
    filename_suffix : str, optional
    session : None
        Writing through a session's resources is not supported.

    Raises
    ------
    ImportError
        Without the ``tensorboard`` package (extra ``tensorboard``).
    """

    def __init__(
        self, logdir: str, graph: Graph | None = None, max_queue: int = 10, flush_secs: float = 120,
        graph_def: Any = None, filename_suffix: str | None = None, session: Any = None,
    ) -> None:  # fmt: skip
        if session is not None:
            raise NotImplementedError("FileWriter(session=...) is not supported; leave it out")
        self._logdir = str(logdir)
        self._how = (max_queue, flush_secs, filename_suffix)
        self._writer: Any = _event_file_writer(self._logdir, *self._how)
        self._known_tags: set[str] = set()
        self._run_tags: set[str] = set()
        self._closed = False
        if graph is not None or graph_def is not None:
            self.add_graph(graph, graph_def=graph_def)

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def get_logdir(self) -> str:
        """The folder."""
        return self._logdir

    def add_event(self, event: Any) -> None:
        """Adds an Event message.

        Raises
        ------
        ValueError
            After `close`.
        """
        if self._closed:
            raise ValueError(f"the FileWriter of {self._logdir!r} is closed; call reopen() to write again")
        self._writer.add_event(event)

    def _add(self, event: Any, global_step: Any) -> None:
        event.wall_time = time.time()
        if global_step is not None:
            event.step = int(global_step)
        self.add_event(event)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Adds a Summary, or the string that running one gives.

        Parameters
        ----------
        summary : bytes or Summary
        global_step : int, optional
        """
        if isinstance(summary, bytes):
            data, summary = summary, protos().summary_pb2.Summary()
            summary.ParseFromString(data)
        for value in summary.value:
            # TensorBoard needs the metadata of a tag once.
            if value.metadata.ByteSize():
                if value.tag in self._known_tags:
                    value.ClearField("metadata")
                else:
                    self._known_tags.add(value.tag)
        self._add(protos().event_pb2.Event(summary=summary), global_step)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Adds a graph, so that TensorBoard draws it.

        Raises
        ------
        TypeError
            If it is neither a Graph nor a GraphDef.
        """
        given = graph if graph is not None else graph_def
        if given is None:
            raise ValueError("The passed graph must be an instance of `Graph` or the deprecated `GraphDef`")
        if isinstance(given, Graph):
            given = _graph_def_with_shapes(given)
        elif not hasattr(given, "SerializeToString"):
            raise TypeError("The passed graph must be an instance of `Graph` or the deprecated `GraphDef`")
        self._add(protos().event_pb2.Event(graph_def=given.SerializeToString()), global_step)

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Adds a SessionLog message."""
        self._add(protos().event_pb2.Event(session_log=session_log), global_step)

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Adds what a traced run reported.

        Raises
        ------
        ValueError
            If the tag was used before.
        """
        if tag in self._run_tags:
            raise ValueError("The provided tag was already used for this event type")
        self._run_tags.add(tag)
        message = protos().event_pb2.TaggedRunMetadata(tag=tag, run_metadata=run_metadata.SerializeToString())
        self._add(protos().event_pb2.Event(tagged_run_metadata=message), global_step)

    def flush(self) -> None:
        """Writes everything that waits."""
        if not self._closed:
            self._writer.flush()

    def close(self) -> None:
        """Writes everything and closes the file."""
        if not self._closed:
            self._writer.close()
            self._closed = True

    def reopen(self) -> None:
        """Writes again, to a new file in the same folder."""
        if self._closed:
            self._writer = _event_file_writer(self._logdir, *self._how)
            self._known_tags.clear()
            self._closed = False


def _graph_def_with_shapes(graph: Graph) -> Any:
    return graph_def(graph, add_shapes=True)


@public("summary.FileWriterCache")
class FileWriterCache:
    """One FileWriter for each folder."""

    _cache: ClassVar[dict[str, FileWriter]] = {}
    _lock = threading.RLock()

    @staticmethod
    def clear() -> None:
        """Closes and forgets all."""
        with FileWriterCache._lock:
            for writer in FileWriterCache._cache.values():
                writer.close()
            FileWriterCache._cache = {}

    @staticmethod
    def get(logdir: str) -> FileWriter:
        """The writer of a folder, made if there is none."""
        from scopert.graph.stack import get_default_graph

        with FileWriterCache._lock:
            if logdir not in FileWriterCache._cache:
                FileWriterCache._cache[logdir] = FileWriter(logdir, graph=get_default_graph())
            return FileWriterCache._cache[logdir]
