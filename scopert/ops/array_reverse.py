"""Elements in another order along an axis: reverse, reverse_sequence, roll."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import brackets, is_compatible
from scopert.graph.shape_rules import at_least_rank, same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import ints, tensor_array
from scopert.public import public

_REVERSIBLE = (
    "uint8, int8, uint16, int16, int32, int64, bool, bfloat16, float16, float32, float64, complex64, complex128, "
    "string"
)


def _flipped(array: Any, axes: set[int]) -> Any:
    return array[tuple(slice(None, None, -1) if axis in axes else slice(None) for axis in range(array.ndim))]


def _reverse_rule(op: Operation) -> list[Shape]:
    source, axes = op.inputs[0]._shape, known_value(op.inputs[1])
    if op.inputs[1]._shape is not None and len(op.inputs[1]._shape) != 1:
        raise ValueError(f"Shape must be rank 1 but is rank {len(op.inputs[1]._shape)}")
    if source is not None and axes is not None:
        seen: set[int] = set()
        for axis in ints(axes):
            if not -len(source) <= axis < len(source):
                raise ValueError(f"axis[{len(seen)}] = {axis} is out of valid range [0, {len(source) - 1}]")
            if axis % len(source) in seen:
                raise ValueError(f"axis {axis % len(source)} specified more than once.")
            seen.add(axis % len(source))
    return [source]


def _reverse_kernel(xp: Any, tensor: Any, axis: Any) -> Any:
    array = tensor_array(xp, tensor)
    axes = ints(axis) if axis.size else ()
    for one in axes:
        if not -array.ndim <= one < array.ndim:
            raise InvalidArgumentError(None, None, f"'axis' = {one} is out of valid range [0, {array.ndim - 1}]")
    canonical = [one % array.ndim for one in axes]
    if len(set(canonical)) != len(canonical):
        twice = next(one for one in canonical if canonical.count(one) > 1)
        raise InvalidArgumentError(None, None, f"axis {twice} specified more than once.")
    return _flipped(array, set(canonical))


REVERSE_V2 = define_op(
    "ReverseV2",
    inputs="tensor: T, axis: Tidx",
    outputs="output: T",
    attrs=f"Tidx: {{int32, int64}} = int32; T: {{{_REVERSIBLE}}}",
    shape=_reverse_rule,
    kernel=_reverse_kernel,
    traits=VIEW,
)

REVERSE = define_op(
    "Reverse",
    inputs="tensor: T, dims: bool",
    outputs="output: T",
    attrs="T: {uint8, int8, uint16, int16, int32, int64, bool, float16, float32, float64, complex64, complex128, "
    "string}",
    shape=same_as_first,
    kernel=lambda xp, x, dims: _flipped(
        tensor_array(xp, x), {axis for axis, flip in enumerate(dims.tolist()) if flip}
    ),
    traits=VIEW,
)


@gradient("ReverseV2")
def _reverse_v2_grad(op: Operation, grad: Any) -> Any:
    return reverse(grad, op.inputs[1]), None


@gradient("Reverse")
def _reverse_grad(op: Operation, grad: Any) -> Any:
    return apply(REVERSE, grad, op.inputs[1]), None


@public("reverse", "reverse_v2", "manip.reverse")
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """`tensor` with the order of its elements reversed along the axes that `axis` lists.

    Raises
    ------
    ValueError
        If an axis is known not to exist, or given twice.
    """
    return apply(REVERSE_V2, tensor, axis, name=name)


def _sequence_rule(op: Operation) -> list[Shape]:
    source, lengths = op.inputs[0]._shape, op.inputs[1]._shape
    seq_dim, batch_dim = op.attrs["seq_dim"], op.attrs["batch_dim"]
    if source is None:
        return [None]
    for dim, what in ((batch_dim, "batch_dim"), (seq_dim, "seq_dim")):
        if dim >= len(source):
            raise ValueError(f"{what} must be < input rank: {dim} vs. {len(source)}")
    if lengths is None:
        return [source]
    if None not in (lengths[0], source[batch_dim]) and lengths[0] != source[batch_dim]:
        raise ValueError(f"Dimensions must be equal, but are {source[batch_dim]} and {lengths[0]}")
    batch = lengths[0] if source[batch_dim] is None else source[batch_dim]
    return [(*source[:batch_dim], batch, *source[batch_dim + 1 :])]


def _sequence_kernel(xp: Any, x: Any, seq_lengths: Any, *, seq_dim: int, batch_dim: int) -> Any:
    array = tensor_array(xp, x)
    if seq_dim == batch_dim:
        raise InvalidArgumentError(None, None, f"batch_dim == seq_dim == {seq_dim}")
    lengths, size = xp.asarray(seq_lengths), array.shape[seq_dim]
    if lengths.shape != (array.shape[batch_dim],):
        raise InvalidArgumentError(
            None, None, f"seq_lengths must have one entry for each of {array.shape[batch_dim]}, got {len(lengths)}"
        )
    if bool(((lengths < 0) | (lengths > size)).any()):
        raise InvalidArgumentError(None, None, f"seq_lens are not between 0 and {size}: {lengths.tolist()}")
    rows = xp.moveaxis(array, (batch_dim, seq_dim), (0, 1))
    steps = xp.arange(size)[None, :]
    order = xp.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    result = rows[xp.arange(len(lengths))[:, None], order]
    return xp.moveaxis(result, (0, 1), (batch_dim, seq_dim))


REVERSE_SEQUENCE = define_op(
    "ReverseSequence",
    inputs="input: T, seq_lengths: Tlen",
    outputs="output: T",
    attrs="seq_dim: int; batch_dim: int = 0; T: type; Tlen: {int32, int64} = int64",
    shape=_sequence_rule,
    kernel=_sequence_kernel,
)


@gradient("ReverseSequence")
def _sequence_grad(op: Operation, grad: Any) -> Any:
    batch, seq = op.get_attr("batch_dim"), op.get_attr("seq_dim")
    return [reverse_sequence(grad, batch_axis=batch, seq_axis=seq, seq_lengths=op.inputs[1]), None]


@public("reverse_sequence")
def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: int | None = None, batch_axis: int | None = None, name: str | None = None,
    seq_dim: int | None = None, batch_dim: int | None = None,
) -> Tensor:  # fmt: skip
    """`input` with the first elements of each sequence of a batch reversed; the rest stays.

    Parameters
    ----------
    input : Tensor
        A batch of sequences.
    seq_lengths : Tensor
        How many elements are reversed, for each entry of the batch.
    seq_axis, batch_axis : int, optional
        Along which axis the sequences run, and which is that of the batch (0 by default).
    name : str, optional
        The operation's name.
    seq_dim, batch_dim : int, optional
        Old names of `seq_axis` and `batch_axis`.
    """
    for new, old, what in ((seq_axis, seq_dim, "seq"), (batch_axis, batch_dim, "batch")):
        if new is not None and old is not None:
            raise ValueError(f"Cannot specify both '{what}_axis' and '{what}_dim'")
    seq = seq_dim if seq_axis is None else seq_axis
    batch = batch_dim if batch_axis is None else batch_axis
    return apply(REVERSE_SEQUENCE, input, seq_lengths, seq_dim=seq, batch_dim=batch, name=name)


def _roll_rule(op: Operation) -> list[Shape]:
    source, shift, axis = (tensor._shape for tensor in op.inputs)
    at_least_rank(source, 1)
    for vector in (shift, axis):
        if vector is not None and len(vector) > 1:
            raise ValueError(f"Shape must be at most rank 1 but is rank {len(vector)}")
    if not is_compatible(shift, axis):
        raise ValueError(f"both shapes must be equal, but are {brackets(shift)} and {brackets(axis)}")
    return [source]


def _roll_kernel(xp: Any, x: Any, shift: Any, axis: Any) -> Any:
    array = tensor_array(xp, x)
    if not array.ndim:
        raise InvalidArgumentError(None, None, "input must be 1-D or higher")
    for vector, what in ((shift, "shift"), (axis, "axis")):
        if vector.ndim > 1:
            raise InvalidArgumentError(
                None, None, f"{what} must be a scalar or a 1-D vector. Found: {brackets(vector.shape)}"
            )
    shifts, axes = ints(shift), ints(axis)
    if len(shifts) != len(axes):
        raise InvalidArgumentError(None, None, "shift and axis must have the same size")
    for one in axes:
        if not -array.ndim <= one < array.ndim:
            raise InvalidArgumentError(None, None, f"axis {one} is out of range")
    return xp.roll(array, shifts, axes)


ROLL = define_op(
    "Roll",
    inputs="input: T, shift: Tshift, axis: Taxis",
    outputs="output: T",
    attrs="T: type; Tshift: {int32, int64}; Taxis: {int32, int64}",
    shape=_roll_rule,
    kernel=_roll_kernel,
)


@gradient("Roll")
def _roll_grad(op: Operation, grad: Any) -> Any:
    shift, axis = op.inputs[1], op.inputs[2]
    return roll(grad, -shift, axis), None, None


@public("roll", "manip.roll")
def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """`input` shifted along axes; what leaves at one end comes in at the other.

    Parameters
    ----------
    input : Tensor
        At least one axis.
    shift, axis : Tensor
        By how many places, and along which axis: integers, or vectors of them.
    name : str, optional
        The operation's name.
    """
    return apply(ROLL, input, shift, axis, name=name)
