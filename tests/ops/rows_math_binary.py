"""Cases of arithmetic, comparisons and bits."""

import numpy as np
from ops.conformance import COMPLEX, FLOATS, HALVES, INTS, Case

A = [[-2.5, 0.75, 3.0], [1.5, -0.25, 4.0]]
B = [[1.25, -2.0, 0.5], [-3.0, 2.0, 1.75]]
ROW = [0.5, -1.5, 2.0]
POSITIVE = [[0.5, 1.5, 3.0], [2.25, 0.75, 1.0]]
C = [[1 + 2j, -0.5j], [2 - 1j, -1.5 + 0.5j]]
D = [[0.5 - 1j, 2 + 1j], [-1 + 1j, 3j]]
M = np.array([[7, -7, 3], [-8, 5, 0]], np.int32)
N = np.array([[2, 2, -3], [3, -4, 5]], np.int32)
EMPTY = np.zeros((0, 3))
SMALL_INTS = ("uint8", "int8", "int16", "int32", "int64")


def arithmetic(op, reference, dtypes=HALVES, second=False, **more):
    return [
        Case(op, [A, B], reference, dtypes=dtypes, second=second, **more),
        Case(op, [A, ROW], reference, dtypes=FLOATS, label="row", **more),
        Case(op, [[[1.5], [-2.0]], ROW], reference, dtypes=FLOATS, label="outer", **more),
        Case(op, [2.5, B], reference, dtypes=FLOATS, label="scalar", **more),
        Case(op, [1.5, -2.5], reference, dtypes=FLOATS, label="scalars", **more),
        Case(op, [EMPTY, ROW], reference, dtypes=("float32",), label="empty", **{**more, "gradient": False}),
    ]


def complex_case(op, reference):
    return Case(op, [C, D], reference, dtypes=COMPLEX, label="complex", gradient=False)


def integers(op, reference, dtypes=INTS):
    return [
        Case(op, [M.astype(kind), N.astype(kind)], reference, dtypes=(kind,), label=f"integer-{kind}", fed=(0, 1))
        for kind in dtypes
    ]


def truncated(x, y):
    return np.trunc(np.asarray(x, float) / y)


ROWS = [
    *arithmetic("Add", np.add), complex_case("Add", np.add), *integers("Add", np.add),
    *arithmetic("AddV2", np.add), complex_case("AddV2", np.add), *integers("AddV2", np.add, ("int8", "int32")),
    *arithmetic("Sub", np.subtract), complex_case("Sub", np.subtract), *integers("Sub", np.subtract),
    *arithmetic("Mul", np.multiply, second=True), complex_case("Mul", np.multiply), *integers("Mul", np.multiply),
    Case("Add", [np.array([b"a", b"b"], object), np.array(b"c", object)], lambda x, y: np.array([b"ac", b"bc"], object),
         dtypes=("string",), label="strings"),
    *arithmetic("RealDiv", np.divide, second=True), complex_case("RealDiv", np.divide),
    *arithmetic("Div", np.divide), *integers("Div", truncated),
    *arithmetic("TruncateDiv", np.divide, gradient=False), *integers("TruncateDiv", truncated),
    *arithmetic("FloorDiv", lambda x, y: np.floor(x / y), gradient=False), *integers("FloorDiv", np.floor_divide),
    *(Case("FloorMod", [[[-2.6, 0.8, 3.1], [1.7, -0.3, 4.2]], y], lambda x, y: x - np.floor(x / y) * y, label=label,
           tolerance=4)
      for label, y in (("", [[1.25, -2.0, 0.5], [-3.0, 2.0, 1.75]]), ("row", [0.5, -1.5, 2.0]), ("scalar", 0.9))), *integers("FloorMod", np.mod),
    Case("FloorMod", [[1.0, -1.0, 0.0, 5.5], [-np.inf, np.inf, -np.inf, -2.0]],
         lambda x, y: np.array([-np.inf, np.inf, 0.0, -0.5]), label="infinite", gradient=False),
    *arithmetic("TruncateMod", np.fmod, gradient=False), *integers("TruncateMod", np.fmod),
    *arithmetic("Mod", np.fmod, gradient=False), *integers("Mod", np.fmod),
    *(Case(op, [M, np.array([0], np.int32)], error="Integer division by zero", dtypes=("int32",), label="by zero")
      for op in ("Div", "TruncateDiv", "FloorDiv", "FloorMod", "TruncateMod", "Mod")),
    *arithmetic("SquaredDifference", lambda x, y: (x - y) ** 2, second=True),
    complex_case("SquaredDifference", lambda x, y: (np.conj(x - y) * (x - y))),
    *arithmetic("DivNoNan", np.divide, dtypes=FLOATS),
    Case("DivNoNan", [[1.0, 0.0, 5.0], [0.0, 0.0, 2.0]], lambda x, y: np.array([0, 0, 2.5]), label="zero", gradient=(0,)),
    *arithmetic("MulNoNan", np.multiply, dtypes=FLOATS),
    Case("MulNoNan", [[np.inf, np.nan, 5.0], [0.0, 0.0, 2.0]], lambda x, y: np.array([0, 0, 10.0]), label="zero",
         gradient=False),
    *arithmetic("Xdivy", np.divide, dtypes=FLOATS),
    Case("Xdivy", [[0.0, 2.0], [0.0, 4.0]], lambda x, y: np.array([0, 0.5]), label="zero", gradient=False),
    Case("Xlogy", [A, POSITIVE], lambda x, y: x * np.log(y)),
    Case("Xlogy", [[[1.5], [0.5]], [0.5, 2.0]], lambda x, y: x * np.log(y), label="outer"),
    Case("Xlogy", [[0.0, 2.0], [0.0, 4.0]], lambda x, y: np.array([0, 2 * np.log(4)]), label="zero", gradient=False),
    Case("Pow", [POSITIVE, B], np.power, dtypes=HALVES), complex_case("Pow", np.power),
    Case("Pow", [POSITIVE, ROW], np.power, label="row"),
    Case("Pow", [np.array([2, -3], np.int32), np.array([5, 3], np.int32)], np.power, dtypes=("int32",), label="int"),
    Case("Pow", [np.array([2], np.int32), np.array([-1], np.int32)], error="negative integer powers", label="negative"),
    *arithmetic("Maximum", np.maximum), *integers("Maximum", np.maximum),
    *arithmetic("Minimum", np.minimum), *integers("Minimum", np.minimum),
    *(row for op, f in (("Less", np.less), ("LessEqual", np.less_equal), ("Greater", np.greater),
                        ("GreaterEqual", np.greater_equal), ("Equal", np.equal), ("NotEqual", np.not_equal))
      for row in (*arithmetic(op, f, gradient=False), *integers(op, f, SMALL_INTS),
                  Case(op, [A, A], f, label="same"))),
    Case("Equal", [np.array([b"a", b"b"], object), np.array(b"b", object)], lambda x, y: np.array([False, True]),
         dtypes=("string",), label="strings"),
    Case("NotEqual", [np.array([b"a", b"b"], object), np.array(b"b", object)], lambda x, y: np.array([True, False]),
         dtypes=("string",), label="strings"),
    Case("ApproximateEqual", [A, np.asarray(A) + np.array([[0.0, 0.25, 2.0]])], lambda x, y: np.abs(x - y) < 0.5,
         {"tolerance": 0.5}),
    Case("LogicalAnd", [np.array([True, False, True]), np.array([True, True, False])], np.logical_and, fed=(0, 1)),
    Case("LogicalOr", [np.array([True, False, False]), np.array([True, True, False])], np.logical_or, fed=(0, 1)),
    Case("LogicalNot", [np.array([True, False])], np.logical_not, fed=(0,)),
    *integers("BitwiseAnd", np.bitwise_and, SMALL_INTS), *integers("BitwiseOr", np.bitwise_or, SMALL_INTS),
    *integers("BitwiseXor", np.bitwise_xor, SMALL_INTS),
    Case("LeftShift", [np.array([1, -3, 5], np.int8), np.array([2, 1, 7], np.int8)],
         lambda x, y: np.array([4, -6, -128], np.int8)),
    Case("RightShift", [np.array([8, -8, 5], np.int16), np.array([2, 1, 40], np.int16)],
         lambda x, y: np.array([2, -4, 0], np.int16)),
    Case("BroadcastGradientArgs", [np.array([2, 1, 3], np.int32), np.array([4, 3], np.int32)],
         lambda x, y: (np.array([1]), np.array([0]))),
    Case("BroadcastGradientArgs", [np.array([2], np.int32), np.array([3], np.int32)], error="Incompatible shapes",
         label="error"),
]  # fmt: skip
