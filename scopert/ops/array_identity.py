"""Ops that hand their input on: identity and the ops that only say something about it."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import DType, float32, float64, resource
from scopert.graph.opdef import PURE, STATEFUL, VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import as_tuple, brackets, is_compatible, merge
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.public import public


def _pass_on(xp: Any, x: Any) -> Any:
    return x


def _pass_on_value(xp: Any, x: Any, *, op: Any) -> Any:
    if op.input_dtypes[0].base is resource:
        raise InvalidArgumentError(None, None, "Input tensor cannot be a resource variable handle.")
    return x


IDENTITY = define_op(
    "Identity",
    inputs="input: T",
    outputs="output: T",
    attrs="T: type",
    shape=same_as_first,
    kernel=_pass_on,
    traits=VIEW,
)


@gradient("Identity", "Snapshot", "PlaceholderWithDefault")
def _identity_grad(op: Operation, grad: Any) -> Any:
    return grad


@public("identity")
def identity(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the value of `input` and a name of its own."""
    return apply(IDENTITY, input, name=name)


SNAPSHOT = define_op(
    "Snapshot",
    inputs="input: T",
    outputs="output: T",
    attrs="T: type",
    shape=same_as_first,
    kernel=lambda xp, x: xp.array(x),
)

IDENTITY_N = define_op(
    "IdentityN",
    inputs="input: T",
    outputs="output: T",
    attrs="T: list(type) >= 1",
    shape=lambda op: [tensor._shape for tensor in op.inputs],
    kernel=lambda xp, *inputs: inputs,
    traits=VIEW,
)


@gradient("IdentityN")
def _identity_n_grad(op: Operation, *grads: Any) -> Any:
    return grads


@public("identity_n")
def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """One tensor with the value of each of `input`; they may differ in type and shape."""
    return list(apply(IDENTITY_N, input, name=name))


STOP_GRADIENT = define_op(
    "StopGradient",
    inputs="input: T",
    outputs="output: T",
    attrs="T: type",
    shape=same_as_first,
    kernel=_pass_on,
    traits=VIEW,
    differentiable=False,
)


@public("stop_gradient")
def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The value of `input`, which gradients treat as a constant."""
    return apply(STOP_GRADIENT, input, name=name)


PREVENT_GRADIENT = define_op(
    "PreventGradient",
    inputs="input: T",
    outputs="output: T",
    attrs='T: type; message: string = ""',
    shape=same_as_first,
    kernel=_pass_on,
    traits=VIEW,
)


@gradient("PreventGradient")
def _prevent_gradient_grad(op: Operation, grad: Any) -> Any:
    message = op.get_attr("message")
    text = message.decode() if isinstance(message, bytes) else message
    raise LookupError(f"Gradient explicitly disabled. Reason: {text}")


def prevent_gradient(input: Any, message: str = "", name: str | None = None) -> Tensor:
    """The value of `input`; asking for a gradient through it raises `LookupError` with `message`."""
    return apply(PREVENT_GRADIENT, input, message=message, name=name)


GUARANTEE_CONST = define_op(
    "GuaranteeConst",
    inputs="input: T",
    outputs="output: T",
    attrs="T: type",
    shape=same_as_first,
    kernel=_pass_on_value,
    traits=(STATEFUL, VIEW),
)


@public("guarantee_const")
def guarantee_const(input: Any, name: str | None = None) -> Tensor:
    """The value of `input`, of which the caller says that it never changes."""
    return apply(GUARANTEE_CONST, input, name=name)


def _check_numerics_kernel(xp: Any, tensor: Any, *, message: Any) -> Any:
    if not bool(xp.isfinite(tensor).all()):
        has_nan, has_inf = bool(xp.isnan(tensor).any()), bool(xp.isinf(tensor).any())
        found = " and ".join(word for word, there in (("Inf", has_inf), ("NaN", has_nan)) if there)
        text = message.decode() if isinstance(message, bytes) else message
        raise InvalidArgumentError(None, None, f"{text} : Tensor had {found} values")
    return tensor


CHECK_NUMERICS = define_op(
    "CheckNumerics",
    inputs="tensor: T",
    outputs="output: T",
    attrs="T: {bfloat16, float16, float32, float64}; message: string",
    shape=same_as_first,
    kernel=_check_numerics_kernel,
    traits=(STATEFUL, VIEW),
)


@gradient("CheckNumerics")
def _check_numerics_grad(op: Operation, grad: Any) -> Any:
    message = op.get_attr("message")
    text = message.decode() if isinstance(message, bytes) else message
    return check_numerics(
        grad, f"Not a number (NaN) or infinity (Inf) values detected in gradient. {text}"
    )


@public("check_numerics", "debugging.check_numerics")
def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The value of `tensor`, which must be finite.

    Raises
    ------
    InvalidArgumentError
        In a run, with `message`, if an element is NaN or infinite.
    """
    return apply(CHECK_NUMERICS, tensor, message=message, name=name)


def _ensure_shape_rule(op: Operation) -> list[Shape]:
    return [merge(op.inputs[0]._shape, op.attrs["shape"])]


def _ensure_shape_kernel(xp: Any, x: Any, *, shape: Shape) -> Any:
    found = xp.shape(x)
    if not is_compatible(found, shape):
        raise InvalidArgumentError(
            None,
            None,
            f"Shape of tensor {brackets(found)} is not compatible with expected shape {brackets(shape)}.",
        )
    return x


ENSURE_SHAPE = define_op(
    "EnsureShape",
    inputs="input: T",
    outputs="output: T",
    attrs="shape: shape; T: type",
    shape=_ensure_shape_rule,
    kernel=_ensure_shape_kernel,
    traits=VIEW,
)


@gradient("EnsureShape")
def _ensure_shape_grad(op: Operation, grad: Any) -> Any:
    return grad


@public("ensure_shape")
def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """The value of `x`, whose shape must fit `shape`; the result is known to have it.

    Raises
    ------
    ValueError
        If the static shape contradicts `shape`.
    InvalidArgumentError
        In a run, if the shape there does.
    """
    return apply(ENSURE_SHAPE, x, shape=as_tuple(shape), name=name)


def _not_fed(xp: Any, *, op: Any, dtype: DType, shape: Shape) -> Any:
    name = {float32: "float", float64: "double"}.get(dtype, dtype.name)
    where = f" and shape {brackets(shape)}" if shape else ""
    raise InvalidArgumentError(
        None, None, f"You must feed a value for placeholder tensor '{op.name}' with dtype {name}{where}"
    )


PLACEHOLDER = define_op(
    "Placeholder",
    outputs="output: dtype",
    attrs="dtype: type; shape: shape = <unknown>",
    shape=lambda op: [op.attrs["shape"]],
    kernel=_not_fed,
    traits=PURE,
    differentiable=False,
)


@public("placeholder")
def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor whose value is given with each run, in `feed_dict`.

    Parameters
    ----------
    dtype : DType
        What is fed is converted to it.
    shape : shape, optional
        What is fed must fit it; any shape by default.
    name : str, optional
        The operation's name.

    Raises
    ------
    InvalidArgumentError
        In a run that needs it and does not feed it.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.placeholder(tf.float32, [None, 3])
    >>> x.shape.as_list()
    [None, 3]
    """
    return apply(PLACEHOLDER, dtype=dtype, shape=as_tuple(shape), name=name)


def _placeholder_with_default_rule(op: Operation) -> list[Shape]:
    given, wanted = op.inputs[0]._shape, op.attrs["shape"]
    merge(given, wanted)
    return [wanted]


PLACEHOLDER_WITH_DEFAULT = define_op(
    "PlaceholderWithDefault",
    inputs="input: dtype",
    outputs="output: dtype",
    attrs="dtype: type; shape: shape",
    shape=_placeholder_with_default_rule,
    kernel=_pass_on,
    traits=VIEW,
)


@public("placeholder_with_default")
def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor that has the value of `input` in a run that does not feed it.

    Parameters
    ----------
    input : Tensor
        The value where nothing is fed.
    shape : shape
        What is fed, and `input`, must fit it.
    name : str, optional
        The operation's name.
    """
    return apply(PLACEHOLDER_WITH_DEFAULT, input, shape=as_tuple(shape), name=name)


def as_tensor(value: Any, name: str | None = None) -> Tensor:
    """Short for a conversion without wishes, as TensorFlow's wrappers make it."""
    return to_tensor(value, None, name)
