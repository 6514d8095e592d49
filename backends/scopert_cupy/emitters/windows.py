"""Loops over the elements that a window meets, and over the windows that meet an element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from scopert.backend import InvalidArgumentError
from scopert.ops.convolution_kernels import count_windows
from scopert.ops.nn_conv import Geometry
from scopert.ops.pooling_kernels import pool_geometry


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over some axes of an array.

    Attributes
    ----------
    sizes : tuple of int
        Of the axes.
    kernel, strides, rates : tuple of int
        Taps of a window along each axis, steps from window to window and from tap to tap.
    before : tuple of int
        Elements that the first window reaches out in front.
    out : tuple of int
        Numbers of windows.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    rates: tuple[int, ...]
    before: tuple[int, ...]
    out: tuple[int, ...]

    @property
    def taps(self) -> int:
        return prod(self.kernel)

    @property
    def pointwise(self) -> bool:
        """Each window is one element, and each element has a window."""
        return self.kernel == self.strides == (1,) * len(self.kernel) and self.sizes == self.out

    def is_plain(self, axis: int) -> bool:
        """Along this axis, windows are elements."""
        return self.kernel[axis] == self.strides[axis] == 1 and not self.before[axis]


def convolved(
    attrs: Mapping[str, Any], image: tuple[int, ...], kernel: tuple[int, ...]
) -> tuple[Windows, bool] | None:  # fmt: skip
    """The windows of a convolution, and whether channels come second; None where the kernel would refuse it.

    Parameters
    ----------
    attrs : mapping
        Of the operation.
    image, kernel : tuple of int
        Shapes of what the windows are over, and of the filter.
    """
    layout, padding, explicit = attrs["data_format"], attrs["padding"], attrs.get("explicit_paddings", ())
    first = layout.startswith("NC")
    spatial, kernel = image[2:] if first else image[1:-1], kernel[:-2]
    try:
        geometry = Geometry(attrs["strides"], padding, layout, attrs["dilations"], explicit)
        strides, rates, pads = geometry.arguments(spatial, kernel)
    except (ValueError, InvalidArgumentError):
        return None
    out = count_windows(spatial, kernel, strides, rates, pads)
    return Windows(spatial, kernel, tuple(strides), tuple(rates), tuple([pad for pad, _ in pads]), out), first


def pooled(
    shape: tuple[int, ...], ksize: Sequence[int], strides: Sequence[int], padding: str
) -> Windows | None:  # fmt: skip
    """The windows of a pooling over an array, of all axes; None where the kernel would refuse it."""
    try:
        out, pads = pool_geometry(shape, ksize, strides, padding)
    except InvalidArgumentError:
        return None
    before = tuple([pad for pad, _ in pads])
    return Windows(shape, tuple(ksize), tuple(strides), (1,) * len(shape), before, out)


def over_taps(windows: Windows, places: Sequence[str], body: str, at: str = "a", tap: str = "t") -> str:
    """Runs `body` for each element inside of a window, in row-major order.

    Parameters
    ----------
    windows : Windows
    places : sequence of str
        Expressions of the window's number along each axis.
    body : str
        Statements over ``a0``... (the element) and ``t0``... (the tap).
    at, tap : str
        Other names instead of ``a`` and ``t``.
    """
    opened = []
    for k, place in enumerate(places):
        if windows.is_plain(k):
            opened.append(f"{{ const int {at}{k} = (int)({place}); const int {tap}{k} = 0; (void){tap}{k};")
            continue
        opened.append(
            f"for (int {tap}{k} = 0; {tap}{k} < {windows.kernel[k]}; ++{tap}{k}) {{ "
            f"const int {at}{k} = (int)({place}) * {windows.strides[k]} - {windows.before[k]} + {tap}{k} * "
            f"{windows.rates[k]}; if ((unsigned){at}{k} >= {windows.sizes[k]}u) continue;"
        )
    return "\n      ".join([*opened, body + " }" * len(opened)])


def over_windows(windows: Windows, places: Sequence[str], body: str) -> str:
    """Runs `body` for each window that meets an element, in an order of their own.

    Parameters
    ----------
    windows : Windows
    places : sequence of str
        Expressions of the element's place along each axis.
    body : str
        Statements over ``q0``... (the window) and ``t0``... (its tap that meets the element).
    """
    opened = []
    for k, place in enumerate(places):
        if windows.is_plain(k):
            opened.append(f"{{ const int q{k} = (int)({place}); const int t{k} = 0; (void)t{k};")
            continue
        step = windows.strides[k]
        divided = "" if step == 1 else f" || n{k} % {step}"
        opened.append(
            f"for (int t{k} = 0; t{k} < {windows.kernel[k]}; ++t{k}) {{ "
            f"const int n{k} = (int)({place}) + {windows.before[k]} - t{k} * {windows.rates[k]}; "
            f"if (n{k} < 0{divided} || n{k} / {step} >= {windows.out[k]}) continue; const int q{k} = n{k} / {step};"
        )
    return "\n      ".join([*opened, body + " }" * len(opened)])


def inside_count(windows: Windows, places: Sequence[str]) -> str:
    """How many elements a window holds."""
    factors = []
    for k, place in enumerate(places):
        if windows.is_plain(k):
            continue
        start = f"((int)({place}) * {windows.strides[k]} - {windows.before[k]})"
        factors.append(f"(min({start} + {windows.kernel[k]}, {windows.sizes[k]}) - max({start}, 0))")
    return " * ".join(factors) or "1"


def flat(names: str, strides: Sequence[int], kind: str) -> str:
    """The index of the element ``names0``, ``names1``... in an array of these strides."""
    return " + ".join([f"({kind}){names}{k} * {stride}u" for k, stride in enumerate(strides) if stride]) or "0"
