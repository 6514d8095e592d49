"""Ops that keep a tensor in the session from one run to the next."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.device import canonical_name
from scopert.graph.dtypes import string
from scopert.graph.opdef import STATEFUL, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, device
from scopert.graph.shape_rules import no_outputs, scalar, unknown
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import placeholder
from scopert.public import public

GET_SESSION_HANDLE = define_op(
    "GetSessionHandle",
    inputs="value: T",
    outputs="handle: string",
    attrs="T: type",
    shape=scalar,
    kernel=lambda xp, value, *, op, context: context.handles.keep(op, value),
    traits=STATEFUL,
    differentiable=False,
)

GET_SESSION_TENSOR = define_op(
    "GetSessionTensor",
    inputs="handle: string",
    outputs="value: dtype",
    attrs="dtype: type",
    shape=unknown,
    kernel=lambda xp, handle, *, context: context.handles.get(handle).copy(),
    traits=STATEFUL,
    differentiable=False,
)

DELETE_SESSION_TENSOR = define_op(
    "DeleteSessionTensor",
    inputs="handle: string",
    shape=no_outputs,
    kernel=lambda xp, handle, *, context: context.handles.delete(handle),
    traits=STATEFUL,
    differentiable=False,
)


@public("get_session_handle")
def get_session_handle(data: Tensor, name: str | None = None) -> Tensor:
    """Keeps the value of `data` in the session; a run gives a `TensorHandle` for it.

    Parameters
    ----------
    data : Tensor
    name : str, optional

    Raises
    ------
    TypeError
        If `data` is no tensor.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     handle = sess.run(tf.get_session_handle(tf.constant(5)))
    ...     holder, value = tf.get_session_tensor(handle.handle, tf.int32)
    ...     print(sess.run(value * 2, {holder: handle.handle}))
    10
    """
    if not isinstance(data, Tensor):
        raise TypeError("`data` must be of type Tensor.")
    with colocate_with(data):
        made: Tensor = apply(GET_SESSION_HANDLE, data, name=name)
        return made


@public("get_session_tensor")
def get_session_tensor(handle: Any, dtype: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The value behind a handle.

    Parameters
    ----------
    handle : str
        Where the value is, `TensorHandle.handle`.
    dtype : DType
    name : str, optional

    Returns
    -------
    (Tensor, Tensor)
        A placeholder to feed a handle to, and the value.
    """
    with device(_device_of(handle)):
        holder = placeholder(string)
        value: Tensor = apply(GET_SESSION_TENSOR, holder, dtype=dtype, name=name)
    return holder, value


@public("delete_session_tensor")
def delete_session_tensor(handle: Any, name: str | None = None) -> tuple[Tensor, Operation]:
    """Drops the value behind a handle.

    Returns
    -------
    (Tensor, Operation)
        A placeholder to feed a handle to, and the operation that drops its value.
    """
    with device(_device_of(handle)):
        holder = placeholder(string)
        deleter: Operation = apply(DELETE_SESSION_TENSOR, holder, name=name)
    return holder, deleter


def _device_of(handle: Any) -> str:
    text = handle.decode() if isinstance(handle, bytes) else str(handle)
    return canonical_name(text.split(";")[-1])
