"""The base of all layers: when variables are made, and how they and the operations are called."""

from __future__ import annotations

import copy
import re
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from scopert import nest
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.graph import Graph, graph_of
from scopert.graph.scopes import name_scope
from scopert.graph.shape import TensorShape, num_elements
from scopert.graph.stack import get_default_graph
from scopert.layers.input_spec import check_inputs
from scopert.layers.registered import Registered, collect
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_cast import cast
from scopert.public import public
from scopert.scope.distribution import VariableAggregation, VariableSynchronization
from scopert.scope.get_variable import get_variable
from scopert.scope.initializers import Zeros
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.scaling_initializers import GlorotUniform
from scopert.scope.scope_stack import VariableScope
from scopert.scope.variable_lists import global_variables, trainable_variables
from scopert.scope.variable_scope import variable_scope

# How many layers of a class a graph has: only for the names of layer objects, not of variables.
_counters: weakref.WeakKeyDictionary[Graph, dict[str, int]] = weakref.WeakKeyDictionary()


def _snake_case(name: str) -> str:
    """``Conv2DTranspose`` as ``conv2d_transpose``."""
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
    return "private" + words if words.startswith("_") else words


def _count(base: str) -> int:
    counter = _counters.setdefault(get_default_graph(), {})
    counter[base] = counter.get(base, 0) + 1
    return counter[base]


@public("layers.Layer")
class Layer(Registered):
    """An operation with variables of its own, which are made at its first call.

    A subclass makes variables in `build` by `add_weight` and operations in `call`. Without a name, a layer's
    variable scope is numbered like ``variable_scope(None, "dense")``, at the first call.

    Parameters
    ----------
    trainable : bool
        Whether its variables may be trained.
    name : str, optional
    dtype : DType, optional
        Of its variables. Default: that of the first input.
    activity_regularizer : callable, optional
        Its value for the output, divided by the batch size, becomes a loss.

    Raises
    ------
    TypeError
        If a keyword is not known.
    """

    def __init__(self, trainable: bool = True, name: Any = None, dtype: Any = None, **kwargs: Any) -> None:
        scope = kwargs.pop("_scope", None)
        self._reuse = kwargs.pop("_reuse", None)
        self._activity_regularizer = kwargs.pop("activity_regularizer", None)
        for key in kwargs:
            raise TypeError("Keyword argument not understood:", key)
        Registered.__init__(self, trainable)
        self.built = False
        self.input_spec: Any = None
        self._dtype = None if dtype is None else as_dtype(dtype).name
        own = _snake_case(type(self).__name__)
        if isinstance(name, VariableScope):
            self._name, self._base_name = f"{own}_{_count(own)}", name.name
        elif name:
            self._name = self._base_name = name
        else:
            self._name, self._base_name = f"{own}_{_count(own)}", own
        self._trainable_weights: list[Any] = []
        self._non_trainable_weights: list[Any] = []
        self._graph: Graph | None = None
        self._scope: VariableScope | None = None
        self._current_scope: VariableScope | None = None
        self._reuse_scope: variable_scope | None = None
        if scope:
            with variable_scope(scope) as captured:
                self._scope = captured

    # What a subclass overrides.

    def build(self, input_shape: Any) -> None:
        """Makes the variables, given the shape (or nest of shapes) of the inputs."""
        self.built = True

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """Makes the operations."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the output for an input of this shape.

        Raises
        ------
        NotImplementedError
            If the layer does not say.
        """
        raise NotImplementedError(f"Layer {self._name!r} does not compute its output shape beforehand.")

    # Calling.

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Builds the layer if this is the first call, then calls it in its name scope.

        Raises
        ------
        ValueError
            If the inputs are of another graph than the layer, or not what `input_spec` demands.
        """
        self._set_scope(kwargs.pop("scope", None))
        graph = self._graph_for(inputs)
        with graph.as_default(), self._entered() as scope:
            self._current_scope = scope
            if any(isinstance(item, (np.ndarray, float, int)) for item in nest.flatten(inputs)):
                inputs = nest.map_structure(convert_to_tensor, inputs)
            with name_scope(self._name_scope()):
                self._build_once(inputs)
                self._call_inputs = inputs
                try:
                    outputs = self.call(inputs, *args, **kwargs)
                finally:
                    self._call_inputs = None
                self._regularize_activity(inputs, outputs)
        collect(self.updates, GraphKeys.UPDATE_OPS)
        return outputs

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the layer."""
        return self(inputs, *args, **kwargs)

    def _graph_for(self, inputs: Any) -> Graph:
        known = self._graph
        elements = [item for item in nest.flatten(inputs) if hasattr(item, "graph")]
        try:
            graph = graph_of(elements) if elements or known is None else known
        except ValueError as error:
            raise ValueError(f"Input graph and Layer graph are not the same: {error}") from None
        if known is not None and graph is not known:
            raise ValueError(
                f"Input graph and Layer graph are not the same: layer {self._name!r} was first called in another graph."
            )
        self._graph = graph
        return graph

    def _set_scope(self, scope: Any = None) -> None:
        """Settles the variable scope, unless it is settled."""
        if self._scope is not None:
            return
        if self._reuse:
            manager = variable_scope(self._base_name if scope is None else scope)
        else:
            manager = variable_scope(scope, default_name=self._base_name)
        with manager as captured:
            self._scope = captured

    def _entered(self) -> variable_scope:
        """The variable scope, open for new variables only while the layer is not built."""
        if not self.built:
            return variable_scope(self._scope, reuse=self._reuse, auxiliary_name_scope=False)
        if self._reuse_scope is None:
            self._reuse_scope = variable_scope(self._scope, reuse=True, auxiliary_name_scope=False)
        return self._reuse_scope

    def _name_scope(self) -> str:
        """The name scope in which the layer was first called: it is entered again, not opened anew."""
        assert self._current_scope is not None
        return self._current_scope.original_name_scope or ""

    def _build_once(self, inputs: Any) -> None:
        check_inputs(self.input_spec, inputs, self._name)
        if self.built:
            return
        tensors = nest.flatten(inputs)
        if tensors and self._dtype is None and hasattr(tensors[0], "dtype"):
            self._dtype = tensors[0].dtype.base.name
        shapes = None
        if all(hasattr(tensor, "shape") for tensor in tensors):
            shapes = nest.map_structure(lambda tensor: tensor.shape, inputs)
        self.build(shapes)
        # A build of one's own may forget it.
        self.built = True
        check_inputs(self.input_spec, inputs, self._name)

    def _regularize_activity(self, inputs: Any, outputs: Any) -> None:
        if self._activity_regularizer is None:
            return
        with name_scope("ActivityRegularizer"):
            for output in nest.flatten(outputs):
                loss = self._activity_regularizer(output)
                self.add_loss(loss / cast(shape_of(output)[0], loss.dtype), inputs=inputs)

    # Variables.

    def add_weight(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Callable[[Any], Any] | None = None,
        trainable: bool | None = None,
        constraint: Callable[[Any], Any] | None = None,
        use_resource: bool | None = None,
        synchronization: Any = VariableSynchronization.AUTO,
        aggregation: Any = VariableAggregation.NONE,
        partitioner: Any = None,
    ) -> Any:
        """A variable of the layer, made or found by `get_variable` in the layer's variable scope.

        Parameters
        ----------
        name : str
        shape : shape, optional
            Default: a scalar.
        dtype : DType, optional
            Default: the layer's, else float32.
        initializer : callable, optional
            Default: the scope's, else glorot_uniform.
        regularizer : callable, optional
            Its value becomes a loss of the layer, and of ``GraphKeys.REGULARIZATION_LOSSES``.
        trainable : bool, optional
            Default: yes, unless the variable is synchronised on reading.

        Raises
        ------
        ValueError
            If a variable that is synchronised on reading should be trainable.
        """
        if synchronization == VariableSynchronization.ON_READ:
            if trainable:
                raise ValueError(
                    "Synchronization value can be set to VariableSynchronization.ON_READ only for non-trainable "
                    "variables. You have specified trainable=True and "
                    "synchronization=VariableSynchronization.ON_READ."
                )
            trainable = False
        elif trainable is None:
            trainable = True
        kind = as_dtype(dtype or self._dtype or "float32")
        known = set(global_variables())
        self._set_scope(None)
        reuse = self.built or self._reuse
        with variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as scope:
            self._current_scope = scope
            with name_scope(self._name_scope()):
                variable = get_variable(
                    name,
                    shape=() if shape is None else shape,
                    dtype=kind,
                    initializer=initializer or scope.initializer or _default_initializer(name, kind),
                    trainable=trainable and self.trainable,
                    constraint=constraint,
                    partitioner=partitioner,
                    use_resource=use_resource or scope.use_resource,
                    synchronization=synchronization,
                    aggregation=aggregation,
                )
                if isinstance(variable, (list, tuple)):
                    raise TypeError(
                        f"Layer {self._name!r} needs one variable or tensor for {name!r}, but the custom getter gave a "
                        f"{type(variable).__name__}."
                    )
                if regularizer is not None and not any(part in known for part in _parts(variable)):
                    for part in _parts(variable):
                        self.add_loss(partial(_regularize, name, regularizer, part))
        if trainable and self.trainable:
            # A custom getter may have decided otherwise.
            every = trainable_variables()
            trainable = any(part is other for part in _parts(variable) for other in every)
        self._own(variable, trainable)
        return variable

    def add_variable(self, *args: Any, **kwargs: Any) -> Any:
        """The same as `add_weight`."""
        return self.add_weight(*args, **kwargs)

    def _own(self, variable: Any, trainable: bool) -> None:
        weights = self._trainable_weights if trainable else self._non_trainable_weights
        weights += [part for part in _parts(variable) if not any(part is known for known in weights)]

    @property
    def trainable_weights(self) -> list[Any]:
        """Variables that may be trained; none if the layer itself is not trainable."""
        return list(self._trainable_weights) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The other variables."""
        if self.trainable:
            return list(self._non_trainable_weights)
        return self._trainable_weights + self._non_trainable_weights

    @property
    def weights(self) -> list[Any]:
        """All variables, those that may be trained first."""
        return self.trainable_weights + self.non_trainable_weights

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def count_params(self) -> int:
        """The number of elements of all variables.

        Raises
        ------
        ValueError
            If the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on {self._name}, but the layer isn't built. You can build it "
                f"manually via: `{self._name}.build(batch_input_shape)`."
            )
        return sum(num_elements(tuple(variable.shape.as_list())) or 0 for variable in self.weights)

    # What it says of itself.

    @property
    def name(self) -> str:
        """Of the layer object; see `scope_name` for that of its variables."""
        return self._name

    @property
    def dtype(self) -> str | None:
        """Name of the type of its variables, None before the first call."""
        return self._dtype

    @property
    def activity_regularizer(self) -> Any:
        return self._activity_regularizer

    @property
    def graph(self) -> Graph | None:
        """Where it was first called."""
        return self._graph

    @property
    def scope_name(self) -> str:
        """The path of its variable scope.

        Raises
        ------
        ValueError
            If it was never called.
        """
        if self._scope is None:
            raise ValueError(
                f'No name available for layer scope because the layer "{self._name}" has not been used yet. The scope '
                "name is determined the first time the layer instance is called. You must therefore call the layer "
                "before querying `scope_name`."
            )
        return self._scope.name

    def __deepcopy__(self, memo: dict[int, Any]) -> Layer:
        """A copy with the same graph, variable scope and tensors."""
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        shared = ("_graph", "_scope", "_current_scope", "_reuse_scope")
        for key, value in self.__dict__.items():
            made.__dict__[key] = value if key in shared else copy.deepcopy(value, memo)
        return made


def _default_initializer(name: str, dtype: DType) -> Any:
    """Glorot's for floats, zeros for integers and booleans, as Keras has it."""
    if dtype.is_floating:
        return GlorotUniform()
    if dtype.is_integer or dtype.is_bool:
        return Zeros()
    raise ValueError(f"An initializer for variable {name} of type {dtype.name} is required.")


def _parts(variable: Any) -> list[Any]:
    return list(variable) if isinstance(variable, PartitionedVariable) else [variable]


def _regularize(name: str, regularizer: Callable[[Any], Any], variable: Any) -> Any:
    with name_scope(name + "/Regularizer"):
        return regularizer(variable)
