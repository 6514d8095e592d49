"""`tf.test.compute_gradient`: symbolic against numeric Jacobians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scopert.derivatives.backprop import gradients
from scopert.graph import dtypes
from scopert.graph.constant import constant
from scopert.graph.indexed_slices import IndexedSlicesValue
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_session
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity
from scopert.public import public

Array = np.ndarray[Any, Any]

_VALID = (dtypes.float16, dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128, dtypes.bfloat16)


@public("test.compute_gradient")
def compute_gradient(
    x: Any, x_shape: Any, y: Tensor, y_shape: Sequence[int], x_init_value: Any = None, delta: float = 1e-3,
    init_targets: Any = None, extra_feed_dict: Mapping[Any, Any] | None = None,
) -> Any:  # fmt: skip
    """The Jacobian of `y` with respect to `x` as `tf.gradients` gives it, and by central differences.

    A complex number counts as two rows or columns, its real and its imaginary part. Runs in the default session.

    Parameters
    ----------
    x : Tensor or list of Tensor
        Floating or complex; its value is fed.
    x_shape : list of int, or list of such
    y : Tensor
    y_shape : list of int
    x_init_value : array or list of array, optional
        Where the derivative is taken. Default: random.
    delta : float
        Half the step of the differences.
    init_targets : Operation or list, optional
        To be run first.
    extra_feed_dict : dict, optional
        Further feeds.

    Returns
    -------
    (symbolic, numeric) of array, or a list of such
        Shape ``[size of x, size of y]``.

    Raises
    ------
    ValueError
        If `x_init_value` is of another shape, a type cannot be differentiated, or there is no session.

    Examples
    --------
    >>> import scopert as tf
    >>> x = tf.constant([1.0, 3.0])
    >>> with tf.Session():
    ...     symbolic, numeric = tf.test.compute_gradient(x, [2], x * x, [2], x_init_value=[1.0, 3.0])
    >>> symbolic.tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    several = isinstance(x, (list, tuple))
    x_list = list(x) if several else [x]
    shapes = list(x_shape) if several else [x_shape]
    values = [None] * len(x_list) if x_init_value is None else list(x_init_value) if several else [x_init_value]
    for tensor in (*x_list, y):
        if tensor.dtype.base not in _VALID:
            raise ValueError(f"Don't support type {tensor.dtype.name}")
    _initialize(init_targets)
    seeds = [_derivative(item, y, y_shape) for item in x_list]
    feeds = dict(extra_feed_dict or {})
    found = [
        _compare(item, shape, y, y_shape, value, seed, delta, feeds)
        for item, shape, value, seed in zip(x_list, shapes, values, seeds, strict=True)
    ]
    return found if several else found[0]


@public("test.compute_gradient_error")
def compute_gradient_error(
    x: Any, x_shape: Any, y: Tensor, y_shape: Sequence[int], x_init_value: Any = None, delta: float = 1e-3,
    init_targets: Any = None, extra_feed_dict: Mapping[Any, Any] | None = None,
) -> float:  # fmt: skip
    """The largest difference between the two Jacobians of `compute_gradient`; NaN if one is NaN."""
    found = compute_gradient(x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict)
    error = 0.0
    for symbolic, numeric in found if isinstance(found, list) else [found]:
        if symbolic.size or numeric.size:
            # A comparison with NaN is false: such a difference must not be lost.
            error = float(np.maximum(error, np.fabs(symbolic - numeric).max()))
    return error


def _session() -> Any:
    session = get_default_session()
    if session is None:
        raise ValueError("tf.test.compute_gradient needs a default session: use it inside `with tf.Session():`")
    return session


def _initialize(init_targets: Any) -> None:
    if init_targets is None:
        return
    for target in init_targets if isinstance(init_targets, (list, tuple)) else [init_targets]:
        _session().run(target if isinstance(target, (Operation, Tensor)) else target.initializer)


def _derivative(x: Tensor, y: Tensor, y_shape: Sequence[int]) -> tuple[Any, Tensor]:
    """The gradient of `y`, and the tensor through which the gradient of `y` itself is fed."""
    with x.graph.as_default():
        seed = constant(1.0, shape=list(y_shape), dtype=y.dtype)
        # Another operation between, so that the seed is not taken for a known value.
        return gradients(y, x, identity(seed))[0], seed


def _compare(
    x: Tensor, x_shape: Any, y: Tensor, y_shape: Sequence[int], value: Any, seed: tuple[Any, Tensor], delta: float,
    feeds: dict[Any, Any],
) -> tuple[Array, Array]:  # fmt: skip
    grad, dy = seed
    if grad is None:
        raise ValueError(f"{y} does not depend on {x} through operations with gradients")
    shape = tuple(int(size) for size in x_shape)
    kind = x.dtype.np
    if value is None:
        data = np.random.random_sample(shape).astype(kind)
        if x.dtype.is_complex:
            data = (data + 1j * np.random.random_sample(shape)).astype(kind)
    else:
        data = np.array(value, dtype=kind)
        if data.shape != shape:
            raise ValueError(f"x_init_value has shape {data.shape}, x_shape is {shape}")
    return _symbolic(x, data, grad, dy, y_shape, feeds), _numeric(x, data, y, y_shape, delta, feeds)


def _reals(array: Array) -> Array:
    """The array as a vector of real numbers that shares its memory."""
    flat = array.reshape(-1)
    if flat.dtype.kind == "c":
        return flat.view(flat.real.dtype)
    return flat


def _symbolic(x: Tensor, data: Array, grad: Any, dy: Tensor, y_shape: Sequence[int], feeds: dict[Any, Any]) -> Array:
    session = _session()
    seed = np.zeros(tuple(y_shape), dtype=dy.dtype.np)
    cells = _reals(seed)
    jacobian = np.zeros((_reals(data).size, cells.size), dtype=_real_type(x))
    for column in range(cells.size):
        cells[column] = 1
        found = session.run(grad, {**feeds, x: data, dy: seed})
        cells[column] = 0
        if isinstance(found, IndexedSlicesValue):
            whole = np.zeros(data.shape, dtype=data.dtype)
            np.add.at(whole, found.indices, found.values)
            found = whole
        found = np.ascontiguousarray(found)
        if found.shape != data.shape:
            raise ValueError(f"Empty or wrong gradient: it has shape {found.shape}, x has shape {data.shape}")
        jacobian[:, column] = _reals(found)
    return jacobian


def _numeric(x: Tensor, data: Array, y: Tensor, y_shape: Sequence[int], delta: float, feeds: dict[Any, Any]) -> Array:
    session = _session()
    moved = np.array(data, order="C")
    cells = _reals(moved)
    kind = _real_type(x)
    columns = int(np.prod(tuple(y_shape), dtype=np.int64)) * (2 if y.dtype.is_complex else 1)
    jacobian = np.zeros((cells.size, columns), dtype=kind)
    step = np.asarray(delta, dtype=kind)
    for row in range(cells.size):
        kept = cells[row].copy()
        cells[row] = kept + step
        above = _reals(np.ascontiguousarray(session.run(y, {**feeds, x: moved})))
        cells[row] = kept - step
        below = _reals(np.ascontiguousarray(session.run(y, {**feeds, x: moved})))
        cells[row] = kept
        jacobian[row] = ((above.astype(np.float64) - below.astype(np.float64)) / (2 * float(step))).astype(kind)
    return jacobian


def _real_type(tensor: Tensor) -> Any:
    return np.zeros((), dtype=tensor.dtype.np).real.dtype
