"""Colours: red, green, blue from and to hue, saturation, value; hue, saturation and contrast of images."""

from __future__ import annotations

from scopert_cupy.command import Emitted, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.reducing import Reduction, reduced
from scopert_cupy.emitters.source import INPUT, OUTPUT, aligned, count_of, done, pointwise, reading, shape_of, writing
from scopert_cupy.prelude import stored

#: From ``r, g, b`` to ``h, s, v``.
_TO_HSV = """
    V v = r > g ? r : g; v = v > b ? v : b;
    V least = r < g ? r : g; least = least < b ? least : b;
    const V spread = v - least, safe = spread > 0 ? spread : (V)1, sixth = (V)(1.0 / 6.0);
    V s = v > 0 ? spread / v : (V)0;
    V h = r == v ? sixth * (g - b) / safe
        : g == v ? sixth * (b - r) / safe + 2 * sixth : sixth * (r - g) / safe + 4 * sixth;
    h = spread > 0 ? h : (V)0;
    h = h < 0 ? h + 1 : h;"""
#: From ``h, s, v`` to the target.
_TO_RGB = """
    const V turn = h * 6;
    V channel[3] = {turn - 3, turn - 2, turn - 4};
    for (int k = 0; k < 3; ++k) {
      const V away = channel[k] < 0 ? -channel[k] : channel[k], one = k ? 2 - away : away - 1;
      const V part = one < 0 ? (V)0 : one > 1 ? (V)1 : one;
      target[i * 3 + k] = sc_put<T>((1 - s + s * part) * v);
    }"""
_FROM = "const V {0} = sc_get(source[i * 3]), {1} = sc_get(source[i * 3 + 1]), {2} = sc_get(source[i * 3 + 2]);"
_STORED = "target[i * 3] = sc_put<T>(h); target[i * 3 + 1] = sc_put<T>(s); target[i * 3 + 2] = sc_put<T>(v);"


def _by_pixel(request: Request, stem: str, body: str, by: bool) -> Emitted | None:
    shape, element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
    if element is None or not shape or shape[-1] != 3:
        return None
    count = count_of(shape) // 3
    if not count:
        return done()
    parameters = [(reading(element, "source"), INPUT[0]), (writing(element, "target"), OUTPUT[0])]
    if by:
        parameters.append((reading("float", "by"), Operand("input", 1)))
    text = f"typedef {element} T; typedef sc_value<T> V;\n    {body}"
    return done(pointwise(stem, count, parameters, text, request.facts))


def _rgb_to_hsv(request: Request) -> Emitted | None:
    return _by_pixel(request, "rgb_to_hsv", f"{_FROM.format('r', 'g', 'b')}{_TO_HSV}\n    {_STORED}", by=False)


def _hsv_to_rgb(request: Request) -> Emitted | None:
    return _by_pixel(request, "hsv_to_rgb", f"{_FROM.format('h', 's', 'v')}{_TO_RGB}", by=False)


def _hue(request: Request) -> Emitted | None:
    turned = "h = h + *by; h = h - sc_floor(h);"
    return _by_pixel(request, "hue", f"{_FROM.format('r', 'g', 'b')}{_TO_HSV}\n    {turned}{_TO_RGB}", by=True)


def _saturation(request: Request) -> Emitted | None:
    scaled = "s = s * *by; s = s < 0 ? (V)0 : s > 1 ? (V)1 : s;"
    return _by_pixel(request, "saturation", f"{_FROM.format('r', 'g', 'b')}{_TO_HSV}\n    {scaled}{_TO_RGB}", by=True)


def _contrast(request: Request) -> Emitted | None:
    """``(x - mean) * factor + mean``, with the mean of each channel of an image."""
    shape, dtype = shape_of(request.inputs[0]), request.inputs[0].dtype
    element, count = stored(dtype), count_of(shape)
    if element is None or len(shape) < 3:
        return None
    if not count:
        return done()
    height, width, channels = shape[-3:]
    mean = Operand("scratch", 0, 0)
    reduction = Reduction(
        INPUT[0], mean, element, "float", dtype.np.itemsize, "float", "sc_sum",
        finish=f"total / {height * width}.0f",
    )  # fmt: skip
    axes = (len(shape) - 3, len(shape) - 2)
    scratch = aligned(4 * (count // (height * width)))
    commands, used = reduced(reduction, shape, axes, request.facts, scratch)
    body = (
        f"const float middle = mean[i / {height * width * channels}u * {channels}u + i % {channels}u];\n    "
        f"target[i] = sc_put<{element}>((sc_get(source[i]) - middle) * *by + middle);"
    )
    parameters = [
        (reading(element, "source"), INPUT[0]), (reading("float", "mean"), mean), (reading("float", "by"), INPUT[1]),
        (writing(element, "target"), OUTPUT[0]),
    ]  # fmt: skip
    return Emitted((*commands, pointwise("contrast", count, parameters, body, request.facts)), max(used, scratch))


TABLE: dict[str, Emitter] = {
    "AdjustContrastv2": _contrast,
    "RGBToHSV": _rgb_to_hsv,
    "HSVToRGB": _hsv_to_rgb,
    "AdjustHue": _hue,
    "AdjustSaturation": _saturation,
}
