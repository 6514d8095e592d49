"""FusedBatchNorm in its versions, and their gradients, as maps and reductions, as their generic kernels compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.opdef import PURE
from scopert.program.ir import Step
from scopert.program.passes.fuse_body import Body
from scopert.program.passes.fuse_expand import Expansion


class _Channels:
    """Vectors over the channels of images, in either layout."""

    def __init__(self, x: Expansion, step: Step, images: int) -> None:
        self.x = x
        shape = x.shape(images)
        self.axis = 1 if step.origin.attrs["data_format"] == "NCHW" else 3
        self.others = [axis for axis in range(4) if axis != self.axis]
        self.count = 1
        for axis in self.others:
            self.count *= shape[axis]

    def along(self, vector: int) -> int:
        """A vector that broadcasts against images."""
        if self.axis == 3:
            return vector
        return self.x.regroup(vector, self.x.new(vector, shape=(*self.x.shape(vector), 1, 1)))

    def sum(self, images: int, output: int) -> int:
        return self.x.reduce("sum", images, self.others, output)


def _inverse(b: Body, variance: int, epsilon: float) -> int:
    return b("sqrt", b("add", variance, b.like(variance, epsilon)))


def _forward(x: Expansion, step: Step) -> bool:
    images, scale, offset, mean, variance = step.inputs
    attrs, outputs, dtype = step.origin.attrs, step.outputs, x.dtype(step.inputs[0])
    epsilon = attrs["epsilon"]
    channels = _Channels(x, step, images)
    wide = x.wide(images, x.dtype(scale))
    count = channels.count
    if attrs["is_training"]:
        total = channels.sum(wide, x.new(scale))
        mean = x.map(lambda b, t: b("div", t, b.like(t, count)), (total,), outputs[1])
        squares = x.map(lambda b, a, m: b("square", b("sub", a, m)), (wide, channels.along(mean)), x.new(wide))
        spread = channels.sum(squares, x.new(scale))
        variance = x.map(lambda b, t: b("div", t, b.like(t, count)), (spread,), outputs[4])
        unbiased = count / max(count - 1, 1)
        x.map(lambda b, v: b("mul", v, b.like(v, unbiased)), (variance,), outputs[2])
        x.map(lambda b, m: m, (mean,), outputs[3])
    else:
        for given, output in zip((mean, variance) * 2, outputs[1:5], strict=True):
            x.map(lambda b, v: v, (given,), output)
    factor = x.map(lambda b, s, v: b("div", s, _inverse(b, v, epsilon)), (scale, variance), x.new(scale), costly=True)

    def normalised(b: Body, a: int, m: int, f: int, o: int) -> int:
        return b.cast(b("add", b("mul", b("sub", a, m), f), o), dtype)

    x.map(normalised, (wide, *[channels.along(vector) for vector in (mean, factor, offset)]), outputs[0])
    _nothing(x, step, outputs[5:])
    return True


def _backward(x: Expansion, step: Step) -> bool:
    grad, images, scale, mean, variance = step.inputs[:5]
    attrs, outputs, dtype = step.origin.attrs, step.outputs, x.dtype(step.inputs[1])
    epsilon = attrs["epsilon"]
    channels = _Channels(x, step, images)
    working = x.dtype(scale)
    grad, images = x.wide(grad, working), x.wide(images, working)
    count = channels.count
    inverse = x.map(
        lambda b, v: b("div", b.like(v, 1), _inverse(b, v, epsilon)), (variance,), x.new(scale), costly=True
    )
    offset = channels.sum(grad, outputs[2])
    products = x.map(
        lambda b, g, a, m: b("mul", g, b("sub", a, m)), (grad, images, channels.along(mean)), x.new(images)
    )
    along = channels.sum(products, x.new(scale))
    x.map(lambda b, a, i: b("mul", a, i), (along, inverse), outputs[1])
    factor = x.map(lambda b, s, i: b("mul", s, i), (scale, inverse), x.new(scale))
    if attrs["is_training"]:
        slope = x.map(
            lambda b, i, a: b("mul", b("mul", i, i), b("div", a, b.like(a, count))), (inverse, along), x.new(scale)
        )
        shift = x.map(lambda b, o: b("div", o, b.like(o, count)), (offset,), x.new(scale))

        def result(b: Body, g: int, a: int, m: int, t: int, s: int, f: int) -> int:
            found = b("sub", b("sub", g, t), b("mul", b("sub", a, m), s))
            return b.cast(b("mul", found, f), dtype)

        vectors = [channels.along(vector) for vector in (mean, shift, slope, factor)]
        x.map(result, (grad, images, *vectors), outputs[0])
    else:
        x.map(lambda b, g, f: b.cast(b("mul", g, f), dtype), (grad, channels.along(factor)), outputs[0])
    _nothing(x, step, outputs[3:])
    return True


def _nothing(x: Expansion, step: Step, outputs: tuple[int, ...]) -> None:
    """Outputs that only hold a place."""
    for output in outputs:
        shape, dtype = x.values[output].shape, x.dtype(output).np
        x.before.append(
            Step("Nothing", (), (output,), step.origin, _zeros(shape or (), dtype), traits=PURE, guards=step.guards)
        )


def _zeros(shape: tuple[int | None, ...], dtype: Any) -> Callable[..., Any]:
    return lambda xp: xp.zeros(shape, dtype)


#: Op -> its builder, how many inputs and how many outputs it looks at.
NORMS: dict[str, tuple[Callable[[Expansion, Step], bool], int, int]] = {
    **{f"FusedBatchNorm{version}": (_forward, 3, 5) for version in ("", "V2", "V3")},
    **{f"FusedBatchNormGrad{version}": (_backward, 5, 3) for version in ("", "V2", "V3")},
}
