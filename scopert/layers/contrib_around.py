"""What layers of tf.contrib.layers with weights share: biases or a normaliser, an activation, collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scopert.graph.tensor import Tensor
from scopert.layers.contrib_variables import collect_named_outputs, collect_variable
from scopert.layers.layer import Layer
from scopert.scope.scaling_initializers import xavier_initializer
from scopert.scope.scope_stack import VariableScope

Function = Callable[..., Any]

XAVIER = xavier_initializer()
#: Attributes of layers, and what their variables are called here.
RENAMED = {"kernel": "weights", "bias": "biases"}


@dataclass(frozen=True, slots=True)
class Around:
    """The arguments of these names; `contrib.layers.fully_connected` says what they are."""

    activation_fn: Function | None
    normalizer_fn: Function | None
    normalizer_params: dict[str, Any] | None
    biases_initializer: Any
    biases_regularizer: Function | None
    reuse: Any
    variables_collections: Any
    outputs_collections: Any
    trainable: bool

    def apply(
        self, kind: Callable[..., Layer], inputs: Tensor, scope: VariableScope, names: Mapping[str, str] = RENAMED,
        **own: Any,
    ) -> Tensor:  # fmt: skip
        """A layer of this kind with arguments of its `own`, then normaliser and activation."""
        layer = kind(
            **own,
            use_bias=bool(not self.normalizer_fn and self.biases_initializer),
            bias_initializer=self.biases_initializer,
            bias_regularizer=self.biases_regularizer,
            trainable=self.trainable,
            name=scope.name,
            dtype=inputs.dtype.base,
            _scope=scope,
            _reuse=self.reuse,
        )
        outputs = layer.apply(inputs)
        for attribute, name in names.items():
            made = getattr(layer, attribute)
            if made is not None:
                collect_variable(made, self.variables_collections, name)
        if self.normalizer_fn is not None:
            outputs = self.normalizer_fn(outputs, **(self.normalizer_params or {}))
        if self.activation_fn is not None:
            outputs = self.activation_fn(outputs)
        return collect_named_outputs(self.outputs_collections, scope.name, outputs)


def check_format(data_format: str | None, allowed: tuple[str | None, ...]) -> None:
    """Raises ValueError for another layout than the `allowed` ones."""
    if data_format not in allowed:
        raise ValueError(f"Invalid data_format: {data_format!r}")
