"""Any diagonal, or a band of them, of a batch of matrices: the second version of the diagonal ops."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.constant_value import known_value
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import at_least_rank, same_as_first
from scopert.graph.tensor import Shape
from scopert.ops.array_diag import matrix_diag, matrix_diag_part, matrix_set_diag
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.array_shape import ints, tensor_array


def _limits(k: Any) -> tuple[int, int]:
    values = ints(k)
    if len(values) not in (1, 2) or values[0] > values[-1]:
        raise InvalidArgumentError(None, None, f"k must be one integer or two in order, got {list(values)}")
    return values[0], values[-1]


def _length(rows: int, columns: int, d: int) -> int:
    """How long diagonal `d` of a matrix is."""
    return min(rows + min(d, 0), columns - max(d, 0))


def _places(xp: Any, rows: int, columns: int, d: int) -> tuple[Any, Any]:
    steps = xp.arange(max(_length(rows, columns, d), 0))
    return steps + max(-d, 0), steps + max(d, 0)


def _longest(rows: int, columns: int, low: int, high: int) -> int:
    if not -rows < low <= high < columns and not (low == high == 0):
        raise InvalidArgumentError(
            None, None, f"k must lie between {1 - rows} and {columns - 1}, got {low} and {high}"
        )
    return min(rows + min(high, 0), columns - max(low, 0))


def _diag_kernel(xp: Any, diagonal: Any, k: Any, num_rows: Any, num_cols: Any, padding_value: Any) -> Any:
    array = tensor_array(xp, diagonal)
    low, high = _limits(k)
    band = array if low < high else array[..., None, :]
    if band.shape[-2] != high - low + 1:
        raise InvalidArgumentError(
            None, None, f"The number of diagonals provided in the input does not match k: {list(array.shape)}"
        )
    longest = band.shape[-1]
    rows, columns = int(num_rows), int(num_cols)
    least_rows, least_columns = longest - min(high, 0), longest + max(low, 0)
    if rows == columns == -1:
        rows = columns = max(least_rows, least_columns)
    rows = least_rows if rows == -1 else rows
    columns = least_columns if columns == -1 else columns
    if rows < least_rows or columns < least_columns or _longest(rows, columns, low, high) != longest:
        raise InvalidArgumentError(None, None, f"a matrix of {rows} x {columns} has no such diagonals")
    result = xp.full((*band.shape[:-2], rows, columns), padding_value, array.dtype)
    for i, d in enumerate(range(high, low - 1, -1)):
        at = _places(xp, rows, columns, d)
        result[..., at[0], at[1]] = band[..., i, : len(at[0])]
    return result


def _diag_part_kernel(xp: Any, x: Any, k: Any, padding_value: Any) -> Any:
    low, high = _limits(k)
    rows, columns = x.shape[-2:]
    longest = _longest(rows, columns, low, high)
    result = xp.full((*x.shape[:-2], high - low + 1, longest), padding_value, x.dtype)
    for i, d in enumerate(range(high, low - 1, -1)):
        at = _places(xp, rows, columns, d)
        result[..., i, : len(at[0])] = x[..., at[0], at[1]]
    return result if low < high else result[..., 0, :]


def _set_diag_kernel(xp: Any, x: Any, diagonal: Any, k: Any) -> Any:
    low, high = _limits(k)
    rows, columns = x.shape[-2:]
    longest = _longest(rows, columns, low, high)
    band = diagonal if low < high else diagonal[..., None, :]
    if band.shape != (*x.shape[:-2], high - low + 1, longest):
        raise InvalidArgumentError(
            None, None, f"the diagonals' shape {list(diagonal.shape)} does not fit {list(x.shape)} and k"
        )
    result = xp.array(x)
    for i, d in enumerate(range(high, low - 1, -1)):
        at = _places(xp, rows, columns, d)
        result[..., at[0], at[1]] = band[..., i, : len(at[0])]
    return result


def _known_limits(op: Operation, position: int) -> tuple[int, int] | None:
    value = known_value(op.inputs[position])
    return None if value is None else _limits(value)


def _diag_rule(op: Operation) -> list[Shape]:
    source, limits = at_least_rank(op.inputs[0]._shape, 1), _known_limits(op, 1)
    if source is None or limits is None:
        return [None]
    low, high = limits
    batch = source[:-2] if low < high else source[:-1]
    rows, columns = (known_value(tensor) for tensor in op.inputs[2:4])
    if source[-1] is None or rows is None or columns is None:
        return [(*batch, None, None)]
    least = source[-1] - min(high, 0), source[-1] + max(low, 0)
    if int(rows) == int(columns) == -1:
        return [(*batch, max(least), max(least))]
    return [(*batch, *(n if int(v) == -1 else int(v) for v, n in zip((rows, columns), least, strict=True)))]


def _diag_part_rule(op: Operation) -> list[Shape]:
    source, limits = at_least_rank(op.inputs[0]._shape, 2), _known_limits(op, 1)
    if source is None or limits is None:
        return [None]
    low, high = limits
    rows, columns = source[-2:]
    longest = None if rows is None or columns is None else _longest(rows, columns, low, high)
    return [(*source[:-2], *((high - low + 1,) if low < high else ()), longest)]


define_op(
    "MatrixDiagV2",
    inputs="diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T",
    outputs="output: T",
    attrs="T: type",
    shape=_diag_rule,
    kernel=_diag_kernel,
)
define_op(
    "MatrixDiagPartV2",
    inputs="input: T, k: int32, padding_value: T",
    outputs="diagonal: T",
    attrs="T: type",
    shape=_diag_part_rule,
    kernel=_diag_part_kernel,
)
define_op(
    "MatrixSetDiagV2",
    inputs="input: T, diagonal: T, k: int32",
    outputs="output: T",
    attrs="T: type",
    shape=same_as_first,
    kernel=_set_diag_kernel,
)


@gradient("MatrixDiagV2")
def _matrix_diag_grad(op: Operation, grad: Any) -> Any:
    return matrix_diag_part(grad, k=op.inputs[1]), None, None, None, None


@gradient("MatrixDiagPartV2")
def _matrix_diag_part_grad(op: Operation, grad: Any) -> Any:
    source, k = op.inputs[0], op.inputs[1]
    if source._shape is not None and None not in source._shape[-2:]:
        rows, columns = source._shape[-2:]
        return matrix_diag(grad, k=k, num_rows=rows, num_cols=columns), None, None
    return matrix_set_diag(zeros_like(source), grad, k=k), None, None


@gradient("MatrixSetDiagV2")
def _matrix_set_diag_grad(op: Operation, grad: Any) -> Any:
    diagonal, k = op.inputs[1], op.inputs[2]
    nothing = zeros(diagonal.shape, dtype=grad.dtype) if diagonal.shape.is_fully_defined() else zeros_like(diagonal)
    return matrix_set_diag(grad, nothing, k=k), matrix_diag_part(grad, k=k), None
