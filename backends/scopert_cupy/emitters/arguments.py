"""Where the extreme elements of an axis are: the first of equal ones, and never where a number is none."""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.source import INPUT, OUTPUT, THREADS, define, done, index_type, launch, shape_of
from scopert_cupy.prelude import stored

_EXTREME = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const $T* __restrict__ source, $M* __restrict__ target) {
  typedef sc_value<$T> A;
  __shared__ A values[$THREADS];
  __shared__ $I places[$THREADS];
  const unsigned x = threadIdx.x % $X, y = threadIdx.x / $X;
  for ($I block = blockIdx.x; block < ${blocks}u; block += gridDim.x) {
    const $I number = block * $X + x, outer = number / ${inner}u, column = number % ${inner}u;
    A best = sc_limits<A>::$worst();
    $I where = ${length}u;
    if (number < ${count}u)
      for ($I r = y; r < ${length}u; r += $THREADS / $X) {
        const A found = sc_get(source[(outer * ${length}u + r) * ${inner}u + column]);
        if (found $better best) { best = found; where = r; }
      }
    values[threadIdx.x] = best;
    places[threadIdx.x] = where;
    __syncthreads();
    for (unsigned half = $THREADS / $X / 2; half; half /= 2) {
      if (y < half) {
        const A other = values[threadIdx.x + half * $X];
        const $I place = places[threadIdx.x + half * $X];
        if (other $better values[threadIdx.x] ||
            (other == values[threadIdx.x] && place < places[threadIdx.x])) {
          values[threadIdx.x] = other;
          places[threadIdx.x] = place;
        }
      }
      __syncthreads();
    }
    // Nothing was better than the start: the first element that equals it, and that is the first of all.
    if (y == 0 && number < ${count}u)
      target[number] = ($M)(places[threadIdx.x] == ${length}u ? 0 : places[threadIdx.x]);
    __syncthreads();
  }
}
"""


def _extreme(request: Request) -> Emitted | None:
    axis, shape = request.constant(1), shape_of(request.inputs[0])
    element, made = stored(request.inputs[0].dtype), stored(request.outputs[0].dtype)
    if axis is None or element is None or made is None or not -len(shape) <= int(axis) < len(shape):
        return None
    at = int(axis) % len(shape)
    length, inner = shape[at], prod(shape[at + 1 :])
    count = prod(shape[:at]) * inner
    if not length:
        return None
    if not count:
        return done()
    # Threads of a block: so many columns side by side, the others share the rows.
    side = 1
    while side < 32 and side < inner:
        side *= 2
    names = {
        "T": element, "M": made, "I": index_type(count * length), "X": side, "blocks": -(-count // side),
        "inner": inner, "length": length, "count": count,
        "worst": "lowest" if request.step.op == "ArgMax" else "largest",
        "better": ">" if request.step.op == "ArgMax" else "<",
    }  # fmt: skip
    function = define("arg_extreme", _EXTREME, names, fibers=True)
    grid = min(-(-count // side), request.facts.multiprocessors * 32)
    return done(launch(function, grid, THREADS, INPUT[0], OUTPUT[0]))


TABLE: dict[str, Emitter] = {"ArgMax": _extreme, "ArgMin": _extreme}
