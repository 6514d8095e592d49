"""What the programs against TensorFlow 1's API have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Program


class GraphApi:
    """One graph and its session.

    Parameters
    ----------
    tf : module
        scopert, or TensorFlow.
    threads : int
        For the session; 0 leaves it to the library.
    dtype : str
        Of floating numbers: checks use float64.
    plain : bool
        Without optimizing programs.
    """

    def __init__(self, tf: Any, threads: int = 0, dtype: str = "float32", plain: bool = False) -> None:
        self.tf, self.dtype = tf, tf.as_dtype(dtype)
        self.graph = tf.Graph()
        self.feeds: dict[Any, Any] = {}
        self._loads: list[Any] = []
        self._config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
        if plain:
            self._config.graph_options.optimizer_options.opt_level = -1

    def number(self, array: Any) -> Any:
        """An array in the floating type of this program; integers stay."""
        array = np.asarray(array)
        return array.astype(self.dtype.as_numpy_dtype) if array.dtype.kind == "f" else array

    def variable(self, name: str, array: Any, trainable: bool = True) -> Any:
        """A variable that holds `array`; no constant of the graph does."""
        tf, array = self.tf, self.number(array)
        variable = tf.get_variable(
            name, array.shape, tf.as_dtype(array.dtype), tf.zeros_initializer(), trainable=trainable
        )
        value = tf.placeholder(variable.dtype.base_dtype, array.shape)
        self._loads.append((tf.assign(variable, value).op, value, array))
        return variable

    def variables(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """A variable for each entry."""
        return {name: self.variable(name, array) for name, array in arrays.items()}

    def feed(self, array: Any) -> Any:
        """A placeholder that is fed with `array` in each step."""
        array = self.number(array)
        placeholder = self.tf.placeholder(self.tf.as_dtype(array.dtype), array.shape)
        self.feeds[placeholder] = array
        return placeholder

    def session(self) -> Any:
        """A session with all variables set."""
        tf = self.tf
        session = tf.Session(graph=self.graph, config=self._config)
        session.run(tf.global_variables_initializer())
        for op, value, array in self._loads:
            session.run(op, {value: array})
        return session

    def program(self, fetches: list[Any], train: Any = None, watched: Any = None) -> Program:
        """Runs `fetches`, and `train`; `watched` is what `train` changes."""
        session, feeds, count = self.session(), self.feeds, len(fetches)
        everything = fetches if train is None else [*fetches, train]
        state = None if watched is None else lambda: session.run(watched)
        return Program(lambda: session.run(everything, feeds)[:count], state)

    def adam(self, loss: Any) -> Program:
        """A training step."""
        return self.program([loss], self.tf.train.AdamOptimizer(1e-3, epsilon=1e-7).minimize(loss))


def cross_entropy(tf: Any, labels: Any, logits: Any) -> Any:
    """The mean loss of a batch."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
