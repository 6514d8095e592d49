"""Random ops: the numbers of `scopert.ops.random_distributions`, bit for bit, from the same counters.

A stream lives on the host as on NumPy: each run takes its position and moves it on, and the position travels to the
device as a parameter. What follows from a position is computed there, each block of Philox by itself. Stateless ops
make the position of their seeds on the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from scopert.backend import DType
from scopert.ops.random_distributions import reserved_blocks
from scopert.ops.random_samplers import categorical_blocks, permutation, permutation_blocks
from scopert.ops.random_stream import reserve
from scopert_cupy.command import Argument, Command, Emitted, Function, Launch, Operand, Parameter
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.fused.drawing import position_parameter
from scopert_cupy.prelude import computed, define, stored

_THREADS = 256
_WIDE = 1 << 31


@dataclass(frozen=True, slots=True)
class _Stream:
    """Where numbers come from.

    Attributes
    ----------
    declared : str
        The parameter of a function.
    made : str
        The statement that makes ``stream``.
    at : Operand
    parameters : tuple of Parameter
    """

    declared: str
    made: str
    at: Operand
    parameters: tuple[Parameter, ...] = ()


def _kept(blocks: int) -> _Stream:
    """The op's own stream, which a run moves on by so many blocks."""
    declared = "const unsigned long long* position"
    made = "const sc_stream stream = sc_stream_at(position);"
    return _Stream(declared, made, Operand("parameter"), (position_parameter(blocks),))


def _stateless(request: Request, number: int) -> _Stream | None:
    """The stream that an input, two integers, asks for."""
    value = request.inputs[number]
    if value.shape != (2,):
        return None
    kind = stored(value.dtype)
    return _Stream(f"const {kind}* seed", "const sc_stream stream = sc_stream_of(seed);", Operand("input", number))


def _count(request: Request) -> int:
    shape: Any = request.outputs[0].shape
    return prod(shape)


#: Statements that make ``pack`` of the numbers from ``unit`` on, and how many they are.
Fill = tuple[str, int]


def _distributed(name: str, dtype: DType) -> Fill | None:
    kind = stored(dtype)
    if kind not in ("float", "double", "sc_f16", "sc_bf16"):
        return None
    pack = 16 // int(dtype.size)
    first = f"(unsigned long long)unit * {pack}"
    return f"const sc_pack<{kind}, {pack}> pack = sc_drawn<sc_{name}_of<{kind}>, {pack}>(stream, {first});", pack


def _integers(low: int, high: int) -> Callable[[DType], Fill | None]:
    def fill(dtype: DType) -> Fill | None:
        size, wide = high - low, stored(dtype) != "int"
        pack = 2 if wide else 4
        bits = "((unsigned long long)block.at[2 * v + 1] << 32 | block.at[2 * v])" if wide else "block.at[v]"
        suffix, modulus = ("ull", 1 << 64) if wide else ("u", 1 << 32)
        text = f"""const sc_block4 block = sc_philox_at(stream, unit);
  sc_pack<{stored(dtype)}, {pack}> pack;
#pragma unroll
  for (int v = 0; v < {pack}; ++v) pack.at[v] = ({stored(dtype)})({bits} % {size}{suffix} + {low % modulus}{suffix});"""
        return text, pack

    return fill


_DRAWN = """  $STREAM
  const $U unit = ($U)blockIdx.x * $THREADSu + threadIdx.x;
  if (unit * $PACKu >= n) return;
  $FILL
$STORE"""
_STORE = """  if (n - unit * $PACKu >= $PACKu) sc_store<$PACK>(out + unit * $PACKu, pack);
  else
    for ($U v = 0; unit * $PACKu + v < n; ++v) out[unit * $PACKu + v] = pack.at[v];"""
# What lies outside is drawn again; each group of numbers has 256 words a number to itself.
_TRUNCATED = """  $STREAM
  const $U unit = ($U)blockIdx.x * $THREADSu + threadIdx.x;
  if (unit * $PACKu >= n) return;
  sc_pack<$T, $PACK> pack;
  $C found[$PACK];
  int filled = 0;
  for (unsigned draw = 0; filled < $PACK; ++draw) {
    $C made[$PACK];
    sc_normals(sc_philox_at(stream, (unsigned long long)unit * ($PACK * 64ull) + draw), made);
#pragma unroll
    for (int v = 0; v < $PACK; ++v)
      if (sc_abs(made[v]) < ($C)2 && filled < $PACK) {
#pragma unroll
        for (int place = 0; place < $PACK; ++place)
          if (place == filled) found[place] = made[v];
        ++filled;
      }
  }
#pragma unroll
  for (int v = 0; v < $PACK; ++v) pack.at[v] = sc_put<$T>(found[v]);
$STORE"""


def _with(text: str, **names: object) -> str:
    text = text.replace("$STORE", _STORE)
    for name, value in sorted(names.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(f"${name}", str(value))
    return text


def _launched(request: Request, stream: _Stream, function: Function, pack: int) -> Emitted:
    count = _count(request)
    size: type[np.unsignedinteger[Any]] = np.uint64 if count >= _WIDE else np.uint32
    arguments: tuple[Argument, ...] = (stream.at, Operand("output"), size(count))
    blocks = -(-count // (pack * _THREADS))
    command = Launch(function, (blocks, 1, 1), (_THREADS, 1, 1), arguments)
    return Emitted((command,), parameters=stream.parameters)


def _numbers(request: Request, stream: _Stream | None, fill: Fill | None) -> Emitted | None:
    """A function in which each thread fills a pack from one or two blocks."""
    if stream is None or fill is None:
        return None
    count, dtype = _count(request), request.outputs[0].dtype
    if not count:
        return Emitted((), parameters=stream.parameters)
    text, pack = fill
    kind = _counter(count)
    body = _with(_DRAWN, STREAM=stream.made, U=kind, THREADS=_THREADS, PACK=pack, FILL=text)
    function = define("drawn", f"{stream.declared}, {stored(dtype)}* out, {kind} n", body, width=16)
    return _launched(request, stream, function, pack)


def _truncated(request: Request, stream: _Stream | None) -> Emitted | None:
    count, dtype = _count(request), request.outputs[0].dtype
    if stream is None or stored(dtype) not in ("float", "double", "sc_f16", "sc_bf16"):
        return None
    if not count:
        return Emitted((), parameters=stream.parameters)
    pack, kind = 2 if dtype.size == 8 else 4, _counter(count)
    body = _with(
        _TRUNCATED, STREAM=stream.made, U=kind, THREADS=_THREADS, T=stored(dtype), C=computed(dtype), PACK=pack
    )  # fmt: skip
    width = 16 if dtype.size >= 4 else 0
    function = define("truncated", f"{stream.declared}, {stored(dtype)}* out, {kind} n", body, width=width)
    return _launched(request, stream, function, pack)


def _counter(count: int) -> str:
    return "unsigned long long" if count >= _WIDE else "unsigned"


def _of_run(request: Request) -> _Stream:
    return _kept(reserved_blocks(_count(request)))


def _bounds(request: Request, first: int) -> tuple[int, int] | None:
    """The range of random integers, if it is known and one."""
    values = [request.constant(number) for number in (first, first + 1)]
    if any(value is None or np.ndim(value) for value in values):
        return None
    low, high = (int(value) for value in values)
    return (low, high) if low < high else None


def _uniform_int(request: Request, stream: _Stream | None, first: int) -> Emitted | None:
    bounds = _bounds(request, first)
    if bounds is None:
        return None
    return _numbers(request, stream, _integers(*bounds)(request.outputs[0].dtype))


_CUMULATIVE = """  __shared__ double room[32];
  __shared__ double totals[$THREADS];
  const $T* row = logits + (long long)blockIdx.x * $CLASSES;
  double* sums = cumulative + (long long)blockIdx.x * $CLASSES;
  double largest = -SC_INFINITY_F64;
  for (int k = threadIdx.x; k < $CLASSES; k += $THREADS) {
    const double x = (double)sc_get(row[k]);
    if (sc_isfinite(x)) largest = sc_max(largest, x);
  }
  largest = sc_over_block<sc_max_over>(largest, room);
  if (!sc_isfinite(largest)) largest = 0.0;
  const int begin = (int)threadIdx.x * $CHUNK, end = begin + $CHUNK < $CLASSES ? begin + $CHUNK : $CLASSES;
  double total = 0.0;
  for (int k = begin; k < end; ++k) {
    const double x = (double)sc_get(row[k]);
    total += sc_isfinite(x) ? exp(x - largest) : 0.0;
    sums[k] = total;
  }
  totals[threadIdx.x] = total;
  __syncthreads();
  double before = 0.0;
  for (int t = 0; t < (int)threadIdx.x; ++t) before += totals[t];
  for (int k = begin; k < end; ++k) sums[k] = before + sums[k];"""
_CHOSEN = """  $STREAM
  const int n = blockIdx.x * $THREADS + threadIdx.x;
  if (n >= $COUNT) return;
  const sc_block4 block = sc_philox_at(stream, (unsigned long long)(n / 2));
  const double share = n % 2 ? sc_uniform_f64(block.at[2], block.at[3]) : sc_uniform_f64(block.at[0], block.at[1]);
  const double* sums = cumulative + (long long)(n / $SAMPLES) * $CLASSES;
  const double target = sc_mul(share, sums[$CLASSES - 1]);
  int low = 0, high = $CLASSES;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (sums[middle] > target) high = middle;
    else low = middle + 1;
  }
  out[n] = low;"""


def _categorical(request: Request, stream: _Stream | None) -> Emitted | None:
    """Running sums of the weights of each row, then a search for each sample."""
    logits, output = request.inputs[0], request.outputs[0]
    shape: Any = logits.shape
    if stream is None or len(shape) != 2:
        return None
    rows, classes = shape
    samples = _count(request) // rows if rows else 0
    if not classes or stored(logits.dtype) is None or _count(request) >= _WIDE or classes >= _WIDE:
        return None
    if not rows or not samples:
        return Emitted(())
    names: dict[str, object] = {
        "STREAM": stream.made, "THREADS": _THREADS, "T": stored(logits.dtype), "CLASSES": classes,
        "CHUNK": -(-classes // _THREADS), "COUNT": _count(request), "SAMPLES": samples,
    }  # fmt: skip
    sums = define(
        "cumulative", f"const {stored(logits.dtype)}* logits, double* cumulative", _with(_CUMULATIVE, **names),
        fibers=True,
    )  # fmt: skip
    parameters = f"{stream.declared}, const double* cumulative, {stored(output.dtype)}* out"
    search = define("chosen", parameters, _with(_CHOSEN, **names))
    scratch = Operand("scratch")
    commands: tuple[Command, ...] = (
        Launch(sums, (rows, 1, 1), (_THREADS, 1, 1), (Operand("input"), scratch)),
        Launch(
            search, (-(-_count(request) // _THREADS), 1, 1), (_THREADS, 1, 1), (stream.at, scratch, Operand("output"))
        ),
    )
    return Emitted(commands, rows * classes * 8, stream.parameters)


def _multinomial(request: Request) -> Emitted | None:
    shape: Any = request.outputs[0].shape
    return _categorical(request, _kept(categorical_blocks(*shape)) if len(shape) == 2 else None)


_SHUFFLED = """  const long long i = (long long)blockIdx.x * $THREADS + threadIdx.x;
  if (i < $COUNTll) out[i] = in[(long long)order[i / $WORDS] * $WORDS + i % $WORDS];"""
_WORDS = {16: "uint4", 8: "unsigned long long", 4: "unsigned", 2: "unsigned short", 1: "unsigned char"}


def _shuffle(request: Request) -> Emitted | None:
    """The host draws the order of the rows, as the generic kernel does; the device moves them."""
    shape: Any = request.inputs[0].shape
    nbytes = prod(shape[1:]) * request.inputs[0].dtype.np.itemsize if shape else 0
    rows = shape[0] if shape else 0
    if rows <= 1 or prod(shape) <= 1 or rows > 1 << 20:
        return None
    size = next(size for size in _WORDS if nbytes % size == 0)
    words = nbytes // size

    def order(context: Any, origin: Any) -> Any:
        return np.array(permutation(np, reserve(context, origin, permutation_blocks(rows)), rows), np.int32)

    body = _with(_SHUFFLED, THREADS=_THREADS, COUNT=rows * words, WORDS=words)
    kind = _WORDS[size]
    function = define(
        "shuffled", f"const int* order, const {kind}* in, {kind}* out", body, width=16 if size == 16 else 0
    )
    arguments = (Operand("parameter"), Operand("input"), Operand("output"))
    command = Launch(function, (-(-rows * words // _THREADS), 1, 1), (_THREADS, 1, 1), arguments)
    return Emitted((command,), parameters=(Parameter(4 * rows, order),))


TABLE: dict[str, Emitter] = {
    "RandomUniform": lambda r: _numbers(r, _of_run(r), _distributed("uniform", r.outputs[0].dtype)),
    "RandomStandardNormal": lambda r: _numbers(r, _of_run(r), _distributed("normal", r.outputs[0].dtype)),
    "TruncatedNormal": lambda r: _truncated(r, _of_run(r)),
    "RandomUniformInt": lambda r: _uniform_int(r, _of_run(r), 1),
    "Multinomial": _multinomial,
    "RandomShuffle": _shuffle,
    "StatelessRandomUniform": lambda r: _numbers(r, _stateless(r, 1), _distributed("uniform", r.outputs[0].dtype)),
    "StatelessRandomNormal": lambda r: _numbers(r, _stateless(r, 1), _distributed("normal", r.outputs[0].dtype)),
    "StatelessTruncatedNormal": lambda r: _truncated(r, _stateless(r, 1)),
    "StatelessRandomUniformInt": lambda r: _uniform_int(r, _stateless(r, 1), 2),
    "StatelessMultinomial": lambda r: _categorical(r, _stateless(r, 2)),
}
