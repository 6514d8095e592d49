"""What every op must do: the right values, static shapes that hold, gradients that are derivatives.

A family of ops lists its cases in ``rows_<family>.py``::

    ROWS = [Case("Relu", [[-1.0, 2.0]], lambda x: np.where(x > 0, x, 0), kink=True)]

``test_conformance.py`` runs each of them over the backends and types and says which op has none.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.opdef import find_op, gradient_rule

HERE = Path(__file__).parent

FLOATS = ("float32", "float64")
HALVES = ("bfloat16", "float16", *FLOATS)
COMPLEX = ("complex64", "complex128")
INTS = ("int32", "int64")

# Relative and absolute error that a kernel may have, by the type of its result. For 16 bits it holds whether a backend
# rounds after each primitive (NumPy) or when a value is stored (CUDA, see docs/kernels.md).
_TOLERANCE = {
    "bfloat16": 2e-2, "float16": 2e-3, "float32": 2e-6, "complex64": 4e-6, "float64": 1e-12, "complex128": 1e-12,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One row: an op, inputs, and what should come out.

    Attributes
    ----------
    op : str
        The op's type.
    inputs : sequence
        One value for each input of the signature; an input of several tensors is a list of arrays wrapped
        in `Many`. Arrays of Python floats (float64) or complex numbers are cast to the type under test and
        fed; all else (integers, booleans, strings, arrays of a type of their own) is taken as it is.
    reference : callable
        ``f(*inputs)`` over float64 arrays gives the output, or a tuple of all outputs. None: only
        shapes and gradients are checked.
    attrs : dict
    dtypes : tuple of str
        The types to try the cast inputs in.
    fed : tuple of int
        Positions of further inputs to feed, not make constant, e.g. integers.
    gradient : bool or tuple of int
        Compare `tf.gradients` with finite differences in float64: with respect to all float64 inputs, or
        to those of these positions. Default: where the op has a gradient.
    second : bool
        Also the gradient of the gradient.
    tolerance : float
        A factor for the errors allowed.
    known_shapes : bool
        The gradient needs static shapes; otherwise it is also tried without.
    label : str
        To tell rows of one op apart.
    run : callable, optional
        ``run(*tensors)`` builds the tensors instead of one operation of type `op` (which must be among
        what it makes).
    error : str
        The run must fail with InvalidArgumentError, and its message match this.
    """

    op: str
    inputs: Sequence[Any] = ()
    reference: Callable[..., Any] | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = FLOATS
    fed: tuple[int, ...] = ()
    gradient: bool | tuple[int, ...] | None = None
    second: bool = False
    tolerance: float = 1.0
    label: str = ""
    known_shapes: bool = False
    run: Callable[..., Any] | None = None
    error: str = ""

    @property
    def title(self) -> str:
        return f"{self.op}-{self.label}" if self.label else self.op


class Many(list):  # type: ignore[type-arg]
    """The values of one input that takes a list of tensors."""


def backends() -> list[str]:
    """The backends of this machine that compute numbers."""
    found = ["numpy"]
    try:
        import cupy  # type: ignore[import-not-found]

        if cupy.cuda.runtime.getDeviceCount():
            found.append("cupy")
    except Exception:  # no CuPy, or no device: its own exceptions differ by version
        return found
    return found


@contextmanager
def on(backend: str) -> Iterator[Any]:
    """A session of the default graph on a backend."""
    old = os.environ.get("SCOPERT_BACKEND")
    os.environ["SCOPERT_BACKEND"] = backend
    try:
        with tf.Session(graph=tf.get_default_graph()) as session:
            yield session
    finally:
        if old is None:
            del os.environ["SCOPERT_BACKEND"]
        else:
            os.environ["SCOPERT_BACKEND"] = old


def rows() -> list[Case]:
    """All cases of all families."""
    found: list[Case] = []
    for path in sorted(HERE.glob("rows_*.py")):
        found += importlib.import_module(f"ops.{path.stem}").ROWS
    return found


def elsewhere() -> dict[str, str]:
    """Ops that no row can run alone (queues, files, optimizers' steps), and the test file that runs them.

    A family says so by ``ELSEWHERE = {"QueueSizeV2": "runtime/test_queues.py"}`` in its module of rows.
    """
    found: dict[str, str] = {}
    for path in sorted(HERE.glob("rows_*.py")):
        found |= getattr(importlib.import_module(f"ops.{path.stem}"), "ELSEWHERE", {})
    return found


def _is_cast(value: Any) -> bool:
    kind = np.asarray(value).dtype
    return kind in (np.float64, np.complex128) and not isinstance(value, np.generic)


def _np_dtype(name: str) -> Any:
    return ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


class Built:
    """A case in a graph: its tensors, and what to feed."""

    def __init__(self, case: Case, dtype: str, known_shapes: bool) -> None:
        self.case = case
        self.feeds: dict[Any, Any] = {}
        self.tensors: list[Any] = []
        self.wide: list[Any] = []  # the inputs as the reference gets them
        for position, value in enumerate(case.inputs):
            if isinstance(value, Many):
                pairs = [self._one(item, dtype, position, known_shapes) for item in value]
                self.tensors.append([tensor for tensor, _ in pairs])
                self.wide.append([wide for _, wide in pairs])
            else:
                tensor, wide = self._one(value, dtype, position, known_shapes)
                self.tensors.append(tensor)
                self.wide.append(wide)
        if case.run is not None:
            made = case.run(*self.tensors)
        else:
            opdef = find_op(case.op)
            assert opdef is not None, f"no op {case.op}"
            made = apply(opdef, *self.tensors, **case.attrs)
        self.outputs = list(made) if isinstance(made, (list, tuple)) else [made]

    def _one(self, value: Any, dtype: str, position: int, known_shapes: bool) -> tuple[Any, Any]:
        array = np.asarray(value)
        if _is_cast(value):
            kind = _np_dtype(dtype)
            with np.errstate(all="ignore"):
                array = array.astype(kind)
            wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
        elif position not in self.case.fed:
            if array.dtype.kind in "US":
                array = array.astype(object)
            return tf.constant(array), array
        else:
            wide = array
        shape = array.shape if known_shapes else None
        tensor = tf.placeholder(tf.as_dtype(array.dtype), shape)
        self.feeds[tensor] = array
        return tensor, wide


def check_values(case: Case, dtype: str, backend: str) -> None:
    """Values against the reference, and static shapes against actual ones."""
    for known_shapes in (True, False):
        with tf.Graph().as_default() as graph:
            built = Built(case, dtype, known_shapes)
            assert any(op.type == case.op for op in graph.get_operations()), f"no operation of type {case.op} was made"
            with on(backend) as session:
                found = session.run(built.outputs, built.feeds)
            for tensor, array in zip(built.outputs, found, strict=True):
                shape = np.shape(array)
                assert tensor.shape.is_compatible_with(shape), f"static shape {tensor.shape}, actual shape {shape}"
                if tensor.dtype.is_numpy_compatible and tensor.dtype is not tf.string:
                    assert array.dtype == tensor.dtype.np, f"{tensor}: {array.dtype}"
        if case.reference is not None:
            with np.errstate(all="ignore"):
                expected = case.reference(*built.wide)
            expected = list(expected) if isinstance(expected, tuple) else [expected]
            assert len(expected) == len(found)
            for one, other in zip(found, expected, strict=True):
                compare(one, other, dtype, case.tolerance)


def check_error(case: Case, dtype: str, backend: str) -> str:
    """The message with which a run fails."""
    with tf.Graph().as_default():
        built = Built(case, dtype, False)
        with on(backend) as session:
            try:
                session.run(built.outputs, built.feeds)
            except tf.errors.InvalidArgumentError as error:
                return str(error)
    raise AssertionError(f"{case.title} did not fail")


def compare(found: Any, expected: Any, dtype: str, factor: float = 1.0) -> None:
    """Asserts that values agree as well as the type allows; integers, booleans and strings exactly."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    if found.dtype.kind in "biuOS":
        np.testing.assert_array_equal(found, expected)
        return
    wide = found.astype(np.complex128 if found.dtype.kind == "c" else np.float64)
    tolerance = factor * _TOLERANCE[found.dtype.name if found.dtype.name in _TOLERANCE else dtype]
    if dtype in _TOLERANCE:
        tolerance = max(tolerance, factor * _TOLERANCE[dtype])
    with np.errstate(all="ignore"):
        rounded = expected.astype(found.dtype).astype(wide.dtype)
    np.testing.assert_allclose(wide, rounded, rtol=tolerance, atol=tolerance)


def differentiable_inputs(case: Case) -> list[int]:
    """The positions of the inputs whose gradient is checked."""
    if case.gradient is False or case.error:
        return []
    floating = [
        position for position, value in enumerate(case.inputs)
        if not isinstance(value, Many) and _is_cast(value) and np.asarray(value).dtype == np.float64
    ]  # fmt: skip
    if isinstance(case.gradient, tuple):
        return list(case.gradient)
    try:
        has_rule = gradient_rule(case.op) is not None
    except LookupError:
        has_rule = False
    if case.gradient is None and (not has_rule or "float64" not in case.dtypes):
        return []
    return floating


def check_gradient(case: Case, backend: str, second: bool = False, step: float = 1e-6) -> None:
    """`tf.gradients` against central differences, both of a weighted sum of the outputs, in float64."""
    positions = differentiable_inputs(case)
    for known_shapes in (True,) if case.known_shapes else (True, False):
        with tf.Graph().as_default():
            built = Built(case, "float64", known_shapes)
            outputs = [tensor for tensor in built.outputs if tensor.dtype is tf.float64]
            inputs = [built.tensors[position] for position in positions]
            with on(backend) as session:
                shapes = [np.shape(array) for array in session.run(outputs, built.feeds)]
                weights = [_weights(shape, seed) for seed, shape in enumerate(shapes)]
                gradients = tf.gradients(outputs, inputs, [tf.constant(w) for w in weights])
                assert all(g is not None for g in gradients), f"{case.title}: a gradient is None"
                if second:
                    outputs = [tf.convert_to_tensor(g) for g in gradients]
                    weights = [_weights(built.feeds[x].shape, 7 + i) for i, x in enumerate(inputs)]
                    gradients = tf.gradients(outputs, inputs, [tf.constant(w) for w in weights])
                    inputs = [x for x, g in zip(inputs, gradients, strict=True) if g is not None]
                    gradients = [g for g in gradients if g is not None]
                    assert gradients, f"{case.title}: no second gradient"
                gradients = [tf.convert_to_tensor(g) for g in gradients]
                found = session.run(gradients, built.feeds)
                for tensor, symbol, gradient in zip(inputs, gradients, found, strict=True):
                    assert symbol.shape.is_compatible_with(np.shape(gradient))

                    def total(value: Any, tensor: Any = tensor) -> float:
                        parts = session.run(outputs, {**built.feeds, tensor: value})
                        return sum(float(np.sum(p * w)) for p, w in zip(parts, weights, strict=True))

                    expected = _differences(total, built.feeds[tensor], step)
                    np.testing.assert_allclose(
                        gradient, expected, rtol=2e-6 * case.tolerance, atol=2e-7 * case.tolerance
                    )


def _weights(shape: Any, seed: int) -> Any:
    return np.random.RandomState(seed).uniform(0.5, 1.5, shape)


def _differences(function: Callable[[Any], float], at: Any, step: float) -> Any:
    made = np.zeros(at.shape)
    for index in np.ndindex(*at.shape):
        width = step * max(1.0, abs(float(at[index])))
        ahead, behind = at.copy(), at.copy()
        ahead[index] += width
        behind[index] -= width
        made[index] = (function(ahead) - function(behind)) / (ahead[index] - behind[index])
    return made
