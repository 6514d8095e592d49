"""The older way to make a variable in parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.dtypes import float32
from scopert.graph.scopes import name_scope
from scopert.public import public
from scopert.scope.request import Request
from scopert.scope.store import variable_store
from scopert.scope.variable import Variable
from scopert.scope.variable_scope import variable_scope


@public("create_partitioned_variables")
def create_partitioned_variables(
    shape: Sequence[int], slicing: Sequence[int], initializer: Any, dtype: Any = float32, trainable: bool = True,
    collections: Any = None, name: str | None = None, reuse: Any = None,
) -> list[Variable]:  # fmt: skip
    """The parts of a variable (deprecated in TensorFlow: use `tf.get_variable` with a partitioner).

    Parameters
    ----------
    shape : list of int
        Of the whole.
    slicing : list of int
        Into how many parts each axis is cut; only one may be cut.
    initializer, dtype, trainable, collections
        See `tf.get_variable`.
    name : str, optional
        The variable scope whose path is the key; default ``PartitionedVariable``, numbered.
    reuse : bool or AUTO_REUSE, optional

    Raises
    ------
    ValueError
        If shape and slicing do not fit, or a custom getter is in force.
    """
    if len(shape) != len(slicing):
        raise ValueError(
            "The 'shape' and 'slicing' of a partitioned Variable must have the length: "
            f"shape: {shape}, slicing: {slicing}"
        )
    if len(shape) < 1:
        raise ValueError(f"A partitioned Variable must have rank at least 1: shape: {shape}")
    with variable_scope(name, "PartitionedVariable", reuse=reuse) as scope:
        settings = scope._settings
        if settings.custom_getter is not None:
            raise ValueError(
                "create_partitioned_variables is not allowed when a custom getter is set. Current custom getter: "
                f"{settings.custom_getter}. Use get_variable with a partitioner instead."
            )
        request = Request(
            scope.name, shape, dtype, initializer if initializer is not None else settings.initializer,
            settings.regularizer, settings.reuse, trainable, collections, settings.caching_device,
            lambda **unused: slicing, use_resource=settings.use_resource, constraint=settings.constraint,
        )  # fmt: skip
        with name_scope(None):
            return list(variable_store().get_partitioned(request))
