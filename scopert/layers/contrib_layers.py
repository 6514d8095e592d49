"""Layers of tf.contrib.layers: a layer, then a normaliser, then an activation, in one scope."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.layers.arg_scope import add_arg_scope
from scopert.layers.contrib_around import RENAMED, XAVIER, Around, Function, check_format
from scopert.layers.contrib_variables import (
    collect_named_outputs,
    model_getter,
    model_variable,
    variable_collections,
)
from scopert.layers.dense import ZEROS, Dense
from scopert.layers.shaping import Dropout
from scopert.layers.shaping import flatten as flatten_layer
from scopert.ops.array_one_hot import one_hot
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_cast import to_int64
from scopert.ops.nn_activation import relu as relu_op
from scopert.ops.nn_activation import relu6 as relu6_op
from scopert.ops.nn_bias import bias_add as bias_add_op
from scopert.ops.nn_softmax import softmax as softmax_op
from scopert.public import export, public
from scopert.scope.variable_scope import variable_scope


@public("contrib.layers.fully_connected", "contrib.slim.fully_connected")
@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Function | None = relu_op,
    normalizer_fn: Function | None = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    weights_regularizer: Function | None = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Function | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """``activation_fn(normalizer_fn(inputs @ weights))``, or with biases instead of a normaliser.

    Parameters
    ----------
    inputs : tensor-like
        Rank 2 or more; the last axis is multiplied.
    num_outputs : int
    activation_fn : callable, optional
        Rectifier by default; None for a linear layer.
    normalizer_fn, normalizer_params : callable, dict, optional
        E.g. `batch_norm`; there are no biases then.
    weights_initializer, weights_regularizer, biases_initializer, biases_regularizer : callable, optional
    reuse : bool, optional
    variables_collections : list, or dict of lists by variable, optional
    outputs_collections : str or list, optional
    trainable : bool
    scope : str or VariableScope, optional

    Raises
    ------
    ValueError
        If `num_outputs` is not an integer.
    """
    if not isinstance(num_outputs, int):
        raise ValueError(f"num_outputs type should be one of [int], got {type(num_outputs)}.")
    with variable_scope(scope, "fully_connected", [inputs], reuse=reuse, custom_getter=model_getter(RENAMED)) as inner:
        inputs = convert_to_tensor(inputs)
        around = Around(
            activation_fn, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer, reuse,
            variables_collections, outputs_collections, trainable,
        )  # fmt: skip
        return around.apply(
            Dense,
            inputs,
            inner,
            units=num_outputs,
            kernel_initializer=weights_initializer,
            kernel_regularizer=weights_regularizer,
        )


@public("contrib.layers.bias_add", "contrib.slim.bias_add")
@add_arg_scope
def bias_add(
    inputs: Any,
    activation_fn: Function | None = None,
    initializer: Any = ZEROS,
    regularizer: Function | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    data_format: str = "NHWC",
    scope: Any = None,
) -> Tensor:
    """Adds a variable ``biases`` along the channels; see `fully_connected` for the rest.

    Raises
    ------
    ValueError
        If the layout is not valid, or the number of channels is not known.
    """
    check_format(data_format, ("NHWC", "NCHW"))
    with variable_scope(scope, "BiasAdd", [inputs], reuse=reuse) as inner:
        inputs = convert_to_tensor(inputs)
        shape = inputs._shape
        if shape is None:
            raise ValueError("Dims of shape must be known but is None")
        channels = shape[1] if data_format == "NCHW" else shape[-1]
        if channels is None:
            raise ValueError("`C` dimension must be known but is None")
        biases = model_variable(
            "biases",
            shape=[channels],
            dtype=inputs.dtype.base,
            initializer=initializer,
            regularizer=regularizer,
            collections=variable_collections(variables_collections, "biases"),
            trainable=trainable,
        )
        outputs = bias_add_op(inputs, biases, data_format=data_format)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, inner.name, outputs)


@public("contrib.layers.dropout", "contrib.slim.dropout")
@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: int | None = None,
) -> Tensor:
    """`tf.layers.dropout` by the share that is kept, and in training unless told."""
    with variable_scope(scope, "Dropout", [inputs], custom_getter=model_getter()) as inner:
        inputs = convert_to_tensor(inputs)
        layer = Dropout(rate=1 - keep_prob, noise_shape=noise_shape, seed=seed, name=inner.name, _scope=inner)
        outputs = layer.apply(inputs, training=is_training)
        return collect_named_outputs(outputs_collections, inner.name, outputs)


@public("contrib.layers.flatten", "contrib.slim.flatten")
@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Tensor:
    """One axis of all but the batch."""
    with name_scope(scope, "Flatten", [inputs]) as inner:
        outputs = flatten_layer(convert_to_tensor(inputs))
        return collect_named_outputs(outputs_collections, inner, outputs)


@public("contrib.layers.one_hot_encoding", "contrib.slim.one_hot_encoding")
@add_arg_scope
def one_hot_encoding(
    labels: Any, num_classes: int, on_value: float = 1.0, off_value: float = 0.0, outputs_collections: Any = None,
    scope: Any = None,
) -> Tensor:  # fmt: skip
    """`tf.one_hot` with collections."""
    with name_scope(scope, "OneHotEncoding", [labels, num_classes]) as inner:
        labels = convert_to_tensor(labels)
        if labels.dtype is int32:
            labels = to_int64(labels)
        outputs = one_hot(labels, num_classes, on_value=on_value, off_value=off_value)
        return collect_named_outputs(outputs_collections, inner, outputs)


@public("contrib.layers.softmax", "contrib.slim.softmax")
@add_arg_scope
def softmax(logits: Any, scope: Any = None) -> Tensor:
    """`tf.nn.softmax` over the last axis, whose size must be known."""
    with variable_scope(scope, "softmax", [logits]):
        logits = convert_to_tensor(logits)
        classes = logits._shape[-1]
        predictions = softmax_op(reshape(logits, [-1, classes]))
        predictions = reshape(predictions, shape_of(logits))
        predictions.set_shape(logits._shape)
        return predictions


@public("contrib.layers.stack", "contrib.slim.stack")
@add_arg_scope
def stack(inputs: Any, layer: Function, stack_args: Any, **kwargs: Any) -> Tensor:
    """Applies a layer several times, each time with other arguments.

    Parameters
    ----------
    layer : callable
        ``layer(inputs, *arguments, scope=...)``.
    stack_args : list
        The arguments of each time: one, or a list.
    """
    scope, reuse = kwargs.pop("scope", None), kwargs.pop("reuse", None)
    with variable_scope(scope, "Stack", [inputs], reuse=reuse):
        outputs = convert_to_tensor(inputs)
        name = scope or getattr(layer, "__name__", "stack")
        for number, arguments in enumerate(stack_args, 1):
            arguments = arguments if isinstance(arguments, (list, tuple)) else [arguments]
            outputs = layer(outputs, *arguments, **{**kwargs, "scope": f"{name}_{number}"})
        return outputs


@public("contrib.layers.repeat", "contrib.slim.repeat")
@add_arg_scope
def repeat(inputs: Any, repetitions: int, layer: Function, *args: Any, **kwargs: Any) -> Tensor:
    """Applies a layer several times with the same arguments and scopes of its own."""
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat", [inputs]):
        outputs = convert_to_tensor(inputs)
        name = scope or getattr(layer, "__name__", "repeat")
        for number in range(1, repetitions + 1):
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{name}_{number}"})
        return outputs


def _with_activation(activation: Function | None, name: str) -> Function:
    def call(*args: Any, **kwargs: Any) -> Tensor:
        return fully_connected(*args, **{"activation_fn": activation, **kwargs})

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`fully_connected` with {'no activation' if activation is None else activation.__name__}."
    return call


linear = _with_activation(None, "linear")
relu = _with_activation(relu_op, "relu")
relu6 = _with_activation(relu6_op, "relu6")

for _name in ("linear", "relu", "relu6"):
    export(__name__, _name, f"contrib.layers.{_name}")
