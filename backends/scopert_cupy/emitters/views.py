"""Ops whose results are views: of the whole input under another shape, or of a part of it in another order.

Where the elements of a result lie is not written down again: the op's own kernel is applied to an array that
nobody reads, and the view that it returns has the strides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.backend import Access, bind
from scopert.ops.array_strided import Masks, python_index
from scopert_cupy.command import Copy, Emitted, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import COUNTABLE, moved, reordered, stand_in
from scopert_cupy.emitters.source import INPUT, OUTPUT, count_of, done, pointwise, reading, shape_of
from scopert_cupy.prelude import stored


def _alias(request: Request) -> Emitted | None:
    """The outputs are the inputs of the same position."""
    pairs = tuple([(number, number) for number in range(len(request.outputs))])
    if any(count_of(request.inputs[k].shape) != count_of(request.outputs[k].shape) for k, _ in pairs):
        return None
    return Emitted((), alias=pairs)


def _same_bytes(request: Request) -> Emitted | None:
    """An alias under another type."""
    sizes = [count_of(value.shape) * value.dtype.base.np.itemsize for value in (request.inputs[0], request.outputs[0])]
    return Emitted((), alias=((0, 0),)) if sizes[0] == sizes[1] else None


def _ensured(request: Request) -> Emitted | None:
    """Static shapes have been compared when the shape rule ran; only what agrees comes here."""
    wanted, found = request.attrs["shape"], request.inputs[0].shape
    assert found is not None
    if wanted is not None and (
        len(wanted) != len(found) or any(m is not None and m != n for m, n in zip(wanted, found, strict=True))
    ):
        return None
    return _alias(request)


def _checked(request: Request) -> Emitted | None:
    """An alias; what is not finite sets the status."""
    made, element, count = _alias(request), stored(request.inputs[0].dtype), count_of(request.inputs[0].shape)
    if made is None or element is None or not count:
        return made
    parameters = [(reading(element, "x"), INPUT[0]), ("int* status", Operand("scratch", 0))]
    check = pointwise("check", count, parameters, "if (!sc_isfinite(sc_get(x[i]))) atomicOr(status, 1);", request.facts)
    return Emitted((check,), scratch=4, alias=made.alias, status=0)


def _reshaped(request: Request) -> Emitted | None:
    """An alias, if the shape is known to fit."""
    return _alias(request) if request.constant(1) is not None else None


class _Views:
    """NumPy, but what would copy an array for its caller returns it."""

    def __getattr__(self, name: str) -> Any:
        return np.asarray if name in ("array", "ascontiguousarray") else getattr(np, name)


def probe(request: Request, position: int) -> list[Access] | None:
    """Where the elements of each output lie in the input at `position`, by the op's own kernel.

    Returns None if the kernel raises (it will raise in the run, too, with its own words), needs the value of
    another input that is not a constant, or copies.
    """
    source = stand_in(shape_of(request.inputs[position]))
    results = applied(request, position, source)
    if results is None:
        return None
    found = []
    for number, array in enumerate(results):
        if not isinstance(array, np.ndarray):
            # One element is returned by value: so number them all.
            if source.size > COUNTABLE:
                return None
            numbered = applied(request, position, np.arange(source.size).reshape(source.shape))
            assert numbered is not None
            found.append(Access((), int(numbered[number])))
            continue
        if array.size and not np.may_share_memory(array, source):
            return None
        place = array.__array_interface__["data"][0] - source.__array_interface__["data"][0]
        found.append(Access(array.strides, place if array.size else 0))
    return found


def applied(request: Request, position: int, source: Any) -> list[Any] | None:
    """What the kernel makes of an array in the place of an input."""
    assert request.step.kernel is not None
    inputs = [source if k == position else request.constant(k) for k in range(len(request.inputs))]
    if any(value is None for value in inputs):
        return None
    kernel = bind(request.step.kernel, request.step.keywords, _Views(), request.step.origin)
    try:
        made = kernel(*inputs)
    except Exception:  # whatever it is, the eager run of the step says it with the user's line
        return None
    return list(made) if isinstance(made, (tuple, list)) else [made]


def cut_out(request: Request, shape: tuple[int, ...]) -> tuple[tuple[int, ...], Access] | None:
    """Where a strided slice of an array of `shape`, given by inputs 1 to 3, lies in it; and the slice's shape.

    Returns None if these inputs are no constants, or say what cannot be.
    """
    begin, end, strides = (request.constant(number) for number in range(1, 4))
    if begin is None or end is None or strides is None:
        return None
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    whole = stand_in(shape)
    try:
        index = python_index(begin, end, strides, Masks(*[request.attrs[name] for name in names]))
        # A lone element is returned as a view if the index has an ellipsis.
        part = whole[index if Ellipsis in index else (*index, Ellipsis)]
    except (ValueError, IndexError):  # the eager run says it
        return None
    place = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return part.shape, Access(part.strides, place if part.size else 0)


def _viewed(position: int) -> Emitter:
    """The outputs are parts of the input at `position`."""

    def emitter(request: Request) -> Emitted | None:
        accesses = probe(request, position)
        if accesses is None:
            return None
        moves = []
        for number, access in enumerate(accesses):
            shape = request.outputs[number].shape
            assert shape is not None
            if len(access.strides) != len(shape):
                return None
            moves.append(reordered(OUTPUT[number], [n or 0 for n in shape], INPUT[position], access))
        return done(*moved(moves, request.inputs[position].dtype.base.np.itemsize, request.facts))

    return emitter


def _known(request: Request) -> Emitted | None:
    """Outputs that follow from static shapes alone: constants that are copied."""
    kernel = request.step.kernel
    assert kernel is not None
    stand_ins = []
    for value in request.inputs:
        assert value.shape is not None
        stand_ins.append(np.broadcast_to(np.zeros((), np.uint8), [n or 0 for n in value.shape]))
    made = bind(kernel, request.step.keywords, np, request.step.origin)(*stand_ins)
    results = [np.ascontiguousarray(a) for a in (made if isinstance(made, (tuple, list)) else [made])]
    return constants(request, results)


def constants(request: Request, results: list[Any]) -> Emitted:
    """Outputs whose values are known now."""
    first = len(request.inputs)
    commands = [
        Copy(OUTPUT[k], Operand("input", first + k), array.nbytes) for k, array in enumerate(results) if array.nbytes
    ]
    return Emitted(tuple(commands), constants=tuple(results))


TABLE: dict[str, Emitter] = {
    **dict.fromkeys(
        ("Identity", "Snapshot", "StopGradient", "PreventGradient", "GuaranteeConst", "IdentityN",
         "PlaceholderWithDefault", "Squeeze"), _alias,
    ),
    "EnsureShape": _ensured,
    "Bitcast": _same_bytes,
    "CheckNumerics": _checked,
    "Reshape": _reshaped,
    "ExpandDims": _reshaped,
    **dict.fromkeys(("Slice", "StridedSlice", "Transpose", "ReverseV2", "Reverse", "BroadcastTo", "MatrixDiagPart",
                     "DiagPart", "Unpack", "SplitV"), _viewed(0)),
    "Split": _viewed(1),
    **dict.fromkeys(("Shape", "ShapeN", "Size", "Rank"), _known),
}  # fmt: skip
