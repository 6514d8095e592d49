"""Diagonals of matrices: made, taken, replaced, and the bands between them."""

from __future__ import annotations

from math import prod

import numpy as np

from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.picking import picked
from scopert_cupy.emitters.source import INPUT, OUTPUT, Passed, done, reading, shape_of, word


def _itemsize(request: Request) -> int | None:
    size = request.outputs[0].dtype.np.itemsize
    return size if size <= 8 else None


def _band(request: Request) -> tuple[int, int] | None:
    """The lowest and the highest diagonal that a `k` names."""
    k = request.constant(2 if request.step.op == "MatrixSetDiagV2" else 1)
    if k is None or np.size(k) not in (1, 2):
        return None
    values = [int(v) for v in np.ravel(k)]
    return (values[0], values[-1]) if values[0] <= values[-1] else None


def _made(request: Request) -> Emitted | None:
    """A matrix of zeros with a vector as its diagonal, or with a band."""
    size = _itemsize(request)
    source, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    if size is None:
        return None
    low = high = 0
    padding: str | None = None
    more: list[Passed] = []
    if request.step.op == "MatrixDiagV2":
        band = _band(request)
        if band is None or any(request.constant(k) is None for k in (2, 3)):
            return None
        low, high = band
        padding, more = "*padding", [(reading(word(size), "padding"), INPUT[4])]
        if not -out[-2] < low <= high < out[-1] and not low == high == 0:
            return None
        if source[-1] != min(out[-2] + min(high, 0), out[-1] - max(low, 0)):
            return None
    if not prod(out):
        return done()
    if not prod(source):
        return None

    def where(kind: str) -> tuple[str, str, str]:
        return _of_band(low, high, source[-1], out)

    return done(
        *picked("diagonal", out, size, source, where, INPUT[0], OUTPUT[0], request.facts, more=more, otherwise=padding)
    )  # fmt: skip


def _of_band(low: int, high: int, longest: int, shape: tuple[int, ...]) -> tuple[str, str, str]:
    """Where the element (row, column) of a matrix stands in its diagonals, the highest first."""
    row, column = f"o{len(shape) - 2}", f"o{len(shape) - 1}"
    lines = [
        f"const long long d = (long long){column} - (long long){row};",
        f"const long long j = d < 0 ? (long long){column} : (long long){row};",
        f"const unsigned long long matrix_ = i / {shape[-2] * shape[-1]}ull;",
    ]
    inside = f"d >= {low} && d <= {high} && j < {longest}"
    return " ".join(lines), inside, f"(matrix_ * {high - low + 1} + ({high} - d)) * {longest} + j"


def _replaced(request: Request) -> Emitted | None:
    """A matrix with other diagonals."""
    size = _itemsize(request)
    shape, diagonal = shape_of(request.inputs[0]), shape_of(request.inputs[1])
    if size is None or not prod(diagonal):
        return None
    low = high = 0
    if request.step.op == "MatrixSetDiagV2":
        band = _band(request)
        if band is None:
            return None
        low, high = band
    rows, columns = shape[-2:]
    longest = min(rows + min(high, 0), columns - max(low, 0))
    expected = (*shape[:-2], *((high - low + 1,) if low < high else ()), longest)
    if diagonal != expected or (not -rows < low <= high < columns and not low == high == 0):
        return None

    def where(kind: str) -> tuple[str, str, str]:
        return _of_band(low, high, longest, shape)

    more = [(reading(word(size), "matrix"), INPUT[0])]
    return done(
        *picked(
            "set_diagonal", shape, size, diagonal, where, INPUT[1], OUTPUT[0], request.facts, more=more,
            otherwise="matrix[i]",
        )
    )  # fmt: skip


def _parts(request: Request) -> Emitted | None:
    """Diagonals of matrices, one below the other, each filled up to the length of the longest."""
    size, band = _itemsize(request), _band(request)
    shape, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    if size is None or band is None or not prod(shape):
        return None
    low, high = band
    rows, columns = shape[-2:]
    if not -rows < low <= high < columns and not low == high == 0:
        return None
    longest = out[-1]
    extents = (prod(shape[:-2]), high - low + 1, longest)

    def where(kind: str) -> tuple[str, str, str]:
        lines = (
            f"const long long d = {high} - (long long)o1; const long long row = (long long)o2 + (d < 0 ? -d : 0), "
            "column = (long long)o2 + (d > 0 ? d : 0);"
        )
        return lines, f"row < {rows} && column < {columns}", f"(o0 * {rows}ull + row) * {columns} + column"

    more = [(reading(word(size), "padding"), INPUT[2])]
    return done(
        *picked(
            "diagonal_part", extents, size, shape, where, INPUT[0], OUTPUT[0], request.facts, more=more,
            otherwise="*padding",
        )
    )  # fmt: skip


def _band_part(request: Request) -> Emitted | None:
    lower, upper = request.constant(1), request.constant(2)
    shape = shape_of(request.inputs[0])
    if lower is None or upper is None or int(lower) > shape[-2] or int(upper) > shape[-1]:
        return None

    def where(kind: str) -> tuple[str, str, str]:
        offset = f"(long long)o{len(shape) - 1} - (long long)o{len(shape) - 2}"
        tests = [f"-d <= {int(lower)}"] * (int(lower) >= 0) + [f"d <= {int(upper)}"] * (int(upper) >= 0)
        return f"const long long d = {offset};", " && ".join(tests) or "true", "i"

    size = request.outputs[0].dtype.np.itemsize
    return done(*picked("band", shape, size, shape, where, INPUT[0], OUTPUT[0], request.facts))


def _whole_diagonal(request: Request) -> Emitted | None:
    """`Diag`: the result is a matrix of all elements against all."""
    size, count = _itemsize(request), prod(shape_of(request.inputs[0]))
    if size is None or not count:
        return None

    def where(kind: str) -> tuple[str, str, str]:
        return "", "o0 == o1", "o0"

    return done(*picked("diag", (count, count), size, (count,), where, INPUT[0], OUTPUT[0], request.facts))


TABLE: dict[str, Emitter] = {
    "Diag": _whole_diagonal,
    "MatrixDiag": _made,
    "MatrixDiagV2": _made,
    "MatrixSetDiag": _replaced,
    "MatrixSetDiagV2": _replaced,
    "MatrixDiagPartV2": _parts,
    "MatrixBandPart": _band_part,
}
