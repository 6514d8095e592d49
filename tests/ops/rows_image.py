"""Images: resizing against matrices written down here, codecs against Pillow's round trip."""

import colorsys
import io

import numpy as np
from ops.conformance import Case

RNG = np.random.default_rng(3)
IMAGES = RNG.random((2, 5, 7, 3))
NO_CENTERS = {"align_corners": False, "half_pixel_centers": False}
ALIGNED = {"align_corners": True, "half_pixel_centers": False}
HALF = {"align_corners": False, "half_pixel_centers": True}


def _position(i, size_in, size_out, align_corners, half_pixel_centers):
    if align_corners and size_out > 1:
        return i * (size_in - 1) / (size_out - 1)
    return (i + 0.5) * size_in / size_out - 0.5 if half_pixel_centers else i * size_in / size_out


def _linear(size_in, size_out, **how):
    made = np.zeros((size_out, size_in))
    for i in range(size_out):
        at = _position(i, size_in, size_out, **how)
        low, part = int(np.floor(at)), at - np.floor(at)
        made[i, max(low, 0)] += 1 - part
        made[i, min(low + 1, size_in - 1)] += part
    return made


def _cubic(size_in, size_out, a, **how):
    def weight(x):
        x = abs(x)
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    made = np.zeros((size_out, size_in))
    for i in range(size_out):
        at = _position(i, size_in, size_out, **how)
        for k in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            made[i, min(max(k, 0), size_in - 1)] += weight(at - k)
    return made


def _resize(matrix, **how):
    def reference(images, size):
        rows, columns = matrix(images.shape[1], size[0], **how), matrix(images.shape[2], size[1], **how)
        return np.einsum("yh,bhwc,xw->byxc", rows, images, columns)

    return reference


def _nearest(images, size):
    rows = np.arange(size[0]) * images.shape[1] // size[0]
    columns = np.arange(size[1]) * images.shape[2] // size[1]
    return images[:, rows][:, :, columns]


def _box(size_in, size_out, align_corners=False):
    scale = size_in / size_out
    made = np.zeros((size_out, size_in))
    for i in range(size_out):
        for k in range(size_in):
            made[i, k] = max(0.0, min((i + 1) * scale, k + 1) - max(i * scale, k)) / scale
    return made


def _size(*values):
    return np.array(values, np.int32)


def _encoded(array, form):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form)
    return np.array(buffer.getvalue(), object)


PICTURE = RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8)


def _decoded(data):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(np.asarray(data, object).item())))


def _bilinear_gradient(grads, images):
    rows, columns = _linear(images.shape[1], grads.shape[1], **NO_CENTERS), _linear(7, grads.shape[2], **NO_CENTERS)
    return np.einsum("yh,byxc,xw->bhwc", rows, grads, columns)


def _cubic_gradient(grads, images):
    rows = _cubic(images.shape[1], grads.shape[1], -0.75, **ALIGNED)
    return np.einsum("yh,byxc,xw->bhwc", rows, grads, _cubic(7, grads.shape[2], -0.75, **ALIGNED))


def _nearest_gradient(grads, size):
    made = np.zeros((grads.shape[0], *size, grads.shape[3]))
    for y in range(grads.shape[1]):
        for x in range(grads.shape[2]):
            made[:, y * size[0] // grads.shape[1], x * size[1] // grads.shape[2]] += grads[:, y, x]
    return made


def _contrast(images, factor):
    mean = images.mean(axis=(-3, -2), keepdims=True)
    return (images - mean) * factor + mean


def _in_hsv(change=lambda h, s, v: (h, s, v), back=True):
    """Colours pixel by pixel through Python's colorsys."""

    def pixel(rgb):
        made = change(*colorsys.rgb_to_hsv(*rgb))
        return colorsys.hsv_to_rgb(*made) if back else made

    return lambda images, *parameter: np.array([pixel(rgb) for rgb in images.reshape(-1, 3)]).reshape(images.shape)


COLORS = np.concatenate([RNG.random((6, 7, 3)), np.array([[[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.2], [1, 0, 0], [0, 1, 0],
                                                           [0, 0, 1], [0.5, 0.2, 0.5]]])])  # fmt: skip
F32 = ("float32",)
GRADS = RNG.random((2, 8, 10, 3)).astype(np.float32)

ROWS = [
    *(
        Case(
            "ResizeBilinear",
            [IMAGES, _size(*size)],
            _resize(_linear, **how),
            how,
            F32,
            label=f"{size}{sum(how.values())}",
            tolerance=10,
            gradient=False,
        )
        for size in ((8, 10), (3, 4), (5, 7), (1, 1))
        for how in (NO_CENTERS, ALIGNED, HALF)
    ),
    Case("ResizeBilinearGrad", [GRADS, IMAGES], _bilinear_gradient, NO_CENTERS, F32, tolerance=20, gradient=False),
    Case("ResizeNearestNeighbor", [IMAGES, _size(9, 4)], _nearest, NO_CENTERS),
    Case(
        "ResizeNearestNeighborGrad",
        [RNG.random((2, 8, 10, 3)), _size(4, 5)],
        _nearest_gradient,
        NO_CENTERS,
        tolerance=10,
        gradient=False,
    ),
    *(
        Case(
            "ResizeBicubic",
            [IMAGES, _size(8, 11)],
            _resize(lambda a, b, **k: _cubic(a, b, -0.75, **k), **how),
            how,
            F32,
            label=str(sum(how.values())),
            tolerance=2000,
            gradient=False,
        )  # TensorFlow's table has 1024 steps
        for how in (NO_CENTERS, ALIGNED)
    ),
    Case("ResizeBicubicGrad", [GRADS, IMAGES], _cubic_gradient, ALIGNED, F32, tolerance=4000),
    Case("ResizeArea", [IMAGES, _size(3, 2)], _resize(_box), {"align_corners": False}, F32, tolerance=10),
    Case(
        "ResizeArea", [IMAGES, _size(8, 11)], _resize(_box), {"align_corners": False}, F32, tolerance=10, label="larger"
    ),
    Case("RGBToHSV", [COLORS], _in_hsv(back=False), tolerance=10, gradient=False),  # greys and blacks are kinks
    Case("RGBToHSV", [0.1 + 0.8 * RNG.random((4, 5, 3))], _in_hsv(back=False), tolerance=10, label="colourful"),
    Case("RGBToHSV", [np.zeros((0, 3))], lambda images: images, label="empty"),
    Case("HSVToRGB", [COLORS], lambda images: np.array(
        [colorsys.hsv_to_rgb(*hsv) for hsv in images.reshape(-1, 3)]).reshape(images.shape), tolerance=10),
    Case("AdjustContrastv2", [IMAGES, np.float32(1.7)], _contrast, dtypes=F32, tolerance=10),
    *(
        Case("AdjustHue", [COLORS, np.float32(delta)], _in_hsv(lambda h, s, v, d=delta: ((h + d) % 1, s, v)), dtypes=F32,
             label=str(delta), tolerance=20)
        for delta in (0.25, -0.75)
    ),
    *(
        Case("AdjustSaturation", [COLORS, np.float32(by)], _in_hsv(lambda h, s, v, by=by: (h, min(s * by, 1), v)),
             dtypes=F32, label=str(by), tolerance=10)
        for by in (0.5, 2.0)
    ),
    Case("DecodePng", [_encoded(PICTURE, "PNG")], lambda data: PICTURE),
    Case("DecodePng", [_encoded(PICTURE[..., 0], "PNG")], lambda data: PICTURE[..., :1], label="grey"),
    Case("DecodeJpeg", [_encoded(PICTURE, "JPEG")], _decoded, dtypes=F32),
    Case("DecodeJpeg", [np.array(b"nothing", object)], error="Invalid JPEG data, size 7", label="broken"),
    Case("EncodePng", [PICTURE], None),
]
