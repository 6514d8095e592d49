"""Every op that fusion knows, alone in a fused step, gives what its own kernel gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from program.fused_programs import assert_close, bodies, operations, run_both, same_bits

import scopert as tf
from scopert.graph.opdef import find_op
from scopert.ops.raw import raw
from scopert.program.ir import FUSED
from scopert.program.passes.fuse_table import ALL, FLOATS, REDUCES, RULES

_ATTRS: dict[str, dict[str, Any]] = {
    "LeakyRelu": {"alpha": 0.3}, "LeakyReluGrad": {"alpha": 0.3}, "ApproximateEqual": {"tolerance": 0.5},
    "AccumulateNV2": {"shape": (5, 6)},
}  # fmt: skip
_SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 6.0, 88.0, -90.0]


def _values(dtype: tf.DType, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.RandomState(seed)
    if dtype.is_floating:
        made = rng.standard_normal(shape) * 3
        flat = made.reshape(-1)
        places = rng.permutation(flat.size)[: min(len(_SPECIAL), flat.size // 3)]
        flat[places] = _SPECIAL[: len(places)]
    elif dtype.is_bool:
        made = rng.randint(0, 2, shape)
    else:
        made = rng.randint(0 if dtype.is_unsigned else -7, 8, shape)
    return made.astype(dtype.np)


def _cases() -> list[Any]:
    cases = []
    for name, rule in RULES.items():
        opdef = find_op(name)
        assert opdef is not None, f"fusion knows {name}, but there is no such op"
        for dtype in sorted(rule.types, key=lambda d: d.name):
            allowed = next((attr.allowed for attr in opdef.attrs if attr.name == "T"), None)
            if allowed is None or dtype in allowed or name == "Cast":
                cases.append(pytest.param(name, dtype, id=f"{name}-{dtype.name}"))
    return cases


def _operands(name: str, dtype: tf.DType) -> tuple[list[Any], dict[Any, Any]]:
    opdef = find_op(name)
    assert opdef is not None
    shapes: list[tuple[int, ...]] = [(5, 6)] * len(opdef.inputs)
    if len(opdef.inputs) == 2 and not name.endswith("Grad") and name != "ApproximateEqual":
        shapes[1] = (6,)
    types = [tf.bool if arg.type_attr is None and arg.name == "condition" else dtype for arg in opdef.inputs]
    feeds: dict[Any, Any] = {}
    operands: list[Any] = []
    for k, (shape, kind) in enumerate(zip(shapes, types, strict=True)):
        if opdef.inputs[k].is_list:
            terms = [tf.placeholder(kind, shape) for _ in range(3)]
            feeds.update({t: _values(kind, shape, 7 + j) for j, t in enumerate(terms)})
            operands.append(terms)
            continue
        holder = tf.placeholder(kind, shape)
        feeds[holder] = _values(kind, shape, k)
        operands.append(holder)
    return operands, feeds


@pytest.mark.parametrize("machine_code", [False, True], ids=["numpy", "machine"])
@pytest.mark.parametrize(("name", "dtype"), _cases())
def test_one_op(name: str, dtype: tf.DType, machine_code: bool) -> None:
    if machine_code:
        pytest.importorskip("llvmlite")
    attrs = dict(_ATTRS.get(name, {}))
    targets = sorted(ALL, key=lambda d: d.name) if name == "Cast" else [None]
    for target in targets:
        tf.reset_default_graph()
        operands, feeds = _operands(name, dtype)
        if target is not None:
            if dtype.is_floating and not target.is_floating and not target.is_bool:
                # What a float becomes that an integer cannot hold is nobody's business.
                feeds = {k: np.nan_to_num(np.clip(v.astype("f8"), 0, 100)).astype(v.dtype) for k, v in feeds.items()}
            attrs["DstT"] = target
        plain, fused, program = run_both([raw(name, *operands, **attrs)], feeds, machine_code=machine_code)
        assert operations(program) == [FUSED]
        if machine_code and dtype.is_floating:
            # Functions of its own, products and sums in one rounding, 16 bits only when stored.
            eps = {"float16": 1e-3, "bfloat16": 8e-3}.get(
                dtype.name, float(np.finfo(np.float32 if dtype.size == 4 else np.float64).eps)
            )
            assert_close(plain[0], fused[0], rtol=8 * eps, atol=2 * eps)
        else:
            assert same_bits(plain[0], fused[0]), f"{name}: {plain[0]} and fused {fused[0]}"


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("axes", [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], [-1], []])
@pytest.mark.parametrize("name", REDUCES)
def test_reductions(name: str, axes: list[int], keep: bool) -> None:
    for dtype in sorted(REDUCES[name][1], key=lambda d: d.name):
        tf.reset_default_graph()
        holder = tf.placeholder(dtype, (4, 5, 6))
        values = _values(dtype, (4, 5, 6), 3)
        if name in ("Sum", "Mean", "Prod") and dtype.is_floating:
            values = (np.random.RandomState(1).standard_normal((4, 5, 6)) + 0.2).astype(dtype.np)
        made = raw(name, holder, np.array(axes, np.int32), keep_dims=keep)
        plain, fused, program = run_both([made], {holder: values})
        assert FUSED in operations(program) or not axes
        if dtype in FLOATS and name in ("Sum", "Mean", "Prod"):
            # Sums are built in another order.
            assert_close(plain[0], fused[0], rtol=8 * float(np.finfo(dtype.np).eps) if dtype.size > 2 else 1e-2)
        else:
            assert same_bits(plain[0], fused[0])


@pytest.mark.parametrize("name", ["Max", "Min"])
def test_extrema_keep_nan(name: str) -> None:
    holder = tf.placeholder(tf.float32, (3, 4))
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    values[1, 2] = np.nan
    plain, fused, _ = run_both([raw(name, holder, [1]), raw(name, holder, [0])], {holder: values})
    for left, right in zip(plain, fused, strict=True):
        assert np.isnan(left).any() and same_bits(left, right)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax(name: str, dtype: str) -> None:
    kind = tf.as_dtype(dtype)
    holder = tf.placeholder(kind, (3, 4, 7))
    values = (np.random.RandomState(0).standard_normal((3, 4, 7)) * 5).astype(kind.np)
    values[1, 1, :3] = -np.inf
    plain, fused, program = run_both([raw(name, holder)], {holder: values})
    assert operations(program) == [FUSED] and len(bodies(program)) == 1
    assert_close(plain[0], fused[0], rtol=4 * float(np.finfo(kind.np).eps) if kind.size > 2 else 1e-2, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_cross_entropies(dtype: str) -> None:
    kind = tf.as_dtype(dtype)
    logits, labels, classes = tf.placeholder(kind, (6, 9)), tf.placeholder(kind, (6, 9)), tf.placeholder(tf.int32, (6,))
    rng = np.random.RandomState(0)
    values = (rng.standard_normal((6, 9)) * 4).astype(kind.np)
    given = rng.random_sample((6, 9)).astype(kind.np)
    given[0, 3], values[0, 3] = 0, -np.inf
    dense = raw("SoftmaxCrossEntropyWithLogits", logits, labels)
    sparse = raw("SparseSoftmaxCrossEntropyWithLogits", logits, classes)
    feeds = {logits: values, labels: given, classes: rng.randint(0, 9, 6).astype(np.int32)}
    plain, fused, program = run_both([*dense, *sparse], feeds)
    assert set(operations(program)) == {FUSED, "CheckLabels"}
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=8 * float(np.finfo(kind.np).eps), atol=1e-3 if kind.size == 2 else 1e-6)


def test_wrong_labels_are_an_error_of_the_operation() -> None:
    logits, classes = tf.placeholder(tf.float32, (2, 3)), tf.placeholder(tf.int32, (2,))
    loss, _ = raw("SparseSoftmaxCrossEntropyWithLogits", logits, classes, name="entropy")
    from program.fused_programs import fused_program

    with tf.Session() as session:
        executable = session.compile(fused_program(session, [loss], [logits, classes]))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"label value of 3 .*valid range of \[0, 3\)") as info:
            session._execute(executable, [np.zeros((2, 3), np.float32), np.array([0, 3], np.int32)])
    assert info.value.op is not None and info.value.op.name == "entropy"


def test_biases_selects_and_constants() -> None:
    x = tf.placeholder(tf.float32, (2, 3, 4, 5))
    values = np.random.RandomState(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    fetches = [
        raw("BiasAdd", x, np.arange(5, dtype=np.float32), data_format="NHWC"),
        raw("BiasAdd", x, np.arange(3, dtype=np.float32), data_format="NCHW"),
        raw("Select", x > 0, x, tf.zeros_like(x)),
        raw("Select", np.array([True, False]), x, tf.fill((2, 3, 4, 5), 2.5)),
        raw("Tile", x[:, :1], [1, 3, 1, 1]) * 2.0,
        tf.transpose(x, [0, 2, 3, 1]) + 1.0,
    ]
    plain, fused, program = run_both(fetches, {x: values})
    assert "Select" not in operations(program) and "BiasAdd" not in operations(program)
    for left, right in zip(plain, fused, strict=True):
        assert same_bits(left, right)
    sums = [raw("BiasAddGrad", x, data_format="NHWC"), raw("BiasAddGrad", x, data_format="NCHW"), raw("L2Loss", x)]
    plain, fused, _ = run_both(sums, {x: values})
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_batch_normalisation(data_format: str, training: bool) -> None:
    shape = (4, 5, 6, 3) if data_format == "NHWC" else (4, 3, 5, 6)
    x, scale, offset = (
        tf.placeholder(tf.float32, shape),
        tf.placeholder(tf.float32, [3]),
        tf.placeholder(tf.float32, [3]),
    )
    moments = {} if training else {"mean": tf.constant([0.1, 0.2, 0.3]), "variance": tf.constant([1.0, 2.0, 3.0])}
    y, mean, variance = tf.nn.fused_batch_norm(
        x, scale, offset, data_format=data_format, is_training=training, **moments
    )
    fetches = [y, mean, variance, *tf.gradients(tf.reduce_sum(y * tf.sin(y)), [x, scale, offset])]
    rng = np.random.RandomState(0)
    feeds = {x: rng.standard_normal(shape), scale: rng.random_sample(3) + 0.5, offset: rng.standard_normal(3)}
    plain, fused, program = run_both(fetches, {key: value.astype(np.float32) for key, value in feeds.items()})
    assert not any(name.startswith("FusedBatchNorm") for name in operations(program))
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=1e-4, atol=1e-4)
