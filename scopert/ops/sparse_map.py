"""Functions of single elements, for the stored elements of sparse tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from scopert.graph.sparse_tensor import SparseTensor

Function = TypeVar("Function", bound=Callable[..., Any])


def maps_sparse(op_type: str) -> Callable[[Function], Function]:
    """Let ``function(x, name)`` take a sparse tensor too: it is applied to the stored elements.

    Parameters
    ----------
    op_type : str
        The op that the function makes. Its name counts as taken once, as in TensorFlow, which tries the
        sparse tensor as a dense one first.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(x: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(x, SparseTensor):
                return function(x, *args, **kwargs)
            x.graph.unique_name(op_type)
            return SparseTensor(x.indices, function(x.values, *args, **kwargs), x.dense_shape)

        return call  # type: ignore[return-value]

    return decorate
