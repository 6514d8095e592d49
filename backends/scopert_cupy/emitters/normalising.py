"""Batch normalisation by the batch's moments or by given ones, local response normalisation, and their gradients."""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Command, Emitted, Fill, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.reducing import Reduction, reduced
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    Passed,
    aligned,
    done,
    index_type,
    pointwise,
    reading,
    shape_of,
    widest,
    writing,
)
from scopert_cupy.prelude import stored


def _layout(request: Request) -> bool:
    """Whether channels come second."""
    return bool(request.attrs.get("data_format", "NHWC") == "NCHW")


class _Batch:
    """Sizes and types of one batch normalisation; moments are float32."""

    def __init__(self, request: Request, image: int) -> None:
        value = request.inputs[image]
        self.request = request
        self.shape = shape_of(value)
        self.first = _layout(request)
        self.element = stored(value.dtype) or ""
        self.itemsize = value.dtype.np.itemsize
        axis = 1 if self.first else 3
        self.channels = self.shape[axis]
        self.axes = tuple(k for k in range(4) if k != axis)
        self.count = prod(self.shape[k] for k in self.axes)
        self.inner = prod(self.shape[2:]) if self.first else 1

    def moment(self, source: Operand, target: Operand, mapped: str, finish: str, scratch: int, *more: Passed) -> tuple[
        tuple[Command, ...], int
    ]:
        """A sum over all but the channels, in float32."""
        reduction = Reduction(
            source, target, self.element, "float", self.itemsize, "float", "sc_sum", mapped, finish, more
        )  # fmt: skip
        return reduced(reduction, self.shape, self.axes, self.request.facts, scratch)

    def over_channels(self, stem: str, parameters: list[Passed], body: str) -> Command:
        """A few numbers of each channel."""
        return pointwise(stem, self.channels, parameters, body, self.request.facts)

    def over_elements(self, stem: str, parameters: list[Passed], before: str, expression: str) -> Command:
        """Fills ``y``: `expression` over the element number ``at`` and its channel ``c``."""
        run = self.inner if self.first else self.channels
        each = max(1, widest(run * self.itemsize) // self.itemsize)
        size, kind = prod(self.shape), index_type(prod(self.shape))
        channel = f"at / {self.inner}u % {self.channels}u" if self.first else f"at % {self.channels}u"
        body = (
            f"sc_pack<{self.element}, {each}> made;\n    {before.replace('EACH', str(each))}\n"
            f"    for (int w = 0; w < {each}; ++w) {{ const {kind} at = i * {each} + w; const unsigned c = {channel}; "
            f"made.at[w] = sc_put<{self.element}>({expression}); }}\n    sc_store<{each}>(y + i * {each}, made);"
        )
        width = each * self.itemsize
        return pointwise(stem, size // each, parameters, body, self.request.facts, width=width, kind=kind)


def _read(name: str, operand: Operand, element: str = "float") -> Passed:
    return reading(element, name), operand


def _write(name: str, operand: Operand, element: str = "float") -> Passed:
    return writing(element, name), operand


def _epsilon(request: Request) -> str:
    return f"{float(request.attrs['epsilon'])!r}f" if "." in repr(float(request.attrs["epsilon"])) else (
        f"(float){float(request.attrs['epsilon'])!r}"
    )


def _forward(request: Request) -> Emitted | None:
    batch = _Batch(request, 0)
    if not batch.element or not prod(batch.shape) or shape_of(request.inputs[1]) != (batch.channels,):
        return None
    channels = batch.channels
    factor = Operand("scratch", 0, 0)
    scratch = aligned(channels * 4)
    commands: list[Command] = []
    epsilon = _epsilon(request)
    vectors = [_read("scale", INPUT[1])]
    if request.attrs["is_training"]:
        mean, variance = OUTPUT[3], OUTPUT[4]
        found, used = batch.moment(INPUT[0], mean, "x", f"total / {batch.count}.0f", scratch)
        commands += found
        square = "(x - mean[kept]) * (x - mean[kept])"
        found, more = batch.moment(
            INPUT[0], variance, square, f"total / {batch.count}.0f", scratch, _read("mean", mean)
        )  # fmt: skip
        commands += found
        used = max(used, more)
        unbiased = f"{batch.count / max(batch.count - 1, 1)!r}"
        vectors += [
            _read("mean", mean), _read("variance", variance), _write("factor", factor), _write("mean_out", OUTPUT[1]),
            _write("variance_out", OUTPUT[2]),
        ]  # fmt: skip
        body = f"mean_out[i] = mean[i]; variance_out[i] = variance[i] * (float){unbiased};"
    else:
        mean, variance, used = INPUT[3], INPUT[4], scratch
        if shape_of(request.inputs[3]) != (channels,) or shape_of(request.inputs[4]) != (channels,):
            return None
        vectors += [_read("mean", mean), _read("variance", variance), _write("factor", factor)]
        vectors += [_write(f"out{k}", OUTPUT[k]) for k in range(1, 5)]
        body = "out1[i] = out3[i] = mean[i]; out2[i] = out4[i] = variance[i];"
    body += f"\n    factor[i] = scale[i] / sqrtf(variance[i] + {epsilon});"
    commands.append(batch.over_channels("batch_norm_factors", vectors, body))
    parameters = [
        _read("x", INPUT[0], batch.element), _read("mean", mean), _read("factor", factor), _read("offset", INPUT[2]),
        _write("y", OUTPUT[0], batch.element),
    ]  # fmt: skip
    before = f"const sc_pack<{batch.element}, EACH> pack = sc_load<EACH>(x + i * EACH);"
    value = "(sc_get(pack.at[w]) - mean[c]) * factor[c] + offset[c]"
    commands.append(batch.over_elements("batch_norm", parameters, before, value))
    if len(request.outputs) == 6:
        commands.append(Fill(OUTPUT[5], 0, request.outputs[5].dtype.np.itemsize))
    return Emitted(tuple(commands), used)


def _backward(request: Request) -> Emitted | None:
    batch = _Batch(request, 1)
    if not batch.element or not prod(batch.shape) or shape_of(request.inputs[0]) != batch.shape:
        return None
    channels, training = batch.channels, bool(request.attrs["is_training"])
    if any(shape_of(request.inputs[k]) != (channels,) for k in (2, 3, 4)):
        return None
    piece = aligned(channels * 4)
    along, factor, slope, shift = (Operand("scratch", 0, k * piece) for k in range(4))
    scratch = 4 * piece
    found, used = batch.moment(INPUT[0], OUTPUT[2], "x", "total", scratch)
    commands: list[Command] = [*found]
    centred = "x * (sc_get(image[at]) - mean[kept])"
    found, more = batch.moment(
        INPUT[0], along, centred, "total", scratch, _read("image", INPUT[1], batch.element), _read("mean", INPUT[3])
    )  # fmt: skip
    commands += found
    used = max(used, more)
    vectors = [
        _read("scale", INPUT[2]), _read("variance", INPUT[4]), _read("along", along), _read("d_offset", OUTPUT[2]),
        _write("factor", factor), _write("slope", slope), _write("shift", shift), _write("d_scale", OUTPUT[1]),
    ]  # fmt: skip
    body = (
        f"const float inverse = 1.0f / sqrtf(variance[i] + {_epsilon(request)});\n"
        f"    factor[i] = scale[i] * inverse; d_scale[i] = along[i] * inverse;\n"
        f"    slope[i] = inverse * inverse * (along[i] / {batch.count}.0f); shift[i] = d_offset[i] / {batch.count}.0f;"
    )
    commands.append(batch.over_channels("batch_norm_slopes", vectors, body))
    parameters = [_read("dy", INPUT[0], batch.element), _read("factor", factor), _write("y", OUTPUT[0], batch.element)]
    before = f"const sc_pack<{batch.element}, EACH> grad = sc_load<EACH>(dy + i * EACH);"
    value = "sc_get(grad.at[w]) * factor[c]"
    if training:
        parameters += [
            _read("x", INPUT[1], batch.element), _read("mean", INPUT[3]), _read("slope", slope), _read("shift", shift)
        ]  # fmt: skip
        before += f" const sc_pack<{batch.element}, EACH> pack = sc_load<EACH>(x + i * EACH);"
        value = "(sc_get(grad.at[w]) - (sc_get(pack.at[w]) - mean[c]) * slope[c] - shift[c]) * factor[c]"
    commands.append(batch.over_elements("batch_norm_gradient", parameters, before, value))
    if not training:
        commands += [Fill(OUTPUT[3], 0, channels * 4), Fill(OUTPUT[4], 0, channels * 4)]
    return Emitted(tuple(commands), used)


def _response(request: Request) -> Emitted | None:
    """Each channel by the squares of those near it."""
    shape, element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
    if element is None or len(shape) != 4:
        return None
    if not prod(shape):
        return done()
    body = (
        f"{_window(request, shape[-1], 'x')}\n    typedef sc_value<{element}> A;\n"
        f"    target[i] = sc_put<{element}>(sc_get(x[i]) * sc_pow(norm, (A){-float(request.attrs['beta'])!r}));"
    )
    parameters = [(reading(element, "x"), INPUT[0]), (writing(element, "target"), OUTPUT[0])]
    return done(pointwise("lrn", prod(shape), parameters, body.replace("TYPE", element), request.facts))


def _window(request: Request, channels: int, x: str) -> str:
    """Statements that make ``norm`` of the place `i`."""
    radius = int(request.attrs["depth_radius"])
    return (
        f"sc_value<TYPE> norm = 0;\n    {{ const int c = (int)(i % {channels}u); "
        f"for (int k = c < {radius} ? -c : -{radius}; k <= {radius} && c + k < {channels}; ++k) "
        f"{{ const sc_value<TYPE> v = sc_get({x}[i + k]); norm += v * v; }} }}\n"
        f"    norm = (sc_value<TYPE>){float(request.attrs['bias'])!r} + "
        f"(sc_value<TYPE>){float(request.attrs['alpha'])!r} * norm;"
    )


def _response_gradient(request: Request) -> Emitted | None:
    """First what each place hands to its window, then the sum over the windows that hold a place."""
    shape, element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
    if element is None or len(shape) != 4:
        return None
    if not prod(shape):
        return done()
    count, channels, radius = prod(shape), shape[-1], int(request.attrs["depth_radius"])
    handed, norms = Operand("scratch", 0, 0), Operand("scratch", 0, aligned(count * 4))
    beta, alpha = float(request.attrs["beta"]), float(request.attrs["alpha"])
    body = (
        f"{_window(request, channels, 'x')}\n    norms[i] = norm; "
        f"handed[i] = sc_get(dy[i]) * sc_get(y[i]) / norm;"
    )
    parameters: list[Passed] = [
        (reading(element, "dy"), INPUT[0]), (reading(element, "x"), INPUT[1]), (reading(element, "y"), INPUT[2]),
        _write("handed", handed), _write("norms", norms),
    ]  # fmt: skip
    first = pointwise("lrn_handed", count, parameters, body.replace("TYPE", element), request.facts)
    body = (
        f"float spread = 0; const int c = (int)(i % {channels}u);\n"
        f"    for (int k = c < {radius} ? -c : -{radius}; k <= {radius} && c + k < {channels}; ++k) "
        "spread += handed[i + k];\n"
        f"    target[i] = sc_put<{element}>(sc_get(dy[i]) * powf(norms[i], (float){-beta!r}) - "
        f"(float){2 * alpha * beta!r} * sc_get(x[i]) * spread);"
    )
    parameters = [
        (reading(element, "dy"), INPUT[0]), (reading(element, "x"), INPUT[1]), _read("handed", handed),
        _read("norms", norms), (writing(element, "target"), OUTPUT[0]),
    ]  # fmt: skip
    second = pointwise("lrn_gradient", count, parameters, body, request.facts)
    return done(first, second, scratch=2 * aligned(count * 4))


TABLE: dict[str, Emitter] = {
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), _forward),
    **dict.fromkeys(("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3"), _backward),
    "LRN": _response,
    "LRNGrad": _response_gradient,
}
