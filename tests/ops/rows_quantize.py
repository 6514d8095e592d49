"""Cases of quantization. What is expected is found by search: the point of the grid that is nearest."""

import numpy as np
from ops.conformance import Case

import scopert as tf

X = np.array([-10.3, -5.9, -2.27, -0.013, 0.0, 0.02, 0.51, 1.52, 2.499, 5.99, 6.2, 60.0], np.float32)
G = np.linspace(0.5, 1.5, 12).astype(np.float32)
BYTES = np.arange(-128, 128, 17).astype(np.int8)


def grid(low, high, bits, narrow=False):
    """The points of a grid over a range, moved so that 0 is one of them."""
    count = 2**bits - (2 if narrow else 1)
    scale = (high - low) / count
    below = np.clip(np.floor(-low / scale + 0.5), 0, count)
    return (np.arange(count + 1) - below) * scale


def nearest(x, points):
    return points[np.abs(np.asarray(x, float)[..., None] - points).argmin(-1)]


def inside(x, low, high, bits):
    points = grid(low, high, bits)
    return (x >= points[0]) & (x <= points[-1]), x < points[0], x > points[-1]


def limits_grad(g, x, low, high):
    within, below, above = inside(x, float(low), float(high), 8)
    return np.where(within, g, 0), (g * below).sum(), (g * above).sum()


def channels(x, low, high):
    return np.stack([nearest(x[:, i], grid(low[i], high[i], 8)) for i in range(x.shape[1])], 1)


def channels_grad(g, x, low, high):
    parts = [limits_grad(g[:, i], x[:, i], low[i], high[i]) for i in range(x.shape[1])]
    return np.stack([p[0] for p in parts], 1), np.array([p[1] for p in parts]), np.array([p[2] for p in parts])


def symmetric(x, top, bits):
    """Signed integers whose range reaches as far as the larger limit."""
    scale = max(abs(top[0]) / 2 ** (bits - 1), top[1] / (2 ** (bits - 1) - 1))
    return np.rint(np.asarray(x) / scale) * scale


def f32(*values):
    return np.array(values if len(values) != 1 else values[0], np.float32)


F = ("float32",)
MATRIX = X.reshape(4, 3)
LOW, HIGH = f32(-1.0, -2.0, 0.0), f32(1.0, 3.0, 5.5)
AS_GIVEN = {"dtypes": F, "tolerance": 5}

ROWS = [
    Case("FakeQuantWithMinMaxArgs", [X], lambda x: nearest(x, grid(-6, 6, 8)), **AS_GIVEN, fed=(0,)),
    Case("FakeQuantWithMinMaxArgs", [X], lambda x: nearest(x, grid(-1.3, 2.7, 4, True)),
         attrs={"min": -1.3, "max": 2.7, "num_bits": 4, "narrow_range": True}, label="narrow", **AS_GIVEN),
    Case("FakeQuantWithMinMaxArgs", [X], attrs={"min": 1.0, "max": 1.0}, error="smaller than max", dtypes=F, label="range"),
    Case("FakeQuantWithMinMaxArgs", [X], attrs={"num_bits": 17}, error="between 2 and 16", dtypes=F, label="bits"),
    Case("FakeQuantWithMinMaxArgsGradient", [G, X], lambda g, x: np.where(inside(x, -6, 6, 8)[0], g, 0), **AS_GIVEN),
    Case("FakeQuantWithMinMaxVars", [X, f32(-2.2), f32(3.1)], lambda x, a, b: nearest(x, grid(-2.2, 3.1, 8)), **AS_GIVEN, fed=(1, 2)),
    Case("FakeQuantWithMinMaxVars", [X, f32(0.0), f32(0.0)], lambda x, a, b: 0 * x, label="nothing", **AS_GIVEN),
    Case("FakeQuantWithMinMaxVarsGradient", [G, X, f32(-2.2), f32(3.1)], limits_grad, **AS_GIVEN),
    Case("FakeQuantWithMinMaxVarsGradient", [G, X, f32(0.0), f32(0.0)], lambda g, x, a, b: (g, np.float32(0), np.float32(0)),
         label="nothing", **AS_GIVEN),
    Case("FakeQuantWithMinMaxVarsPerChannel", [MATRIX, LOW, HIGH], channels, **AS_GIVEN),
    Case("FakeQuantWithMinMaxVarsPerChannelGradient", [G.reshape(4, 3), MATRIX, LOW, HIGH], channels_grad, **AS_GIVEN),
    Case("QuantizeV2", [X, f32(-5.0), f32(6.5)],
         lambda x, a, b: (np.floor((np.clip(x, a, b) - a) * 255 / (b - a) + 0.5).astype(np.uint8), a, b), attrs={"T": tf.quint8},
         dtypes=F),
    Case("QuantizeV2", [X, f32(-5.0), f32(6.5)],
         lambda x, a, b: (np.clip(np.rint(x * 127 / 6.5), -98, 127).astype(np.int8), np.float32(-128 * 6.5 / 127), b),
         attrs={"T": tf.qint8, "mode": "SCALED"}, dtypes=F, label="scaled",
         run=lambda x, a, b: tf.quantize(tf.maximum(x, -5.0), a, b, tf.qint8, "SCALED")),
    Case("QuantizeV2", [X, f32(-5.0), f32(6.5)],
         lambda x, a, b: (np.clip(np.floor(x * 255 / 11.5 + 0.5) - np.floor(-5 * 255 / 11.5 + 0.5), 0, 255).astype(np.uint8), a, b),
         attrs={"T": tf.quint8, "mode": "MIN_FIRST"}, dtypes=F, label="first"),
    Case("Dequantize", [BYTES, f32(-5.0), f32(6.5)], lambda q, a, b: (q + 128.0) * 11.5 / 255 - 5, label="combined", **AS_GIVEN,
         run=lambda q, a, b: tf.dequantize(tf.bitcast(q, tf.qint8), a, b)),
    Case("Dequantize", [BYTES, f32(-5.0), f32(6.5)], lambda q, a, b: q * (6.5 / 127), label="scaled", **AS_GIVEN,
         run=lambda q, a, b: tf.dequantize(tf.bitcast(q, tf.qint8), a, b, "SCALED")),
    Case("Dequantize", [BYTES, f32(-5.0), f32(6.5)],
         lambda q, a, b: np.rint(-5 / (11.5 / 255)) * (11.5 / 255) + (q + 128.0) * (11.5 / 255), label="first", **AS_GIVEN,
         run=lambda q, a, b: tf.dequantize(tf.bitcast(q, tf.qint8), a, b, "MIN_FIRST")),
    Case("QuantizeAndDequantizeV2", [X, f32(0.0), f32(0.0)], lambda x, a, b: symmetric(x, (-10.3, 60.0), 8), **AS_GIVEN),
    Case("QuantizeAndDequantizeV2", [X, f32(-2.0), f32(5.0)],
         lambda x, a, b: symmetric(np.clip(x, -16 * 5 / 15, 5), (-2.0, 5.0), 5), label="range",
         attrs={"range_given": True, "num_bits": 5}, **AS_GIVEN),
    Case("QuantizeAndDequantizeV2", [X, f32(5.0), f32(-2.0)], attrs={"range_given": True}, error="Invalid range", dtypes=F,
         label="order"),
    Case("QuantizeAndDequantizeV2", [X, f32(0.0), f32(0.0)], attrs={"num_bits": 1}, error="out of range", dtypes=F, label="bits"),
    Case("QuantizeAndDequantizeV3", [X, f32(0.0), f32(0.0), np.array(6, np.int32)],
         lambda x, a, b, n: symmetric(x, (-10.3, 60.0), 6), attrs={"range_given": False}, **AS_GIVEN),
]
