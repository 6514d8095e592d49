"""Boxes in images, one box and one pixel after the other; JPEG files through Pillow."""

import io

import numpy as np
from ops.conformance import Case

RNG = np.random.default_rng(8)
IMAGES = RNG.random((2, 6, 7, 3))
BOXES = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [0.8, 0.9, 0.1, 0.2], [-0.3, 0.1, 1.2, 0.7]], np.float32)
OF = np.array([0, 1, 1, 0], np.int32)
SIZE = np.array([4, 5], np.int32)
F32 = ("float32",)


def _places(first, last, size, count):
    if count == 1:
        return [0.5 * (first + last) * (size - 1)]
    return [first * (size - 1) + i * (last - first) * (size - 1) / (count - 1) for i in range(count)]


def _sample(image, y, x):
    """The value between pixels, None outside."""
    if not (0 <= y <= image.shape[0] - 1 and 0 <= x <= image.shape[1] - 1):
        return None
    top, left = int(np.floor(y)), int(np.floor(x))
    bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
    upper = image[top, left] * (left + 1 - x) + image[top, right] * (x - left)
    lower = image[bottom, left] * (left + 1 - x) + image[bottom, right] * (x - left)
    return upper * (top + 1 - y) + lower * (y - top)


def _crop(images, boxes, of, size):
    made = np.full((len(boxes), *size, images.shape[3]), -2.0)
    for n, (y1, x1, y2, x2) in enumerate(boxes.astype(np.float64)):
        for i, y in enumerate(_places(y1, y2, images.shape[1], size[0])):
            for j, x in enumerate(_places(x1, x2, images.shape[2], size[1])):
                value = _sample(images[of[n]], y, x)
                if value is not None:
                    made[n, i, j] = value
    return made


def _slopes(function, at, step):
    made = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        up, down = at.astype(np.float64), at.astype(np.float64)
        up[index] += step
        down[index] -= step
        made[index] = (function(up) - function(down)) / (2 * step)
    return made


# Inside of the image and between pixels, where the crops are smooth.
SMOOTH = np.array([[0.11, 0.22, 0.73, 0.91], [0.81, 0.93, 0.12, 0.24]], np.float32)
GRADS = RNG.standard_normal((2, 4, 5, 3)).astype(np.float32)


def _image_gradient(grads, boxes, of, size):
    return _slopes(lambda images: (_crop(images, boxes, of, grads.shape[1:3]) * grads).sum(), np.zeros(size), 0.5)


def _boxes_gradient(grads, images, boxes, of):
    return _slopes(lambda at: (_crop(images, at, of, grads.shape[1:3]) * grads).sum(), boxes, 1e-6)


def _suppress(boxes, scores, number, overlap, least):
    def area(y1, x1, y2, x2):
        return max(y2 - y1, 0) * max(x2 - x1, 0)

    kept = []
    for n in sorted(range(len(scores)), key=lambda n: -scores[n]):
        pairs = [[*np.maximum(boxes[n][:2], boxes[k][:2]), *np.minimum(boxes[n][2:], boxes[k][2:])] for k in kept]
        shared = [area(*pair) for pair in pairs]
        share = [s / (area(*boxes[n]) + area(*boxes[k]) - s) for s, k in zip(shared, kept, strict=True)]
        if len(kept) < number and scores[n] > least and all(one <= overlap for one in share):
            kept.append(n)
    return np.array(kept, np.int32)


CORNERS = RNG.random((20, 2)).astype(np.float32) * 3
SQUARES = np.concatenate([CORNERS, CORNERS + 1], axis=1)
SCORES = RNG.permutation(20).astype(np.float32) / 20
PICTURE = np.tile(np.arange(16, dtype=np.uint8)[None, :, None] * 8, (8, 1, 3))


def _jpeg():
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "JPEG")
    return np.array(buffer.getvalue(), object)


def _reread(image):
    """The file of the op is compared after decoding: two encoders need not write the same bytes."""
    import scopert as tf

    return tf.cast(tf.image.decode_jpeg(tf.image.encode_jpeg(image, quality=100)), tf.int32) // 8


ROWS = [
    Case("CropAndResize", [IMAGES, BOXES, OF, SIZE], _crop, {"extrapolation_value": -2.0}, F32, tolerance=50,
         gradient=False),
    Case("CropAndResize", [IMAGES, BOXES, OF, np.array([1, 1], np.int32)], _crop, {"extrapolation_value": -2.0}, F32,
         tolerance=50, gradient=False, label="one"),
    Case("CropAndResizeGradImage", [GRADS, SMOOTH, OF[:2], np.array([2, 6, 7, 3], np.int32)], _image_gradient,
         {"T": "float32"}, F32, tolerance=50),
    Case("CropAndResizeGradBoxes", [GRADS, IMAGES.astype(np.float32), SMOOTH, OF[:2]], _boxes_gradient, dtypes=F32,
         tolerance=500),
    Case("NonMaxSuppressionV3", [SQUARES, SCORES, np.int32(9), np.float32(0.3), np.float32(0.1)], _suppress),
    Case("NonMaxSuppressionV3", [SQUARES[:0], SCORES[:0], np.int32(9), np.float32(0.3), np.float32(0.1)],
         lambda *_: np.zeros(0, np.int32), label="empty"),
    Case("EncodeJpeg", [PICTURE], lambda image: image.astype(np.int32) // 8, run=_reread),
    Case("ExtractJpegShape", [_jpeg()], lambda data: np.array([8, 16, 3], np.int32), {"output_type": "int32"}),
]  # fmt: skip
