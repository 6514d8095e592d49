"""Record the operations that TensorFlow 1.15.5 makes: `python record_math_names.py math_names.json.gz`.

Runs under TensorFlow 1.15.5 (Python 3.7) and imports nothing of scopert. Each program is an expression over
`tf`, `np` and the placeholders of `SETUP`; recorded are all operations: name, type, inputs, control inputs and
static shapes.
"""

import gzip
import json
import sys

import numpy as np
import tensorflow as tf

SETUP = """
x = tf.placeholder(tf.float32, [2, 3], name='x')
y = tf.placeholder(tf.float32, [2, 3], name='y')
u = tf.placeholder(tf.float32, [None, 3], name='u')
v = tf.placeholder(tf.float32, None, name='v')
w = tf.placeholder(tf.float32, [3], name='w')
x32 = tf.placeholder(tf.int32, [2], name='x32')
"""

# fmt: off
PROGRAMS = [
    "x + y, x + 1.0, 1.0 - x, x / 2.0, x // 2.0, x % 2.0, x ** 2.0, 2.0 ** x, -x, abs(x), x @ tf.transpose(x), x > 1.0, tf.abs(-x)",
    "tf.add(x, 1.0), tf.subtract(x, y), tf.multiply(x, 2.0), tf.divide(x, y), tf.div(x, y), tf.truediv(x, 2.0), tf.floordiv(x, 2.0), tf.realdiv(x, y), tf.mod(x, y), tf.pow(x, 2.0), tf.maximum(x, 0.0), tf.minimum(x, y), tf.squared_difference(x, y)",
    "tf.reduce_sum(x), tf.reduce_mean(x, 0), tf.reduce_max(x, axis=[0, 1], keepdims=True), tf.reduce_min(u), tf.reduce_prod(u, 1), tf.reduce_all(x > 1.0), tf.reduce_any(u > 1.0, 0), tf.reduce_logsumexp(x), tf.reduce_logsumexp(x, 1), tf.reduce_logsumexp(u, 1, keepdims=True)",
    "tf.math.reduce_std(x), tf.math.reduce_variance(x, 1), tf.count_nonzero(x), tf.argmax(x), tf.argmin(x, 1), tf.arg_max(x, 0)",
    "tf.cast(x, tf.int32), tf.to_float(tf.constant(1)), tf.cast(x, tf.float32), tf.saturate_cast(x, tf.uint8), tf.round(x), tf.cast([1, 2], tf.float32), tf.to_int32(3.5)",
    "tf.matmul(x, y, transpose_b=True), tf.matmul(x[None], y[None], transpose_b=True), tf.matmul(x, y, adjoint_a=True, name='mm'), tf.linalg.matvec(x, [1.0, 2.0, 3.0]), tf.matmul(x, y, transpose_a=True, a_is_sparse=True)",
    "tf.tensordot(x, y, [[0], [0]]), tf.tensordot(u, y, [[1], [1]]), tf.tensordot(x, y, 0), tf.tensordot(y, w, 1), tf.tensordot(v, v, 2)",
    "tf.einsum('ij,kj->ik', x, y), tf.einsum('ij->ji', x), tf.einsum('ij,ij->', x, y), tf.einsum('...i,ji->...j', x, y), tf.einsum('ij->', x), tf.einsum('ij,jk,kl->il', x, tf.transpose(y), x)",
    "tf.add_n([x, y, x]), tf.add_n([x]), tf.accumulate_n([x, y]), tf.cumsum(x), tf.cumprod(x, 1, exclusive=True), tf.cross(x, y), tf.trace(x), tf.norm(x), tf.norm(x, 1, 0), tf.norm(x, ord=np.inf, axis=[0, 1]), tf.norm(x, 3, 1)",
    "tf.sigmoid(x), tf.log_sigmoid(x), tf.tanh(x), tf.erf(x), tf.lgamma(x), tf.lbeta(x), tf.math.bessel_i0(x), tf.math.polyval([1.0, x, y], x), tf.logical_xor(x > 1.0, y > 1.0), ~(x > 1.0), (x > 1.0) & (y > 1.0)",
    "tf.segment_sum(x, [0, 1]), tf.unsorted_segment_sum(x, [0, 1], 2), tf.unsorted_segment_mean(x, [0, 1], 2), tf.bincount([1, 2, 3]), tf.bincount([1, 2], weights=[1.0, 2.0], minlength=3), tf.histogram_fixed_width(x, [0.0, 1.0]), tf.sparse_segment_sum(x, [0, 1], [0, 1])",
    "tf.sort(x), tf.argsort(x, 0, direction='DESCENDING'), tf.sort(u), tf.sort(x, axis=-2)",
    "tf.group(x, y), tf.group(x.op, name='g'), tf.tuple([x, y]), tf.no_op(), tf.group(), tf.tuple([x, None, y.op])",
    "tf.complex(x, y), tf.real(tf.complex(x, y)), tf.imag(x), tf.angle(x), tf.conj(x), tf.abs(tf.complex(x, y))",
    "tf.cholesky(tf.eye(3)), tf.matrix_inverse(tf.eye(3)), tf.svd(x), tf.self_adjoint_eig(tf.eye(2)), tf.linalg.logdet(tf.eye(2)), tf.matrix_solve_ls(x, y), tf.linalg.pinv(x), tf.linalg.matrix_rank(x), tf.linalg.slogdet(tf.eye(2)), tf.cholesky_solve(tf.eye(2), x)",
    "tf.signal.rfft(x), tf.fft(tf.complex(x, y)), tf.signal.irfft(tf.complex(x, y)), tf.signal.fftshift(x)",
    "tf.gradients(tf.reduce_sum(x * y + x), [x, y])",
    "tf.gradients(x * w, [x, w]), tf.gradients(x + w, [x, w]), tf.gradients(x - w, [x, w]), tf.gradients(x / w, [x, w]), tf.gradients(x ** w, [x, w]), tf.gradients(tf.maximum(x, w), [x, w]), tf.gradients(tf.minimum(x, y), [x, y]), tf.gradients(x * w, [x, w])",
    "tf.gradients(u * w, [u, w]), tf.gradients(u + v, [u, v]), tf.gradients(tf.reduce_sum(u, 1), [u]), tf.gradients(tf.reduce_mean(u), [u])",
    "tf.gradients(tf.reduce_sum(x, 0), [x]), tf.gradients(tf.reduce_mean(x, 1), [x]), tf.gradients(tf.reduce_max(x, 1), [x]), tf.gradients(tf.reduce_prod(x), [x]), tf.gradients(tf.reduce_sum(x, 0), [x])",
    "tf.gradients(tf.matmul(x, y, transpose_b=True), [x, y]), tf.gradients(tf.matmul(x[None], y[None], transpose_b=True), [x, y])",
    "[tf.gradients(f(x), x) for f in (tf.abs, tf.negative, tf.square, tf.sqrt, tf.rsqrt, tf.exp, tf.expm1, tf.log, tf.log1p, tf.tanh, tf.sigmoid, tf.sign, tf.floor, tf.sin, tf.cos, tf.tan, tf.asin, tf.acos, tf.atan, tf.sinh, tf.cosh, tf.asinh, tf.acosh, tf.atanh, tf.erf, tf.erfc, tf.lgamma, tf.digamma, tf.reciprocal, tf.math.bessel_i0e, tf.math.bessel_i1e)]",
    "tf.gradients(tf.squared_difference(x, w), [x, w]), tf.gradients(tf.floormod(x, y), [x, y]), tf.gradients(tf.div_no_nan(x, y), [x, y]), tf.gradients(tf.atan2(x, y), [x, y]), tf.gradients(tf.igamma(x, y), [x, y]), tf.gradients(tf.zeta(x, y), [y]), tf.gradients(tf.betainc(x, x, y), [y]), tf.gradients(tf.polygamma(x, y), [y])",
    "tf.gradients(tf.cumsum(x), x), tf.gradients(tf.cumprod(x), x), tf.gradients(tf.cast(x, tf.float64), x), tf.gradients(tf.add_n([x, y]), [x, y]), tf.gradients(tf.segment_sum(x, [0, 1]), x), tf.gradients(tf.unsorted_segment_sum(x, [0, 1], 2), x), tf.gradients(tf.unsorted_segment_max(x, [0, 1], 2), x), tf.gradients(tf.segment_mean(x, [0, 0]), x)",
    "tf.gradients(tf.reduce_logsumexp(x, 1), x), tf.gradients(tf.norm(x), x), tf.gradients(tf.trace(x), x), tf.gradients(tf.tensordot(x, y, [[1], [1]]), [x, y]), tf.gradients(tf.einsum('ij,kj->ik', x, y), [x, y]), tf.gradients(tf.cholesky(tf.matmul(x, x, transpose_b=True)), x), tf.gradients(tf.matrix_inverse(x[:, :2]), x)",
    "tf.confusion_matrix([1, 2], [1, 2]), tf.confusion_matrix([1, 2], [1, 2], 3, weights=[1, 2])",
    "tf.add([1, 2], x32 + 1), 1 + x32, x32 / 2, 3 // x32, x32 % 2, abs(x32), 2 ** x32, x32 / x32",
    "tf.gradients(tf.reduce_sum(v), v), tf.gradients(tf.reduce_mean(v, 0), v), tf.gradients(tf.reduce_max(u), u), tf.gradients(u - w, [u, w]), tf.gradients(u / w, [u, w]), tf.gradients(tf.pow(u, 2.0), u)",
    "tf.gradients(x * 2.0, x), tf.gradients(3.0 - x, x), tf.gradients(tf.reduce_sum(x, [0, 1]), x), tf.gradients(tf.reduce_sum(x, -1), x), tf.gradients(tf.reduce_mean(x), x)",
    "[tf.gradients(tf.gradients(f(x), x), x) for f in (tf.square, tf.sqrt, tf.rsqrt, tf.exp, tf.log, tf.tanh, tf.sigmoid, tf.reciprocal, tf.sin)]",
    "tf.signal.frame(w, 2, 1), tf.signal.stft(w, 2, 1), tf.signal.hann_window(4), tf.signal.overlap_and_add(x, 2), tf.signal.dct(x), tf.signal.idct(x, norm='ortho')",
    "tf.linalg.expm(x[:, :2]), tf.linalg.tridiagonal_solve(tf.ones([3, 4]), tf.ones([4])), tf.linalg.adjoint(x), tf.linalg.normalize(x)",
    "tf.verify_tensor_all_finite(x, 'm'), tf.histogram_fixed_width_bins(x, [0.0, 1.0]), tf.math.reciprocal_no_nan(x), tf.div_no_nan(x, 2.0), tf.scalar_mul(2.0, x), tf.cumsum(x, 1, reverse=True, name='c'), tf.math.cumulative_logsumexp(x)",
    "tf.gradients(tf.reduce_sum(x[0] * w + x[1]), [x, w]), tf.gradients(tf.matmul(x, y, transpose_a=True) @ tf.transpose(x), [x, y])",
]
# fmt: on


def operations(program):
    with tf.Graph().as_default() as graph:
        names = {"tf": tf, "np": np}
        exec(SETUP, names)
        eval(program, names)
        return [
            [
                op.name,
                op.type,
                [tensor.name for tensor in op.inputs],
                sorted(control.name for control in op.control_inputs),
                [str(tensor.shape) for tensor in op.outputs],
            ]
            for op in graph.get_operations()
        ]


def main():
    facts = {"setup": SETUP, "programs": [[program, operations(program)] for program in PROGRAMS]}
    with open(sys.argv[1], "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(json.dumps(facts).encode())
    print(sum(len(ops) for _, ops in facts["programs"]), "operations")


if __name__ == "__main__":
    main()
