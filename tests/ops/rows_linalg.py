"""Cases of linear algebra and Fourier transforms."""

import numpy as np
import scipy.linalg
from ops.conformance import COMPLEX, Case

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.opdef import find_op

BASE = np.array([[[2.0, 0.5, -1.0], [0.25, 3.0, 0.5], [1.0, -0.5, 2.5]], [[1.5, 0.2, 0.3], [-0.4, 2.0, 0.1], [0.6, 0.7, 4.0]]])
POSITIVE = BASE @ np.swapaxes(BASE, 1, 2) + np.eye(3)
COMPLEX_BASE = BASE + 1j * BASE[::-1] * 0.5
HERMITIAN = COMPLEX_BASE @ np.conj(np.swapaxes(COMPLEX_BASE, 1, 2)) + np.eye(3)
RHS = np.arange(12.0).reshape(2, 3, 2) / 5 - 1
TALL = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.25]])
WIDE = TALL.T.copy()
SIGNAL = np.arange(24.0).reshape(2, 3, 4) % 7 - 2.5
EMPTY = np.zeros((0, 0))


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def made(op, *chosen, **attrs):
    """The op, of which only some outputs are compared or differentiated."""
    def run(*inputs):
        outputs = apply(find_op(op), *inputs, **attrs)
        return [outputs[i] for i in chosen]

    return run


def symmetric(op, **attrs):
    """The op of ``x + x'``, so that finite differences stay symmetric; eigenvectors by their projectors."""
    def run(x):
        e, v = apply(find_op(op), x + tf.matrix_transpose(x), **attrs)
        return [e, tf.square(v)] if attrs.get("compute_v", True) else [e]

    return run


def cholesky_of_symmetric(x):
    return tf.cholesky(x + tf.matrix_transpose(x))


def squares_of_svd(x):
    s, u, v = apply(find_op("Svd"), x)
    return [s, tf.square(u), tf.square(v)]


def cholesky_grad_reference(factor, grad):
    """By the definition: differences of the decomposition of A = L L', over symmetric changes of A."""
    a, n = factor @ factor.T, len(factor)
    out = np.zeros_like(a)
    for i in range(n):
        for j in range(i + 1):
            change = np.zeros_like(a)
            change[i, j] = change[j, i] = 1e-6
            slope = (np.linalg.cholesky(a + change) - np.linalg.cholesky(a - change)) / 2e-6
            out[i, j] = out[j, i] = np.sum(np.tril(grad) * slope) * (1.0 if i == j else 0.5)
    return out


def lu_reference(x):
    lu, pivots = zip(*(scipy.linalg.lu_factor(m) for m in x), strict=True)
    orders = []
    for row in pivots:
        order = np.arange(len(row))
        for i, p in enumerate(row):
            order[[i, p]] = order[[p, i]]
        orders.append(order)
    return np.array(lu), np.array(orders)


DIAGONALS = np.array([[[1.0, -0.5, 0.75, 0.0], [4.0, 3.0, -5.0, 2.5], [0.0, 0.5, 1.5, -1.0]]])
THREE_RHS = np.arange(8.0).reshape(1, 4, 2) / 3 - 1


def dense(d):
    return np.stack([np.diag(m[1]) + np.diag(m[0][:-1], 1) + np.diag(m[2][1:], -1) for m in d])


def fourier(rank):
    axes = tuple(range(-rank, 0))
    suffix = "" if rank == 1 else f"{rank}D"
    length = np.array([2, 3, 4][-rank:], np.int32)
    half = np.fft.rfftn(SIGNAL, axes=axes)
    tail = [*SIGNAL.shape[3 - rank : -1], 4]
    return [
        Case("FFT" + suffix, [SIGNAL + 0.5j * SIGNAL[::-1]], lambda x: np.fft.fftn(x, axes=axes), dtypes=COMPLEX, gradient=False,
             tolerance=20),
        Case("IFFT" + suffix, [SIGNAL + 0.5j * SIGNAL[::-1]], lambda x: np.fft.ifftn(x, axes=axes), dtypes=COMPLEX,
             gradient=False, tolerance=20),
        Case("RFFT" + suffix, [SIGNAL, length], lambda x, n: np.fft.rfftn(x, s=n.tolist(), axes=axes), dtypes=("float32",),
             gradient=False, tolerance=20),
        Case("IRFFT" + suffix, [half, np.array(tail, np.int32)], lambda x, n: np.fft.irfftn(x, s=tail, axes=axes),
             dtypes=("complex64",), gradient=False, tolerance=20),
        # The gradient, by way of a real function of a complex transform.
        Case("FFT" + suffix, [SIGNAL, SIGNAL[::-1]], run=lambda x, y: _parts(apply(find_op("FFT" + suffix), tf.complex(x, y))),
             dtypes=("float64",), label="gradient", gradient=True),
        Case("IFFT" + suffix, [SIGNAL, SIGNAL[::-1]], run=lambda x, y: _parts(apply(find_op("IFFT" + suffix), tf.complex(x, y))),
             dtypes=("float64",), label="gradient", gradient=True),
    ]  # fmt: skip


def _parts(x):
    return [tf.real(x), tf.imag(x)]


ROWS = [
    Case("Cholesky", [POSITIVE], np.linalg.cholesky, gradient=False, tolerance=4),
    Case("Cholesky", [HERMITIAN], np.linalg.cholesky, dtypes=COMPLEX, gradient=False, label="complex", tolerance=8),
    Case("Cholesky", [POSITIVE], run=cholesky_of_symmetric, dtypes=("float64",), label="gradient", second=True, gradient=True),
    Case("Cholesky", [[[1.0, 2.0], [2.0, 1.0]]], error="Cholesky decomposition was not successful", label="indefinite"),
    Case("Cholesky", [EMPTY], lambda x: x, label="empty", gradient=False),
    Case("CholeskyGrad", [np.linalg.cholesky(POSITIVE[0]), BASE[0]], cholesky_grad_reference, dtypes=("float64",),
         tolerance=1e5),
    Case("MatrixDeterminant", [BASE], np.linalg.det, tolerance=8, second=True),
    Case("MatrixDeterminant", [COMPLEX_BASE], np.linalg.det, dtypes=COMPLEX, label="complex", gradient=False, tolerance=8),
    Case("LogMatrixDeterminant", [-BASE], lambda x: tuple(np.linalg.slogdet(x)), tolerance=8, gradient=False),
    Case("LogMatrixDeterminant", [BASE], run=made("LogMatrixDeterminant", 1), dtypes=("float64",), label="gradient",
         gradient=True),
    Case("MatrixInverse", [BASE], np.linalg.inv, tolerance=8, second=True),
    Case("MatrixInverse", [BASE], lambda x: np.linalg.inv(adjoint(x)), {"adjoint": True}, label="adjoint", tolerance=8),
    Case("MatrixInverse", [COMPLEX_BASE], lambda x: np.linalg.inv(adjoint(x)), {"adjoint": True}, label="complex",
         dtypes=COMPLEX, gradient=False, tolerance=8),
    Case("MatrixInverse", [[[1.0, 2.0], [2.0, 4.0]]], error="Input is not invertible", label="singular"),
    Case("MatrixSolve", [BASE, RHS], np.linalg.solve, tolerance=8, second=True),
    Case("MatrixSolve", [BASE, RHS], lambda a, b: np.linalg.solve(adjoint(a), b), {"adjoint": True}, label="adjoint", tolerance=8),
    Case("MatrixSolve", [[[0.0, 0.0], [1.0, 1.0]], [[1.0], [1.0]]], error="Input matrix is not invertible", label="singular"),
    Case("MatrixSolveLs", [TALL, [[1.0], [2.0], [-1.0]], np.array(0.5)],
         lambda a, b, w: np.linalg.solve(a.T @ a + w * np.eye(2), a.T @ b), dtypes=("float64",), gradient=(0, 1), tolerance=8),
    Case("MatrixSolveLs", [WIDE, [[1.0], [2.0]], np.array(0.5)],
         lambda a, b, w: a.T @ np.linalg.solve(a @ a.T + w * np.eye(2), b), dtypes=("float64",), gradient=(0, 1), label="wide",
         tolerance=8),
    Case("MatrixSolveLs", [TALL, [[1.0], [2.0], [-1.0]], np.float64(0.0)], lambda a, b, w: np.linalg.lstsq(a, b, None)[0],
         {"fast": False}, label="slow", gradient=False, tolerance=8),
    Case("SelfAdjointEigV2", [POSITIVE], lambda x: np.linalg.eigvalsh(x), run=made("SelfAdjointEigV2", 0), tolerance=8,
         gradient=False),
    Case("SelfAdjointEigV2", [HERMITIAN], lambda x: np.linalg.eigvalsh(x) + 0j, run=made("SelfAdjointEigV2", 0), dtypes=COMPLEX,
         label="complex", gradient=False, tolerance=8),
    Case("SelfAdjointEigV2", [POSITIVE], lambda x: x @ np.eye(3), dtypes=("float64",), label="vectors", tolerance=30, gradient=False,
         run=lambda x: (lambda e, v: tf.matmul(v * e[..., None, :], v, adjoint_b=True))(*apply(find_op("SelfAdjointEigV2"), x))),
    Case("SelfAdjointEigV2", [BASE], run=symmetric("SelfAdjointEigV2"), dtypes=("float64",), label="gradient", gradient=True),
    Case("SelfAdjointEigV2", [BASE], run=symmetric("SelfAdjointEigV2", compute_v=False), dtypes=("float64",),
         label="gradient-values", gradient=True),
    *(Case("Svd", [m], lambda x: np.linalg.svd(x, compute_uv=False), run=made("Svd", 0), label=label + "-values", tolerance=8,
           gradient=False) for label, m in (("square", BASE), ("tall", TALL), ("wide", WIDE))),
    *(Case("Svd", [m], lambda x: x, label=f"{label}-{full}", tolerance=30, gradient=False, dtypes=("float64",),
           run=lambda x, full=full: (lambda s, u, v: tf.matmul(u[..., :, :2] * s[..., None, :], v[..., :, :2], adjoint_b=True))(
               *apply(find_op("Svd"), x, full_matrices=full)))
      for label, m in (("tall", TALL), ("wide", WIDE)) for full in (False, True)),
    *(Case("Svd", [m], run=squares_of_svd, dtypes=("float64",), label=label + "-gradient", gradient=True,
           known_shapes=True)
      for label, m in (("square", BASE), ("tall", TALL), ("wide", WIDE))),
    Case("Svd", [TALL], run=made("Svd", 0, compute_uv=False), dtypes=("float64",), label="values-gradient", gradient=True),
    Case("Lu", [BASE], lu_reference, tolerance=8),
    Case("Lu", [COMPLEX_BASE], lu_reference, {"output_idx_type": "int64"}, dtypes=COMPLEX, label="complex", tolerance=8),
    Case("MatrixSquareRoot", [POSITIVE], lambda x: np.array([scipy.linalg.sqrtm(m) for m in x]), tolerance=30),
    Case("MatrixSquareRoot", [HERMITIAN], lambda x: np.array([scipy.linalg.sqrtm(m) for m in x]), dtypes=COMPLEX, label="complex",
         gradient=False, tolerance=30),
    Case("MatrixLogarithm", [COMPLEX_BASE], lambda x: np.array([scipy.linalg.logm(m) for m in x]), dtypes=COMPLEX, tolerance=30),
    Case("MatrixExponential", [BASE], lambda x: np.array([scipy.linalg.expm(m) for m in x]), tolerance=30),
    Case("MatrixExponential", [10 * COMPLEX_BASE / 3], lambda x: np.array([scipy.linalg.expm(m) for m in x]),
         dtypes=("complex128",), label="complex", tolerance=300),
    Case("TridiagonalSolve", [DIAGONALS, THREE_RHS], lambda d, b: np.linalg.solve(dense(d), b), tolerance=8),
    Case("TridiagonalSolve", [DIAGONALS, THREE_RHS], lambda d, b: np.linalg.solve(dense(d), b), {"partial_pivoting": False},
         label="plain", tolerance=8, gradient=False),
    Case("TridiagonalSolve", [[[1.0, 2.0, 0.0], [0.0, 0.0, 1.0], [0.0, 2.0, 3.0]], [[1.0], [2.0], [3.0]]],
         lambda d, b: np.linalg.solve(dense(d[None])[0], b), label="pivot", tolerance=8, gradient=False),
    Case("TridiagonalMatMul", [DIAGONALS[:, :1], DIAGONALS[:, 1:2], DIAGONALS[:, 2:], THREE_RHS],
         lambda a, m, b, r: dense(np.concatenate([a, m, b], 1)) @ r, tolerance=2),
    *fourier(1), *fourier(2), *fourier(3),
    Case("RFFT", [SIGNAL, np.array([3], np.int32)], lambda x, n: np.fft.rfft(x, 3), dtypes=("float32",), label="odd",
         gradient=False, tolerance=20),
]  # fmt: skip
