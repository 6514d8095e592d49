"""Casts between element types."""

from __future__ import annotations

import logging
from typing import Any

from scopert.errors import UnimplementedError
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import ELEMENTWISE, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Tensor
from scopert.public import public

_LOG = logging.getLogger("scopert")


def _cast(xp: Any, x: Any, *, SrcT: DType, DstT: DType, Truncate: bool) -> Any:
    if SrcT is not DstT and (SrcT.np.kind == "O" or DstT.np.kind == "O"):
        raise UnimplementedError(None, None, f"Cast {SrcT.name} to {DstT.name} is not supported")
    target = DstT.np
    source = x.dtype
    if source == target:
        return xp.array(x)
    if source.kind == "c" and target.kind != "c":
        x = x.real
    if target.kind == "b":
        return x != 0
    if Truncate and target.itemsize < 4 and target.kind in "Vf" and x.dtype == "float32":
        # Rounding toward zero: what is cut off of the mantissa is cleared before.
        spare = 16 if target.kind == "V" else 13
        x = (xp.asarray(x).view(xp.uint32) >> spare << spare).view(xp.float32)
    if target.kind in "iu" and x.dtype.kind == "V":
        x = x.astype(xp.float32)
    return x.astype(target)


CAST = define_op(
    "Cast", inputs="x: SrcT", outputs="y: DstT", attrs="SrcT: type; DstT: type; Truncate: bool = false",
    shape=same_as_first, kernel=_cast, traits=ELEMENTWISE,
)  # fmt: skip

_DIFFERENTIABLE = frozenset({
    dtypes.float16, dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.complex64, dtypes.complex128,
})  # fmt: skip


@gradient("Cast")
def _cast_grad(op: Operation, grad: Tensor) -> Any:
    source = op.inputs[0].dtype.base
    if source in _DIFFERENTIABLE and grad.dtype.base in _DIFFERENTIABLE:
        return cast(grad, source)
    return None


@public("cast", "dtypes.cast")
def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Changes the element type; a tensor of that type already is returned as it is.

    Parameters
    ----------
    x : tensor-like, SparseTensor or IndexedSlices
    dtype : DType
        Floats become integers by cutting off; the imaginary part of a complex number is dropped.
    name : str, optional

    Examples
    --------
    >>> import scopert as tf
    >>> tf.cast(tf.constant([1.8, 2.2]), tf.int32).dtype
    tf.int32
    """
    base = as_dtype(dtype).base
    if hasattr(x, "op") and isinstance(found := getattr(x, "dtype", None), DType) and found is base and (
        not isinstance(x, IndexedSlices) and not hasattr(x, "dense_shape")
    ):  # fmt: skip
        return x
    with name_scope(name, "Cast", [x]) as scope:
        if isinstance(x, IndexedSlices):
            return IndexedSlices(cast(x.values, base, name=scope), x.indices, x.dense_shape)
        if hasattr(x, "dense_shape") and hasattr(x, "values"):  # a SparseTensor
            return type(x)(x.indices, cast(x.values, base, name=scope), x.dense_shape)
        tensor = convert_to_tensor(x, name="x")
        if tensor.dtype.base is base:
            return tensor
        if tensor.dtype.is_complex and base.is_floating:
            _LOG.warning("Casting complex to real discards imaginary part.")
        return apply(CAST, tensor, DstT=base, name=scope)


@public("to_float")
def to_float(x: Any, name: str = "ToFloat") -> Any:
    """`cast` to float32."""
    return cast(x, dtypes.float32, name=name)


@public("to_double")
def to_double(x: Any, name: str = "ToDouble") -> Any:
    """`cast` to float64."""
    return cast(x, dtypes.float64, name=name)


@public("to_int32")
def to_int32(x: Any, name: str = "ToInt32") -> Any:
    """`cast` to int32."""
    return cast(x, dtypes.int32, name=name)


@public("to_int64")
def to_int64(x: Any, name: str = "ToInt64") -> Any:
    """`cast` to int64."""
    return cast(x, dtypes.int64, name=name)


@public("to_bfloat16")
def to_bfloat16(x: Any, name: str = "ToBFloat16") -> Any:
    """`cast` to bfloat16."""
    return cast(x, dtypes.bfloat16, name=name)


@public("to_complex64")
def to_complex64(x: Any, name: str = "ToComplex64") -> Any:
    """`cast` to complex64."""
    return cast(x, dtypes.complex64, name=name)


@public("to_complex128")
def to_complex128(x: Any, name: str = "ToComplex128") -> Any:
    """`cast` to complex128."""
    return cast(x, dtypes.complex128, name=name)
