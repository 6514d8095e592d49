"""Ops on variables: each row makes a variable of its first input, applies the op and reads what is left."""

import numpy as np
from ops.conformance import FLOATS, HALVES, Case

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.opdef import find_op
from scopert.ops.state_variables import VARIABLE


def _after(variable, op, inputs, attrs, resource):
    with tf.control_dependencies([variable.initializer]):
        made = apply(find_op(op), variable.handle if resource else variable._ref(), *inputs, **attrs)
        if not isinstance(made, tf.Operation) and not made.dtype.is_ref:
            return made
    with tf.control_dependencies([made if isinstance(made, tf.Operation) else made.op]):
        return variable.read_value()


def on_ref(op, *inputs, **attrs):
    """Builds `op` on a reference variable that holds the first tensor."""

    def run(initial, *tensors):
        return _after(tf.Variable(initial, validate_shape=False), op, [*tensors, *inputs], attrs, False)

    return run


def on_resource(op, *inputs, **attrs):
    """Builds `op` on a resource variable that holds the first tensor."""

    def run(initial, *tensors):
        return _after(tf.Variable(initial, use_resource=True), op, [*tensors, *inputs], attrs, True)

    return run


def _on(op, *inputs, **attrs):
    of_resource = op.startswith("Resource") or op.endswith(("VariableOp", "InitializedOp"))
    return (on_resource if of_resource else on_ref)(op, *inputs, **attrs)


def _truncated(a, b):
    return np.trunc(np.asarray(a, float) / np.asarray(b, float)).astype(np.asarray(a).dtype)


_STEPS = {
    "Update": lambda old, new: new,
    "Add": lambda old, new: old + new,
    "Sub": lambda old, new: old - new,
    "Mul": lambda old, new: old * new,
    "Div": lambda old, new: _truncated(old, new) if np.asarray(old).dtype.kind == "i" else old / new,
    "Min": np.minimum,
    "Max": np.maximum,
}


def _rows(kind):
    """Row by row, in the order of the indices."""

    def reference(value, indices, updates):
        result = np.array(value)
        updates = np.broadcast_to(updates, indices.shape + result.shape[1:])
        for place in np.ndindex(*indices.shape):
            result[indices[place]] = _STEPS[kind](result[indices[place]], updates[place])
        return result

    return reference


def _slices(kind):
    def reference(value, indices, updates):
        result = np.array(value)
        for place in np.ndindex(*indices.shape[:-1]):
            where = tuple(indices[place])
            result[where] = _STEPS[kind](result[where], updates[place])
        return result

    return reference


_MATRIX = [[1.0, -2.0], [3.5, 4.0], [-5.0, 6.0]]
_TABLE = np.array([[9, -7], [8, 5], [-6, 4]], np.int64)

ROWS = []
for _prefix in ("Scatter", "ResourceScatter"):
    for _kind in _STEPS:
        _op = _prefix + _kind
        _unique = np.array([2, 0]) if _kind == "Update" else np.array([2, 0, 2])
        _updates = [[0.5, -1.0], [2.0, 4.0], [-1.5, 0.25]][: len(_unique)]
        ROWS += [
            Case(_op, [_MATRIX, _unique, _updates], _rows(_kind), dtypes=HALVES if _kind != "Div" else FLOATS, run=_on(_op), fed=(1,)),
            Case(_op, [_MATRIX, np.array([1, 0]), 2.0], _rows(_kind), run=_on(_op), label="scalar"),
            Case(
                _op, [_TABLE, np.array([[0], [2]]), np.array([[[2, 2]], [[-4, 3]]])], _rows(_kind), run=_on(_op),
                label="integers", fed=(0, 1, 2), dtypes=("int64",),
            ),
            Case(_op, [_MATRIX, np.zeros([0], np.int32), np.zeros([0, 2])], _rows(_kind), run=_on(_op), label="nothing"),
            Case(_op, [_MATRIX, np.array([3]), [[1.0, 1.0]]], run=_on(_op), label="outside", error=r"indices\[0\] = 3 is not in \[0, 3\)"),
            Case(_op, [_MATRIX, np.array([1]), [1.0, 1.0]], run=_on(_op), label="shape", error=r"updates\.shape", fed=(1,)),
        ]  # fmt: skip
    for _kind in ("Update", "Add", "Sub"):
        _op = f"{_prefix}Nd{_kind}"
        ROWS += [
            Case(_op, [_MATRIX, np.array([[2, 0], [1, 1]]), [0.5, -1.0]], _slices(_kind), run=_on(_op), fed=(1,)),
            Case(_op, [_MATRIX, np.array([[2], [1]]), [[0.5, -1.0], [2.0, 3.0]]], _slices(_kind), run=_on(_op), label="slices"),
            Case(_op, [_MATRIX, np.array([[0, 2]]), [1.0]], run=_on(_op), label="outside", error="does not index into shape", fed=(1,)),
            Case(_op, [_MATRIX, np.array([[0]]), [1.0]], run=_on(_op), label="shape", error=r"updates\.shape", fed=(1,)),
        ]  # fmt: skip

for _op in ("Assign", "AssignVariableOp"):
    ROWS += [
        Case(_op, [_MATRIX, [[1.0, 2.0]] * 3], lambda old, new: new, dtypes=HALVES, run=_on(_op)),
        Case(_op, [1.0, 2.0], lambda old, new: new, run=_on(_op), label="scalar"),
        Case(_op, [np.zeros([0, 2]), np.zeros([0, 2])], lambda old, new: new, run=_on(_op), label="empty"),
    ]
ROWS.append(
    Case(
        "Assign",
        [[1.0, 2.0], [[3.0]]],
        lambda old, new: new,
        run=on_ref("Assign", validate_shape=False),
        label="reshaped",
    )
)
for _op, _step in (
    ("AssignAdd", np.add), ("AssignSub", np.subtract),
    ("AssignAddVariableOp", np.add), ("AssignSubVariableOp", np.subtract),
):  # fmt: skip
    ROWS += [
        Case(_op, [_MATRIX, [[1.0, 2.0]] * 3], _step, dtypes=(*HALVES, "complex64"), run=_on(_op)),
        Case(_op, [1.0, 2.0], _step, run=_on(_op), label="scalar"),
        Case(_op, [_TABLE, _TABLE], _step, run=_on(_op), label="integers", fed=(0, 1), dtypes=("int64",)),
        Case(_op, [[1.0, 2.0], [1.0]], run=_on(_op), label="shape", error="shapes must be equal"),
    ]

for _op in ("CountUpTo", "ResourceCountUpTo"):
    _attrs = {"T": tf.int64} if _op.startswith("Resource") else {}
    ROWS.append(Case(_op, [np.int64(3)], lambda old: old, run=_on(_op, limit=4, **_attrs), fed=(0,), dtypes=("int64",)))

for _op in ("IsVariableInitialized", "VarIsInitializedOp"):
    ROWS.append(Case(_op, [_MATRIX], lambda value: np.True_, run=_on(_op)))

ROWS.append(Case("VariableV2", [_MATRIX], lambda value: value, dtypes=HALVES, run=on_ref("Identity")))


def _read(initial):
    return _after(tf.Variable(initial, use_resource=True), "ReadVariableOp", [], {"dtype": initial.dtype}, True)


def _legacy(initial):
    ref = apply(VARIABLE, shape=None, dtype=initial.dtype)
    with tf.control_dependencies([tf.assign(ref, initial, validate_shape=False)]):
        return tf.identity(ref)


def _gather(op, **attrs):
    def run(initial, indices):
        return _after(tf.Variable(initial, use_resource=True), op, [indices], {"dtype": initial.dtype, **attrs}, True)

    return run


def _batched(value, indices):
    return np.stack([value[i][indices[i]] for i in range(len(value))])


def _part(op, **attrs):
    def run(initial, value):
        bounds = [tf.constant([1, 0]), tf.constant([3, 1]), tf.constant([1, 1])]
        variable = tf.Variable(initial, validate_shape=False, use_resource=op.startswith("Resource"))
        return _after(variable, op, [*bounds, value], attrs, op.startswith("Resource"))

    return run


def _cut(value, part):
    result = np.array(value)
    result[1:3, 0] = part
    return result


for _name in ("VarHandleOp", "ReadVariableOp"):
    ROWS += [
        Case(_name, [_MATRIX], lambda value: value, dtypes=HALVES, run=_read, gradient=False),
        Case(_name, [2.5], lambda value: value, run=_read, gradient=False, label="scalar"),
    ]
ROWS += [
    Case("Variable", [_MATRIX], lambda value: value, dtypes=HALVES, run=_legacy),
    Case("VariableShape", [_MATRIX], lambda value: np.int64([3, 2]), run=on_resource("VariableShape", out_type=tf.int64)),
    Case("VariableShape", [1.0], lambda value: np.zeros([0], np.int32), run=on_resource("VariableShape"), label="scalar"),
    Case("ResourceGather", [_MATRIX, np.array([[2, 0], [1, 1]])], lambda v, i: v[i], dtypes=HALVES, run=_gather("ResourceGather"), gradient=False),
    Case("ResourceGather", [_MATRIX, np.array([[1], [0], [1]])], _batched, run=_gather("ResourceGather", batch_dims=1), gradient=False, label="batch"),
    Case("ResourceGather", [_MATRIX, np.array([5])], run=_gather("ResourceGather"), label="outside", error=r"indices\[0\] = 5 is not in \[0, 3\)"),
    Case("ResourceGatherNd", [_MATRIX, np.array([[2, 0], [1, 1]])], lambda v, i: v[i[:, 0], i[:, 1]], run=_gather("ResourceGatherNd"), gradient=False),
]  # fmt: skip
for _op in ("StridedSliceAssign", "ResourceStridedSliceAssign"):
    ROWS += [
        Case(_op, [_MATRIX, [7.0, 8.0]], _cut, dtypes=HALVES, run=_part(_op, shrink_axis_mask=2)),
        Case(_op, [_MATRIX, [7.0]], run=_part(_op, shrink_axis_mask=2), label="shape", error="is assigned to a slice of shape"),
    ]  # fmt: skip
