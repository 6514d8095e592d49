"""Cases of triangular systems."""

import numpy as np
from ops.conformance import FLOATS, Case

A = [[2.0, 0.5, -1.0], [1.0, -3.0, 0.25], [0.5, 4.0, 1.5]]
B = [[1.0, 2.0], [3.0, -4.0], [0.5, 6.0]]
C = [[1 + 2j, -0.5j], [2 - 1j, -1.5 + 0.5j]]


def solve(lower, adjoint):
    def reference(a, b):
        a = np.tril(a) if lower else np.triu(a)
        a = np.conj(np.swapaxes(a, -1, -2)) if adjoint else a
        return np.linalg.inv(a) @ b

    return reference


ROWS = [
    Case("MatrixTriangularSolve", [A, B], solve(lower, adjoint), {"lower": lower, "adjoint": adjoint},
         label=f"{lower}-{adjoint}", tolerance=8)
    for lower in (True, False) for adjoint in (True, False)
] + [
    Case("MatrixTriangularSolve", [[A, np.transpose(A)], [B, B]], solve(True, False), label="batch", tolerance=8),
    Case("MatrixTriangularSolve", [C, C], solve(True, True), {"adjoint": True}, ("complex64", "complex128"),
         label="complex", tolerance=8),
    Case("MatrixTriangularSolve", [A, B], solve(True, False), dtypes=("float16",), label="half", tolerance=8),
    Case("MatrixTriangularSolve", [np.zeros((0, 0)), np.zeros((0, 2))], lambda a, b: b, dtypes=FLOATS, label="empty"),
    Case("MatrixTriangularSolve", [np.zeros((2, 2)), B[:2]], label="singular", error="not invertible"),
    Case("MatrixTriangularSolve", [A[:2], B[:2]], label="wide", error="must be square"),
    Case("MatrixTriangularSolve", [A, B[:2]], label="short", error="incompatible"),
]  # fmt: skip
