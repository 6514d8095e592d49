"""Complex numbers: their parts, angle and conjugate."""

from __future__ import annotations

from typing import Any

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import ELEMENTWISE, define_op
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import broadcast, same_as_first
from scopert.graph.tensor import Tensor
from scopert.ops.math_types import COMPLEX
from scopert.public import public

Array = Any

_PART = f"T: {COMPLEX}; Tout: {{float32, float64}} = float32"


def _complex(xp: Any, real: Array, imag: Array) -> Array:
    shape = xp.broadcast(real, imag).shape if real.ndim or imag.ndim else ()
    made = xp.empty(shape, xp.complex64 if real.dtype == xp.float32 else xp.complex128)
    made.real[...] = real
    made.imag[...] = imag
    return made


COMPLEX_OP = define_op(
    "Complex", inputs="real: T, imag: T", outputs="out: Tout",
    attrs=f"T: {{float32, float64}} = float32; Tout: {COMPLEX}", shape=broadcast, kernel=_complex,
    traits=ELEMENTWISE,
)  # fmt: skip
REAL, IMAG, ANGLE = (
    define_op(
        name, inputs="input: T", outputs="output: Tout", attrs=_PART, shape=same_as_first, kernel=kernel,
        traits=ELEMENTWISE,
    )
    for name, kernel in (
        ("Real", lambda xp, x: xp.array(x.real)),
        ("Imag", lambda xp, x: xp.array(x.imag)),
        ("Angle", lambda xp, x: xp.angle(x)),
    )
)  # fmt: skip
CONJ = define_op(
    "Conj", inputs="input: T", outputs="output: T", attrs="T: {complex64, complex128, variant} = complex64",
    shape=same_as_first, kernel=lambda xp, x: xp.conj(x), traits=ELEMENTWISE,
)  # fmt: skip


@public("complex", "dtypes.complex")
def complex_(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """Complex numbers of their parts: two float32 make a complex64, two float64 a complex128.

    Raises
    ------
    TypeError
        If the parts are of other types.
    """
    real = convert_to_tensor(real, name="real")
    imag = convert_to_tensor(imag, name="imag")
    with name_scope(name, "Complex", [real, imag]) as scope:
        kinds = (real.dtype, imag.dtype)
        if kinds == (dtypes.float64, dtypes.float64):
            target = dtypes.complex128
        elif kinds == (dtypes.float32, dtypes.float32):
            target = dtypes.complex64
        else:
            raise TypeError(f"real and imag have incorrect types: {real.dtype.name} {imag.dtype.name}")
        return apply(COMPLEX_OP, real, imag, Tout=target, name=scope)


@public("real", "math.real")
def real(input: Any, name: str | None = None) -> Tensor:
    """The real part; real numbers are returned as they are."""
    with name_scope(name, "Real", [input]) as scope:
        tensor = convert_to_tensor(input, name="input")
        if not tensor.dtype.is_complex:
            return tensor
        return apply(REAL, tensor, Tout=tensor.dtype.real_dtype, name=scope)


@public("imag", "math.imag")
def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part; zeros for real numbers."""
    from scopert.ops.array_fill import zeros_like  # it casts, as arithmetic does

    with name_scope(name, "Imag", [input]) as scope:
        tensor = convert_to_tensor(input, name="input")
        if not tensor.dtype.is_complex:
            return zeros_like(tensor)
        return apply(IMAG, tensor, Tout=tensor.dtype.real_dtype, name=scope)


@public("angle", "math.angle")
def angle(input: Any, name: str | None = None) -> Tensor:
    """The angle in radians, of (-pi, pi]; zeros for real numbers."""
    from scopert.ops.array_fill import zeros_like  # it casts, as arithmetic does

    with name_scope(name, "Angle", [input]) as scope:
        tensor = convert_to_tensor(input, name="input")
        if not tensor.dtype.is_complex:
            return zeros_like(tensor)
        return apply(ANGLE, tensor, Tout=tensor.dtype.real_dtype, name=scope)


@public("conj", "math.conj")
def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate; real numbers are returned as they are.

    Raises
    ------
    TypeError
        If `x` is not numeric.
    """
    if isinstance(x, Tensor):
        kind = x.dtype
        if kind.is_floating or kind.is_integer:
            return x
    with name_scope(name, "Conj", [x]) as scope:
        tensor = convert_to_tensor(x, name="x")
        kind = tensor.dtype
        if kind.is_complex or kind.base is dtypes.variant:
            return apply(CONJ, tensor, name=scope)
        if kind.is_floating or kind.is_integer:
            return tensor
        raise TypeError(f"Expected numeric or variant tensor, got dtype {kind!r}")
