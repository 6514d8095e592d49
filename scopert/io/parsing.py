"""What to read of serialized examples, and reading it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype, int64
from scopert.graph.scopes import name_scope
from scopert.graph.shape import as_tuple
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.parse_example import PARSE_EXAMPLE, PARSE_SINGLE_EXAMPLE
from scopert.ops.sparse_make import sparse_merge
from scopert.public import public


@public("VarLenFeature", "io.VarLenFeature")
class VarLenFeature(NamedTuple):
    """A feature with any number of values, read as a `tf.SparseTensor`."""

    dtype: Any


class _FixedLen(NamedTuple):
    shape: Any
    dtype: Any
    default_value: Any


@public("FixedLenFeature", "io.FixedLenFeature")
class FixedLenFeature(_FixedLen):
    """A feature of a known shape.

    Parameters
    ----------
    shape : shape
    dtype : DType
        float32, int64 or string.
    default_value : array-like, optional
        For examples that lack it; without one it is required.
    """

    __slots__ = ()

    def __new__(cls, shape: Any, dtype: Any, default_value: Any = None) -> FixedLenFeature:
        return super().__new__(cls, shape, dtype, default_value)


class _FixedLenSequence(NamedTuple):
    shape: Any
    dtype: Any
    allow_missing: bool
    default_value: Any


@public("FixedLenSequenceFeature", "io.FixedLenSequenceFeature")
class FixedLenSequenceFeature(_FixedLenSequence):
    """A feature of any number of rows of a known shape; a batch is padded.

    Parameters
    ----------
    shape : shape
        Of a row.
    dtype : DType
    allow_missing : bool
        Must be True: an example that lacks it has no rows.
    default_value : scalar, optional
        What a batch is padded with. Default: 0 or the empty string.
    """

    __slots__ = ()

    def __new__(
        cls, shape: Any, dtype: Any, allow_missing: bool = False, default_value: Any = None
    ) -> FixedLenSequenceFeature:
        return super().__new__(cls, shape, dtype, allow_missing, default_value)


class _Sparse(NamedTuple):
    index_key: Any
    value_key: Any
    dtype: Any
    size: Any
    already_sorted: bool


@public("SparseFeature", "io.SparseFeature")
class SparseFeature(_Sparse):
    """A sparse vector whose indices and values are two features.

    Parameters
    ----------
    index_key : str or list of str
        One list of indices for each axis.
    value_key : str
    dtype : DType
        Of the values.
    size : int or list of int
        Of the axes.
    already_sorted : bool
        Whether the indices are in order.
    """

    __slots__ = ()

    def __new__(
        cls, index_key: Any, value_key: Any, dtype: Any, size: Any, already_sorted: bool = False
    ) -> SparseFeature:
        return super().__new__(cls, index_key, value_key, dtype, size, already_sorted)


class _Plan:
    """What the op is asked for, out of features by name."""

    def __init__(self, features: dict[str, Any]) -> None:
        self.sparse: dict[str, Any] = {}
        self.dense: dict[str, tuple[Any, Any, Any]] = {}
        self.merged: dict[str, SparseFeature] = {}
        for key in sorted(features):
            self._add(key, features[key])

    def _add(self, key: str, feature: Any) -> None:
        kinds = (VarLenFeature, SparseFeature, FixedLenFeature, FixedLenSequenceFeature)
        if not isinstance(feature, kinds):
            raise ValueError(f"Invalid feature {key}:{feature}.")
        if not feature.dtype:
            raise ValueError(f"Missing type for feature {key}.")
        if isinstance(feature, VarLenFeature):
            self._add_sparse(key, feature.dtype)
        elif isinstance(feature, SparseFeature):
            indices = feature.index_key if isinstance(feature.index_key, (list, tuple)) else [feature.index_key]
            for index in sorted(indices):
                self._add_sparse(index, int64)
            if not feature.value_key:
                raise ValueError(f"Missing value_key for SparseFeature: {feature}")
            self._add_sparse(feature.value_key, feature.dtype)
            self.merged[key] = feature
        else:
            shape = as_tuple(feature.shape)
            if shape is None:
                raise ValueError(f"Missing shape for feature {key}.")
            if isinstance(feature, FixedLenSequenceFeature):
                if not feature.allow_missing:
                    raise ValueError("Unsupported: FixedLenSequenceFeature requires allow_missing to be True.")
                shape = (None, *shape)
            elif shape and shape[0] is None:
                raise ValueError(
                    f"First dimension of shape for feature {key} unknown. Consider using FixedLenSequenceFeature."
                )
            if None in shape[1:]:
                raise ValueError(
                    f"All dimensions of shape for feature {key} need to be known but received {list(shape)}."
                )
            self.dense[key] = (as_dtype(feature.dtype), shape, feature.default_value)

    def _add_sparse(self, key: str, dtype: Any) -> None:
        if self.sparse.setdefault(key, as_dtype(dtype)) != dtype:
            raise ValueError(f"Conflicting type {self.sparse[key]} vs {dtype} for feature {key}.")

    def defaults(self) -> list[Tensor]:
        """One tensor for each dense feature; empty where it is required."""
        made = []
        for key, (dtype, shape, value) in self.dense.items():
            varies = bool(shape) and shape[0] is None
            if value is None:
                filler: Any = (b"" if dtype.name == "string" else 0) if varies else []
                made.append(constant(filler, dtype=dtype))
                continue
            if varies or not isinstance(value, Tensor):
                kind = "padding_" if varies else "key_"
                value = convert_to_tensor(value, dtype=dtype, name=kind + re.sub(r"[^A-Za-z0-9_.\-/]", "_", key))
            made.append(reshape(value, [] if varies else shape))
        return made

    def results(self, outputs: list[Tensor]) -> dict[str, Any]:
        """The outputs of the op by the names of the features."""
        count = len(self.sparse)
        parts = zip(outputs[:count], outputs[count : 2 * count], outputs[2 * count : 3 * count], strict=True)
        found: dict[str, Any] = {key: SparseTensor(*one) for key, one in zip(self.sparse, parts, strict=True)}
        found.update(zip(self.dense, outputs[3 * count :], strict=True))
        for key, feature in self.merged.items():
            indices = feature.index_key
            ids = [found[index] for index in indices] if isinstance(indices, (list, tuple)) else found[indices]
            found[key] = sparse_merge(
                ids, found[feature.value_key], vocab_size=feature.size, already_sorted=feature.already_sorted
            )
        for feature in self.merged.values():
            indices = feature.index_key
            for key in [*(indices if isinstance(indices, (list, tuple)) else [indices]), feature.value_key]:
                found.pop(key, None)
        return found


def _as_list(outputs: Any) -> list[Tensor]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


@public("parse_single_example", "io.parse_single_example")
def parse_single_example(
    serialized: Any, features: dict[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of one serialized `tf.train.Example`.

    Parameters
    ----------
    serialized : Tensor
        A string.
    features : dict
        `FixedLenFeature`, `VarLenFeature`, `FixedLenSequenceFeature` or `SparseFeature` by name.
    name : str, optional
    example_names : Tensor, optional
        Only for error messages; must be left out here: use `parse_example`.

    Returns
    -------
    dict
        Tensors and sparse tensors by name.

    Raises
    ------
    ValueError
        If `features` is empty or one is incomplete.
    InvalidArgumentError
        In the run, if the example is broken, lacks a required feature, or has other types or sizes.

    Examples
    --------
    >>> import scopert as tf
    >>> feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    >>> example = tf.train.Example(features=tf.train.Features(feature={"label": feature})).SerializeToString()
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     read = tf.parse_single_example(example, {"label": tf.FixedLenFeature([], tf.int64)})
    ...     print(session.run(read["label"]))
    3
    """
    if not features:
        raise ValueError("Missing features.")
    if example_names is not None:
        raise NotImplementedError("parse_single_example(example_names=...) is not supported; use parse_example")
    plan = _Plan(features)
    with name_scope(name, "ParseSingleExample", [serialized]):
        serialized = convert_to_tensor(serialized, name="serialized")
        outputs = apply(
            PARSE_SINGLE_EXAMPLE, serialized, plan.defaults(), num_sparse=len(plan.sparse),
            sparse_keys=list(plan.sparse), dense_keys=list(plan.dense), sparse_types=list(plan.sparse.values()),
            dense_shapes=[shape for _, shape, _ in plan.dense.values()], name=name,
            Tdense=[dtype for dtype, _, _ in plan.dense.values()],
        )  # fmt: skip
    return plan.results(_as_list(outputs))


@public("parse_example", "io.parse_example")
def parse_example(
    serialized: Any, features: dict[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of a batch of serialized `tf.train.Example`.

    Parameters
    ----------
    serialized : Tensor
        A vector of strings.
    features : dict
        `FixedLenFeature`, `VarLenFeature`, `FixedLenSequenceFeature` or `SparseFeature` by name.
    name : str, optional
    example_names : Tensor, optional
        A vector of strings, for error messages.

    Returns
    -------
    dict
        Tensors and sparse tensors with a batch axis in front, by name.

    Raises
    ------
    ValueError
        If `features` is empty or one is incomplete.
    InvalidArgumentError
        In the run, if an example is broken, lacks a required feature, or has other types or sizes.
    """
    if not features:
        raise ValueError(f"Missing: features was {features}.")
    plan = _Plan(features)
    names = [] if example_names is None else example_names
    with name_scope(name, "ParseExample", [serialized, *([] if example_names is None else [example_names])]):
        outputs = apply(
            PARSE_EXAMPLE, serialized, names, list(plan.sparse), list(plan.dense), plan.defaults(),
            sparse_types=list(plan.sparse.values()), name=name,
            dense_shapes=[shape for _, shape, _ in plan.dense.values()],
            Tdense=[dtype for dtype, _, _ in plan.dense.values()],
        )  # fmt: skip
    return plan.results(_as_list(outputs))
