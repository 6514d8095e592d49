"""Cases of elementwise functions of one operand."""

import numpy as np
from ops.conformance import COMPLEX, FLOATS, HALVES, Case
from scipy import special

MIXED = [[-2.5, -0.75, 0.25], [1.5, 0.5, 3.0]]
POSITIVE = [[0.25, 1.5, 3.0], [2.25, 0.75, 1.0]]
UNIT = [[-0.75, 0.5, 0.125], [0.25, -0.5, 0.875]]
ABOVE_ONE = [[1.25, 3.0], [2.0, 5.5]]
COMPLEX_VALUES = [[1 + 2j, -0.5j], [2 - 1j, -1.5 + 0.5j]]
EMPTY = np.zeros((2, 0))
INTEGERS = np.array([[3, -4, 0], [1, -1, 7]], np.int32)


def function(op, reference, values=MIXED, dtypes=HALVES, complex_values=None, second=False, **more):
    made = [
        Case(op, [values], reference, dtypes=dtypes, second=second, **more),
        Case(op, [np.asarray(values)[0, 0].item()], reference, dtypes=FLOATS, label="scalar", **more),
        Case(op, [EMPTY], reference, dtypes=("float32",), label="empty", **{**more, "gradient": False}),
    ]
    if complex_values is not None:
        made.append(Case(op, [complex_values], reference, dtypes=COMPLEX, label="complex", gradient=False,
                         tolerance=4))  # fmt: skip
    return made


def from_result(op, reference, second=True):
    """The op that makes a gradient of a result: the result and the incoming gradient."""
    y, dy = [[0.25, 0.75], [0.5, 0.125]], [[1.5, -2.0], [0.5, 3.0]]
    return [
        Case(op, [y, dy], reference, dtypes=HALVES, tolerance=2),
        Case(op, [COMPLEX_VALUES, [[1 - 1j, 2j], [1.0, -1 + 0.5j]]], reference, dtypes=COMPLEX, label="complex",
             gradient=False, tolerance=4),
    ]  # fmt: skip


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def complex_sign(x):
    return x / np.abs(x)


ROWS = [
    *function("Abs", np.abs),
    Case("Abs", [INTEGERS], np.abs, fed=(0,), dtypes=("int32",), label="integer"),
    *function("Neg", np.negative, complex_values=COMPLEX_VALUES, second=False),
    *function("Inv", lambda x: 1 / x, complex_values=COMPLEX_VALUES),
    *function("Reciprocal", lambda x: 1 / x, complex_values=COMPLEX_VALUES, second=True),
    Case("Reciprocal", [np.array([1, -1, 2, -5], np.int32)], lambda x: np.array([1, -1, 0, 0]), fed=(0,),
         dtypes=("int32",), label="integer"),
    *function("Square", np.square, complex_values=COMPLEX_VALUES, second=True),
    *function("Sqrt", np.sqrt, POSITIVE, complex_values=COMPLEX_VALUES, second=True),
    *function("Rsqrt", lambda x: 1 / np.sqrt(x), POSITIVE, complex_values=COMPLEX_VALUES, second=True),
    *function("Exp", np.exp, complex_values=COMPLEX_VALUES, second=True),
    *function("Expm1", np.expm1, complex_values=COMPLEX_VALUES, second=True),
    *function("Log", np.log, POSITIVE, complex_values=COMPLEX_VALUES, second=True),
    *function("Log1p", np.log1p, POSITIVE, complex_values=COMPLEX_VALUES, second=True),
    *function("Tanh", np.tanh, complex_values=COMPLEX_VALUES, second=True),
    *function("Sigmoid", sigmoid, complex_values=COMPLEX_VALUES, second=True),
    Case("Sigmoid", [[-1000.0, 1000.0, 0.0]], lambda x: np.array([0.0, 1.0, 0.5]), label="large", gradient=False),
    *function("Sign", np.sign),
    Case("Sign", [COMPLEX_VALUES], complex_sign, dtypes=COMPLEX, label="complex", gradient=False),
    Case("Sign", [INTEGERS], np.sign, fed=(0,), dtypes=("int32",), label="integer"),
    *function("Round", np.rint, gradient=False), *function("Rint", np.rint, gradient=False),
    Case("Round", [[0.5, 1.5, 2.5, -0.5, -1.5]], lambda x: np.array([0.0, 2, 2, -0.0, -2]), label="halves",
         gradient=False),
    Case("Round", [INTEGERS], lambda x: x, fed=(0,), dtypes=("int32",), label="integer"),
    *function("Floor", np.floor, gradient=False), *function("Ceil", np.ceil, gradient=False),
    *(Case(op, [[1.0, np.nan, np.inf, -np.inf, 0.0]], f, dtypes=HALVES)
      for op, f in (("IsNan", np.isnan), ("IsInf", np.isinf), ("IsFinite", np.isfinite))),
    *(Case("Invert", [np.array([0, 1, 7, 100], kind)], np.invert, dtypes=(kind,), label=kind, fed=(0,))
      for kind in ("int8", "uint8", "int64", "uint64")),
    *(Case("PopulationCount", [np.array([0, 1, 7, 100, -1]).astype(kind)],
           lambda x: np.array([int(v).bit_count() if v >= 0 else 8 * x.dtype.itemsize for v in x]), dtypes=(kind,),
           label=kind, fed=(0,)) for kind in ("int8", "uint8", "int16", "int64")),
    *from_result("InvGrad", lambda y, dy: -dy * np.conj(y) ** 2),
    *from_result("ReciprocalGrad", lambda y, dy: -dy * np.conj(y) ** 2),
    *from_result("SqrtGrad", lambda y, dy: dy * 0.5 / np.conj(y)),
    *from_result("RsqrtGrad", lambda y, dy: dy * -0.5 * np.conj(y) ** 3),
    *from_result("TanhGrad", lambda y, dy: dy * (1 - y * y)),
    *from_result("SigmoidGrad", lambda y, dy: dy * y * (1 - y)),
    *function("Sin", np.sin, complex_values=COMPLEX_VALUES, second=True),
    *function("Cos", np.cos, complex_values=COMPLEX_VALUES, second=True),
    *function("Tan", np.tan, UNIT, complex_values=COMPLEX_VALUES, second=True),
    *function("Asin", np.arcsin, UNIT, complex_values=COMPLEX_VALUES, second=True),
    *function("Acos", np.arccos, UNIT, complex_values=COMPLEX_VALUES, second=True, tolerance=2),
    *function("Atan", np.arctan, complex_values=COMPLEX_VALUES, second=True),
    *function("Sinh", np.sinh, complex_values=COMPLEX_VALUES), *function("Cosh", np.cosh, complex_values=COMPLEX_VALUES),
    *function("Asinh", np.arcsinh, complex_values=COMPLEX_VALUES, second=True),
    *function("Acosh", np.arccosh, ABOVE_ONE, complex_values=COMPLEX_VALUES, second=True),
    *function("Atanh", np.arctanh, UNIT, complex_values=COMPLEX_VALUES, second=True),
    Case("Atan2", [MIXED, [[1.0, -2.0, 0.5], [-1.0, 2.0, 1.5]]], np.arctan2, dtypes=HALVES),
    *function("Erf", special.erf, second=True), *function("Erfc", special.erfc, second=True),
    Case("Erf", [np.linspace(-5, 5, 20001)], special.erf, label="large", dtypes=HALVES, gradient=False),
    Case("Erfc", [[5.0, 10.0, 20.0, 26.0]], special.erfc, dtypes=("float64",), label="tail", gradient=False),
    *function("Lgamma", special.gammaln, tolerance=4), *function("Digamma", special.digamma, tolerance=4, gradient=False),
    Case("Digamma", [POSITIVE], special.digamma, label="positive", second=False),
    Case("Lgamma", [[-3.5, -0.5, 10.0, 170.0, 1e6]], special.gammaln, label="range", gradient=False),
    Case("Lgamma", [[0.0, -1.0, np.inf]], lambda x: np.full(3, np.inf), label="poles", gradient=False),
    *function("BesselI0e", special.i0e), *function("BesselI1e", special.i1e),
    Case("BesselI0e", [[0.0, 7.9, 8.1, -30.0]], special.i0e, label="range", gradient=False),
    Case("BesselI1e", [[0.0, 7.9, 8.1, -30.0]], special.i1e, label="range"),
    Case("Zeta", [[[1.5, 2.0], [3.0, 10.0]], [[0.5, 1.0], [2.5, 30.0]]], special.zeta, gradient=(1,)),
    Case("Zeta", [[1.0, 2.0, 0.5], [2.0, -1.0, 1.0]], lambda x, q: np.array([np.inf, np.inf, np.nan]), label="poles",
         gradient=False),
    Case("Polygamma", [[0.0, 1.0, 2.0, 5.0], [0.5, 2.5, 1.0, 3.0]], lambda n, x: special.polygamma(n.astype(int), x),
         gradient=(1,), tolerance=10),
    Case("Igamma", [[[0.5, 2.0], [10.0, 3.0]], [[0.25, 5.0], [9.0, 0.5]]], special.gammainc, tolerance=10),
    Case("Igammac", [[[0.5, 2.0], [10.0, 3.0]], [[0.25, 5.0], [9.0, 0.5]]], special.gammaincc, tolerance=10),
    Case("Igammac", [[0.5, 2.0, -1.0], [0.0, 200.0, 1.0]], special.gammaincc, label="edges", gradient=False, tolerance=99),
    Case("IgammaGradA", [[0.5, 2.0, 10.0], [0.25, 5.0, 9.0]],
         lambda a, x: (special.gammainc(a + 1e-6, x) - special.gammainc(a - 1e-6, x)) / 2e-6, tolerance=1e4),
    Case("Betainc", [[0.5, 2.0, 5.0], [1.5, 0.75, 4.0], [0.25, 0.5, 0.75]], special.betainc, gradient=(2,), tolerance=10),
    Case("Betainc", [2.0, 3.0, [0.0, 0.5, 1.0]], special.betainc, label="scalar", gradient=False, tolerance=10),
    Case("Cast", [MIXED], lambda x: np.trunc(x).astype(np.int32), {"DstT": "int32"}, label="integer", dtypes=HALVES,
         gradient=False),
    Case("Cast", [MIXED], lambda x: x, {"DstT": "float64"}, label="float64", dtypes=HALVES),
    Case("Cast", [MIXED], lambda x: x, {"DstT": "bfloat16"}, label="bfloat16", dtypes=FLOATS, gradient=False,
         tolerance=1e4),
    Case("Cast", [[1.0078, 1.00999, -1.00999, 3.14159]], lambda x: np.array([1, 1.0078125, -1.0078125, 3.140625]),
         {"DstT": "bfloat16", "Truncate": True}, label="truncate", dtypes=("float32",), gradient=False),
    Case("Cast", [[1.0078, 3.14159]], lambda x: np.array([1.0068359375, 3.140625]),
         {"DstT": "float16", "Truncate": True}, label="truncate-float16", dtypes=("float32",), gradient=False),
    Case("Cast", [[0.0, 0.5, -2.0]], lambda x: x != 0, {"DstT": "bool"}, label="bool", dtypes=HALVES, gradient=False),
    Case("Cast", [np.array([True, False])], lambda x: x.astype(float), {"DstT": "float32"}, label="from-bool", fed=(0,),
         dtypes=("float32",)),
    Case("Cast", [COMPLEX_VALUES], lambda x: x.real, {"DstT": "float32"}, label="from-complex", dtypes=COMPLEX,
         tolerance=1e6),
    Case("Cast", [MIXED], lambda x: x + 0j, {"DstT": "complex128"}, label="to-complex", gradient=False),
    Case("Complex", [MIXED, POSITIVE], lambda x, y: x + 1j * y, {"Tout": "complex64"}, dtypes=("float32",)),
    Case("Complex", [MIXED, [1.0, 2.0, 3.0]], lambda x, y: x + 1j * y, {"Tout": "complex128"}, dtypes=("float64",),
         gradient=False, label="row"),
    *(Case(op, [COMPLEX_VALUES], f, {"Tout": out}, dtypes=(kind,), label=kind)
      for op, f in (("Real", np.real), ("Imag", np.imag), ("Angle", np.angle), ("ComplexAbs", np.abs))
      for kind, out in (("complex64", "float32"), ("complex128", "float64"))),
    Case("Conj", [COMPLEX_VALUES], np.conj, dtypes=COMPLEX),
]  # fmt: skip
