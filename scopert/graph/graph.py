"""Graphs: operations by name, collections, and the scopes in force while they are made."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from scopert.graph import lookup, source
from scopert.graph.control import ControlDependencies, control_inputs_for
from scopert.graph.device import canonical_name, merge_names
from scopert.graph.dtypes import DType
from scopert.graph.opdef import OpDef, find_op, unknown_op
from scopert.graph.operation import Operation
from scopert.graph.stack import enter_graph, get_default_graph
from scopert.graph.tensor import Tensor
from scopert.public import public

_VALID_OP_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\-/]*\Z").match
_VALID_SCOPE_NAME = re.compile(r"[A-Za-z0-9_.\-/]*\Z").match


class _Local(threading.local):
    """What is in force in one thread."""

    def __init__(self) -> None:
        self.name: str | None = ""
        self.control: list[ControlDependencies] = []
        self.devices: list[Any] = []
        self.colocation: list[Operation] = []
        self.flow: Any = None
        self.gradient_overrides: dict[str, str] = {}
        self.kernel_labels: dict[str, str] = {}
        self.attrs: dict[str, Any] = {}
        self.container = ""
        self.variable_creators: list[Callable[..., Any]] = []
        self.original: Operation | None = None


@public("Graph")
class Graph:
    """An append-only set of named operations.

    Operations are made by the functions of the library inside ``with graph.as_default():``.

    Attributes
    ----------
    seed : int or None
        The graph-level random seed.
    version : int
        Grows with each operation.
    finalized : bool

    Examples
    --------
    >>> import scopert as tf
    >>> graph = tf.Graph()
    >>> with graph.as_default():
    ...     c = tf.constant(30.0, name="c")
    >>> graph.get_tensor_by_name("c:0") is c
    True
    """

    #: What the outputs of operations are made of.
    _tensor_type = Tensor

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._local = _Local()
        self._names: dict[str, int] = {}
        self._ops: dict[str, Operation] = {}
        self._last_id = 0
        self._changes = 0
        self._collections: dict[Any, list[Any]] = {}
        self._finalized = False
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Operation] = set()
        self._scoped_state: dict[str, Any] = {}
        self.seed: int | None = None

    # Names.

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """The full name that an operation called `name` would get here.

        Parameters
        ----------
        name : str
            A name below the current name scope.
        mark_as_used : bool
            Take it; otherwise only look.
        """
        scope = self._local.name
        if scope:
            name = f"{scope}/{name}"
        return self._take_name(name, mark_as_used)

    def _take_name(self, name: str, mark_as_used: bool = True) -> str:
        names = self._names
        key = name.lower()
        with self._lock:
            count = names.get(key, 0)
            if mark_as_used:
                names[key] = count + 1
            if not count:
                return name
            candidate = f"{key}_{count}"
            while candidate in names:
                count += 1
                candidate = f"{key}_{count}"
            if mark_as_used:
                names[candidate] = 1
                names[key] = count + 1
            return f"{name}_{count}"

    def _open_scope(self, name: Any) -> tuple[str | None, str]:
        """Enters a name scope; returns the one to go back to, and the new one with its slash."""
        local = self._local
        old = local.name
        if not name:
            local.name = None
            return old, ""
        if isinstance(name, bytes):
            name = name.decode()
        if not isinstance(name, str):
            raise TypeError(f"a name scope is a string, got {name!r} of type {type(name).__name__}")
        self._check_scope_name(name)
        new = name[:-1] if name[-1] == "/" else self.unique_name(name)
        local.name = new
        return old, new + "/"

    def _check_scope_name(self, name: str) -> None:
        """Raises ValueError if a scope of this name cannot be opened here; an op's own scope is one too."""
        if not (_VALID_SCOPE_NAME(name) if self._local.name else _VALID_OP_NAME(name)):
            raise ValueError(f"'{name}' is not a valid scope name")

    @contextmanager
    def name_scope(self, name: Any) -> Iterator[str]:
        """Opens a name scope of this graph; see ``tf.name_scope``."""
        old, scope = self._open_scope(name)
        try:
            yield scope
        finally:
            self._local.name = old

    def get_name_scope(self) -> str | None:
        """The current name scope, without final slash."""
        return self._local.name

    # Making operations.

    def create_op(
        self, op_type: str, inputs: Sequence[Tensor], dtypes: Any = None, input_types: Any = None,
        name: str | None = None, attrs: dict[str, Any] | None = None, op_def: Any = None,
        compute_shapes: bool = True, compute_device: bool = True,
    ) -> Operation:  # fmt: skip
        """Makes an operation from its type.

        Parameters
        ----------
        op_type : str
        inputs : list of Tensor
        dtypes : list of DType, optional
            Of the outputs; by default they follow from the op's signature.
        input_types, op_def, compute_shapes, compute_device
            Accepted as TensorFlow does; input types are checked, the others have no effect there either.
        name : str, optional
            Default: the type.
        attrs : dict, optional
            Attribute values as Python objects.

        Raises
        ------
        TypeError
            If an input is no tensor.
        ValueError
            If an input is of another graph, or the type is unknown and `dtypes` does not say what it returns.
            An operation of unknown type can be named, wired and looked up, but not run.
        """
        opdef = find_op(op_type)
        if opdef is None and dtypes is None:
            raise ValueError(f"Op type not registered '{op_type}': scopert has no operation of this type.")
        for number, tensor in enumerate(inputs):
            if not isinstance(tensor, Tensor):
                raise TypeError(f"Input #{number} is not a tensor: {tensor}")
            if tensor.graph is not self:
                raise ValueError(f"{tensor} must be from the same graph as {self}.")
        if input_types is not None:
            for tensor, dtype in zip(inputs, input_types, strict=True):
                if not tensor.dtype.is_compatible_with(dtype):
                    raise TypeError(f"Input {tensor} of op {op_type} has type {tensor.dtype}, expected {dtype}")
        if opdef is None:
            opdef = unknown_op(op_type, len(dtypes))
            return self._add(opdef, list(inputs), dict(attrs or {}), list(dtypes), op_type if name is None else name)
        from scopert.graph.build import (  # they make operations through the graph
            complete_attrs,
            output_dtypes,
        )

        full = complete_attrs(opdef, list(inputs), dict(attrs or {}))
        kinds = list(dtypes) if dtypes is not None else output_dtypes(opdef, full)
        return self._add(opdef, list(inputs), full, kinds, op_type if name is None else name)

    def _add(
        self, opdef: OpDef, inputs: list[Tensor], attrs: dict[str, Any], dtypes: Sequence[DType], name: str
    ) -> Operation:
        """Makes an operation from checked inputs and complete attributes."""
        if self._finalized:
            raise RuntimeError(f"Graph is finalized and cannot be modified. ({opdef.name} operation {name!r})")
        if isinstance(name, bytes):
            name = name.decode()
        if not isinstance(name, str):
            raise TypeError(f"the name of an operation is a string, got {name!r} of type {type(name).__name__}")
        local = self._local
        full_name = name[:-1] if name[-1:] == "/" else self.unique_name(name)
        if not _VALID_OP_NAME(full_name):
            raise ValueError(f"'{full_name}' is not a valid node name")
        if full_name in self._ops:
            raise ValueError(f"Duplicate node name in graph: '{full_name}'")
        control: Sequence[Operation] = ()
        if local.control:
            control = control_inputs_for(local.control, [t._op for t in inputs])
        if local.attrs:
            attrs = {**local.attrs, **attrs}
        if local.container and "container" in opdef.attr_by_name and not attrs.get("container"):
            attrs = {**attrs, "container": local.container}
        if local.gradient_overrides:
            override = local.gradient_overrides.get(opdef.name)
            if override is not None:
                attrs = {**attrs, "_gradient_op_type": override}
        if local.kernel_labels and opdef.name in local.kernel_labels:
            attrs = {**attrs, "_kernel": local.kernel_labels[opdef.name]}
        self._last_id += 1
        op = Operation(self, self._last_id, full_name, opdef, inputs, attrs, control, "", source.here())
        op._control_flow_context = local.flow
        for tensor in inputs:
            context = tensor._op._control_flow_context
            if context is not None:
                context.check_use(op, tensor._op)
        try:
            shapes = opdef.shape(op)
        except ValueError as error:
            raise ValueError(_explain_shape_error(op, error)) from error
        outputs = op.outputs
        tensor_type = self._tensor_type
        for index, dtype in enumerate(dtypes):
            outputs.append(tensor_type(op, index, dtype, shapes[index]))
        op._connect()
        self._ops[full_name] = op
        if local.devices:
            self._place(op, local.devices)
        if local.colocation:
            self._colocate(op, local.colocation)
        for block in local.control:
            block.seen.add(op)
        if local.original is not None:
            op._original_op = local.original
        if local.flow is not None:
            local.flow.AddOp(op)
        return op

    def _place(self, op: Operation, devices: list[Any]) -> None:
        for spec in reversed(devices):
            if spec is None:
                break
            if callable(spec):
                op._device = canonical_name(spec(op))
            else:
                op._device = merge_names(spec, op._device)

    def _colocate(self, op: Operation, others: list[Operation]) -> None:
        groups: set[bytes] = set(op.attrs.get("_class") or ())
        for other in others:
            groups.update(other.colocation_groups())
            if other._device and not op._device:
                op._device = other._device
        op.attrs = {**op.attrs, "_class": sorted(groups)}

    def switch_to_thread_local(self) -> None:
        """Does nothing: scopes, devices and control dependencies in force are always those of each thread."""

    def _note_change(self) -> None:
        """An existing operation got other inputs: compiled programs may be out of date."""
        self._changes += 1

    # Scopes.

    def as_default(self) -> AbstractContextManager[Graph]:
        """Makes this graph the default of the thread inside a ``with``."""
        return enter_graph(self)

    def control_dependencies(self, control_inputs: Any) -> ControlDependencies:
        """Operations made in the block run after `control_inputs`.

        Parameters
        ----------
        control_inputs : list of Operation, Tensor, variable or str, or None
            None clears the dependencies of the blocks around.

        Raises
        ------
        TypeError
            If an element is no graph element.
        KeyError
            If a name is not in the graph.
        """
        if control_inputs is None:
            return ControlDependencies(self, None)
        found: dict[Operation, None] = {}
        for item in control_inputs:
            if hasattr(item, "op") and (hasattr(item, "dense_shape") or hasattr(item, "_handle")):
                item = item.op  # IndexedSlices, SparseTensor, resource variables: not another read of them
            element = self.as_graph_element(item)
            found[element if isinstance(element, Operation) else element._op] = None
        ops = list(found)
        if self._local.flow is not None and ops:
            ops = self._local.flow.control_inputs(ops) if hasattr(self._local.flow, "control_inputs") else ops
        return ControlDependencies(self, ops)

    @contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Places the operations made in the block.

        Parameters
        ----------
        device_name_or_function : str, DeviceSpec, callable or None
            A function gets the operation and returns a device. None forgets the blocks around.
        """
        spec = device_name_or_function
        if spec is not None and not callable(spec):
            spec = canonical_name(spec)
        local = self._local
        local.devices = [*local.devices, spec]
        size = len(local.devices)
        try:
            yield
        finally:
            local.devices = local.devices[: size - 1]

    @contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Places the operations made in the block where `op` is.

        Parameters
        ----------
        op : Operation, Tensor or variable, or None
        ignore_existing : bool
            Forget the colocations of the blocks around (needed if `op` is None).
        """
        if op is None and not ignore_existing:
            raise ValueError("Trying to reset colocation (op is None) but ignore_existing is not True")
        local = self._local
        colocation, devices = local.colocation, local.devices
        others = [] if ignore_existing else colocation
        if op is not None:
            element = self.as_graph_element(getattr(op, "handle", op) if hasattr(op, "_in_graph_mode") else op)
            other = element if isinstance(element, Operation) else element._op
            local.colocation = [*others, other]
        else:
            local.colocation = others
        local.devices = []
        try:
            yield
        finally:
            local.colocation, local.devices = colocation, devices

    @contextmanager
    def container(self, container_name: str) -> Iterator[None]:
        """Names the resource container of stateful operations made in the block."""
        local = self._local
        old, local.container = local.container, container_name
        try:
            yield
        finally:
            local.container = old

    @contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Operations made in the block take their gradient from rules registered under other names.

        Raises
        ------
        TypeError
            If the map is not one of strings.
        """
        if not isinstance(op_type_map, dict):
            raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        for key, value in op_type_map.items():
            if not (isinstance(key, str) and isinstance(value, str)):
                raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        local = self._local
        old = local.gradient_overrides
        local.gradient_overrides = {**old, **op_type_map}
        try:
            yield
        finally:
            local.gradient_overrides = old

    @contextmanager
    def _kernel_label_map(self, op_to_kernel_label_map: dict[str, str]) -> Iterator[None]:
        """Operations made in the block carry labels of kernels; they are kept, and choose nothing here.

        Raises
        ------
        TypeError
            If the map is not one of strings.
        """
        if not isinstance(op_to_kernel_label_map, dict) or not all(
            isinstance(item, str) for pair in op_to_kernel_label_map.items() for item in pair
        ):
            raise TypeError("op_to_kernel_label_map must be a dictionary mapping strings to strings")
        local = self._local
        old = local.kernel_labels
        local.kernel_labels = {**old, **op_to_kernel_label_map}
        try:
            yield
        finally:
            local.kernel_labels = old

    @contextmanager
    def _attr_scope(self, attr_map: dict[str, Any]) -> Iterator[None]:
        """Operations made in the block carry further attributes; None takes one away."""
        if not isinstance(attr_map, dict):
            raise TypeError("attr_map must be a dictionary mapping strings to attribute values")
        local = self._local
        old = local.attrs
        local.attrs = {k: v for k, v in {**old, **attr_map}.items() if v is not None}
        try:
            yield
        finally:
            local.attrs = old

    @contextmanager
    def _original_op(self, op: Operation) -> Iterator[None]:
        """Operations made in the block stand for `op`: their `_original_op` names it."""
        local = self._local
        old, local.original = local.original, op
        try:
            yield
        finally:
            local.original = old

    def _get_control_flow_context(self) -> Any:
        return self._local.flow

    def _set_control_flow_context(self, context: Any) -> None:
        self._local.flow = context

    # Looking up.

    @property
    def version(self) -> int:
        return self._last_id

    @property
    def finalized(self) -> bool:
        return self._finalized

    def finalize(self) -> None:
        """Makes the graph read-only."""
        self._finalized = True

    def _unsafe_unfinalize(self) -> None:
        self._finalized = False

    def _check_not_finalized(self) -> None:
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    def get_operations(self) -> list[Operation]:
        """All operations, in the order in which they were made."""
        return list(self._ops.values())

    def get_operation_by_name(self, name: Any) -> Operation:
        """The operation of this name; KeyError, ValueError or TypeError explain why there is none."""
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        found = lookup.as_graph_element(self, name, allow_tensor=False, allow_operation=True)
        assert isinstance(found, Operation)
        return found

    def get_tensor_by_name(self, name: Any) -> Tensor:
        """The tensor of this name, ``OPERATION:INDEX``."""
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        found = lookup.as_graph_element(self, name, allow_tensor=True, allow_operation=False)
        assert isinstance(found, Tensor)
        return found

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Tensor | Operation:
        """The tensor or operation that `obj` (itself, a variable, or a name) stands for.

        Raises
        ------
        TypeError
            If it stands for none.
        ValueError
            If it is of another graph, or a malformed name.
        KeyError
            If there is none of this name.
        """
        return lookup.as_graph_element(self, obj, allow_tensor, allow_operation)

    def prevent_feeding(self, tensor: Tensor) -> None:
        """Marks a tensor as not to be fed."""
        self._unfeedable.add(tensor)

    def is_feedable(self, tensor: Tensor) -> bool:
        return tensor not in self._unfeedable

    def prevent_fetching(self, op: Operation) -> None:
        """Marks an operation as not to be fetched."""
        self._unfetchable.add(op)

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        op = tensor_or_op if isinstance(tensor_or_op, Operation) else tensor_or_op.op
        return op not in self._unfetchable

    # Collections.

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Adds a value to a collection."""
        self._check_not_finalized()
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Adds a value to each of several collections, once to each."""
        for name in [names] if isinstance(names, str) else dict.fromkeys(names):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """A collection itself, made if it is not there."""
        return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """A copy of a collection.

        Parameters
        ----------
        name : str
        scope : str, optional
            A regular expression; only items whose `name` matches at its start are returned.
        """
        items = self._collections.get(name)
        if items is None:
            return []
        if scope is None:
            return list(items)
        matches = re.compile(scope).match
        return [item for item in items if hasattr(item, "name") and matches(item.name)]

    @property
    def collections(self) -> list[Any]:
        return list(self._collections)

    def get_all_collection_keys(self) -> list[str]:
        """The keys of the collections that are strings."""
        return [name for name in self._collections if isinstance(name, str)]

    def clear_collection(self, name: Any) -> None:
        """Empties a collection."""
        self._check_not_finalized()
        self._collections.pop(name, None)

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        """The graph as a GraphDef message (needs the extra ``tensorboard``).

        Parameters
        ----------
        from_version : int, optional
            Only operations made after this `version`.
        add_shapes : bool
            Store the shapes of outputs in the attribute ``_output_shapes``.
        """
        from scopert.graph.graph_def import graph_def  # it imports this module

        return graph_def(self, from_version, add_shapes)

    def __repr__(self) -> str:
        return f"<scopert.Graph with {len(self._ops)} operations at {id(self):#x}>"


def _explain_shape_error(op: Operation, error: ValueError) -> str:
    from scopert.graph.shape import text

    brackets = str.maketrans("()", "[]")
    shapes = ", ".join(text(t._shape).replace(",)", ")").replace(", ", ",").translate(brackets) for t in op._inputs)
    return (
        f"{error} for '{op.name}' (op: '{op.type}') with input shapes: {shapes}."
        f"\n  made at {source.text(op._location)}"
    )


def graph_of(inputs: Iterable[Any]) -> Graph:
    """The one graph of all graph elements among `inputs`, or the default graph.

    Raises
    ------
    ValueError
        If they are of several graphs.
    """
    graph: Graph | None = None
    first: Any = None
    for item in inputs:
        element = item if type(item) is Tensor else lookup.element_of(item)
        if element is None:
            continue
        if graph is None:
            graph, first = element.graph, item
        elif element.graph is not graph:
            raise ValueError(f"{item} must be from the same graph as {first}.")
    return get_default_graph() if graph is None else graph
