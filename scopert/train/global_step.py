"""The global step: one counter of training steps a graph."""

from __future__ import annotations

import logging
from typing import Any

from scopert.graph import dtypes
from scopert.graph.collections import GraphKeys
from scopert.graph.graph import Graph
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.public import public
from scopert.scope.get_variable import get_variable
from scopert.scope.initializers import Zeros
from scopert.scope.variable import Variable

_log = logging.getLogger("scopert")


@public("train.global_step")
def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of the counter in a session, as an int."""
    return int(sess.run(global_step_tensor))


@public("train.get_global_step", "contrib.framework.get_global_step", "contrib.slim.get_global_step")
def get_global_step(graph: Graph | None = None) -> Any:
    """The counter of a graph (default: the current one), or None.

    It is the one element of the collection ``GraphKeys.GLOBAL_STEP``, or else the tensor ``global_step:0``.

    Raises
    ------
    TypeError
        If it is not an integer scalar.
    """
    graph = get_default_graph() if graph is None else graph
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        _log.error("Multiple tensors in global_step collection.")
        return None
    if found:
        step = found[0]
    else:
        try:
            step = graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
    assert_global_step(step)
    return step


@public("train.create_global_step", "contrib.framework.create_global_step", "contrib.slim.create_global_step")
def create_global_step(graph: Graph | None = None) -> Any:
    """Makes the counter: an int64 variable ``global_step`` under the current variable scope.

    Raises
    ------
    ValueError
        If there is one already.
    """
    graph = get_default_graph() if graph is None else graph
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), graph.name_scope(None):
        return get_variable(
            GraphKeys.GLOBAL_STEP, shape=[], dtype=dtypes.int64, initializer=Zeros(), trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )  # fmt: skip


@public(
    "train.get_or_create_global_step",
    "contrib.framework.get_or_create_global_step",
    "contrib.slim.get_or_create_global_step",
)
def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The counter, made if there is none.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     step = tf.train.get_or_create_global_step()
    ...     print(step.name, tf.train.get_global_step() is step)
    global_step:0 True
    """
    graph = get_default_graph() if graph is None else graph
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


@public("train.assert_global_step", "contrib.framework.assert_global_step", "contrib.slim.assert_global_step")
def assert_global_step(global_step_tensor: Any) -> None:
    """Raises TypeError unless the argument is an integer scalar tensor or variable."""
    if not isinstance(global_step_tensor, (Variable, Tensor)):
        raise TypeError(f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor}.')
    if not global_step_tensor.dtype.base.is_integer:
        raise TypeError(f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}')
    shape = global_step_tensor._shape
    if shape is not None and None not in shape and shape != ():
        raise TypeError(f'Existing "global_step" is not scalar: {global_step_tensor.get_shape()}')


_READ_CACHE = "global_step_read_op_cache"


def get_or_create_global_step_read(graph: Graph | None = None) -> Any:
    """A tensor with the value of the counter before the updates of a run; None if there is no counter.

    It is made once a graph, and initializes nothing: it reads the initial value if there is no other yet.
    """
    graph = get_default_graph() if graph is None else graph
    found = graph.get_collection(_READ_CACHE)
    if found:
        return found[0]
    step = get_global_step(graph)
    if step is None:
        return None
    with graph.as_default(), graph.name_scope(None), graph.name_scope(step.op.name + "/"):
        value = step.initialized_value() if isinstance(step, Variable) else step
        tensor = value + 0
    graph.add_to_collection(_READ_CACHE, tensor)
    return tensor
