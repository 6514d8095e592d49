"""Softmax, log-softmax and the cross-entropies with their gradients, one read of each row."""

from __future__ import annotations

from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.rows import Each, Once, Phase, Total, as_rows, over_rows
from scopert_cupy.emitters.source import INPUT, OUTPUT, Passed, done, reading, shape_of, writing
from scopert_cupy.prelude import stored

_SHIFTED: tuple[Phase, ...] = (Total("high", "sc_max_over", "x"), Total("total", "sc_sum", "sc_exp(x - high)"))


def _normalised(expression: str) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        dtype, shape = request.inputs[0].dtype, shape_of(request.inputs[0])
        element = stored(dtype)
        if element is None or not shape:
            return None
        rows, columns = as_rows(shape)
        if not rows * columns:
            return done()
        parameters = [(reading(element, "source"), INPUT[0]), (writing(element, "target"), OUTPUT[0])]
        phases = (*_SHIFTED, Each("target", element, expression))
        return done(
            over_rows("softmax", rows, columns, element, dtype.np.itemsize, parameters, phases, request.facts)
        )  # fmt: skip

    return emitter


def _cross_entropy(request: Request) -> Emitted | None:
    """Labels are distributions; rows and columns of both inputs may broadcast."""
    dtype, out = request.inputs[0].dtype, shape_of(request.outputs[1])
    logits, labels = shape_of(request.inputs[0]), shape_of(request.inputs[1])
    element = stored(dtype)
    if element is None or len(logits) != 2 or len(labels) != 2 or logits[1] != out[1] or not out[0] * out[1]:
        return None
    rows, columns = out
    row = f"row * {labels[1]}u" if labels[0] > 1 or rows == 1 else "0"
    label = f"sc_get(labels[{row}{' + j' if labels[1] > 1 or columns == 1 else ''}])"
    loss = f"{label} == (A)0 ? (A)0 : {label} * (x - high - sc_log(total))"
    phases = (
        *_SHIFTED,
        Total("share", "sc_sum", loss),
        Once(f"loss[row] = sc_put<{element}>(-share);"),
        Each("backprop", element, f"sc_exp(x - high) / total - {label}"),
    )
    parameters: list[Passed] = [
        (reading(element, "source"), INPUT[0]), (reading(element, "labels"), INPUT[1]),
        (writing(element, "loss"), OUTPUT[0]), (writing(element, "backprop"), OUTPUT[1]),
    ]  # fmt: skip
    begin = f"row * {columns}u" if logits[0] > 1 or rows == 1 else "0"
    return done(
        over_rows(
            "cross_entropy", rows, columns, element, dtype.np.itemsize, parameters, phases, request.facts, begin=begin
        )
    )  # fmt: skip


def _sparse_cross_entropy(request: Request) -> Emitted | None:
    """A class that does not exist makes the row NaN, as in TensorFlow's GPU kernel."""
    dtype, shape = request.inputs[0].dtype, shape_of(request.inputs[0])
    element, number = stored(dtype), stored(request.inputs[1].dtype)
    if element is None or number is None or len(shape) != 2 or shape_of(request.inputs[1]) != shape[:1]:
        return None
    rows, columns = shape
    if not rows * columns:
        return None
    inside = f"label >= 0 && label < {columns}ll"
    phases = (
        Once("const long long label = (long long)labels[row];", False),
        *_SHIFTED,
        Once(f"const A sum = {inside} ? total : (A)SC_NAN;", False),
        Once(
            f"loss[row] = sc_put<{element}>({inside} ? sc_log(sum) - ((A)sc_get(source[begin + label]) - high) : sum);"
        ),
        Each("backprop", element, "sc_exp(x - high) / sum - ((long long)j == label ? (A)1 : (A)0)"),
    )
    parameters: list[Passed] = [
        (reading(element, "source"), INPUT[0]), (reading(number, "labels"), INPUT[1]),
        (writing(element, "loss"), OUTPUT[0]), (writing(element, "backprop"), OUTPUT[1]),
    ]  # fmt: skip
    return done(
        over_rows("sparse_cross_entropy", rows, columns, element, dtype.np.itemsize, parameters, phases, request.facts)
    )  # fmt: skip


TABLE: dict[str, Emitter] = {
    "Softmax": _normalised("sc_exp(x - high) / total"),
    "LogSoftmax": _normalised("x - high - sc_log(total)"),
    "SoftmaxCrossEntropyWithLogits": _cross_entropy,
    "SparseSoftmaxCrossEntropyWithLogits": _sparse_cross_entropy,
}
