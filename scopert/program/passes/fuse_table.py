"""Elementwise operations as scalar expressions: op type -> what it writes into a body.

The expressions follow the generic kernels, operation by operation, so that a fused step gives the bits of
the plain one wherever the printer's functions do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scopert.graph import dtypes
from scopert.graph.dtypes import DType
from scopert.program.passes.fuse_body import Body

#: ``build(body, attrs, *operands) -> node``.
Build = Callable[..., int]

FLOATS = frozenset({dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64})
NUMBERS = FLOATS | {
    dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64,
}  # fmt: skip
SIGNED = NUMBERS - {dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64}
ALL = NUMBERS | {dtypes.bool}

# Klambauer et al., "Self-Normalizing Neural Networks", 2017.
_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_SCALE_ALPHA = 1.7580993408473768599402175208123


@dataclass(frozen=True, slots=True)
class Rule:
    """How one op is written.

    Attributes
    ----------
    build : callable
    types : frozenset of DType
        All operands must be of these; an operation on others stays as it is.
    costly : bool
        Worth storing rather than computing twice.
    """

    build: Build
    types: frozenset[DType]
    costly: bool = False


def _plain(op: str) -> Build:
    return lambda b, attrs, *args: b(op, *args)


def _same(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    return x


def _sum(b: Body, attrs: Mapping[str, Any], *terms: int) -> int:
    total = terms[0]
    for term in terms[1:]:
        total = b("add", total, term)
    return total


def _where(b: Body, attrs: Mapping[str, Any], condition: int, yes: int, no: int) -> int:
    return b("select", condition, yes, no)


def _clip(b: Body, attrs: Mapping[str, Any], x: int, low: int, high: int) -> int:
    return b("min", b("max", x, low), high)


def _pow(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    """Small whole exponents are products: within a unit in the last place of what `pow` gives."""
    exponent = b.nodes[y].value if b.nodes[y].op == "const" else None
    if exponent == 1.0:
        return x
    if exponent == 2.0:
        return b("square", x)
    if exponent == 3.0:
        return b("mul", b("square", x), x)
    return b("pow", x, y)


def _squared_difference(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    return b("square", b("sub", x, y))


def _div_no_nan(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    zero = b("eq", y, b.like(y, 0))
    return b("select", zero, b.like(x, 0), b("div", x, b("select", zero, b.like(y, 1), y)))


def _mul_no_nan(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    return b("select", b("eq", y, b.like(y, 0)), b.like(x, 0), b("mul", x, y))


def _xdivy(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    return b("select", b("eq", x, b.like(x, 0)), b.like(x, 0), b("div", x, y))


def _xlogy(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    return b("select", b("eq", x, b.like(x, 0)), b.like(x, 0), b("mul", x, b("log", y)))


def _floor_div(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    return b("floor", b("div", x, y))


def _cast(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    target: DType = attrs["DstT"].base
    if target.is_bool and not b.nodes[x].dtype.is_bool:
        return b("ne", x, b.like(x, 0))
    return b.cast(x, target)


def _approximate_equal(b: Body, attrs: Mapping[str, Any], x: int, y: int) -> int:
    return b("lt", b("abs", b("sub", x, y)), b.like(x, attrs["tolerance"]))


def _relu(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    return b("max", x, b.like(x, 0))


def _relu_grad(b: Body, attrs: Mapping[str, Any], g: int, x: int) -> int:
    return b("select", b("gt", x, b.like(x, 0)), g, b.like(g, 0))


def _relu6(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    return b("min", b("max", x, b.like(x, 0)), b.like(x, 6))


def _relu6_grad(b: Body, attrs: Mapping[str, Any], g: int, x: int) -> int:
    inside = b("and", b("gt", x, b.like(x, 0)), b("lt", x, b.like(x, 6)))
    return b("select", inside, g, b.like(g, 0))


def _leaky(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    return b("select", b("gt", x, b.like(x, 0)), x, b("mul", x, b.like(x, attrs["alpha"])))


def _leaky_grad(b: Body, attrs: Mapping[str, Any], g: int, x: int) -> int:
    return b("select", b("gt", x, b.like(x, 0)), g, b("mul", g, b.like(g, attrs["alpha"])))


def _elu(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    return b("select", b("lt", x, b.like(x, 0)), b("expm1", x), x)


def _elu_grad(b: Body, attrs: Mapping[str, Any], g: int, y: int) -> int:
    return b("select", b("lt", y, b.like(y, 0)), b("mul", b("add", y, b.like(y, 1)), g), g)


def _selu(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    low = b("mul", b.like(x, _SELU_SCALE_ALPHA), b("expm1", x))
    return b("select", b("lt", x, b.like(x, 0)), low, b("mul", b.like(x, _SELU_SCALE), x))


def _selu_grad(b: Body, attrs: Mapping[str, Any], g: int, y: int) -> int:
    low = b("mul", g, b("add", y, b.like(y, _SELU_SCALE_ALPHA)))
    return b("select", b("lt", y, b.like(y, 0)), low, b("mul", g, b.like(g, _SELU_SCALE)))


def _softplus_grad(b: Body, attrs: Mapping[str, Any], g: int, x: int) -> int:
    return b("div", g, b("add", b("exp", b("neg", x)), b.like(x, 1)))


def _softsign(b: Body, attrs: Mapping[str, Any], x: int) -> int:
    return b("div", x, b("add", b.like(x, 1), b("abs", x)))


def _softsign_grad(b: Body, attrs: Mapping[str, Any], g: int, x: int) -> int:
    return b("div", g, b("square", b("add", b.like(x, 1), b("abs", x))))


def _reciprocal_grad(b: Body, attrs: Mapping[str, Any], y: int, dy: int) -> int:
    return b("mul", b("mul", b("neg", dy), y), y)


def _sqrt_grad(b: Body, attrs: Mapping[str, Any], y: int, dy: int) -> int:
    return b("div", b("mul", dy, b.like(y, 0.5)), y)


def _rsqrt_grad(b: Body, attrs: Mapping[str, Any], y: int, dy: int) -> int:
    return b("mul", b("mul", dy, b("mul", b.like(y, -0.5), y)), b("square", y))


def _tanh_grad(b: Body, attrs: Mapping[str, Any], y: int, dy: int) -> int:
    return b("mul", dy, b("sub", b.like(y, 1), b("square", y)))


def _sigmoid_grad(b: Body, attrs: Mapping[str, Any], y: int, dy: int) -> int:
    return b("mul", b("mul", dy, b("sub", b.like(y, 1), y)), y)


_BOOL = frozenset({dtypes.bool})

RULES: dict[str, Rule] = {
    # one operand
    "Abs": Rule(_plain("abs"), SIGNED),
    "Neg": Rule(_plain("neg"), SIGNED),
    "Square": Rule(_plain("square"), SIGNED),
    "Sign": Rule(_plain("sign"), SIGNED),
    "Inv": Rule(_plain("reciprocal"), FLOATS),
    "Reciprocal": Rule(_plain("reciprocal"), FLOATS),
    "Round": Rule(_plain("round"), FLOATS),
    "Rint": Rule(_plain("round"), FLOATS),
    "Floor": Rule(_plain("floor"), FLOATS),
    "Ceil": Rule(_plain("ceil"), FLOATS),
    "IsNan": Rule(_plain("isnan"), FLOATS),
    "IsInf": Rule(_plain("isinf"), FLOATS),
    "IsFinite": Rule(_plain("isfinite"), FLOATS),
    "LogicalNot": Rule(_plain("not"), _BOOL),
    **{
        name: Rule(_plain(name.lower()), FLOATS, costly=True)
        for name in ("Sqrt", "Rsqrt", "Exp", "Expm1", "Log", "Log1p", "Tanh", "Sigmoid", "Softplus", "Erf",
                     "Sin", "Cos", "Tan")
    },
    "Cast": Rule(_cast, ALL),
    # two
    "Add": Rule(_plain("add"), NUMBERS),
    "AddV2": Rule(_plain("add"), NUMBERS),
    "BiasAddV1": Rule(_plain("add"), NUMBERS),
    "Sub": Rule(_plain("sub"), NUMBERS),
    "Mul": Rule(_plain("mul"), NUMBERS),
    "RealDiv": Rule(_plain("div"), FLOATS),
    "Div": Rule(_plain("div"), FLOATS),
    "Maximum": Rule(_plain("max"), NUMBERS),
    "Minimum": Rule(_plain("min"), NUMBERS),
    "Pow": Rule(_pow, FLOATS, costly=True),
    "Atan2": Rule(_plain("atan2"), FLOATS, costly=True),
    "SquaredDifference": Rule(_squared_difference, NUMBERS),
    "DivNoNan": Rule(_div_no_nan, FLOATS),
    "MulNoNan": Rule(_mul_no_nan, FLOATS),
    "Xdivy": Rule(_xdivy, FLOATS),
    "Xlogy": Rule(_xlogy, FLOATS, costly=True),
    "TruncateDiv": Rule(_plain("div"), FLOATS),
    "FloorDiv": Rule(_floor_div, FLOATS),
    "Less": Rule(_plain("lt"), NUMBERS),
    "LessEqual": Rule(_plain("le"), NUMBERS),
    "Greater": Rule(_plain("gt"), NUMBERS),
    "GreaterEqual": Rule(_plain("ge"), NUMBERS),
    "Equal": Rule(_plain("eq"), ALL),
    "NotEqual": Rule(_plain("ne"), ALL),
    "ApproximateEqual": Rule(_approximate_equal, FLOATS),
    "LogicalAnd": Rule(_plain("and"), _BOOL),
    "LogicalOr": Rule(_plain("or"), _BOOL),
    # more
    "AddN": Rule(_sum, NUMBERS),
    "AccumulateNV2": Rule(_sum, NUMBERS),
    "SelectV2": Rule(_where, ALL),
    "ClipByValue": Rule(_clip, NUMBERS),
    # activations and the gradients that have an op
    "Relu": Rule(_relu, NUMBERS),
    "ReluGrad": Rule(_relu_grad, NUMBERS),
    "Relu6": Rule(_relu6, NUMBERS),
    "Relu6Grad": Rule(_relu6_grad, NUMBERS),
    "LeakyRelu": Rule(_leaky, FLOATS),
    "LeakyReluGrad": Rule(_leaky_grad, FLOATS),
    "Elu": Rule(_elu, FLOATS, costly=True),
    "EluGrad": Rule(_elu_grad, FLOATS),
    "Selu": Rule(_selu, FLOATS, costly=True),
    "SeluGrad": Rule(_selu_grad, FLOATS),
    "SoftplusGrad": Rule(_softplus_grad, FLOATS, costly=True),
    "Softsign": Rule(_softsign, FLOATS),
    "SoftsignGrad": Rule(_softsign_grad, FLOATS),
    "InvGrad": Rule(_reciprocal_grad, FLOATS),
    "ReciprocalGrad": Rule(_reciprocal_grad, FLOATS),
    "SqrtGrad": Rule(_sqrt_grad, FLOATS),
    "RsqrtGrad": Rule(_rsqrt_grad, FLOATS),
    "TanhGrad": Rule(_tanh_grad, FLOATS),
    "SigmoidGrad": Rule(_sigmoid_grad, FLOATS),
}  # fmt: skip

#: Reductions over the axes that a second, constant input names.
REDUCES: dict[str, tuple[str, frozenset[DType]]] = {
    "Sum": ("sum", NUMBERS),
    "Prod": ("prod", NUMBERS),
    "Max": ("max_over", NUMBERS),
    "Min": ("min_over", NUMBERS),
    "All": ("min_over", _BOOL),
    "Any": ("max_over", _BOOL),
    "Mean": ("sum", FLOATS),
}
#: These pass their input on.
COPIES = frozenset({"Identity", "StopGradient", "PreventGradient"})
#: These keep the order of the elements.
RESHAPES = COPIES | {"Reshape", "ExpandDims", "Squeeze"}
#: These repeat elements, where an axis of size 1 becomes a longer one.
REPEATS = frozenset({"BroadcastTo", "Tile"})
#: These select or reorder elements by the values of constants only.
VIEWS = RESHAPES | {"Transpose", "Slice", "StridedSlice", "Split", "SplitV", "Unpack", "BroadcastTo"}
#: One number in all places: of the first input's kind, or the second input.
UNIFORM = {"ZerosLike": 0, "OnesLike": 1}
