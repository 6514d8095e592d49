"""Seeds: how a graph's and an operation's combine."""

from __future__ import annotations

from scopert.graph.stack import get_default_graph
from scopert.public import public

DEFAULT_GRAPH_SEED = 87654321
"""Stands for the graph's seed where only the operation has one."""
_LARGEST = 2**31 - 1


@public("get_seed", "random.get_seed")
def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The two seeds of an operation, from the graph's seed and its own.

    Parameters
    ----------
    op_seed : int or None
        None: the number of operations that the graph has so far, if the graph has a seed.

    Returns
    -------
    tuple of int, or (None, None)
        None where neither the graph nor the operation has a seed: the numbers then differ from
        session to session.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     unseeded = tf.get_seed(5)
    ...     tf.set_random_seed(1)
    ...     seeded = tf.get_seed(5)
    >>> unseeded, seeded
    ((87654321, 5), (1, 5))
    """
    graph = get_default_graph()
    if graph.seed is None:
        if op_seed is None:
            return None, None
        seeds = DEFAULT_GRAPH_SEED, op_seed % _LARGEST
    else:
        seeds = graph.seed % _LARGEST, (graph._last_id if op_seed is None else op_seed) % _LARGEST
    # Two zeros mean "no seed" to an operation.
    return (0, _LARGEST) if seeds == (0, 0) else seeds


@public("set_random_seed", "random.set_random_seed")
def set_random_seed(seed: int | None) -> None:
    """Sets the seed of the default graph; operations made from now on draw the same numbers in each session.

    Parameters
    ----------
    seed : int or None
        None takes the seed away.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     tf.set_random_seed(1234)
    ...     print(session.run(tf.random_uniform([])))
    0.96046877
    """
    get_default_graph().seed = seed
