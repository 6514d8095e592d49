"""Complex numbers and their parts: pairs of floats beside each other."""

from __future__ import annotations

from scopert.backend import Access
from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import moved, reordered, row_major
from scopert_cupy.emitters.source import INPUT, OUTPUT, Passed, count_of, done, pointwise, reading, shape_of, writing


def _part(dtype: object) -> str:
    return "float" if str(dtype) in ("complex64", "float32") else "double"


def _of_pairs(body: str) -> Emitter:
    """`body` fills ``target`` from ``z``, the pair number `i`."""

    def emitter(request: Request) -> Emitted | None:
        dtype, made = request.inputs[0].dtype.np, request.outputs[0].dtype.np
        parts = 1 if made.kind == "c" else 2
        if dtype.name not in ("complex64", "complex128") or made.itemsize * parts != dtype.itemsize:
            return None
        count, part = count_of(request.inputs[0].shape), _part(dtype)
        if not count:
            return done()
        target = f"sc_pack<{part}, 2>" if made.kind == "c" else part
        parameters: list[Passed] = [
            (reading(f"sc_pack<{part}, 2>", "source"), INPUT[0]), (writing(target, "target"), OUTPUT[0])
        ]  # fmt: skip
        hypotenuse = "hypotf" if part == "float" else "hypot"
        text = f"const sc_pack<{part}, 2> z = source[i];\n    {body.replace('hypot', hypotenuse)}"
        return done(pointwise("complex", count, parameters, text, request.facts))

    return emitter


def _made(request: Request) -> Emitted | None:
    """Both parts have the shape of the result; what broadcasts runs eagerly."""
    out, part = shape_of(request.outputs[0]), _part(request.inputs[0].dtype.np)
    if shape_of(request.inputs[0]) != out or shape_of(request.inputs[1]) != out:
        return None
    if not count_of(out):
        return done()
    parameters: list[Passed] = [
        (reading(part, "real"), INPUT[0]), (reading(part, "imaginary"), INPUT[1]),
        (writing(f"sc_pack<{part}, 2>", "target"), OUTPUT[0]),
    ]  # fmt: skip
    body = f"sc_pack<{part}, 2> z; z.at[0] = real[i]; z.at[1] = imaginary[i]; target[i] = z;"
    return done(pointwise("complex", count_of(out), parameters, body, request.facts))


def _conjugate_transpose(request: Request) -> Emitted | None:
    """The transpose, whose second parts then change their sign."""
    dtype, out = request.inputs[0].dtype.np, shape_of(request.outputs[0])
    order, shape = request.constant(1), shape_of(request.inputs[0])
    if order is None or sorted(order.tolist()) != list(range(len(shape))):
        return None
    access = Access(tuple([row_major(shape)[axis] for axis in order.tolist()]))
    moves = moved([reordered(OUTPUT[0], out, INPUT[0], access)], dtype.itemsize, request.facts)
    if dtype.kind != "c" or not count_of(out):
        return done(*moves)
    part = _part(dtype)
    parameters: list[Passed] = [(f"{part}* target", OUTPUT[0])]
    flip = pointwise("conjugate", count_of(out), parameters, "target[2 * i + 1] = -target[2 * i + 1];", request.facts)
    return done(*moves, flip)


TABLE: dict[str, Emitter] = {
    "Real": _of_pairs("target[i] = z.at[0];"),
    "Imag": _of_pairs("target[i] = z.at[1];"),
    "Conj": _of_pairs("target[i] = z; target[i].at[1] = -z.at[1];"),
    "ComplexAbs": _of_pairs("target[i] = hypot(z.at[0], z.at[1]);"),
    "Complex": _made,
    "ConjugateTranspose": _conjugate_transpose,
}
