"""Images of another size, and the gradients of that: sums of weighted pixels, whose places are tables.

A table says for each line of the result which lines of the source it is made of: where its entries begin, their
lines, their weights. One for rows and one for columns make every resampling that is separable, and turned round
they make its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from scopert.ops import image_sampling
from scopert_cupy.command import Emitted, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    Passed,
    decode,
    done,
    index_type,
    pointwise,
    reading,
    shape_of,
    writing,
)
from scopert_cupy.prelude import stored

#: ``matrix(size_in, size_out)``, of weights: ``[size_out, size_in]``.
_Matrix = Callable[[int, int], Any]


def _table(matrix: Any) -> tuple[Any, Any, Any]:
    """The entries of a matrix that are not zero, row by row: where rows begin, columns, weights."""
    rows, columns = np.nonzero(matrix)
    starts = np.searchsorted(rows, np.arange(len(matrix) + 1))
    return starts.astype(np.int32), columns.astype(np.int32), np.ascontiguousarray(matrix[rows, columns])


def _weighted(request: Request, rows: Any, columns: Any, total: str) -> Emitted | None:
    """``out[n, h, w, c] = sum of rows[h, y] * columns[w, x] * in[n, y, x, c]``, computed in the type `total`."""
    shape, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    element, made = stored(request.inputs[0].dtype), stored(request.outputs[0].dtype)
    if element is None or made is None or len(shape) != 4:
        return None
    if not prod(out):
        return done()
    weights = np.float64 if total == "double" else np.float32
    tables = [*_table(rows.astype(weights)), *_table(columns.astype(weights))]
    # A table may be empty: its operand still needs memory behind it.
    tables = [table if table.size else np.zeros(1, table.dtype) for table in tables]
    kind = index_type(prod(out), prod(shape))
    body = (
        f"{decode('i', out, 'o', kind)}\n    {total} all = 0;\n"
        "    for (int a = row_starts[o1]; a < row_starts[o1 + 1]; ++a) {\n"
        f"      {total} line = 0;\n"
        "      for (int b = column_starts[o2]; b < column_starts[o2 + 1]; ++b)\n"
        f"        line += column_weights[b] * ({total})sc_get(source["
        f"((o0 * {shape[1]}u + row_places[a]) * {shape[2]}u + column_places[b]) * {shape[3]}u + o3]);\n"
        "      all += row_weights[a] * line;\n    }\n"
        f"    target[i] = sc_put<{made}>(sc_cast<sc_value<{made}>>(all));"
    )
    names = [f"{axis}_{what}" for axis in ("row", "column") for what in ("starts", "places", "weights")]
    types = ["int", "int", total] * 2
    first = len(request.inputs)
    parameters: list[Passed] = [(reading(element, "source"), INPUT[0]), (writing(made, "target"), OUTPUT[0])]
    parameters += [
        (reading(kind_of, name), Operand("input", first + k))
        for k, (name, kind_of) in enumerate(zip(names, types, strict=True))
    ]
    command = pointwise("resample", prod(out), parameters, body, request.facts, kind=kind)
    return Emitted((command,), constants=tuple(tables))


def _taps(kind: Callable[..., Any], request: Request) -> _Matrix:
    align, half = bool(request.attrs["align_corners"]), bool(request.attrs["half_pixel_centers"])

    def matrix(size_in: int, size_out: int) -> Any:
        return image_sampling.matrix(kind(size_in, size_out, align, half), size_in)

    return matrix


def _area(request: Request) -> _Matrix:
    return lambda size_in, size_out: image_sampling.area(size_in, size_out, bool(request.attrs["align_corners"]))


def _nearest(request: Request) -> _Matrix:
    align, half = bool(request.attrs["align_corners"]), bool(request.attrs["half_pixel_centers"])

    def matrix(size_in: int, size_out: int) -> Any:
        made = np.zeros((size_out, size_in), np.float32)
        made[np.arange(size_out), image_sampling.nearest(size_in, size_out, align, half)] = 1
        return made

    return matrix


def _fits(request: Request) -> bool:
    """The attributes and sizes are such that the kernel has nothing to complain of."""
    attrs = request.attrs
    both = attrs.get("align_corners") and attrs.get("half_pixel_centers")
    return not both and all(shape_of(request.inputs[0])[1:3]) and all(shape_of(request.outputs[0])[1:3])


def _resized(matrices: Callable[[Request], _Matrix]) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        if request.constant(1) is None or not _fits(request):
            return None
        small, large, matrix = shape_of(request.inputs[0]), shape_of(request.outputs[0]), matrices(request)
        return _weighted(request, matrix(small[1], large[1]), matrix(small[2], large[2]), "float")

    return emitter


def _resized_back(matrices: Callable[[Request], _Matrix], total: Callable[[Request], str]) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        if not _fits(request):
            return None
        large, small, matrix = shape_of(request.inputs[0]), shape_of(request.outputs[0]), matrices(request)
        return _weighted(request, matrix(small[1], large[1]).T, matrix(small[2], large[2]).T, total(request))

    return emitter


def _chosen(request: Request) -> Emitted | None:
    """Each pixel is one of the source's, whatever its type."""
    shape, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    element = stored(request.inputs[0].dtype)
    if request.constant(1) is None or element is None or not _fits(request):
        return None
    if not prod(out):
        return done()
    align, half = bool(request.attrs["align_corners"]), bool(request.attrs["half_pixel_centers"])
    tables = [image_sampling.nearest(shape[k], out[k], align, half).astype(np.int32) for k in (1, 2)]
    kind = index_type(prod(out), prod(shape))
    body = (
        f"{decode('i', out, 'o', kind)}\n    target[i] = source[((o0 * {shape[1]}u + rows[o1]) * {shape[2]}u + "
        f"columns[o2]) * {shape[3]}u + o3];"
    )
    first = len(request.inputs)
    parameters: list[Passed] = [
        (reading(element, "source"), INPUT[0]), (writing(element, "target"), OUTPUT[0]),
        (reading("int", "rows"), Operand("input", first)), (reading("int", "columns"), Operand("input", first + 1)),
    ]  # fmt: skip
    command = pointwise("resize_nearest", prod(out), parameters, body, request.facts, kind=kind)
    return Emitted((command,), constants=tuple(tables))


def _wide(request: Request) -> str:
    """Integers are summed in double precision, as NumPy's kernel does."""
    dtype = request.inputs[0].dtype.np
    return "double" if dtype.kind in "iu" or dtype.itemsize == 8 else "float"


TABLE: dict[str, Emitter] = {
    "ResizeBilinear": _resized(lambda request: _taps(image_sampling.bilinear, request)),
    "ResizeBicubic": _resized(lambda request: _taps(image_sampling.bicubic, request)),
    "ResizeArea": _resized(_area),
    "ResizeNearestNeighbor": _chosen,
    "ResizeBilinearGrad": _resized_back(lambda request: _taps(image_sampling.bilinear, request), lambda _: "float"),
    "ResizeBicubicGrad": _resized_back(lambda request: _taps(image_sampling.bicubic, request), lambda _: "float"),
    "ResizeNearestNeighborGrad": _resized_back(_nearest, _wide),
}
