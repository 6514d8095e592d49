"""Several cells on top of each other as one."""

from __future__ import annotations

import logging
from typing import Any

from scopert import nest
from scopert.graph.scopes import name_scope
from scopert.layers.layer import Layer
from scopert.ops.array_concat import concat
from scopert.ops.array_slice import slice as slice_
from scopert.public import public
from scopert.rnn.cell import RNNCell
from scopert.scope.variable_scope import variable_scope

_log = logging.getLogger("scopert")


@public("nn.rnn_cell.MultiRNNCell", "contrib.rnn.MultiRNNCell")
class MultiRNNCell(RNNCell):
    """A cell of several: the output of each is the input of the next.

    Parameters
    ----------
    cells : list of RNNCell
        Each in a variable scope of its own, ``cell_0``, ``cell_1``...
    state_is_tuple : bool
        Whether the state is a tuple of the states, or all of them in one tensor side by side.

    Raises
    ------
    ValueError
        If there are no cells, or states that are tuples should be joined.
    TypeError
        If `cells` is no list.
    """

    def __init__(self, cells: Any, state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell.")
        if not nest.is_sequence(cells):
            raise TypeError(f"cells must be a list or tuple, but saw: {cells}.")
        if len({id(cell) for cell in cells}) < len(cells):
            _log.warning("At least two cells provided to MultiRNNCell are the same object and will share weights.")
        self._cells = cells
        self._state_is_tuple = state_is_tuple
        if not state_is_tuple and any(nest.is_sequence(cell.state_size) for cell in cells):
            raise ValueError(
                "Some cells return tuples of states, but the flag state_is_tuple is not set.  State sizes are: "
                f"{[cell.state_size for cell in cells]}"
            )

    @property
    def _checkpoint_dependencies(self) -> list[tuple[str, Any]]:
        """Under which names a `tf.train.Checkpoint` keeps the cells."""
        return [(f"cell-{i}", cell) for i, cell in enumerate(self._cells)]

    @property
    def state_size(self) -> Any:
        """Those of the cells, or their sum."""
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        """That of the last cell."""
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """The zero states of the cells."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            if self._state_is_tuple:
                return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)
            return super().zero_state(batch_size, dtype)

    @property
    def trainable_weights(self) -> list[Any]:
        """Those of the cells."""
        return self._of_cells("trainable_weights") if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Those of the cells."""
        found = self._of_cells("non_trainable_weights")
        return found if self.trainable else self._of_cells("trainable_weights") + found

    def _of_cells(self, kind: str) -> list[Any]:
        return [weight for cell in self._cells if isinstance(cell, Layer) for weight in getattr(cell, kind)]

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step.

        Raises
        ------
        ValueError
            If the state should be a tuple and is none.
        """
        position, states = 0, []
        for i, cell in enumerate(self._cells):
            with variable_scope(f"cell_{i}"):
                if self._state_is_tuple:
                    if not nest.is_sequence(state):
                        raise ValueError(
                            f"Expected state to be a tuple of length {len(self.state_size)}, but received: {state}"
                        )
                    current = state[i]
                else:
                    current = slice_(state, [0, position], [-1, cell.state_size])
                    position += cell.state_size
                inputs, new = cell(inputs, current)
                states.append(new)
        return inputs, tuple(states) if self._state_is_tuple else concat(states, 1)
