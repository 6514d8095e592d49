"""Operations that a library computes whole: convolutions and attention, as shapes and strides. Pure data.

Axes are in the order of cuDNN: images are ``(batch, channels, *space)``, filters ``(filters, channels of a group,
*taps)``, attention has ``(batch, heads, rows, size)``. How they lie in memory is said by strides, so that no order of
the axes is a case of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from scopert.backend import as_dtype


@dataclass(frozen=True, slots=True)
class Tensor:
    """Shape, strides (in elements) and NumPy's name of the type."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """From its first element to behind its last."""
        last = sum([(n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True)])
        return (last + 1) * as_dtype(self.dtype).np.itemsize


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution (cross-correlation), or the gradient of one.

    Attributes
    ----------
    kind : str
        ``forward`` makes `out`; ``input`` makes the gradient of `image` from that of `out` and the filter,
        ``filter`` that of `filter` from the image and the gradient of `out`.
    image, filter, out : Tensor
        There are as many groups as the filter has fewer channels than the image.
    strides, rates, before, after : tuple of int
        For each axis of space: steps of windows and of taps, zeros that are added in front and behind.
    precision : str
        ``float32`` or ``tf32``, of float32 operands; sums are float32 in every case.
    bias : bool
        An element for each filter is added to the result.
    activation : str
        ``""`` or ``relu``, which follows.
    """

    kind: Literal["forward", "input", "filter"]
    image: Tensor
    filter: Tensor
    out: Tensor
    strides: tuple[int, ...]
    rates: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    precision: str = "float32"
    bias: bool = False
    activation: str = ""

    @property
    def dtype(self) -> str:
        return self.image.dtype

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """What it takes, and then what it makes."""
        if self.kind == "input":
            return {"filter": self.filter, "out": self.out, "image": self.image}
        if self.kind == "filter":
            return {"image": self.image, "out": self.out, "filter": self.filter}
        filters = self.filter.shape[0]
        row = Tensor((1, filters, *[1 for _ in self.strides]), (filters, 1, *[1 for _ in self.strides]), self.dtype)
        beside = {"bias": row} if self.bias else {}
        return {"image": self.image, "filter": self.filter, **beside, "out": self.out}

    @property
    def made(self) -> tuple[str, ...]:
        """Which of its tensors it makes."""
        return ({"forward": "out", "input": "image", "filter": "filter"}[self.kind],)

    def __str__(self) -> str:
        return f"convolution ({self.kind})"


def _statistics(q: Tensor) -> Tensor:
    """Of each row of scores: the logarithm of the sum of their exponentials."""
    batch, heads, rows, _ = q.shape
    return Tensor((batch, heads, rows, 1), (heads * rows, rows, 1, 1), "float32")


@dataclass(frozen=True, slots=True)
class Attention:
    """``softmax(scale q k^T + bias) v`` for each head, sums and exponentials in float32.

    Attributes
    ----------
    q, k, v, o : Tensor
        ``(batch, heads, rows, size)``; `v` and `o` may have another size than `q` and `k`.
    scale : float
    causal : bool
        Row ``i`` sees the keys up to ``i``.
    bias : Tensor, optional
        What is added to the scores; axes of size 1 are broadcast.
    statistics : bool
        It also makes what the gradient needs to compute the softmax again.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor
    scale: float
    causal: bool = False
    bias: Tensor | None = None
    statistics: bool = False

    @property
    def dtype(self) -> str:
        return self.q.dtype

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """What it takes, and then what it makes."""
        beside = {} if self.bias is None else {"bias": self.bias}
        kept = {"stats": _statistics(self.q)} if self.statistics else {}
        return {"q": self.q, "k": self.k, "v": self.v, **beside, "o": self.o, **kept}

    @property
    def made(self) -> tuple[str, ...]:
        """Which of its tensors it makes."""
        return ("o", "stats") if self.statistics else ("o",)

    def __str__(self) -> str:
        return "attention"


@dataclass(frozen=True, slots=True)
class AttentionGradient:
    """The gradients of `forward` with respect to its `q`, `k` and `v`, from that of its `o`.

    Attributes
    ----------
    forward : Attention
        With statistics.
    do, dq, dk, dv : Tensor
    """

    forward: Attention
    do: Tensor
    dq: Tensor
    dk: Tensor
    dv: Tensor

    @property
    def dtype(self) -> str:
        return self.forward.dtype

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """What it takes, and then what it makes."""
        known = {name: tensor for name, tensor in self.forward.tensors.items() if name != "stats"}
        stats = _statistics(self.forward.q)
        return {**known, "do": self.do, "stats": stats, "dq": self.dq, "dk": self.dk, "dv": self.dv}

    @property
    def made(self) -> tuple[str, ...]:
        """Which of its tensors it makes."""
        return ("dq", "dk", "dv")

    def __str__(self) -> str:
        return "attention (gradient)"


Operation: TypeAlias = Convolution | Attention | AttentionGradient

__all__ = ["Attention", "AttentionGradient", "Convolution", "Operation", "Tensor"]
