"""Batch and layer normalisation of tf.contrib.layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import bfloat16, float16, float32
from scopert.graph.scopes import control_dependencies
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.layers.arg_scope import add_arg_scope
from scopert.layers.contrib_variables import (
    collect_named_outputs,
    collect_variable,
    model_getter,
    model_variable,
    variable_collections,
)
from scopert.layers.dense import ZEROS
from scopert.layers.normalization import ONES, BatchNormalization, update_average
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.control_flow_cond import smart_cond, smart_constant_value
from scopert.ops.nn_fused_batch_norm import fused_batch_norm
from scopert.ops.nn_moments import batch_normalization, moments
from scopert.public import public
from scopert.scope.variable_scope import variable_scope

Function = Callable[..., Any]


@public("contrib.layers.batch_norm", "contrib.slim.batch_norm")
@add_arg_scope
def batch_norm(
    inputs: Any,
    decay: float = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Function | None = None,
    param_initializers: dict[str, Any] | None = None,
    param_regularizers: dict[str, Any] | None = None,
    updates_collections: Any = GraphKeys.UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_decay: float = 0.99,
    adjustment: Any = None,
) -> Tensor:
    """Batch normalisation with moving averages, usable as a `normalizer_fn`.

    Parameters
    ----------
    decay : float
        Of the moving averages.
    center, scale : bool
        Whether there are variables ``beta`` and ``gamma``.
    activation_fn : callable, optional
    param_initializers, param_regularizers : dict, optional
        By the variables' names.
    updates_collections : str or None
        Where the updates of the averages go; None makes the result depend on them.
    is_training : bool or boolean tensor
    data_format : str
        ``NHWC`` or ``NCHW``.
    batch_weights, zero_debias_moving_mean, renorm, renorm_clipping, renorm_decay, adjustment
        Not implemented.

    Raises
    ------
    NotImplementedError
        For those, and for updates outside of ``GraphKeys.UPDATE_OPS`` of inputs that have neither 2 nor 4 axes.
    ValueError
        If the layout is not valid.
    """
    unsupported = {
        "batch_weights": batch_weights, "zero_debias_moving_mean": zero_debias_moving_mean, "renorm": renorm,
        "renorm_clipping": renorm_clipping, "adjustment": adjustment,
    }  # fmt: skip
    for key, value in unsupported.items():
        if value is not None and value is not False:
            raise NotImplementedError(f"contrib.layers.batch_norm does not implement `{key}`, got {value!r}.")
    if data_format not in ("NHWC", "NCHW"):
        raise ValueError("data_format has to be either NCHW or NHWC.")
    inputs = convert_to_tensor(inputs)
    rank = inputs.shape.ndims
    own_updates = updates_collections != GraphKeys.UPDATE_OPS
    initializers, regularizers = param_initializers or {}, param_regularizers or {}
    common = {
        "decay": decay, "center": center, "scale": scale, "epsilon": epsilon, "activation_fn": activation_fn,
        "initializers": initializers, "regularizers": regularizers, "is_training": is_training, "reuse": reuse,
        "variables_collections": variables_collections, "outputs_collections": outputs_collections,
        "trainable": trainable, "data_format": data_format, "scope": scope,
    }  # fmt: skip
    if fused is not False and (rank == 2 or (rank == 4 and own_updates)):
        return _fused_with_updates(inputs, updates_collections=updates_collections, **common)
    if own_updates:
        raise NotImplementedError(
            "contrib.layers.batch_norm with updates_collections other than UPDATE_OPS needs fused inputs of 2 or 4 "
            f"axes, got {inputs!r}."
        )
    return _by_layer(inputs, fused=None if fused is None else fused and rank == 4, **common)


def _by_layer(
    inputs: Tensor, *, decay: float, center: bool, scale: bool, epsilon: float, activation_fn: Function | None,
    initializers: dict[str, Any], regularizers: dict[str, Any], is_training: Any, reuse: Any,
    variables_collections: Any, outputs_collections: Any, trainable: bool, data_format: str, scope: Any,
    fused: bool | None,
) -> Tensor:  # fmt: skip
    with variable_scope(scope, "BatchNorm", [inputs], reuse=reuse, custom_getter=model_getter()) as inner:
        layer = BatchNormalization(
            axis=1 if data_format == "NCHW" else -1,
            momentum=decay,
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=initializers.get("beta", ZEROS),
            gamma_initializer=initializers.get("gamma", ONES),
            moving_mean_initializer=initializers.get("moving_mean", ZEROS),
            moving_variance_initializer=initializers.get("moving_variance", ONES),
            beta_regularizer=regularizers.get("beta"),
            gamma_regularizer=regularizers.get("gamma"),
            trainable=trainable,
            name=inner.name,
            fused=fused,
            _scope=inner,
            _reuse=reuse,
        )
        outputs = layer.apply(inputs, training=is_training)
        for name in ("moving_mean", "moving_variance", "beta", "gamma"):
            if getattr(layer, name) is not None:
                collect_variable(getattr(layer, name), variables_collections, name)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, inner.name, outputs)


def _fused_with_updates(
    inputs: Tensor, *, decay: float, center: bool, scale: bool, epsilon: float, activation_fn: Function | None,
    initializers: dict[str, Any], regularizers: dict[str, Any], is_training: Any, reuse: Any,
    variables_collections: Any, outputs_collections: Any, trainable: bool, data_format: str, scope: Any,
    updates_collections: Any,
) -> Tensor:  # fmt: skip
    with variable_scope(scope, "BatchNorm", [inputs], reuse=reuse) as inner:
        original = inputs
        shape = inputs._shape
        assert shape is not None
        channels = shape[-1] if data_format == "NHWC" or len(shape) == 2 else shape[1]
        if channels is None:
            raise ValueError(f"Inputs {inputs.name} has undefined channels dimension {shape}.")
        if len(shape) == 2:
            inputs = reshape(inputs, [-1, 1, 1, channels] if data_format == "NHWC" else [-1, channels, 1, 1])

        def make(name: str, initializer: Any, trained: bool) -> Any:
            return model_variable(
                name,
                shape=[channels],
                dtype=float32,
                initializer=initializers.get(name, initializer),
                regularizer=regularizers.get(name),
                collections=variable_collections(variables_collections, name),
                trainable=trained,
            )

        beta = make("beta", ZEROS, trainable) if center else constant(0.0, dtype=float32, shape=[channels])
        gamma = make("gamma", ONES, trainable) if scale else constant(1.0, dtype=float32, shape=[channels])
        moving_mean = make("moving_mean", ZEROS, False)
        moving_variance = make("moving_variance", ONES, False)

        def by_batch() -> Any:
            return fused_batch_norm(inputs, gamma, beta, epsilon=epsilon, data_format=data_format)

        def by_averages() -> Any:
            return fused_batch_norm(
                inputs, gamma, beta, mean=moving_mean, variance=moving_variance, epsilon=epsilon, is_training=False,
                data_format=data_format,
            )  # fmt: skip

        outputs, mean, variance = smart_cond(is_training, by_batch, by_averages)
        if smart_constant_value(is_training) is not False:

            def update() -> Any:
                return update_average(moving_mean, mean, decay), update_average(moving_variance, variance, decay)

            updates = smart_cond(is_training, update, lambda: (moving_mean, moving_variance))
            if updates_collections is None:
                with control_dependencies(list(updates)):
                    outputs = identity(outputs)
            else:
                for one in updates:
                    get_default_graph().add_to_collections([updates_collections], one)
        if len(shape) == 2:
            outputs = reshape(outputs, shape_of(original))
        outputs.set_shape(shape)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, inner.name, outputs)


@public("contrib.layers.layer_norm", "contrib.slim.layer_norm")
@add_arg_scope
def layer_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    activation_fn: Function | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    begin_norm_axis: int = 1,
    begin_params_axis: int = -1,
    scope: Any = None,
) -> Tensor:
    """Normalises each example by itself. Ba et al., "Layer Normalization", 2016.

    Parameters
    ----------
    center, scale : bool
        Whether there are variables ``beta`` and ``gamma``.
    begin_norm_axis : int
        Mean and variance are over this and the later axes.
    begin_params_axis : int
        The variables have the shape of this and the later axes.

    Raises
    ------
    ValueError
        If the rank is not known, an axis does not exist, or a size that the variables need is not known.
    """
    with variable_scope(scope, "LayerNorm", [inputs], reuse=reuse) as inner:
        inputs = convert_to_tensor(inputs)
        shape = inputs._shape
        if shape is None:
            raise ValueError(f"Inputs {inputs.name} has undefined rank.")
        rank = len(shape)
        dtype = inputs.dtype.base
        if begin_norm_axis < 0:
            begin_norm_axis += rank
        if begin_params_axis >= rank or begin_norm_axis >= rank:
            raise ValueError(
                f"begin_params_axis ({begin_params_axis}) and begin_norm_axis ({begin_norm_axis}) must be < "
                f"rank(inputs) ({rank})"
            )
        sizes = shape[begin_params_axis:]
        if None in sizes:
            raise ValueError(f"Inputs {inputs.name}: shape(inputs)[{begin_params_axis}:] is not fully defined: {shape}")

        def make(name: str, initializer: Any) -> Any:
            return model_variable(
                name,
                shape=sizes,
                dtype=dtype,
                initializer=initializer,
                collections=variable_collections(variables_collections, name),
                trainable=trainable,
            )

        beta = make("beta", ZEROS) if center else None
        gamma = make("gamma", ONES) if scale else None
        mean, variance = moments(inputs, list(range(begin_norm_axis, rank)), keep_dims=True)
        # The float16 that are not zero begin far above 1e-12.
        epsilon = 1e-3 if dtype in (float16, bfloat16) else 1e-12
        outputs = batch_normalization(inputs, mean, variance, offset=beta, scale=gamma, variance_epsilon=epsilon)
        outputs.set_shape(shape)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, inner.name, outputs)
