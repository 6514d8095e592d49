"""The memory of an executable: parts of known size in one allocation, and addresses as part and offset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scopert.backend import DType
from scopert_cupy.device import Address, Allocation, Device

#: Every region, and every value outside the workspace, begins at a multiple of this.
ALIGNMENT = 256

#: What runs are given: feeds and parameters, filled by one copy.
FEEDS: Final = 0
#: What runs return, fetched by one copy.
FETCHES: Final = 1
#: Values that last as long as the run: what stands under a guard or in a loop, scalars.
VALUES: Final = 2
#: Values that the program's memory plan has packed.
WORKSPACE: Final = 3
#: Memory of one step, of no defined content.
SCRATCH: Final = 4
#: Constants, the same for all runs.
CONSTANTS: Final = 5
#: From here on: variable n of the plan.
VARIABLES: Final = 6
_NAMES = ("feeds", "fetches", "values", "workspace", "scratch")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place: so many bytes into a region, or into a variable."""

    base: int
    offset: int = 0


class Regions:
    """Sizes of the regions while a program is planned.

    Examples
    --------
    >>> regions = Regions()
    >>> regions.reserve(VALUES, 4), regions.reserve(VALUES, 1000), regions.sizes[VALUES]
    (Spot(base=2, offset=0), Spot(base=2, offset=256), 1280)
    """

    def __init__(self) -> None:
        self.sizes = [0] * VARIABLES

    def reserve(self, region: int, nbytes: int) -> Spot:
        """The next free place of a region."""
        spot = Spot(region, self.sizes[region])
        self.sizes[region] += aligned(max(nbytes, 1))
        return spot

    def at_least(self, region: int, nbytes: int) -> None:
        """Makes a region so large: what its users share."""
        self.sizes[region] = max(self.sizes[region], aligned(nbytes))


def aligned(nbytes: int) -> int:
    """The next multiple of the alignment."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


class Arena:
    """One allocation for all regions but the constants.

    Parameters
    ----------
    device : Device
    sizes : sequence of int
        By region.
    take : callable
        What gives memory.
    """

    def __init__(self, device: Device, sizes: Sequence[int], take: Callable[[int], Allocation]) -> None:
        self._device = device
        self._starts: list[int] = []
        total = 0
        for size in sizes[:CONSTANTS]:
            self._starts.append(total)
            total += size
        self.nbytes = total
        self._allocation: Allocation | None = take(total) if total else None

    def base(self, region: int) -> Address:
        """Where a region begins."""
        return 0 if self._allocation is None else self._allocation.address + self._starts[region]

    def view(self, spot: Spot, shape: tuple[int, ...], dtype: DType) -> Any:
        """An array over a place."""
        return self._device.view(self._allocation, self._starts[spot.base] + spot.offset, shape, dtype)  # type: ignore[arg-type]

    def describe(self, sizes: Sequence[int]) -> str:
        """The sizes of the regions, in words."""
        return ", ".join(f"{name} {size}" for name, size in zip(_NAMES, sizes, strict=False) if size)
