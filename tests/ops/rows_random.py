"""Cases of random ops, against a generator and distributions written out number by number.

Unlike the kernels, the references here know no arrays: one counter, one block, one number after the other, in
Python's float64.
"""

import math

import ml_dtypes
import numpy as np
from ops.conformance import Case
from scipy import special

import scopert as tf
from scopert.ops.raw import raw

SEEDS = {"seed": 7, "seed2": 9}
WORD = 0xFFFFFFFF
HALF_BITS = {"float16": 10, "bfloat16": 7, "float32": 23}


def philox(counter, key):
    """One block of Philox4x32-10, after Salmon et al. (2011)."""
    a, b, c, d = ((counter >> 32 * i) & WORD for i in range(4))
    low, high = key & WORD, key >> 32
    for _ in range(10):
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (right >> 32) ^ b ^ low, right & WORD, (left >> 32) ^ d ^ high, left & WORD
        low, high = (low + 0x9E3779B9) & WORD, (high + 0xBB67AE85) & WORD
    return a, b, c, d


class Stream:
    """Words of a stream, one by one."""

    def __init__(self, key=7, high=9, block=0):
        self.key, self.block, self.left = key, (high << 64) + block, []

    @classmethod
    def stateless(cls, first, second):
        mix = philox((first % 2**64) + (second % 2**64 << 64), 0x02461E293EC8F720)
        return cls(mix[0] + (mix[1] << 32), mix[2] + (mix[3] << 32))

    def at(self, block):
        return Stream(self.key, self.block >> 64, (self.block + block) % 2**64)

    def word(self):
        if not self.left:
            self.left = list(philox(self.block, self.key))
            self.block += 1
        return self.left.pop(0)

    def double(self):
        high = self.word() & 0xFFFFF
        return (high * 2**32 + self.word()) / 2**52

    def number(self, dtype):
        bits = HALF_BITS.get(dtype)
        return self.double() if bits is None else (self.word() % 2**bits) / 2**bits

    def normals(self, dtype):
        wide = dtype == "float64"
        share = self.double() if wide else self.number("float32")
        angle = 2 * math.pi * (self.double() if wide else self.number("float32"))
        radius = math.sqrt(-2 * math.log(max(share, 1e-7)))
        return [radius * math.sin(angle), radius * math.cos(angle)]


class Pairs:
    """What gamma and Poisson numbers are made of: pairs, of which the second comes first."""

    def __init__(self, stream):
        self.stream, self.uniforms, self.gaussians = stream, [], []

    def uniform(self):
        if not self.uniforms:
            self.stream.left = []
            self.uniforms = [self.stream.double(), self.stream.double()]
        return self.uniforms.pop()

    def normal(self):
        if not self.gaussians:
            self.stream.left = []
            self.gaussians = self.stream.normals("float64")
        return self.gaussians.pop()


def uniforms(stream, dtype, count):
    return [stream.number(dtype) for _ in range(count)]


def normals(stream, dtype, count):
    made = []
    while len(made) < count:
        made += stream.normals(dtype)
    return made[:count]


def truncated(stream, dtype, count):
    size = 2 if dtype == "float64" else 4
    made = []
    for group in range(-(-count // size)):
        own, found = stream.at(group * size * 64), []
        while len(found) < size:
            found += [x for x in own.normals(dtype) if abs(x) < 2]
        made += found[:size]
    return made[:count]


def integers(stream, dtype, count, low, high):
    def bits():
        first = stream.word()
        return first if dtype == "int32" else first + (stream.word() << 32)

    return [low + bits() % (high - low) for _ in range(count)]


def shaped(values, shape, dtype):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return np.array(values, np.int64 if dtype.startswith("int") else np.float64).astype(kind).reshape(shape)


def stateful(draw, dtype):
    return lambda shape, *bounds: shaped(draw(Stream(), dtype, math.prod(shape), *map(int, bounds)), shape, dtype)


def stateless(draw, dtype):
    return lambda shape, seed, *bounds: shaped(
        draw(Stream.stateless(*map(int, seed)), dtype, math.prod(shape), *map(int, bounds)), shape, dtype
    )


def gamma(alpha, pairs):
    if alpha == 1:
        return -math.log1p(-pairs.uniform())
    d = alpha + 2 / 3 if alpha < 1 else alpha - 1 / 3
    while True:
        x = pairs.normal()
        v = (1 + x / 3 / math.sqrt(d)) ** 3
        if v > 0 and math.log(pairs.uniform()) < x * x / 2 + d * (1 - v + math.log(v)):
            return d * v * (pairs.uniform() ** (1 / alpha) if alpha < 1 else 1)


def poisson(rate, pairs):
    if rate < 10:
        count, product = 0, pairs.uniform()
        while product > math.exp(-rate):
            count, product = count + 1, product * pairs.uniform()
        return count
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    while True:
        u, v = pairs.uniform() - 0.5, pairs.uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        if math.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / us**2 + b)) <= k * math.log(rate) - rate - math.lgamma(
            k + 1
        ):
            return k


def by_lanes(draw, dtype):
    def reference(shape, parameter):
        count = math.prod(map(int, shape))
        made = [
            [draw(float(value), Pairs(Stream().at(256 * (place * count + i)))) for place, value in enumerate(parameter)]
            for i in range(count)
        ]
        return shaped(made, (*shape, len(parameter)), dtype)

    return reference


def classes(stream, logits, samples):
    made = []
    for row in logits:
        weights = np.cumsum(np.exp(row - row.max()))
        made.append([int(np.sum(weights <= stream.double() * weights[-1])) for _ in range(int(samples))])
    return np.array(made, np.int64)


def shuffle(value):
    rows, stream = [*value], Stream()
    for place in range(len(rows) - 1):
        other = place + stream.word() % (len(rows) - place)
        rows[place], rows[other] = rows[other], rows[place]
    return np.array(rows).reshape(value.shape)


def below(stream, limit, words):
    while True:
        value = sum(stream.word() << 32 * i for i in range(words))
        if value >= 2 ** (32 * words) % limit or limit & (limit - 1) == 0:
            return value % limit


def candidates(draw, probability, count=6):
    def reference(true):
        stream = Stream()
        drawn = np.array([draw(stream) for _ in range(count)])
        chance = np.vectorize(probability)
        return drawn, (chance(true) * count).astype(np.float32), (chance(drawn) * count).astype(np.float32)

    return reference


def all_candidates(true):
    return np.arange(6), np.ones(true.shape, np.float32), np.ones(6, np.float32)


def hits(true, sampled):
    found = [(i, list(sampled).index(c)) for i, row in enumerate(true) for c in row if c in sampled]
    lowest = np.finfo(np.float32).min
    return np.array([i for i, _ in found], np.int32), np.array([j for _, j in found]), np.full(len(found), lowest, "f")


def sample_slope(alpha, sample):
    step = 1e-5 * alpha
    share = special.gammainc(alpha, sample)
    ahead, behind = special.gammaincinv(alpha + step, share), special.gammaincinv(alpha - step, share)
    return (ahead - behind) / (2 * step)


def within(low, high):
    """Are the numbers within bounds, and as many as asked for? The numbers are recorded (test_random_facts)."""

    def run(*inputs):
        drawn = raw("ParameterizedTruncatedNormal", *inputs, **SEEDS)
        return tf.reduce_all((drawn >= low) & (drawn <= high)), tf.shape(drawn)

    return run


def rows_of_floats():
    made = []
    shapes = {"vector": [5], "matrix": [3, 7], "scalar": [], "empty": [0, 4], "groups": [301]}
    for op, draw in (("RandomUniform", uniforms), ("RandomStandardNormal", normals), ("TruncatedNormal", truncated)):
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            attrs = {**SEEDS, "dtype": tf.as_dtype(dtype)}
            for label, shape in shapes.items():
                made.append(
                    Case(
                        op,
                        [np.array(shape, np.int32)],
                        stateful(draw, dtype),
                        attrs,
                        (dtype,),
                        label=label,
                        fed=(0,),
                        tolerance=4,
                    )
                )
        made.append(Case(op, [np.array([[2]], np.int32)], attrs=attrs, fed=(0,), error="shape must be a vector"))
        made.append(Case(op, [np.array([2, -3], np.int64)], attrs=attrs, fed=(0,), error="Dimension -3 must be >= 0"))
    names = {
        uniforms: "StatelessRandomUniform",
        normals: "StatelessRandomNormal",
        truncated: "StatelessTruncatedNormal",
    }
    for draw, op in names.items():
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            inputs = [np.array([3, 7], np.int32), np.array([7, -9], np.int64)]
            made.append(
                Case(
                    op, inputs, stateless(draw, dtype), {"dtype": tf.as_dtype(dtype)}, (dtype,), fed=(0, 1), tolerance=4
                )
            )
        inputs = [np.array([2], np.int32), np.array([7], np.int64)]
        made.append(Case(op, inputs, fed=(0, 1), error="seed must have shape"))
    return made


def rows_of_integers():
    made = []
    for dtype in ("int32", "int64"):
        info, kind = np.iinfo(dtype), np.dtype(dtype).type
        for low, high in ((-17, 1000), (0, 2), (int(info.min), int(info.max))):
            bounds = [np.array(low, kind), np.array(high, kind)]
            made.append(
                Case(
                    "RandomUniformInt",
                    [np.array([3, 5], np.int32), *bounds],
                    stateful(integers, dtype),
                    SEEDS,
                    (dtype,),
                    label=f"{low}",
                    fed=(0, 1, 2),
                )
            )
            inputs = [np.array([3, 5], np.int32), np.array([7, -9], np.int64), *bounds]
            made.append(
                Case(
                    "StatelessRandomUniformInt",
                    inputs,
                    stateless(integers, dtype),
                    {},
                    (dtype,),
                    label=f"{low}",
                    fed=(0, 1, 2, 3),
                )
            )
        equal = [np.array(3, kind), np.array(3, kind)]
        made.append(
            Case(
                "RandomUniformInt",
                [np.array([2], np.int32), *equal],
                fed=(1, 2),
                label="none",
                error="Need minval < maxval, got 3 >= 3",
            )
        )
    return made


def rows_with_parameters():
    made = []
    shape = np.array([2, 3], np.int32)
    for dtype in ("float16", "float32", "float64"):
        alpha = np.array([0.25, 1.0, 1.5, 30.0], dtype)
        made.append(
            Case(
                "RandomGamma",
                [shape, alpha],
                by_lanes(gamma, dtype),
                SEEDS,
                (dtype,),
                fed=(0, 1),
                tolerance=4,
                gradient=False,
            )
        )
        made.append(
            Case(
                "RandomGamma",
                [shape, alpha[:0]],
                lambda s, a: np.empty((2, 3, 0), a.dtype),
                SEEDS,
                (dtype,),
                label="empty",
                fed=(0, 1),
            )
        )
        rate = np.array([0.0, 0.5, 9.5, 10.0, 50.0, 1000.0], dtype)
        attrs = {**SEEDS, "dtype": tf.as_dtype(dtype)}
        made.append(Case("RandomPoissonV2", [shape, rate], by_lanes(poisson, dtype), attrs, (dtype,), fed=(0, 1)))
    counts = np.array([3, 20], np.int32)
    made.append(
        Case(
            "RandomPoissonV2",
            [shape, counts],
            by_lanes(poisson, "int64"),
            {**SEEDS, "dtype": tf.int64},
            ("int64",),
            label="integers",
            fed=(0, 1),
        )
    )
    logits, samples = [[0.0, 1.0, 2.0, -1.0], [3.0, -50.0, 0.0, 1.0]], np.array(9, np.int32)
    floats = ("float16", "bfloat16", "float32", "float64")
    made += [
        Case("Multinomial", [logits, samples], lambda x, n: classes(Stream(), x, n), SEEDS, floats, fed=(1,)),
        Case("Multinomial", [[0.0, 1.0], samples], attrs=SEEDS, fed=(1,), label="vector", error="should be a matrix"),
        Case(
            "Multinomial", [np.zeros((2, 0)), samples], fed=(1,), label="none", error="num_classes should be positive"
        ),
        Case(
            "StatelessMultinomial",
            [logits, samples, np.array([7, -9])],
            lambda x, n, s: classes(Stream.stateless(*map(int, s)), x, n),
            {},
            floats,
            fed=(1, 2),
        ),
    ]
    for value in ([3.0, 1.0, 2.0, 5.0], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [7.0], np.zeros((0, 2)), 4.0):
        made.append(
            Case("RandomShuffle", [value], lambda x: shuffle(x) if x.ndim else x, SEEDS, label=str(np.shape(value)))
        )
    bounds = [np.array([500], np.int32), np.array(0.0, "f"), np.array(1.0, "f")]
    for low, high in ((-2.0, 2.0), (-1.0, 1.0), (3.0, 6.0)):
        made.append(
            Case(
                "ParameterizedTruncatedNormal",
                [*bounds, np.array(low, "f"), np.array(high, "f")],
                lambda *_: (np.array(True), np.array([500], np.int32)),
                SEEDS,
                ("float32",),
                label=f"{low}",
                fed=(0, 1, 2, 3, 4),
                run=within(low, high),
            )
        )
    flipped = [*bounds, np.array(2.0, "f"), np.array(1.0, "f")]
    made.append(Case("ParameterizedTruncatedNormal", flipped, label="flipped", fed=(0,), error="Invalid parameters"))
    points = [[0.1, 0.5, 1.0, 2.0, 10.0, 50.0], [0.05, 1.5, 0.3, 2.5, 9.0, 60.0]]
    made.append(Case("RandomGammaGrad", points, sample_slope, tolerance=2e3, dtypes=("float64",)))
    made.append(Case("RandomGammaGrad", points, sample_slope, tolerance=10, dtypes=("float32",), label="narrow"))
    return made


def rows_of_candidates():
    true = np.array([[1, 2], [3, 50]])
    attrs = {**SEEDS, "num_true": 2, "num_sampled": 6, "unique": False}
    wide = {**attrs, "range_max": 60}
    flat = candidates(lambda stream: below(stream, 60, 2), lambda c: 1 / 60)
    learned = candidates(lambda stream: below(stream, 60, 1), lambda c: 1 / 60)
    log = candidates(
        lambda stream: int(math.exp(stream.double() * math.log(61))) - 1,
        lambda c: math.log((c + 2) / (c + 1)) / math.log(61),
    )
    fixed = candidates(lambda stream: (stream.word(), below(stream, 60, 1))[1], lambda c: 1 / 60)
    narrow = {**wide, "num_sampled": 61, "unique": True}
    return [
        Case("UniformCandidateSampler", [true], flat, wide),
        Case("LearnedUnigramCandidateSampler", [true], learned, wide),
        Case("LogUniformCandidateSampler", [true], log, wide),
        Case("FixedUnigramCandidateSampler", [true], fixed, {**wide, "unigrams": [2.0] * 60}),
        Case("AllCandidateSampler", [true], all_candidates, {**attrs, "unique": True}),
        Case("ComputeAccidentalHits", [true, np.array([7, 50, 1])], hits, {"num_true": 2}, fed=(0, 1)),
        Case(
            "ComputeAccidentalHits",
            [true, np.array([[7]])],
            attrs={"num_true": 2},
            fed=(0, 1),
            error="must be a vector",
        ),
        Case("ComputeAccidentalHits", [true[0], true[0]], attrs={"num_true": 2}, fed=(0, 1), error="matrix"),
        Case("UniformCandidateSampler", [true], attrs=narrow, error="range is too small", label="narrow"),
        Case("UniformCandidateSampler", [true[0]], attrs=wide, fed=(0,), error="must be a matrix", label="vector"),
        Case("UniformCandidateSampler", [true[:, :1]], attrs=wide, fed=(0,), error="num_true columns", label="column"),
        Case("LearnedUnigramCandidateSampler", [true + 20], attrs=wide, error="out of range", label="outside"),
        Case("FixedUnigramCandidateSampler", [true], attrs=wide, error="Must provide either", label="nothing"),
    ]


ROWS = [*rows_of_floats(), *rows_of_integers(), *rows_with_parameters(), *rows_of_candidates()]
