"""How rows are walked: what is computed in which phase, what is kept between phases and where, who has a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from scopert.program.expression import REDUCTIONS
from scopert_cupy.fused.reductions import closure, reduced
from scopert_cupy.fused.space import Nest, columns_of, consumed, vector_width

REGISTERS, SHARED, AGAIN = "registers", "shared", "again"
#: A value that costs more instructions than this to compute again is kept.
_KEEP_ABOVE = 8.0
COSTS = {
    "load": 1.0, "const": 0.0, "index": 1.0, "div": 8, "sqrt": 8, "rsqrt": 16, "reciprocal": 8, "exp": 10,
    "expm1": 20, "log": 20, "log1p": 20, "sin": 40, "cos": 40, "tan": 50, "tanh": 20, "sigmoid": 30, "softplus": 40,
    "erf": 30, "pow": 60, "atan2": 60, "mod": 30, "floordiv": 30,
}  # fmt: skip
#: Bytes of registers of a thread that values may take between phases.
_ROOM = 128


@dataclass
class Schedule:
    """What is computed in which phase, and what is kept.

    Attributes
    ----------
    phase : list of int
        The first phase in which a node can be computed.
    phases : int
    kept : dict of int to int
        Nodes that are kept, and the phase that computes them.
    targets : list of list of int
        By phase, the nodes that vary along columns and must be there.
    """

    phase: list[int]
    phases: int
    kept: dict[int, int] = field(default_factory=dict)
    targets: list[list[int]] = field(default_factory=list)


def schedule(nest: Nest, keep: str) -> Schedule:
    """What is computed when, if ``all`` that is costly, ``loads`` only or ``nothing`` is kept between phases."""
    fused = nest.fused
    used, columns = consumed(fused), columns_of(fused)
    phase: list[int] = []
    for number, node in enumerate(fused.nodes):
        phase.append(max([phase[arg] for arg in node.args], default=0) + (number in used))
    walked = [store.node for store in fused.stores if is_walked(nest, store.node, store.access.strides)]
    last = max([phase[n] for n in walked], default=0)
    last = max([last, *[phase[fused.nodes[n].args[0]] for n in reduced(fused)]])
    made = Schedule(phase, last + 1)
    made.targets = [[] for _ in range(made.phases)]
    for number in reduced(fused):
        made.targets[phase[fused.nodes[number].args[0]]].append(fused.nodes[number].args[0])
    made.targets[last].extend(walked)
    if keep == "nothing":
        return made

    def varies(number: int) -> bool:
        return bool(fused.nodes[number].axes & columns) and fused.nodes[number].op not in REDUCTIONS

    def costly(number: int) -> bool:
        total, waiting = 0.0, [number]
        while waiting and total <= _KEEP_ABOVE:
            now = waiting.pop()
            if now not in made.kept and varies(now):
                total += COSTS.get(fused.nodes[now].op, 1.0)
                waiting.extend(fused.nodes[now].args)
        return total > _KEEP_ABOVE

    inner = len(fused.extents) - 1
    before = -1
    while before != len(made.kept):  # what is kept may need in its own phase what an earlier one has
        before = len(made.kept)
        for where in range(made.phases):
            waiting, seen = list(made.targets[where]), set[int]()
            while waiting:
                number = waiting.pop()
                if number in seen or not varies(number):
                    continue
                seen.add(number)
                node = fused.nodes[number]
                home = phase[number]
                if node.op == "load":  # it is read in the first phase that needs it
                    home = next(p for p in range(made.phases) if number in walk(nest, made, p))
                keep_it = number in made.kept or node.op == "load" or (keep == "all" and costly(number))
                if home < where and inner in node.axes and keep_it:
                    if number not in made.kept:
                        made.kept[number] = home
                        made.targets[home].append(number)
                else:
                    waiting.extend(node.args)
    return made


def walk(nest: Nest, made: Schedule, where: int) -> set[int]:
    """The nodes that a phase computes or takes from where they are kept."""
    given = [number for number, home in made.kept.items() if home < where]
    return closure(nest.fused, made.targets[where], [*given, *reduced(nest.fused)])


def is_walked(nest: Nest, number: int, strides: tuple[int, ...]) -> bool:
    """Whether a store goes to a place for every column."""
    columns = columns_of(nest.fused)
    node = nest.fused.nodes[number]
    return any(strides[k] for k in columns) or (bool(node.axes & columns) and node.op not in REDUCTIONS)


@dataclass(frozen=True, slots=True)
class RowShape:
    """How rows are shared out.

    Attributes
    ----------
    width : int
        Neighbours that a thread takes at a time.
    units : int
        Pieces of so many neighbours in a row.
    group : int
        Threads of a row.
    threads : int
        Of a block.
    items : int
        Pieces of a row for each thread.
    memory : str
        Where values are kept.
    shared : int
        Bytes of dynamic shared memory.
    """

    width: int
    units: int
    group: int
    threads: int
    items: int
    memory: str
    shared: int


def row_shape(nest: Nest, made: Schedule, limit: int, split: bool) -> RowShape:
    fused = nest.fused
    rows, columns = prod(fused.extents[: fused.rows]), prod(fused.extents[fused.rows :])
    inner = len(fused.extents) - 1
    width = vector_width(nest, inner)
    ragged = len(fused.extents) == 1 and made.phases == 1  # a lone row may have an end that is no whole piece
    while width > columns or (fused.extents[inner] % width and not ragged):
        width //= 2
    units = columns // width
    if split:
        group = 256
    elif _across(nest) and (rows >= 4096 or columns <= 64):
        group = 1
    elif units <= 32:
        group = 1 << max(units - 1, 0).bit_length()
    elif units * width <= 1024 and (rows >= 2048 or units <= 64):
        group = 32
    else:
        group = next((t for t in (128, 256, 512) if -(-units // t) * width <= 16), 1024)
    threads = group if group > 32 else 128 if group == 1 else 256
    items = -(-units // group)
    memory, shared = AGAIN, 0
    bytes_each = _most_held(nest, made) * items * width
    if made.phases == 1:
        memory = REGISTERS if items <= 4 and not columns % width else AGAIN
    elif bytes_each <= (_ROOM // 2 if group == 1024 else _ROOM) and items * width <= 64:
        memory = REGISTERS
    elif group > 32 and places(nest, made, columns)[1] <= limit - 4096:
        memory, shared = SHARED, places(nest, made, columns)[1]
    else:
        group, threads = min(group, 512), min(threads, 512)
        items = -(-units // group)
    return RowShape(width, units, group, threads, items, memory, shared)


def _most_held(nest: Nest, made: Schedule) -> int:
    """Bytes for each column that are kept at the same time between two phases."""
    last = _last_phases(nest, made)
    return max(
        [
            sum(kept_size(nest, n) for n, home in made.kept.items() if home < between <= last[n])
            for between in range(1, made.phases)
        ],
        default=0,
    )


def _last_phases(nest: Nest, made: Schedule) -> dict[int, int]:
    """Until which phase kept values are needed."""
    last = {}
    for phase in range(made.phases):
        walked = walk(nest, made, phase)
        last.update({number: phase for number in made.kept if number in walked})
    return last


def places(nest: Nest, made: Schedule, columns: int) -> tuple[dict[int, int], int]:
    """Where the rows of kept values lie in shared memory, and how long that is.

    A value takes the place of one that is needed for the last time in the phase that makes it: a thread reads its
    own part before it writes there.
    """
    last = _last_phases(nest, made)
    at: dict[int, int] = {}
    total = 0
    free: list[tuple[int, int, int]] = []  # phase from which on, bytes of an element, place
    for number, home in sorted(made.kept.items(), key=lambda pair: (pair[1], pair[0])):
        size = kept_size(nest, number)
        found = next((place for place in free if place[0] <= home and place[1] == size), None)
        if found is None:
            at[number] = total
            total += -(-size * columns // 16) * 16
        else:
            free.remove(found)
            at[number] = found[2]
        free.append((last[number], size, at[number]))
    return at, total


def kept_size(nest: Nest, number: int) -> int:
    node = nest.fused.nodes[number]
    if node.op == "load":
        return nest.loads[node.value].dtype.np.itemsize
    return 1 if node.dtype.is_bool else max(node.dtype.np.itemsize, 4)


def _across(nest: Nest) -> bool:
    """Whether neighbours in memory belong to different rows."""
    fused = nest.fused
    inner = len(fused.extents) - 1
    arrays = [*fused.loads, *[store.access for store in fused.stores]]
    along = sum(abs(access.strides[inner]) == 1 for access in arrays)
    other = sum(
        any(abs(stride) == 1 for stride in access.strides[: fused.rows]) and abs(access.strides[inner]) > 1
        for access in arrays
    )
    return other > along
