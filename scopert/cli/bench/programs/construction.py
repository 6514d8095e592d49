"""What building a graph costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Data, Program, Workload


def _size(rng: Any, small: bool) -> Data:
    return {"n": 2 if small else 10}


OPERATIONS = Workload("build_operations", "a graph of 10,000 operations in nested scopes", _size)
VARIABLES = Workload("build_variables", "2000 variables in nested scopes", _size)
IMPORT = Workload("import", "importing the library", lambda rng, small: {}, fresh="import")


def nested_operations(tf: Any, n: int) -> Any:
    """``10 n^3`` operations; the last tensor's name tells whether the scopes are right."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [16], name="x")
        constant = tf.constant(np.ones(16, np.float32), name="c")
        for _ in range(n):
            with tf.name_scope("outer"):
                for _ in range(n):
                    with tf.name_scope("middle"):
                        for _ in range(n):
                            with tf.name_scope("inner"):
                                for _ in range(5):
                                    x = tf.tanh(tf.add(x, constant, name="add"), name="tanh")
        return x.name


def scoped_variables(tf: Any, n: int) -> list[str]:
    """``2 n^3`` variables and their initialiser; the names of the first and the last."""
    with tf.Graph().as_default():
        for block in range(2 * n):
            with tf.variable_scope(f"block{block}"):
                for layer in range(n):
                    with tf.variable_scope(f"layer{layer}"):
                        for number in range(n):
                            tf.get_variable(f"w{number}", [8, 8], tf.float32, tf.zeros_initializer())
        tf.global_variables_initializer()
        names = [variable.name for variable in tf.global_variables()]
        return [names[0], names[-1]]


@OPERATIONS.program("graph")
def _(api: Any, data: Data) -> Program:
    return Program(lambda: [np.array(nested_operations(api.tf, data["n"]))])


@VARIABLES.program("graph")
def _(api: Any, data: Data) -> Program:
    return Program(lambda: [np.array(scoped_variables(api.tf, data["n"]))])


def _nothing(_: Any, data: Data) -> Program:
    return Program(list)


for _kind in ("graph", "jax", "torch", "numpy"):
    IMPORT.program(_kind)(_nothing)

WORKLOADS = (OPERATIONS, VARIABLES, IMPORT)
