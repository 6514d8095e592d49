"""The values of variables: one buffer, laid out by `scopert.scope.layout`."""

from __future__ import annotations

import itertools
import threading
import weakref
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

from scopert.backend import Backend, DeviceBackend
from scopert.errors import InvalidArgumentError, NotFoundError, ResourceExhaustedError
from scopert.graph.dtypes import string, uint8
from scopert.graph.graph import Graph
from scopert.graph.kernel import Origin, origin_of
from scopert.graph.shape import text
from scopert.program.variables import VARIABLE_OPS, variable_key
from scopert.runtime.cell import Cell, Moves
from scopert.runtime.shared_store import exported
from scopert.scope.layout import (
    OTHER,
    TRAINABLE,
    Layout,
    Segment,
    VariableSpec,
    moves,
    plan,
    slot_marks,
    trainable_names,
)
from scopert.sizes import bytes_by_scope, bytes_text


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values of a store at one time: its buffer on the host, and what stands beside it."""

    layout: Layout
    buffer: Any
    beside: dict[object, Any]
    initialized: frozenset[object]


class VariableStore:
    """Variables by container and name. Several sessions may share one.

    All variables of known shape and numeric type stand in one allocation of the backend; when there are
    more, a larger one takes its place. Others (strings, ``validate_shape=False``) stand beside it, and
    `describe` says so.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    ...     sess = tf.Session()
    ...     sess.run(w.initializer)
    >>> sess.store.array("w")
    array([0., 0.], dtype=float32)
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._device = cast(DeviceBackend, backend) if backend.capabilities.device_memory else None
        self.lock = threading.RLock()
        self._cells: dict[object, Cell] = {}
        self._specs: dict[object, VariableSpec] = {}
        self._layout = Layout()
        self._buffer: Any = None
        self._moves = Moves()
        self._seen: weakref.WeakKeyDictionary[Graph, int] = weakref.WeakKeyDictionary()

    @property
    def layout(self) -> Layout:
        return self._layout

    @property
    def nbytes(self) -> int:
        """The size of the buffer."""
        return self._layout.nbytes

    @property
    def version(self) -> int:
        """Another number whenever memory of a variable has another address than before."""
        return self._moves.count

    def check_backend(self, backend: Backend) -> None:
        """Raises ValueError if the store's memory belongs to another backend."""
        if backend is not self._backend:
            raise ValueError(
                f"the store's memory belongs to the backend {self._backend.name!r}, the session runs on "
                f"{backend.name!r}"
            )

    # Variables.

    def prepare(self, graph: Graph) -> None:
        """Gives places to all variables of a graph that have none yet."""
        with self.lock:
            ops = graph._ops
            start, count = self._seen.get(graph, 0), len(ops)
            if start == count:
                return
            found = [op for op in itertools.islice(list(ops.values()), start, count) if op.type in VARIABLE_OPS]
            self._seen[graph] = count
            if not found:
                return
            trainable, marks = trainable_names(graph), slot_marks(graph)
            grows, known = False, frozenset(self._specs)
            for op in found:
                key = variable_key(op)
                self.cell(key, origin_of(op))
                shape, dtype = op.attrs["shape"], op.attrs["dtype"]
                if key in self._specs or shape is None or None in shape or dtype is string or dtype.np.hasobject:
                    continue
                kind, owner = marks.get(op.name, (TRAINABLE if op.name in trainable else OTHER, None))
                owner_op = ops.get(owner) if owner is not None else None
                owner_key = None if owner_op is None else variable_key(owner_op)
                self._specs[key] = VariableSpec(key, op.name, dtype, shape, kind, owner_key)
                grows = True
            if grows:
                self._grow(known)

    def cell(self, key: object, origin: Origin) -> Cell:
        """The variable of this key, made if it is not there.

        Raises
        ------
        InvalidArgumentError
            If it is there with another type or shape.
        """
        found = self._cells.get(key)
        if found is None:
            with self.lock:
                return self._cells.setdefault(key, Cell(origin, self._backend, self.lock, self._moves))
        if found.origin is not origin:
            mine, other = found.origin.attrs, origin.attrs
            if mine["dtype"] is not other["dtype"] or mine["shape"] != other["shape"]:
                raise InvalidArgumentError(
                    None, None,
                    f"Trying to share the variable {found.name} as {other['dtype'].name} {text(other['shape'])} (made "
                    f"at {origin.where}); it is {mine['dtype'].name} {text(mine['shape'])} (made at "
                    f"{found.origin.where})",
                )  # fmt: skip
        return found

    def _grow(self, known: frozenset[object]) -> None:
        layout = plan(list(self._specs.values()))
        try:
            if self._device is None:
                buffer = self._backend.allocate(layout.nbytes)
            else:
                buffer = self._device.allocate(layout.nbytes, shareable=True)
        except MemoryError as error:
            # The new ones get no place: what does not use them runs on, and those that are used get memory alone.
            new = [spec for key, spec in self._specs.items() if key not in known]
            self._specs = {key: spec for key, spec in self._specs.items() if key in known}
            raise ResourceExhaustedError(None, None, self._no_room(layout.nbytes, new, error)) from error
        for source, target, size in moves(self._layout, layout):
            if self._device is None:
                self._bytes(buffer, target, size)[...] = self._bytes(self._buffer, source, size)
            else:
                self._device.copy(buffer, target, self._buffer, source, size)
        for slot in layout.slots():
            cell = self._cells[slot.spec.key]
            # A value that got another shape stays beside the buffer.
            if cell.placed or not cell.initialized:
                cell.place(self._backend.view(buffer, slot.offset, slot.spec.shape, slot.spec.dtype))
        self._layout, self._buffer = layout, buffer

    def _no_room(self, nbytes: int, new: list[VariableSpec], error: MemoryError) -> str:
        """The message when a larger buffer cannot be had."""
        held = f"; the buffer of {bytes_text(self.nbytes)} stays until they are copied" if self.nbytes else ""
        return "\n".join([
            f"no memory for {len(new)} new variable{'s' * (len(new) != 1)}: all together need {bytes_text(nbytes)} on "
            f"{self._backend.name}{held} ({error})",
            "new variables by scope:", *bytes_by_scope((spec.name, spec.nbytes) for spec in new),
            "variables that have a place, by scope:",
            *bytes_by_scope((spec.name, spec.nbytes) for spec in self._specs.values()),
        ])  # fmt: skip

    def _bytes(self, buffer: Any, offset: int, nbytes: int) -> Any:
        return self._backend.view(buffer, offset, (nbytes,), uint8)

    def names(self) -> list[str]:
        """The names of all variables."""
        return [cell.name for cell in self._cells.values()]

    def variable_at(self, array: Any) -> Cell | None:
        """The variable whose memory an array is, if it is all of it."""
        place = _address(array)
        for cell in list(self._cells.values()) if place else ():
            other = cell.array()
            if other is not None and other.shape == array.shape and _address(other) == place:
                return cell
        return None

    def array(self, name: str) -> Any:
        """A variable's memory, without a copy: writing to it changes the variable.

        On a device it is an array of the device's library (with ``__dlpack__``), and everything that was run
        before is done when this returns; later runs that fetch nothing may be under way.

        Raises
        ------
        NotFoundError
            If there is no variable of this name.
        FailedPreconditionError
            If it is not initialized.
        """
        cell = next((cell for cell in self._cells.values() if cell.name == name), None)
        if cell is None:
            raise NotFoundError(None, None, f"the store has no variable {name!r}")
        self._backend.synchronize()
        return cell.write_view()

    def segment(self, kind: str = TRAINABLE) -> Any:
        """All variables of one kind as one flat vector, padding included, without a copy.

        Raises
        ------
        NotFoundError
            If there are none.
        ValueError
            If they are of several types.
        """
        found = [segment for segment in self._layout.segments if segment.kind == kind]
        if not found:
            kinds = ", ".join(dict.fromkeys(segment.kind for segment in self._layout.segments))
            raise NotFoundError(None, None, f"the store has no segment {kind!r}; there are: {kinds}")
        if len(found) > 1:
            raise ValueError(f"segment {kind!r} has several types: {', '.join(s.dtype.name for s in found)}")
        segment = found[0]
        count = segment.nbytes // int(segment.dtype.np.itemsize)
        self._backend.synchronize()
        return self._backend.view(self._buffer, segment.offset, (count,), segment.dtype)

    # All values at once.

    def snapshot(self) -> Snapshot:
        """A copy of all values; the buffer is copied in one piece."""
        with self.lock:
            buffer = None
            if self._buffer is not None:
                if self._device is None:
                    buffer = self._bytes(self._buffer, 0, self._layout.nbytes).copy()
                else:
                    buffer = self._device.read(self._buffer, 0, self._layout.nbytes)
            beside = {
                key: self._backend.to_host(cell.array()).copy()
                for key, cell in self._cells.items()
                if cell.initialized and not cell.placed
            }
            ready = frozenset(key for key, cell in self._cells.items() if cell.initialized)
            return Snapshot(self._layout, buffer, beside, ready)

    def restore(self, snapshot: Snapshot) -> None:
        """Gives all variables of a snapshot their values back; those made since are left alone.

        Raises
        ------
        NotFoundError
            If a variable of the snapshot is not in this store.
        """
        with self.lock:
            missing = [key for key in snapshot.initialized if key not in self._cells]
            if missing:
                raise NotFoundError(None, None, f"variables of the snapshot are not in the store: {missing}")
            if snapshot.buffer is not None:
                for start, target, size in moves(snapshot.layout, self._layout):
                    source = snapshot.buffer[start : start + size]
                    if self._device is None:
                        self._bytes(self._buffer, target, size)[...] = source
                    else:
                        self._device.write(self._buffer, target, source)
            views = {slot.spec.key: slot for slot in self._layout.slots()}
            for key in snapshot.initialized:
                cell = self._cells[key]
                if key in snapshot.beside:
                    with nullcontext() if self._device is None else self._device.ordered():
                        cell.assign(self._backend.to_device(snapshot.beside[key]), validate_shape=False)
                elif not cell.placed:
                    slot = views[key]
                    cell.place(self._backend.view(self._buffer, slot.offset, slot.spec.shape, slot.spec.dtype))
                cell.initialized = True
            for slot in snapshot.layout.slots():
                if slot.spec.key not in snapshot.initialized:
                    self._cells[slot.spec.key].initialized = False

    def clear(self, containers: frozenset[str] | None = None) -> None:
        """Makes variables uninitialized: all, or those in these containers."""
        with self.lock:
            for key, cell in self._cells.items():
                container = key[0] if isinstance(key, tuple) else ""
                if containers is None or container in containers:
                    cell.clear()

    # Other processes.

    def export_ipc(self) -> bytes:
        """What another process needs to see the variables as they are: their buffer is not copied.

        Valid while this process lives, and until variables are added. The reader is not kept from writing.

        Raises
        ------
        NotImplementedError
            If the backend's memory cannot be shared.
        NotFoundError
            If there are no variables.

        See Also
        --------
        scopert.runtime.shared_store.attach_ipc
        """
        if self._device is None:
            raise NotImplementedError(
                f"the memory of the backend {self._backend.name!r} cannot be shared with another process; take a "
                "snapshot, or save a checkpoint"
            )
        with self.lock:
            if self._buffer is None:
                raise NotFoundError(None, None, "the store has no variables with a place in its buffer")
            self._backend.synchronize()
            return exported(self._backend.name, self._device.export(self._buffer), self._layout, [
                slot for slot in self._layout.slots() if self._cells[slot.spec.key].placed
            ])  # fmt: skip

    # For people.

    def describe(self) -> str:
        """The layout as a table.

        Examples
        --------
        >>> from scopert.runtime.backends import open_backend
        >>> print(VariableStore(open_backend("numpy")).describe())
        0 variables in one buffer of 0 bytes on numpy
        """
        with self.lock:
            placed = [key for key, cell in self._cells.items() if cell.placed]
            lines = [
                f"{len(placed)} variable{'s' * (len(placed) != 1)} in one buffer of {bytes_text(self.nbytes)} on "
                f"{self._backend.name}"
            ]
            for segment in self._layout.segments:
                lines += self._segment_lines(segment)
            beside = [cell for cell in self._cells.values() if not cell.placed]
            if beside:
                lines.append("beside the buffer, because of strings or shapes that may change:")
                lines += [
                    f"  {'':>10}  {'':>10}  {cell.dtype.name:<10} {text(cell.shape):<16} {cell.name}{_state(cell)}"
                    for cell in beside
                ]
            return "\n".join(lines)

    def _segment_lines(self, segment: Segment) -> list[str]:
        count, size = len(segment.slots), bytes_text(segment.nbytes)
        lines = [f"{segment.kind} {segment.dtype.name}: {count} variable{'s' * (count != 1)}, {size}"]
        for slot in segment.slots:
            cell = self._cells[slot.spec.key]
            place = f"{slot.offset:>10}  {slot.nbytes:>10}" if cell.placed else f"{'moved':>10}  {'':>10}"
            lines.append(f"  {place}  {cell.dtype.name:<10} {text(slot.spec.shape):<16} {cell.name}{_state(cell)}")
        return lines


def _state(cell: Cell) -> str:
    return "" if cell.initialized else "  (not initialized)"


def _address(array: Any) -> int:
    """Where an array lies; 0 if it is none, or empty."""
    for interface in ("__cuda_array_interface__", "__array_interface__"):
        found = getattr(array, interface, None)
        if found is not None and array.size and hasattr(array, "strides"):
            return int(found["data"][0])
    return 0
