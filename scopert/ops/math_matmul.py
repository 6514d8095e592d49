"""Matrix products."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import brackets
from scopert.graph.shape import broadcast as broadcast_shapes
from scopert.graph.shape_rules import at_least_rank, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.math_cast import cast
from scopert.ops.math_complex import conj
from scopert.ops.math_types import SIGNED
from scopert.public import public

Array = Any


def _inner_shape(a: Shape, b: Shape, flip_a: bool, flip_b: bool) -> tuple[int | None, int | None]:
    rows, inner_a = (None, None) if a is None else (a[-1], a[-2]) if flip_a else (a[-2], a[-1])
    inner_b, columns = (None, None) if b is None else (b[-1], b[-2]) if flip_b else (b[-2], b[-1])
    if inner_a is not None and inner_b is not None and inner_a != inner_b:
        raise ValueError(f"Dimensions must be equal, but are {inner_a} and {inner_b}")
    return rows, columns


def _matmul_shape(op: Operation) -> list[Shape]:
    a, b = (with_rank(tensor._shape, 2) for tensor in op.inputs)
    return [_inner_shape(a, b, op.attrs["transpose_a"], op.attrs["transpose_b"])]


def _wide(xp: Any, x: Array) -> Array:
    """16-bit floats are multiplied and summed in float32, as TensorFlow does."""
    return x.astype(xp.float32) if x.dtype.itemsize == 2 else x


def _matmul(xp: Any, a: Array, b: Array, *, transpose_a: bool, transpose_b: bool) -> Array:
    if a.ndim != 2 or b.ndim != 2:
        which, found = ("0", a) if a.ndim != 2 else ("1", b)
        raise InvalidArgumentError(
            None, None, f"In[{which}] is not a matrix. Instead it has shape {brackets(found.shape)}"
        )
    left = a.T if transpose_a else a
    right = b.T if transpose_b else b
    if left.shape[1] != right.shape[0]:
        raise InvalidArgumentError(
            None, None, f"Matrix size-incompatible: In[0]: {brackets(a.shape)}, In[1]: {brackets(b.shape)}"
        )
    return xp.matmul(_wide(xp, left), _wide(xp, right)).astype(a.dtype, copy=False)


MATMUL = define_op(
    "MatMul", inputs="a: T, b: T", outputs="product: T",
    attrs=f"transpose_a: bool = false; transpose_b: bool = false; T: {SIGNED}", shape=_matmul_shape, kernel=_matmul,
)  # fmt: skip


def _sparse_matmul(
    xp: Any, a: Array, b: Array, *, transpose_a: bool, transpose_b: bool, a_is_sparse: bool, b_is_sparse: bool
) -> Array:
    # The hints choose an algorithm in TensorFlow, not a result.
    wide_a, wide_b = a.astype(xp.float32, copy=False), b.astype(xp.float32, copy=False)
    return _matmul(xp, wide_a, wide_b, transpose_a=transpose_a, transpose_b=transpose_b)


SPARSE_MATMUL = define_op(
    "SparseMatMul", inputs="a: Ta, b: Tb", outputs="product: float32",
    attrs="transpose_a: bool = false; transpose_b: bool = false; a_is_sparse: bool = false; "
    "b_is_sparse: bool = false; Ta: {float32, bfloat16} = float32; Tb: {float32, bfloat16} = float32",
    shape=_matmul_shape, kernel=_sparse_matmul,
)  # fmt: skip


def _adjoint(xp: Any, x: Array) -> Array:
    turned = xp.swapaxes(x, -1, -2)
    return xp.conj(turned) if x.dtype.kind == "c" else turned


def _batch_matmul(xp: Any, x: Array, y: Array, *, adj_x: bool, adj_y: bool) -> Array:
    if x.ndim < 2 or y.ndim < 2:
        which, found = ("0", x) if x.ndim < 2 else ("1", y)
        raise InvalidArgumentError(None, None, f"In[{which}] ndims must be >= 2: {found.ndim}")
    left = _adjoint(xp, x) if adj_x else x
    right = _adjoint(xp, y) if adj_y else y
    if left.shape[-1] != right.shape[-2]:
        raise InvalidArgumentError(
            None, None,
            f"In[0] mismatch In[1] shape: {left.shape[-1]} vs. {right.shape[-2]}: {brackets(x.shape)} "
            f"{brackets(y.shape)} {int(adj_x)} {int(adj_y)}",
        )  # fmt: skip
    return xp.matmul(_wide(xp, left), _wide(xp, right)).astype(x.dtype, copy=False)


def _batch_matmul_shape(op: Operation) -> list[Shape]:
    x, y = (at_least_rank(tensor._shape, 2) for tensor in op.inputs)
    inner = _inner_shape(x, y, op.attrs["adj_x"], op.attrs["adj_y"])
    if x is None or y is None:
        return [None]
    return [(*(broadcast_shapes(x[:-2], y[:-2]) or ()), *inner)]


BATCH_MATMUL, BATCH_MATMUL_V2 = (
    define_op(
        name, inputs="x: T, y: T", outputs="output: T",
        attrs=f"T: {SIGNED}; adj_x: bool = false; adj_y: bool = false", shape=_batch_matmul_shape,
        kernel=_batch_matmul,
    )
    for name in ("BatchMatMul", "BatchMatMulV2")
)  # fmt: skip

_SPARSE_TYPES = frozenset({dtypes.bfloat16, dtypes.float32})


@public("matmul", "linalg.matmul")
def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
    adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The matrix product of the last two axes; the axes before are broadcast.

    Parameters
    ----------
    a, b : tensor-like
        Shapes ``[..., m, k]`` and ``[..., k, n]``; float, integer (32, 64 bits) or complex, of one type.
    transpose_a, transpose_b : bool
        Take the last two axes exchanged.
    adjoint_a, adjoint_b : bool
        The same, conjugated.
    a_is_sparse, b_is_sparse : bool
        Hints: they choose the op SparseMatMul for matrices of float32 and bfloat16, not another result.
    name : str, optional

    Raises
    ------
    ValueError
        If both a transpose and an adjoint are asked for, or the inner sizes differ.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.matmul(tf.ones([2, 3]), tf.ones([3, 4])).shape.as_list()
    [2, 4]
    """
    with name_scope(name, "MatMul", [a, b]) as scope:
        if transpose_a and adjoint_a:
            raise ValueError("Only one of transpose_a and adjoint_a can be True.")
        if transpose_b and adjoint_b:
            raise ValueError("Only one of transpose_b and adjoint_b can be True.")
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        batched = a._shape is None or len(a._shape) > 2 or b._shape is None or len(b._shape) > 2
        if batched and not a_is_sparse and not b_is_sparse:
            if transpose_a:
                a, adjoint_a = conj(a), True
            if transpose_b:
                b, adjoint_b = conj(b), True
            return apply(BATCH_MATMUL_V2, a, b, adj_x=adjoint_a, adj_y=adjoint_b, name=scope)
        if adjoint_a:
            a, transpose_a = conj(a), True
        if adjoint_b:
            b, transpose_b = conj(b), True
        kind_a, kind_b = a.dtype.base, b.dtype.base
        sparse = (a_is_sparse or b_is_sparse) and kind_a in _SPARSE_TYPES and kind_b in _SPARSE_TYPES
        if kind_a is not kind_b and dtypes.bfloat16 in (kind_a, kind_b):
            sparse = True
        if not sparse:
            return apply(MATMUL, a, b, transpose_a=transpose_a, transpose_b=transpose_b, name=scope)
        product: Tensor = apply(
            SPARSE_MATMUL, a, b, transpose_a=transpose_a, transpose_b=transpose_b, a_is_sparse=a_is_sparse,
            b_is_sparse=b_is_sparse, name=scope,
        )  # fmt: skip
        if kind_a is kind_b is dtypes.bfloat16:
            return cast(product, dtypes.bfloat16)
        return product


def mat_mul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None) -> Tensor:
    """The op MatMul itself, which takes matrices only."""
    return apply(MATMUL, a, b, transpose_a=transpose_a, transpose_b=transpose_b, name=name)


@public("sparse_matmul")
def sparse_matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, a_is_sparse: bool = False,
    b_is_sparse: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The product of two matrices of float32 or bfloat16 as float32; the hints change no result."""
    return apply(
        SPARSE_MATMUL, a, b, transpose_a=transpose_a, transpose_b=transpose_b, a_is_sparse=a_is_sparse,
        b_is_sparse=b_is_sparse, name=name,
    )  # fmt: skip


@public("linalg.matvec")
def matvec(
    a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False, a_is_sparse: bool = False,
    b_is_sparse: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The product of matrices ``[..., m, k]`` and vectors ``[..., k]``."""
    from scopert.ops.array_reshape import expand_dims, squeeze  # shapes are computed with arithmetic

    with name_scope(name, "MatVec", [a, b]):
        product = matmul(
            a, expand_dims(b, axis=-1), transpose_a=transpose_a, adjoint_a=adjoint_a, a_is_sparse=a_is_sparse,
            b_is_sparse=b_is_sparse,
        )  # fmt: skip
        return squeeze(product, axis=-1)
