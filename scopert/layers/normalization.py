"""Batch normalisation with moving averages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype, bfloat16, float16, float32
from scopert.graph.scopes import colocate_with, name_scope
from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.tensor import Tensor
from scopert.layers.dense import ZEROS
from scopert.layers.input_spec import InputSpec
from scopert.layers.layer import Layer
from scopert.ops.array_reshape import reshape
from scopert.ops.control_flow_cond import smart_cond, smart_constant_value
from scopert.ops.math_cast import cast
from scopert.ops.nn_fused_batch_norm import fused_batch_norm
from scopert.ops.nn_moments import batch_normalization as normalize
from scopert.ops.nn_moments import moments
from scopert.ops.state_assign import assign_sub
from scopert.public import public
from scopert.scope.distribution import VariableAggregation, VariableSynchronization
from scopert.scope.initializers import Ones

Function = Callable[[Any], Any]

ONES = Ones()


def update_average(average: Any, value: Tensor, momentum: Any) -> Any:
    """Moves a variable towards a value by the part ``1 - momentum``."""
    with name_scope("AssignMovingAvg") as scope, colocate_with(average):
        decay = convert_to_tensor(1.0 - momentum, name="decay")
        if decay.dtype.base is not average.dtype.base:
            decay = cast(decay, average.dtype.base)
        step = (average - cast(value, average.dtype.base)) * decay
        return assign_sub(average, step, name=scope)


@public("layers.BatchNormalization")
class BatchNormalization(Layer):
    """Normalises by the batch in training and by moving averages in inference, then scales and shifts.

    The updates of the averages go to ``GraphKeys.UPDATE_OPS`` and do not run by themselves.
    Ioffe and Szegedy, "Batch Normalization", 2015.

    Parameters
    ----------
    axis : int or list of int
        The axes that keep statistics of their own, usually the channels.
    momentum : float
        Of the moving averages.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether to learn a shift ``beta`` and a factor ``gamma``.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer : callable
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : callable, optional
    fused : bool, optional
        One op for all; only for four axes with the channels second or last. Default: where possible.
    trainable : bool
    name : str, optional
    renorm, renorm_clipping, renorm_momentum, virtual_batch_size, adjustment
        Not implemented.

    Raises
    ------
    NotImplementedError
        If renormalisation, virtual batches or an adjustment is asked for.
    ValueError
        If an axis does not exist, or `fused` is asked for where it is not possible.
    """

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = ZEROS,
        gamma_initializer: Any = ONES,
        moving_mean_initializer: Any = ZEROS,
        moving_variance_initializer: Any = ONES,
        beta_regularizer: Function | None = None,
        gamma_regularizer: Function | None = None,
        beta_constraint: Function | None = None,
        gamma_constraint: Function | None = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Any = None,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        unsupported = {
            "renorm": renorm,
            "renorm_clipping": renorm_clipping,
            "virtual_batch_size": virtual_batch_size,
            "adjustment": adjustment,
        }
        for key, value in unsupported.items():
            if value:
                raise NotImplementedError(f"BatchNormalization does not implement `{key}`, got {value!r}.")
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = beta_initializer
        self.gamma_initializer = gamma_initializer
        self.moving_mean_initializer = moving_mean_initializer
        self.moving_variance_initializer = moving_variance_initializer
        self.beta_regularizer = beta_regularizer
        self.gamma_regularizer = gamma_regularizer
        self.beta_constraint = beta_constraint
        self.gamma_constraint = gamma_constraint
        self.fused = fused
        self.gamma: Any = None
        self.beta: Any = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None
        self._data_format = "NHWC"
        self._fixed_gamma: Tensor | None = None
        self._fixed_beta: Tensor | None = None

    @property
    def _kind(self) -> Any:
        """The type of the variables: at least float32."""
        dtype = as_dtype(self._dtype or "float32")
        return float32 if dtype in (float16, bfloat16) else dtype

    def _settle_axes(self, rank: int) -> list[int]:
        given = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        axes = [axis + rank if axis < 0 else axis for axis in given]
        for axis in axes:
            if not 0 <= axis < rank:
                raise ValueError(f"Invalid axis: {axis}")
        if len(set(axes)) != len(axes):
            raise ValueError(f"Duplicate axis: {axes}")
        return axes

    def build(self, input_shape: Any) -> None:
        shape = as_tuple(input_shape)
        if not shape:
            raise ValueError(f"Input has undefined rank: {input_shape}")
        self.axis = axes = self._settle_axes(len(shape))
        fusible = len(shape) == 4 and axes in ([1], [3])
        if self.fused and not fusible:
            raise ValueError(
                "Unsupported axis, fused batch norm only supports axis == [1] or axis == [3] of 4D inputs, got axis "
                f"{axes} of shape {input_shape}"
            )
        self.fused = fusible if self.fused is None else self.fused
        self._data_format = "NCHW" if self.fused and axes == [1] else "NHWC"
        sizes = {axis: shape[axis] for axis in axes}
        if None in sizes.values():
            raise ValueError(f"Input has undefined `axis` dimension. Input shape: {input_shape}")
        self.input_spec = InputSpec(ndim=len(shape), axes=sizes)
        # One axis gives a vector, several a shape that broadcasts.
        own: Sequence[int | None]
        own = [sizes[axes[0]]] if len(axes) == 1 else [sizes.get(axis, 1) for axis in range(len(shape))]
        if self.scale:
            self.gamma = self._add_factor("gamma", own)
        elif self.fused:
            self._fixed_gamma = constant(1.0, dtype=self._kind, shape=own)
        if self.center:
            self.beta = self._add_factor("beta", own)
        elif self.fused:
            self._fixed_beta = constant(0.0, dtype=self._kind, shape=own)
        self.moving_mean = self._add_average("moving_mean", own, self.moving_mean_initializer)
        self.moving_variance = self._add_average("moving_variance", own, self.moving_variance_initializer)
        self.built = True

    def _add_factor(self, name: str, shape: Sequence[int | None]) -> Any:
        return self.add_weight(
            name,
            shape=shape,
            dtype=self._kind,
            initializer=getattr(self, f"{name}_initializer"),
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
            trainable=True,
        )

    def _add_average(self, name: str, shape: Sequence[int | None], initializer: Any) -> Any:
        return self.add_weight(
            name,
            shape=shape,
            dtype=self._kind,
            initializer=initializer,
            synchronization=VariableSynchronization.ON_READ,
            trainable=False,
            aggregation=VariableAggregation.MEAN,
        )

    def call(self, inputs: Tensor, training: Any = False, **kwargs: Any) -> Tensor:
        outputs = self._fused(inputs, training) if self.fused else self._plain(inputs, training)
        outputs.set_shape(inputs._shape)
        return outputs

    def _fused(self, inputs: Tensor, training: Any) -> Tensor:
        # The op needs both; where one is not learned, a constant that does nothing stands for it.
        gamma = self.gamma if self.scale else self._fixed_gamma
        beta = self.beta if self.center else self._fixed_beta

        def by_batch() -> Any:
            return fused_batch_norm(inputs, gamma, beta, epsilon=self.epsilon, data_format=self._data_format)

        def by_averages() -> Any:
            return fused_batch_norm(
                inputs,
                gamma,
                beta,
                mean=self.moving_mean,
                variance=self.moving_variance,
                epsilon=self.epsilon,
                is_training=False,
                data_format=self._data_format,
            )

        outputs, mean, variance = smart_cond(training, by_batch, by_averages)
        known = smart_constant_value(training)
        if known is None:
            momentum = smart_cond(training, lambda: self.momentum, lambda: 1.0)
        else:
            momentum = convert_to_tensor(self.momentum if known else 1.0)
        if known is not False:
            self.add_update(lambda: update_average(self.moving_mean, mean, momentum))
            self.add_update(lambda: update_average(self.moving_variance, variance, momentum))
        made: Tensor = outputs
        return made

    def _plain(self, inputs: Tensor, training: Any) -> Tensor:
        assert inputs._shape is not None
        rank = len(inputs._shape)
        reduced = [axis for axis in range(rank) if axis not in self.axis]
        wide = [1] * rank
        wide[self.axis[0]] = inputs._shape[self.axis[0]] or -1

        def spread(value: Any) -> Any:
            """A vector along an inner axis needs its other axes written out."""
            if value is None or len(as_tuple(value.shape) or ()) == rank or reduced == list(range(rank - 1)):
                return value
            return reshape(value, wide)

        scale, offset = spread(self.gamma), spread(self.beta)
        mean: Any
        variance: Any
        if smart_constant_value(training) is False:
            mean, variance = self.moving_mean, self.moving_variance
        else:
            found, spreading = moments(cast(inputs, self._kind), reduced, keep_dims=len(self.axis) > 1)
            mean = smart_cond(training, lambda: found, lambda: convert_to_tensor(self.moving_mean))
            variance = smart_cond(training, lambda: spreading, lambda: convert_to_tensor(self.moving_variance))
            self._add_plain_update(training, self.moving_mean, mean)
            self._add_plain_update(training, self.moving_variance, variance)
        mean, variance = cast(mean, inputs.dtype), cast(variance, inputs.dtype)
        offset = None if offset is None else cast(offset, inputs.dtype)
        scale = None if scale is None else cast(scale, inputs.dtype)
        return normalize(inputs, spread(mean), spread(variance), offset, scale, self.epsilon)

    def _add_plain_update(self, training: Any, average: Any, value: Tensor) -> None:
        self.add_update(
            lambda: smart_cond(training, lambda: update_average(average, value, self.momentum), lambda: average)
        )

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        return TensorShape(input_shape)


@public("layers.batch_normalization")
def batch_normalization(
    inputs: Any,
    axis: Any = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = ZEROS,
    gamma_initializer: Any = ONES,
    moving_mean_initializer: Any = ZEROS,
    moving_variance_initializer: Any = ONES,
    beta_regularizer: Function | None = None,
    gamma_regularizer: Function | None = None,
    beta_constraint: Function | None = None,
    gamma_constraint: Function | None = None,
    training: Any = False,
    trainable: bool = True,
    name: Any = None,
    reuse: bool | None = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: float = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Any = None,
) -> Tensor:
    """A `BatchNormalization` layer applied to `inputs`; see there.

    Parameters
    ----------
    training : bool or boolean tensor
        Whether to normalise by the batch and update the averages.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     y = tf.layers.batch_normalization(tf.zeros([8, 3]), training=True)
    ...     [op.name for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS)]
    ['batch_normalization/AssignMovingAvg', 'batch_normalization/AssignMovingAvg_1']
    """
    layer = BatchNormalization(
        axis=axis,
        momentum=momentum,
        epsilon=epsilon,
        center=center,
        scale=scale,
        beta_initializer=beta_initializer,
        gamma_initializer=gamma_initializer,
        moving_mean_initializer=moving_mean_initializer,
        moving_variance_initializer=moving_variance_initializer,
        beta_regularizer=beta_regularizer,
        gamma_regularizer=gamma_regularizer,
        beta_constraint=beta_constraint,
        gamma_constraint=gamma_constraint,
        renorm=renorm,
        renorm_clipping=renorm_clipping,
        renorm_momentum=renorm_momentum,
        fused=fused,
        trainable=trainable,
        virtual_batch_size=virtual_batch_size,
        adjustment=adjustment,
        name=name,
        _reuse=reuse,
        _scope=name,
    )
    return layer.apply(inputs, training=training)
