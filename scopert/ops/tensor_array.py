"""tf.TensorArray: an array of tensors that loops write and read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype, int64
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, control_dependencies, device, name_scope
from scopert.graph.shape import TensorShape, as_tuple, is_compatible, merge, text
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import tensor_array_ops as ops
from scopert.ops.array_identity import identity
from scopert.ops.array_range import range as range_
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.composite import FlowValue
from scopert.ops.math_cast import cast
from scopert.public import public


@public("TensorArray")
class TensorArray(FlowValue):
    """An array of tensors, each written once, for loops.

    Writing gives a new TensorArray that must be used from then on: its `flow` orders the uses.

    Parameters
    ----------
    dtype : DType
        Of the elements.
    size : Tensor, optional
        How many there are. Needed without `handle`.
    dynamic_size : bool, optional
        Writes beyond the end make it larger.
    clear_after_read : bool, optional
        An element can be read once; true by default.
    tensor_array_name : str, optional
        For messages.
    handle, flow : Tensor, optional
        Of an array that exists.
    infer_shape : bool
        All elements have the shape of the first one written.
    element_shape : shape, optional
        What each element's shape fits.
    colocate_with_first_write_call : bool
        Place it where its first element is written.
    name : str, optional

    Raises
    ------
    ValueError
        If arguments contradict each other, or one is missing.
    TypeError
        If the handle is no tensor.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     squares = tf.TensorArray(tf.int32, size=4)
    ...     _, squares = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, a.write(i, i * i)), [0, squares])
    ...     print(session.run(squares.stack()))
    [0 1 4 9]
    """

    def __init__(
        self, dtype: Any, size: Any = None, dynamic_size: bool | None = None, clear_after_read: bool | None = None,
        tensor_array_name: str | None = None, handle: Tensor | None = None, flow: Tensor | None = None,
        infer_shape: bool = True, element_shape: Any = None, colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:  # fmt: skip
        if handle is not None:
            if tensor_array_name:
                raise ValueError("Cannot construct with both handle and tensor_array_name")
            if not isinstance(handle, Tensor):
                raise TypeError("Handle must be a Tensor")
            for key, value in (
                ("size", size), ("element_shape", element_shape), ("dynamic_size", dynamic_size),
                ("clear_after_read", clear_after_read),
            ):  # fmt: skip
                if value is not None:
                    raise ValueError(f"Cannot provide both a handle and {key} at the same time")
        elif size is None:
            raise ValueError("Size must be provided if handle is not provided")
        self._dtype = as_dtype(dtype).base
        self._dynamic_size = bool(dynamic_size)
        self._infer_shape = infer_shape
        # Shared with the arrays that follow from this one: what one write tells, all know.
        self._element_shape: list[Shape] = [as_tuple(element_shape)]
        self._first_writes: list[Tensor] | None = [] if colocate_with_first_write_call else None
        with name_scope(name, "TensorArray", [handle, size, flow]) as scope:
            if handle is not None:
                if flow is None:
                    raise ValueError("flow must not be None if handle is not None.")
                self._handle, self._flow = handle, flow
                return

            def create() -> Any:
                return apply(
                    ops.TENSOR_ARRAY, size, dtype=self._dtype, element_shape=element_shape,
                    identical_element_shapes=infer_shape, dynamic_size=self._dynamic_size,
                    clear_after_read=True if clear_after_read is None else clear_after_read,
                    tensor_array_name=tensor_array_name, name=scope,
                )  # fmt: skip

            if colocate_with_first_write_call:
                with device(None), colocate_with(None, ignore_existing=True):
                    self._handle, self._flow = create()
            else:
                self._handle, self._flow = create()

    @property
    def flow(self) -> Tensor:
        """What orders the uses of the array."""
        return self._flow

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self._dtype

    @property
    def handle(self) -> Tensor:
        """The array itself."""
        return self._handle

    @property
    def element_shape(self) -> TensorShape:
        """What is known of the shape of the elements."""
        return TensorShape(self._element_shape[0])

    def with_flow(self, flow: Tensor) -> TensorArray:
        """The same array after the uses that `flow` stands for."""
        made = TensorArray(
            self._dtype, handle=self._handle, flow=flow, infer_shape=self._infer_shape,
            colocate_with_first_write_call=self._first_writes is not None,
        )  # fmt: skip
        made._dynamic_size = self._dynamic_size
        made._element_shape = self._element_shape
        made._first_writes = self._first_writes
        return made

    def _check_shape(self, shape: Shape) -> None:
        expected = self._element_shape[0]
        if not is_compatible(shape, expected):
            raise ValueError(f"Inconsistent shapes: saw {text(shape)} but expected {text(expected)} ")
        if self._infer_shape:
            self._element_shape[0] = merge(expected, shape)

    @contextmanager
    def _beside_first_write(self, value: Tensor) -> Iterator[None]:
        if self._first_writes is None:
            yield
            return
        if not self._first_writes:
            self._first_writes.append(value)
        with colocate_with(self._first_writes[0]):
            yield

    def identity(self) -> TensorArray:
        """The same array, with an identity of its flow."""
        return self.with_flow(identity(self._flow))

    def grad(self, source: str, flow: Tensor | None = None, name: str | None = None) -> TensorArray:
        """The array of the gradients of the elements, for one call of `tf.gradients`, named by `source`."""
        flow = self._flow if flow is None else flow
        with name_scope(name, "TensorArrayGrad", [self._handle]), colocate_with(self._handle):
            handle, _ = apply(ops.TENSOR_ARRAY_GRAD, self._handle, flow, source=source, name=name)
            with control_dependencies([handle]):
                flow = identity(flow, name="gradient_flow")
            made = TensorArray(
                self._dtype, handle=handle, flow=flow, infer_shape=self._infer_shape,
                colocate_with_first_write_call=False,
            )  # fmt: skip
            made._element_shape = self._element_shape
            return made

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """The element at `index`, an int32 scalar."""
        value: Tensor = apply(ops.TENSOR_ARRAY_READ, self._handle, index, self._flow, dtype=self._dtype, name=name)
        value.set_shape(self._element_shape[0])
        return value

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Sets the element at `index`; returns the array to be used from then on.

        Raises
        ------
        ValueError
            If the shape, as far as it is known, does not fit.
        """
        with name_scope(name, "TensorArrayWrite", [self._handle, index, value]):
            value = convert_to_tensor(value, preferred_dtype=self._dtype, name="value")
            self._check_shape(value._shape)
            with self._beside_first_write(value):
                flow = apply(ops.TENSOR_ARRAY_WRITE, self._handle, index, value, self._flow, name=name)
            return self.with_flow(flow)

    def stack(self, name: str | None = None) -> Tensor:
        """All elements, which must have one shape, along a new first axis."""
        with colocate_with(self._handle), name_scope(name, "TensorArrayStack", [self._handle]):
            return self.gather(range_(0, self.size()), name=name)

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements at `indices`, along a new first axis."""
        shape = self._element_shape[0]
        value: Tensor = apply(
            ops.TENSOR_ARRAY_GATHER, self._handle, indices, self._flow, dtype=self._dtype, element_shape=shape,
            name=name,
        )  # fmt: skip
        if shape is not None:
            value.set_shape([None, *shape])
        return value

    def concat(self, name: str | None = None) -> Tensor:
        """All elements one after the other along their first axis."""
        shape = self._element_shape[0]
        rest = None if shape is None else shape[1:]
        value, _ = apply(
            ops.TENSOR_ARRAY_CONCAT, self._handle, self._flow, dtype=self._dtype, element_shape_except0=rest, name=name
        )
        if rest is not None:
            value.set_shape([None, *rest])
        result: Tensor = value
        return result

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Sets the elements to the rows of `value`; returns the array to be used from then on."""
        with name_scope(name, "TensorArrayUnstack", [self._handle, value]):
            count = shape_of(value)[0]
            return self.scatter(indices=range_(0, count), value=value, name=name)

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Sets the elements at `indices` to the rows of `value`; returns the array to be used from then on.

        Raises
        ------
        ValueError
            If the shape, as far as it is known, does not fit.
        """
        with name_scope(name, "TensorArrayScatter", [self._handle, value, indices]):
            value = convert_to_tensor(value, preferred_dtype=self._dtype, name="value")
            shape = value._shape
            self._check_shape(None if shape is None else shape[1:])
            with self._beside_first_write(value):
                flow = apply(ops.TENSOR_ARRAY_SCATTER, self._handle, indices, value, self._flow, name=name)
            return self.with_flow(flow)

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Sets the elements to pieces of `value` of these lengths; returns the array to be used from then on."""
        with name_scope(name, "TensorArraySplit", [self._handle, value, lengths]):
            value = convert_to_tensor(value, dtype=self._dtype, name="value")
            with self._beside_first_write(value):
                counts = cast(lengths, int64)
                known, shape = constant_value(counts), value._shape
                if shape is not None and known is not None and known.ndim and known.max() == known.min():
                    self._check_shape((int(known[0]), *shape[1:]))
                flow = apply(ops.TENSOR_ARRAY_SPLIT, self._handle, value, counts, self._flow, name=name)
            return self.with_flow(flow)

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are."""
        count: Tensor = apply(ops.TENSOR_ARRAY_SIZE, self._handle, self._flow, name=name)
        return count

    def close(self, name: str | None = None) -> Operation:
        """Frees the elements."""
        made: Operation = apply(ops.TENSOR_ARRAY_CLOSE, self._handle, name=name)
        return made


def _gradient_source(tensor: Tensor) -> str:
    """The scope of the call of tf.gradients that a gradient is part of: it has arrays of its own."""
    parts = tensor.name.split("/")
    places = [index for index, part in enumerate(parts) if part.startswith("gradients")]
    if not places:
        raise ValueError(
            f"Expected op/tensor name to start with gradients (excluding scope), got: {tensor.name}. This means that a "
            "tf.gradients op with this op in its dependency path has a custom name that does not start with "
            "'gradients'. Please make sure all calls to tf.gradients that have non-empty 'name' arguments use names "
            "that start with 'gradients'."
        )
    return "/".join(parts[: places[-1] + 1])


def _gradient_array(op: Operation, dtype_attr: str, flow: Tensor, source: Tensor) -> TensorArray:
    array = TensorArray(
        op.get_attr(dtype_attr), handle=op.inputs[0], flow=flow, colocate_with_first_write_call=False
    )
    return array.grad(source=_gradient_source(source), flow=flow)


@gradient("TensorArrayReadV3")
def _read_grad(op: Operation, grad: Tensor) -> Any:
    array = _gradient_array(op, "dtype", op.inputs[2], grad)
    return [None, None, array.write(op.inputs[1], grad).flow]


@gradient("TensorArrayWriteV3")
def _write_grad(op: Operation, flow: Tensor) -> Any:
    array = _gradient_array(op, "T", flow, flow)
    return [None, None, array.read(op.inputs[1]), flow]


@gradient("TensorArrayGatherV3")
def _gather_grad(op: Operation, grad: Tensor) -> Any:
    array = _gradient_array(op, "dtype", op.inputs[2], grad)
    return [None, None, array.scatter(op.inputs[1], grad).flow]


@gradient("TensorArrayScatterV3")
def _scatter_grad(op: Operation, flow: Tensor) -> Any:
    array = _gradient_array(op, "T", flow, flow)
    return [None, None, array.gather(op.inputs[1]), flow]


@gradient("TensorArrayConcatV3")
def _concat_grad(op: Operation, grad: Tensor, _: Any) -> Any:
    array = _gradient_array(op, "dtype", op.inputs[1], grad)
    return [None, array.split(grad, lengths=op.outputs[1]).flow]


@gradient("TensorArraySplitV3")
def _split_grad(op: Operation, flow: Tensor) -> Any:
    array = _gradient_array(op, "T", flow, flow)
    return [None, array.concat(), None, flow]
