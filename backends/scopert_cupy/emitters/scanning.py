"""Running sums and products along an axis, forwards or backwards, with or without the element itself."""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Emitted, Launch, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    THREADS,
    define,
    done,
    index_type,
    launch,
    pointwise,
    reading,
    shape_of,
    writing,
)
from scopert_cupy.prelude import stored

#: Axes up to this length are walked by one thread each.
_WALKED = 64
#: With so many columns, threads that walk are enough.
_COLUMNS = 4096

_LOG_SUM = """#ifndef SC_LOG_SUM
#define SC_LOG_SUM
struct sc_log_sum {
  template <class T> static SC_FN T identity() { return -sc_limits<T>::largest(); }
  template <class T> static SC_FN T of(T x, T y) {
    const T high = sc_max(x, y), low = x > y ? y : x;
    return high == -sc_limits<T>::largest() || high != high ? high : high + sc_log1p(sc_exp(low - high));
  }
};
#endif
"""

_BLOCK = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const $T* __restrict__ source, $T* __restrict__ target) {
  typedef sc_value<$T> A;
  __shared__ A sums[2][$THREADS];
  for ($I number = blockIdx.x; number < ${count}u; number += gridDim.x) {
    const $I base = number / ${inner}u * ${length}u * ${inner}u + number % ${inner}u;
    A carry = $Op::identity<A>();
    for ($I begin = 0; begin < ${length}u; begin += $THREADS * 4) {
      A own[4];
      A total = $Op::identity<A>();
      for (int k = 0; k < 4; ++k) {
        const $I r = begin + threadIdx.x * 4 + k;
        own[k] = r < ${length}u ? (A)sc_get(source[base + ($place) * ${inner}u]) : $Op::identity<A>();
        total = $Op::of(total, own[k]);
      }
      sums[0][threadIdx.x] = total;
      __syncthreads();
      int turn = 0;
      for (unsigned step = 1; step < $THREADS; step *= 2, turn ^= 1) {
        A here = sums[turn][threadIdx.x];
        if (threadIdx.x >= step) here = $Op::of(sums[turn][threadIdx.x - step], here);
        sums[turn ^ 1][threadIdx.x] = here;
        __syncthreads();
      }
      A running = threadIdx.x ? $Op::of(carry, sums[turn][threadIdx.x - 1]) : carry;
      for (int k = 0; k < 4; ++k) {
        const $I r = begin + threadIdx.x * 4 + k;
        const A before = running;
        running = $Op::of(running, own[k]);
        if (r < ${length}u) target[base + ($place) * ${inner}u] = sc_put<$T>($result);
      }
      carry = $Op::of(carry, sums[turn][$THREADS - 1]);
      __syncthreads();
    }
  }
}
"""


def _scan(operation: str, helpers: str = "") -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        axis, shape = request.constant(1), shape_of(request.inputs[0])
        element = stored(request.inputs[0].dtype)
        if axis is None or element is None or axis.ndim or not -len(shape) <= int(axis) < len(shape):
            return None
        at = int(axis) % len(shape)
        length, inner = shape[at], prod(shape[at + 1 :])
        count = prod(shape[:at]) * inner
        if not count * length:
            return done()
        place = f"({length - 1}u - r)" if request.attrs["reverse"] else "r"
        result = "before" if request.attrs["exclusive"] else "running"
        kind = index_type(count * length)
        if length <= _WALKED or count >= _COLUMNS:
            body = (
                f"typedef sc_value<{element}> A;\n"
                f"    const {kind} base = i / {inner}u * {length}u * {inner}u + i % {inner}u;\n"
                f"    A running = {operation}::identity<A>();\n    for ({kind} r = 0; r < {length}u; ++r) {{\n"
                f"      const {kind} here = base + {place} * {inner}u;\n      const A before = running;\n"
                f"      running = {operation}::of(running, (A)sc_get(source[here]));\n"
                f"      target[here] = sc_put<{element}>({result});\n    }}"
            )
            parameters = [(reading(element, "source"), INPUT[0]), (writing(element, "target"), OUTPUT[0])]
            return done(pointwise("scan", count, parameters, body, request.facts, kind=kind, helpers=helpers))
        names = {
            "T": element, "Op": operation, "I": kind, "count": count, "inner": inner, "length": length,
            "place": place, "result": result,
        }  # fmt: skip
        function = define("scan_block", helpers + _BLOCK, names, fibers=True)
        grid = min(count, request.facts.multiprocessors * 16)
        return done(launch(function, grid, THREADS, INPUT[0], OUTPUT[0]))

    return emitter


def sums_before(source: Operand, target: Operand, length: int) -> Launch:
    """For each of `length` unsigned numbers the sum of those before it; by one block."""
    names = {
        "T": "unsigned", "Op": "sc_sum", "I": index_type(length), "count": 1, "inner": 1, "length": length,
        "place": "r", "result": "before",
    }  # fmt: skip
    return launch(define("scan_block", _BLOCK, names, fibers=True), 1, THREADS, source, target)


TABLE: dict[str, Emitter] = {
    "Cumsum": _scan("sc_sum"),
    "Cumprod": _scan("sc_prod"),
    "CumulativeLogsumexp": _scan("sc_log_sum", _LOG_SUM),
}
