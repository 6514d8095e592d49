"""The optimizers' ops: each row makes variables of its first inputs, applies the op, and reads them all.

The references are the formulas of the texts, per step, not the rearranged ones of the kernels. For the ops on
rows they are applied to one row after the other.
"""

import numpy as np
from ops.conformance import Case

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.opdef import all_ops, find_op


def gradient_descent(var, alpha, delta):
    return (var - alpha * delta,)


def proximal_gradient_descent(var, alpha, l1, l2, delta):
    return (_soft(var - alpha * delta, alpha * l1) / (1 + alpha * l2),)


def momentum(var, accum, lr, grad, momentum, use_nesterov=False):
    new = momentum * accum + grad
    return var - lr * (grad + momentum * new if use_nesterov else new), new


def keras_momentum(var, accum, lr, grad, momentum, use_nesterov=False):
    new = momentum * accum - lr * grad
    return var + (momentum * new - lr * grad if use_nesterov else new), new


def adagrad(var, accum, lr, grad, update_slots=True):
    new = accum + grad**2 if update_slots else accum
    return var - lr * grad / new**0.5, new


def adagrad_v2(var, accum, lr, epsilon, grad, update_slots=True):
    new = accum + grad**2 if update_slots else accum
    return var - lr * grad / (new**0.5 + epsilon), new


def adagrad_da(var, total, squares, grad, lr, l1, l2, global_step):
    total, squares = total + grad, squares + grad**2
    numerator = lr * _soft(-total, l1 * global_step)
    return numerator / (l2 * lr * global_step + squares**0.5), total, squares


def proximal_adagrad(var, accum, lr, l1, l2, grad):
    new = accum + grad**2
    rate = lr / new**0.5
    return _soft(var - rate * grad, rate * l1) / (1 + rate * l2), new


def adadelta(var, accum, accum_update, lr, rho, epsilon, grad):
    accum = rho * accum + (1 - rho) * grad**2
    step = ((accum_update + epsilon) / (accum + epsilon)) ** 0.5 * grad
    return var - lr * step, accum, rho * accum_update + (1 - rho) * step**2


def ftrl(var, accum, linear, grad, lr, l1, l2, lr_power):
    return ftrl_v2(var, accum, linear, grad, lr, l1, l2, 0.0, lr_power)


def ftrl_v2(var, accum, linear, grad, lr, l1, l2, l2_shrinkage, lr_power):
    new = accum + grad**2
    sigma = (new**-lr_power - accum**-lr_power) / lr
    linear = linear + grad + 2 * l2_shrinkage * var - sigma * var
    return -_soft(linear, l1) / (new**-lr_power / lr + 2 * l2), new, linear


def adam(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, use_nesterov=False):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    rate = lr * (1 - beta2_power) ** 0.5 / (1 - beta1_power)
    ahead = beta1 * m + (1 - beta1) * grad if use_nesterov else m
    return var - rate * ahead / (v**0.5 + epsilon), m, v


def adam_with_amsgrad(var, m, v, vhat, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    vhat = np.maximum(v, vhat)
    rate = lr * (1 - beta2_power) ** 0.5 / (1 - beta1_power)
    return var - rate * m / (vhat**0.5 + epsilon), m, v, vhat


def adamax(var, m, v, beta1_power, lr, beta1, beta2, epsilon, grad):
    m = beta1 * m + (1 - beta1) * grad
    v = np.maximum(beta2 * v, np.abs(grad))
    return var - lr / (1 - beta1_power) * m / (v + epsilon), m, v


def rms_prop(var, ms, mom, lr, rho, momentum, epsilon, grad):
    ms = rho * ms + (1 - rho) * grad**2
    mom = momentum * mom + lr * grad / (ms + epsilon) ** 0.5
    return var - mom, ms, mom


def centered_rms_prop(var, mg, ms, mom, lr, rho, momentum, epsilon, grad):
    ms = rho * ms + (1 - rho) * grad**2
    mg = rho * mg + (1 - rho) * grad
    mom = momentum * mom + lr * grad / (ms - mg**2 + epsilon) ** 0.5
    return var - mom, mg, ms, mom


def add_sign(var, m, lr, alpha, sign_decay, beta, grad):
    m = beta * m + (1 - beta) * grad
    return var - lr * (alpha + sign_decay * np.sign(grad * m)) * grad, m


def power_sign(var, m, lr, logbase, sign_decay, beta, grad):
    m = beta * m + (1 - beta) * grad
    return var - lr * np.exp(logbase * sign_decay * np.sign(grad * m)) * grad, m


def _soft(x, threshold):
    """Shrinks towards zero by a threshold."""
    return np.where(np.abs(x) > threshold, x - np.sign(x) * threshold, 0.0)


# Name -> reference, number of variables, values of the scalar inputs, attributes to try besides the defaults.
_SCALARS = {
    "alpha": 0.3, "lr": 0.2, "momentum": 0.9, "l1": 0.01, "l2": 0.05, "l2_shrinkage": 0.02, "lr_power": -0.5,
    "epsilon": 0.001, "rho": 0.95, "beta1_power": 0.729, "beta2_power": 0.997, "beta1": 0.9, "beta2": 0.999,
    "sign_decay": 0.8, "beta": 0.9, "logbase": 1.0,
}  # fmt: skip
_RULES = {
    "GradientDescent": (gradient_descent, 1, {}),
    "ProximalGradientDescent": (proximal_gradient_descent, 1, {}),
    "Momentum": (momentum, 2, {"use_nesterov": True}),
    "KerasMomentum": (keras_momentum, 2, {"use_nesterov": True}),
    "Adagrad": (adagrad, 2, {"update_slots": False}),
    "AdagradV2": (adagrad_v2, 2, {"update_slots": False}),
    "AdagradDA": (adagrad_da, 3, {}),
    "ProximalAdagrad": (proximal_adagrad, 2, {}),
    "Adadelta": (adadelta, 3, {}),
    "Ftrl": (ftrl, 3, {}),
    "FtrlV2": (ftrl_v2, 3, {}),
    "Adam": (adam, 3, {"use_nesterov": True}),
    "AdamWithAmsgrad": (adam_with_amsgrad, 4, {}),
    "AdaMax": (adamax, 3, {}),
    "RMSProp": (rms_prop, 3, {}),
    "CenteredRMSProp": (centered_rms_prop, 4, {}),
    "AddSign": (add_sign, 2, {}),
    "PowerSign": (power_sign, 2, {}),
}
_INDICES = np.array([2, 0, 2, 3], np.int32)


def _run(name, states, attrs):
    resource = name.startswith("Resource")

    def run(*tensors):
        variables = [tf.Variable(initial, use_resource=resource, validate_shape=False) for initial in tensors[:states]]
        with tf.control_dependencies([variable.initializer for variable in variables]):
            held = [variable.handle if resource else variable._ref() for variable in variables]
            made = apply(find_op(name), *held, *tensors[states:], **attrs)
        with tf.control_dependencies([made if resource else made.op]):
            return [variable.read_value() for variable in variables]

    return run


def _row_by_row(rule, names, states, attrs):
    """The reference of the op on rows: one after the other, in the order of the indices."""
    at_indices, at_grad = names.index("indices"), names.index("grad")

    def reference(*inputs):
        held = [np.array(item) for item in inputs[:states]]
        for row, grad in zip(inputs[at_indices], inputs[at_grad], strict=True):
            others = [
                grad if index == at_grad else item
                for index, item in enumerate(inputs)
                if index >= states and index != at_indices
            ]
            new = rule(*(item[row] for item in held), *others, **attrs)
            for item, value in zip(held, new, strict=True):
                item[row] = value
        return tuple(held)

    return reference


def _inputs(names, states, shape, seed):
    random = np.random.RandomState(seed)
    values = []
    for index, name in enumerate(names):
        if index < states:
            # Slots of squares are positive; the spread of gradients is larger than their mean squared.
            values.append(random.normal(size=shape) if index == 0 else random.uniform(0.3, 0.9, size=shape))
        elif name in ("grad", "delta"):
            values.append(random.normal(size=(len(_INDICES), *shape[1:]) if "indices" in names else shape))
        elif name == "indices":
            values.append(_INDICES)
        elif name == "global_step":
            values.append(np.int64(3))
        else:
            values.append(np.array(_SCALARS[name]))
    if states == 4 and "mg" in names:
        values[1] *= 0.1
    return values


def _rows():
    made = []
    for name, (rule, states, extra) in _RULES.items():
        for prefix in ("Apply", "ResourceApply", "SparseApply", "ResourceSparseApply"):
            op = prefix + name
            if op not in all_ops():
                continue
            names = [arg.name for arg in all_ops()[op].inputs]
            sparse = "indices" in names
            for attrs in ({}, extra) if extra else ({},):
                reference = _row_by_row(rule, names, states, attrs) if sparse else _with(rule, attrs)
                for shape in ((4, 3), (4,)) if sparse else ((2, 3), (), (0, 2)):
                    label = "-".join([*attrs, "x".join(map(str, shape)) or "scalar"])
                    inputs = _inputs(names, states, shape, len(made))
                    made.append(
                        Case(op, inputs, reference, gradient=False, tolerance=5, label=label,
                             run=_run(op, states, attrs))
                    )  # fmt: skip
    made += _powers() + _errors()
    return made


def _with(rule, attrs):
    return lambda *inputs: rule(*inputs, **attrs)


def _powers():
    """FTRL with another power of the rate, which has a formula of its own in the kernel."""
    made = []
    for op in ("ApplyFtrl", "ApplyFtrlV2"):
        names = [arg.name for arg in all_ops()[op].inputs]
        inputs = _inputs(names, 3, (2, 3), 5)
        inputs[names.index("lr_power")] = np.array(-0.3)
        reference = _RULES[op.removeprefix("Apply")][0]
        made.append(Case(op, inputs, reference, gradient=False, tolerance=5, label="power", run=_run(op, 3, {})))
    return made


def _errors():
    def case(op, inputs, error, label):
        return Case(op, inputs, error=error, label=label, run=_run(op, 2, {}))

    ones = np.ones((4, 3))
    lr, mom = np.array(0.1), np.array(0.9)
    rows = np.array([0, 4], np.int32)
    return [
        case("ApplyMomentum", [ones, ones, lr, ones[:2], mom], "var and grad do not have the same shape", "grad"),
        case("ApplyMomentum", [ones, ones[:2], lr, ones, mom], "var and accum do not have the same shape", "slot"),
        case("SparseApplyMomentum", [ones, ones, lr, ones[:2], rows, mom], "4 at offset 1 in indices is out of", "row"),
        case("SparseApplyMomentum", [ones, ones, lr, ones[:3], rows, mom], "grad must be the same size", "count"),
        case("SparseApplyMomentum", [ones, ones, lr, ones[:2, :2], rows, mom], "beyond the first dimension", "width"),
    ]


ROWS = _rows()
