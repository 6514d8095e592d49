"""Whether it pays at present that threads share a call."""

from __future__ import annotations

#: After so many calls the slower way is tried again; it is tried so often before the first decision.
_TRIES, _FIRST = 16, 2
#: Sharing has to be so much faster: threads that wait for each other suffer from whatever else runs on the machine.
_CLEARLY = 0.9


class Choice:
    """How a call runs, in one thread or in several: on a busy machine a piece may wait long for a thread.

    Both ways compute the same to the bit. The first call says nothing: it meets memory that nobody has touched. Then
    both ways are tried, and now and then the slower one is tried again.

    Examples
    --------
    >>> choice = Choice()
    >>> for _ in range(8):
    ...     together = choice.together()
    ...     choice.took(together, 50 if together else 90)
    >>> choice.together()
    True
    """

    __slots__ = ("_calls", "_next", "_times", "_tried")

    def __init__(self) -> None:
        self._times = [0.0, 0.0]
        self._tried = [0, -1]  # the first call, which is shared, does not count
        self._calls = 0
        self._next = 0

    def together(self) -> bool:
        """How the next call runs."""
        self._calls += 1
        tried_alone, tried_together = self._tried
        if min(self._tried) < _FIRST:
            return tried_together <= tried_alone
        alone, together = self._times
        best = together < _CLEARLY * alone
        slower = max(alone, together) / min(alone, together)
        pause = _TRIES if slower < 1.5 else 4 * _TRIES
        if not self._next:
            self._next = self._calls + pause
        if self._calls < self._next:
            return best
        self._next = self._calls + pause
        return not best

    def took(self, together: bool, nanoseconds: int) -> None:
        """Notes the time of a call."""
        self._tried[together] += 1
        if not self._tried[together]:
            return
        before, found = self._times[together], float(max(nanoseconds, 1))
        if before and found > before:
            # A single long wait says little, and nothing among the first calls.
            found = before if self._tried[together] <= _FIRST else 0.75 * before + 0.25 * min(found, 4 * before)
        self._times[together] = found
