"""tf.case: the first of several functions whose predicate holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.dtypes import bool as bool_
from scopert.graph.dtypes import int32
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_stack import stack
from scopert.ops.assert_op import assert_
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import less_equal
from scopert.ops.math_reduction import reduce_sum
from scopert.public import public

_Branch = Callable[[], Any]


@public("case")
def case(
    pred_fn_pairs: Any, default: _Branch | None = None, exclusive: bool = False, strict: bool = False,
    name: str = "case",
) -> Any:  # fmt: skip
    """The results of the first function whose predicate is true.

    Parameters
    ----------
    pred_fn_pairs : list of (Tensor, callable), or dict
        Bool scalars and functions, which return tensors in one structure, of the same types. A dict that
        is not ordered is tried in the order of the predicates' names.
    default : callable, optional
        For when no predicate is true. Without it, that is an error.
    exclusive : bool
        More than one true predicate is an error.
    strict : bool
        Keep a list or tuple of one result instead of unpacking it.
    name : str

    Raises
    ------
    TypeError
        If the pairs are no pairs of bool tensors and functions.
    InvalidArgumentError
        In a run: no predicate is true and there is no default, or several are and it is `exclusive`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     x = tf.constant(3)
    ...     r = tf.case([(x < 3, lambda: tf.constant(1)), (x < 5, lambda: tf.constant(2))], lambda: tf.constant(0))
    ...     print(session.run(r))
    2
    """
    predicates, actions = _checked(pred_fn_pairs)
    with name_scope(name, "case", [predicates]):
        if default is None:
            default, predicates, actions = _default_action(predicates, actions)
        chosen: _Branch = default
        for predicate, action in reversed(list(zip(predicates, actions, strict=True))):
            chosen = partial(cond, predicate, true_fn=action, false_fn=chosen, strict=strict)
        if not exclusive:
            return chosen()
        with control_dependencies([_at_most(predicates, 1, "Input error: exclusive=True")]):
            return chosen()


def _checked(pairs: Any) -> tuple[tuple[Tensor, ...], tuple[_Branch, ...]]:
    if not isinstance(pairs, (list, tuple, dict)):
        raise TypeError("fns must be a list, tuple, or dict")
    if isinstance(pairs, OrderedDict):
        pairs = list(pairs.items())
    elif isinstance(pairs, dict):
        pairs = sorted(pairs.items(), key=lambda item: item[0].name)
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError("Each entry in pred_fn_pairs must be a 2-tuple")
        predicate, function = pair
        if not isinstance(predicate, Tensor):
            raise TypeError(f"pred must be a Tensor, got: {predicate}")
        if predicate.dtype is not bool_:
            raise TypeError(f"pred must be Tensor of type bool: {predicate.name}")
        if not callable(function):
            raise TypeError(f"fn for pred {predicate.name} must be callable.")
    predicates, actions = zip(*pairs, strict=True)
    return predicates, actions


def _at_most(predicates: Sequence[Tensor], count: int, message: str) -> Operation:
    """Fails if more of the predicates are true."""
    packed = stack(predicates, name="preds_c")
    found = reduce_sum(cast(packed, int32), name="num_true_conds")
    condition = less_equal(found, constant(count, name="n_true_conds"))
    names = ", ".join(getattr(predicate, "name", "?") for predicate in predicates)
    data = [f"{message}: more than {count} conditions ({names}) evaluated as True:", packed]
    return assert_(condition, data=data, summarize=len(predicates))


def _default_action(
    predicates: tuple[Tensor, ...], actions: tuple[_Branch, ...]
) -> tuple[_Branch, tuple[Tensor, ...], tuple[_Branch, ...]]:
    """The last action as the default, which fails unless its predicate is true; and the others."""
    last = len(predicates) - 1
    predicate, action = predicates[last], actions[last]

    def default() -> Any:
        message = (
            f"Implementation error: selected default action #{last} was called, but some of other predicates are True: "
        )
        none_true = ("Input error: None of conditions evaluated as True:", stack(predicates, name="preds_c"))
        with control_dependencies(
            [_at_most(predicates[:last], 0, message), assert_(predicate, data=none_true)]
        ):
            return action()

    return default, predicates[:last], actions[:last]
