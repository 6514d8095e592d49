"""What connectionist temporal classification does row by row, by `map_fn`."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int64
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_pad import pad
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_unique import unique
from scopert.ops.math_cast import cast
from scopert.public import public
from scopert.scope.functional import map_fn


@public("nn.ctc_unique_labels")
def ctc_unique_labels(labels: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The different labels of each sequence and, for each position, which of them stands there.

    Parameters
    ----------
    labels : tensor-like of int
        ``(batch, positions)``.

    Returns
    -------
    unique : Tensor of int64
        ``(batch, positions)``: labels in the order of their first appearance, then zeros.
    indices : Tensor
        ``(batch, positions)``.
    """
    with name_scope(name, "ctc_unique_labels", [labels]):
        labels = convert_to_tensor(labels, name="labels")

        def one(row: Tensor) -> list[Tensor]:
            found = unique(row)
            missing = labels._shape[1] if labels._shape is not None else shape_of(labels)[1]
            padded = pad(found.y, [[0, missing - shape_of(found.y)[0]]])
            return [cast(padded, int64), found.idx]

        made = map_fn(one, labels, dtype=[int64, "int32"])
        return made[0], made[1]
