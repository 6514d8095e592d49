"""Selecting by rank along the last axis: the largest with their places, and membership among the largest."""

from __future__ import annotations

from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.rows import Once, Total, as_rows, over_rows
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    THREADS,
    Passed,
    define,
    done,
    index_type,
    launch,
    reading,
    shape_of,
    writing,
)
from scopert_cupy.prelude import stored

#: Rows up to this length are sorted whole, in shared memory.
_SORTED = 2048
#: Of longer rows so many elements at most are picked one after the other.
_PICKED = 128

# Whether (a, i) comes before (b, j): the larger one, of equals the first; what is no number before all.
_BEFORE = """#ifndef SC_RANK_BEFORE
#define SC_RANK_BEFORE
template <class A> SC_FN bool sc_rank_before(A a, unsigned i, A b, unsigned j) {
  const bool none_a = a != a, none_b = b != b;
  if (none_a != none_b) return none_a;
  if (!none_a && a != b) return a > b;
  return i < j;
}
#endif
"""

_SORT = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const $T* __restrict__ source, $T* __restrict__ values, int* __restrict__ indices) {
  typedef sc_value<$T> A;
  __shared__ A key[$SIZE];
  __shared__ unsigned place[$SIZE];
  for ($I row = blockIdx.x; row < ${rows}u; row += gridDim.x) {
    for (unsigned j = threadIdx.x; j < $SIZE; j += $THREADS) {
      // What fills the table up comes last: no place is behind its own.
      key[j] = j < ${columns}u ? (A)sc_get(source[row * ${columns}u + j]) : sc_limits<A>::lowest();
      place[j] = j;
    }
    __syncthreads();
    for (unsigned size = 2; size <= $SIZE; size *= 2)
      for (unsigned step = size / 2; step; step /= 2) {
        for (unsigned t = threadIdx.x; t < $SIZE / 2; t += $THREADS) {
          const unsigned low = t / step * step * 2 + t % step, high = low + step;
          const bool rising = (low & size) == 0;
          if (sc_rank_before(key[high], place[high], key[low], place[low]) == rising) {
            const A k = key[low]; key[low] = key[high]; key[high] = k;
            const unsigned p = place[low]; place[low] = place[high]; place[high] = p;
          }
        }
        __syncthreads();
      }
    for (unsigned j = threadIdx.x; j < ${k}u; j += $THREADS) {
      values[row * ${k}u + j] = source[row * ${columns}u + place[j]];
      indices[row * ${k}u + j] = (int)place[j];
    }
    __syncthreads();
  }
}
"""

_PICK = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const $T* __restrict__ source, $T* __restrict__ values, int* __restrict__ indices) {
  typedef sc_value<$T> A;
  __shared__ A key[$THREADS];
  __shared__ unsigned place[$THREADS];
  for ($I row = blockIdx.x; row < ${rows}u; row += gridDim.x) {
    A last = 0;
    unsigned at = ${columns}u;
    for (unsigned turn = 0; turn < ${k}u; ++turn) {
      A best = 0;
      unsigned where = ${columns}u;
      for (unsigned j = threadIdx.x; j < ${columns}u; j += $THREADS) {
        const A x = sc_get(source[row * ${columns}u + j]);
        if (turn && !sc_rank_before(last, at, x, j)) continue;
        if (where == ${columns}u || sc_rank_before(x, j, best, where)) { best = x; where = j; }
      }
      key[threadIdx.x] = best;
      place[threadIdx.x] = where;
      __syncthreads();
      for (unsigned half = $THREADS / 2; half; half /= 2) {
        if (threadIdx.x < half) {
          const A other = key[threadIdx.x + half];
          const unsigned from = place[threadIdx.x + half];
          if (from != ${columns}u && (place[threadIdx.x] == ${columns}u ||
              sc_rank_before(other, from, key[threadIdx.x], place[threadIdx.x]))) {
            key[threadIdx.x] = other;
            place[threadIdx.x] = from;
          }
        }
        __syncthreads();
      }
      last = key[0];
      at = place[0];
      if (threadIdx.x == 0) {
        values[row * ${k}u + turn] = source[row * ${columns}u + at];
        indices[row * ${k}u + turn] = (int)at;
      }
      __syncthreads();
    }
  }
}
"""


def _top(request: Request) -> Emitted | None:
    dtype, shape = request.inputs[0].dtype, shape_of(request.inputs[0])
    element = stored(dtype)
    given = request.attrs["k"] if request.step.op == "TopK" else request.constant(1)
    if element is None or given is None or not shape:
        return None
    k = int(given)
    rows, columns = as_rows(shape)
    if not 0 <= k <= columns or columns >= 2**31:
        return None
    if not rows * k:
        return done()
    names: dict[str, object] = {"T": element, "I": index_type(rows * columns), "rows": rows, "columns": columns, "k": k}
    if columns <= _SORTED and k > 1:
        size = 2
        while size < columns:
            size *= 2
        function = define("top_sorted", _BEFORE + _SORT, {**names, "SIZE": size}, fibers=True)
    elif k <= _PICKED:
        function = define("top_picked", _BEFORE + _PICK, names, fibers=True)
    else:
        return None
    grid = min(rows, request.facts.multiprocessors * 16)
    return done(launch(function, grid, THREADS, INPUT[0], OUTPUT[0], OUTPUT[1]))


def _among(request: Request) -> Emitted | None:
    """Fewer than k score above the target, and all scores are finite."""
    shape = shape_of(request.inputs[0])
    element, number = stored(request.inputs[0].dtype), stored(request.inputs[1].dtype)
    k = request.attrs["k"] if request.step.op == "InTopK" else request.constant(2)
    if element is None or number is None or k is None or len(shape) != 2 or not shape[1]:
        return None
    rows, columns = shape
    if not rows:
        return done()
    phases = (
        Once(
            f"const long long label = (long long)targets[row]; const bool inside = label >= 0 && label < {columns}ll; "
            "const A score = sc_get(source[begin + (inside ? label : 0)]);", False,
        ),
        Total("above", "sc_sum", "x > score ? 1 : 0", "int"),
        Total("finite", "sc_prod", "sc_isfinite(x) ? 1 : 0", "int"),
        Once(f"among[row] = sc_put<sc_bool>(inside && finite && above < {int(k)}ll);"),
    )  # fmt: skip
    parameters: list[Passed] = [
        (reading(element, "source"), INPUT[0]), (reading(number, "targets"), INPUT[1]),
        (writing("sc_bool", "among"), OUTPUT[0]),
    ]  # fmt: skip
    itemsize = request.inputs[0].dtype.np.itemsize
    return done(over_rows("in_top", rows, columns, element, itemsize, parameters, phases, request.facts))


TABLE: dict[str, Emitter] = {"TopK": _top, "TopKV2": _top, "InTopK": _among, "InTopKV2": _among}
