"""The formulas of the optimizers, over arrays.

Each rule changes the variable and its slots in place: ``rule(xp, var, *slots, *others)``, the others in
the order of the op's signature. The order of the floating point operations is that of TensorFlow's CPU
kernels, so that training takes the same path. `grad` is not changed.
"""

from __future__ import annotations

from typing import Any

Array = Any


def gradient_descent(xp: Any, var: Array, alpha: Any, delta: Array) -> None:
    """``var -= alpha * delta``."""
    var -= delta * alpha


def momentum(xp: Any, var: Array, accum: Array, lr: Any, grad: Array, momentum: Any, *, use_nesterov: bool) -> None:
    """Momentum, and Nesterov's (Sutskever et al., 2013, with the look-ahead folded into the step)."""
    accum *= momentum
    accum += grad
    if use_nesterov:
        var -= grad * lr + accum * momentum * lr
    else:
        var -= accum * lr


def keras_momentum(
    xp: Any, var: Array, accum: Array, lr: Any, grad: Array, momentum: Any, *, use_nesterov: bool
) -> None:
    """Momentum with the learning rate inside the accumulator."""
    accum *= momentum
    accum -= grad * lr
    if use_nesterov:
        var += accum * momentum - grad * lr
    else:
        var += accum


def adagrad(xp: Any, var: Array, accum: Array, lr: Any, grad: Array, *, update_slots: bool) -> None:
    """Adagrad (Duchi et al., 2011)."""
    if update_slots:
        accum += grad * grad
    var -= grad * lr * _rsqrt(xp, accum)


def adagrad_v2(xp: Any, var: Array, accum: Array, lr: Any, epsilon: Any, grad: Array, *, update_slots: bool) -> None:
    """Adagrad with an epsilon beside the root."""
    if update_slots:
        accum += grad * grad
    var -= grad * lr / (xp.sqrt(accum) + epsilon)


def adagrad_da(
    xp: Any, var: Array, total: Array, squares: Array, grad: Array, lr: Any, l1: Any, l2: Any, global_step: Any
) -> None:
    """Adagrad by dual averaging (Duchi et al., 2011, eq. 24)."""
    step = var.dtype.type(int(global_step))
    total += grad
    squares += grad * grad
    scale = l2 * step * lr + xp.sqrt(squares)
    if l1 > 0:
        var[...] = lr * xp.sign(total) * -1 * xp.maximum(xp.abs(total) - step * l1, 0) / scale
    else:
        var[...] = lr * total * -1 / scale


def proximal_gradient_descent(xp: Any, var: Array, alpha: Any, l1: Any, l2: Any, delta: Array) -> None:
    """Forward-backward splitting (Duchi and Singer, 2009) with a constant rate."""
    var -= delta * alpha
    _shrink(xp, var, alpha, l1, l2)


def proximal_adagrad(xp: Any, var: Array, accum: Array, lr: Any, l1: Any, l2: Any, grad: Array) -> None:
    """The same with Adagrad's rates."""
    accum += grad * grad
    rate = lr * _rsqrt(xp, accum)
    var -= grad * rate
    _shrink(xp, var, rate, l1, l2)


def _shrink(xp: Any, var: Array, rate: Any, l1: Any, l2: Any) -> None:
    if l1 > 0:
        var[...] = xp.sign(var) * xp.maximum(xp.abs(var) - rate * l1, 0) / (1 + l2 * rate)
    else:
        var /= 1 + l2 * rate


def adadelta(
    xp: Any, var: Array, accum: Array, accum_update: Array, lr: Any, rho: Any, epsilon: Any, grad: Array
) -> None:
    """Adadelta (Zeiler, 2012)."""
    accum *= rho
    accum += grad * grad * (1 - rho)
    update = xp.sqrt(accum_update + epsilon) * _rsqrt(xp, accum + epsilon) * grad
    var -= update * lr
    accum_update *= rho
    accum_update += update * update * (1 - rho)


def ftrl(
    xp: Any, var: Array, accum: Array, linear: Array, grad: Array, lr: Any, l1: Any, l2: Any, lr_power: Any
) -> None:
    """FTRL-proximal (McMahan et al., 2013)."""
    _ftrl(xp, var, accum, linear, grad, grad, lr, l1, l2, lr_power)


def ftrl_v2(
    xp: Any, var: Array, accum: Array, linear: Array, grad: Array, lr: Any, l1: Any, l2: Any, l2_shrinkage: Any,
    lr_power: Any,
) -> None:  # fmt: skip
    """FTRL with a penalty on the magnitude beside the proximal one."""
    _ftrl(xp, var, accum, linear, grad, grad + 2 * l2_shrinkage * var, lr, l1, l2, lr_power)


def _ftrl(
    xp: Any, var: Array, accum: Array, linear: Array, grad: Array, shrunk: Array, lr: Any, l1: Any, l2: Any, power: Any
) -> None:
    new_accum = accum + grad * grad
    if power == -0.5:
        new_root, root = xp.sqrt(new_accum), xp.sqrt(accum)
    else:
        new_root, root = xp.power(new_accum, -power), xp.power(accum, -power)
    linear += shrunk - (new_root - root) / lr * var
    step = (l1 * xp.sign(linear) - linear) / (new_root / lr + 2 * l2)
    var[...] = xp.where(xp.abs(linear) > l1, step, xp.zeros_like(step))
    accum[...] = new_accum


def adam(
    xp: Any, var: Array, m: Array, v: Array, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any,
    epsilon: Any, grad: Array, *, use_nesterov: bool,
) -> None:  # fmt: skip
    """Adam (Kingma and Ba, 2014), with the bias correction in the rate; "epsilon hat" of their text."""
    alpha = lr * xp.sqrt(1 - beta2_power) / (1 - beta1_power)
    m += (grad - m) * (1 - beta1)
    v += (grad * grad - v) * (1 - beta2)
    step = (grad * (1 - beta1) + beta1 * m) * alpha if use_nesterov else m * alpha
    step /= xp.sqrt(v) + epsilon
    var -= step


def adam_with_amsgrad(
    xp: Any, var: Array, m: Array, v: Array, vhat: Array, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any,
    beta2: Any, epsilon: Any, grad: Array,
) -> None:  # fmt: skip
    """Adam with the largest second moment seen so far (Reddi et al., 2018)."""
    alpha = lr * xp.sqrt(1 - beta2_power) / (1 - beta1_power)
    m += (grad - m) * (1 - beta1)
    v += (grad * grad - v) * (1 - beta2)
    vhat[...] = xp.maximum(vhat, v)
    var -= (m * alpha) / (xp.sqrt(vhat) + epsilon)


def adamax(
    xp: Any, var: Array, m: Array, v: Array, beta1_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any,
    grad: Array,
) -> None:  # fmt: skip
    """AdaMax (Kingma and Ba, 2014, section 7)."""
    m += (grad - m) * (1 - beta1)
    v[...] = xp.maximum(beta2 * v, xp.abs(grad))
    var -= lr / (1 - beta1_power) * (m / (v + epsilon))


def rms_prop(
    xp: Any, var: Array, ms: Array, mom: Array, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Array
) -> None:
    """RMSProp (Tieleman and Hinton, 2012)."""
    ms += (grad * grad - ms) * (1 - rho)
    mom *= momentum
    mom += (grad * lr) / xp.sqrt(ms + epsilon)
    var -= mom


def sparse_rms_prop(
    xp: Any, var: Array, ms: Array, mom: Array, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Array
) -> None:
    """RMSProp in the order of operations of the kernel for rows."""
    ms *= rho
    ms += grad * grad * (1 - rho)
    mom *= momentum
    mom += _rsqrt(xp, ms + epsilon) * lr * grad
    var -= mom


def centered_rms_prop(
    xp: Any, var: Array, mg: Array, ms: Array, mom: Array, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Array
) -> None:
    """RMSProp by the variance of the gradient (Graves, 2013)."""
    ms += (grad * grad - ms) * (1 - rho)
    mg += (grad - mg) * (1 - rho)
    mom *= momentum
    mom += (grad * lr) / xp.sqrt((ms - mg * mg) + epsilon)
    var -= mom


def sparse_centered_rms_prop(
    xp: Any, var: Array, mg: Array, ms: Array, mom: Array, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Array
) -> None:
    """The same in the order of operations of the kernel for rows."""
    ms *= rho
    ms += grad * grad * (1 - rho)
    mg *= rho
    mg += grad * (1 - rho)
    mom *= momentum
    mom += _rsqrt(xp, (ms - mg * mg) + epsilon) * lr * grad
    var -= mom


def add_sign(xp: Any, var: Array, m: Array, lr: Any, alpha: Any, sign_decay: Any, beta: Any, grad: Array) -> None:
    """AddSign (Bello et al., 2017)."""
    m *= beta
    m += grad * (1 - beta)
    var -= lr * (alpha + sign_decay * (xp.sign(grad) * xp.sign(m))) * grad


def power_sign(xp: Any, var: Array, m: Array, lr: Any, logbase: Any, sign_decay: Any, beta: Any, grad: Array) -> None:
    """PowerSign (Bello et al., 2017)."""
    m *= beta
    m += grad * (1 - beta)
    var -= lr * xp.exp(logbase * sign_decay * (xp.sign(grad) * xp.sign(m))) * grad


def _rsqrt(xp: Any, x: Array) -> Array:
    return 1 / xp.sqrt(x)
