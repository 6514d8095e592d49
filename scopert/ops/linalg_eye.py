"""Identity matrices."""

from __future__ import annotations

from operator import index
from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import float32, int32
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, zeros
from scopert.ops.math_binary import minimum
from scopert.ops.raw import raw
from scopert.public import public


@public("eye", "linalg.eye")
def eye(
    num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """Identity matrices.

    Parameters
    ----------
    num_rows, num_columns : int or scalar int32 Tensor
        As many columns as rows by default.
    batch_shape : list of int or 1-D int32 Tensor, optional
        Leading axes of the result, along which the matrix is repeated.
    dtype : DType

    Raises
    ------
    TypeError
        If a size is neither an integer nor a tensor.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.eye(2, 3)))
    [[1. 0. 0.]
     [0. 1. 0.]]
    """
    with name_scope(name, "eye", [num_rows, num_columns, batch_shape]):
        square = num_columns is None
        columns = num_rows if num_columns is None else num_columns
        size: Any
        if isinstance(num_rows, Tensor) or isinstance(columns, Tensor):
            size = minimum(num_rows, columns)
        else:
            try:
                rows_known, columns_known = index(num_rows), index(columns)
            except TypeError:
                raise TypeError("num_rows and num_columns must be positive integer values or tensors.") from None
            square = rows_known == columns_known
            size = min(rows_known, columns_known)
        batch = [] if batch_shape is None else batch_shape
        if isinstance(batch, Tensor) or isinstance(size, Tensor):
            batch = convert_to_tensor(batch, name="shape", dtype=int32)
            diagonal_shape: Any = concat((batch, [size]), axis=0)
            shape: Any = None if square else concat((batch, [num_rows, columns]), axis=0)
        else:
            diagonal_shape = [*batch, size]
            shape = [*batch, num_rows, columns]
        diagonal = ones(diagonal_shape, dtype=dtype)
        if square:
            return raw("MatrixDiag", diagonal, name="diag")
        return raw("MatrixSetDiag", zeros(shape, dtype=dtype), diagonal, name="set_diag")
