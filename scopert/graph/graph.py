"""Graphs: operations, made and looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from scopert.graph import lookup, source
from scopert.graph.collected import Collected
from scopert.graph.control import ControlDependencies, control_inputs_for
from scopert.graph.device import canonical_name, merge_names
from scopert.graph.dtypes import DType
from scopert.graph.in_force import VALID_OP_NAME, InForce
from scopert.graph.opdef import OpDef, find_op, unknown_op
from scopert.graph.operation import Operation
from scopert.graph.stack import enter_graph, get_default_graph
from scopert.graph.tensor import Tensor
from scopert.public import public


@public("Graph")
class Graph(InForce, Collected):
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
        InForce.__init__(self)
        Collected.__init__(self)
        self._ops: dict[str, Operation] = {}
        self._last_id = 0
        self._changes = 0
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Operation] = set()
        self._scoped_state: dict[str, Any] = {}
        self.seed: int | None = None

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
        if not VALID_OP_NAME(full_name):
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

    # Looking up.

    @property
    def version(self) -> int:
        return self._last_id

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

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Tensor | Operation:
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
        f"{error} for '{op.name}' (op: '{op.type}') with input shapes: {shapes}.\n  made at {source.text(op._location)}"
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
