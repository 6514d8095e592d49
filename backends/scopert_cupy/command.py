"""What a step becomes on a device: a few commands over memory, and the functions that they launch.

Commands are data. They name memory by :class:`Operand`, not by address, so that one emitter serves every
place a program may lie in; the executable resolves operands once, when it binds a program to its arena.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from scopert.backend import RunContext
from scopert_cupy.operation import Operation

Role: TypeAlias = Literal["input", "output", "scratch", "parameter"]


@dataclass(frozen=True, slots=True)
class Operand:
    """Memory of a step.

    Attributes
    ----------
    role : str
        ``input`` and ``output``: a slot of the step; of an input that is a variable, the variable's memory.
        ``scratch``: the step's own memory, `Emitted.scratch` bytes, of no defined content.
        ``parameter``: what `Emitted.parameters` gave for this run.
    number : int
        Which input, output or parameter.
    offset : int
        Bytes from its beginning.
    """

    role: Role
    number: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """One ``__global__`` function.

    Attributes
    ----------
    name : str
        Its symbol. It tells the content (end it with a hash of the source): functions of one name are one.
    source : str
        The definition ``SC_KERNEL void NAME(...) {...}``, over the prelude; no includes, no ``asm``.
    fibers : bool
        Its threads meet: it uses barriers, shuffles or shared memory.
    width : int
        It claims global accesses of so many bytes; the compiled code is searched for them in tests.
    threads : int
        The largest block that it is launched with (``__launch_bounds__``).
    """

    name: str
    source: str
    fibers: bool = False
    width: int = 0
    threads: int = 256


#: A scalar is passed by value; its NumPy type is the parameter's type.
Argument: TypeAlias = Operand | np.generic
Extent: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Launch:
    """Launches a function: `grid` blocks of `block` threads with `shared` bytes of dynamic shared memory."""

    function: Function
    grid: Extent
    block: Extent
    arguments: tuple[Argument, ...]
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """A stack of row-major matrices in memory.

    Attributes
    ----------
    at : Operand
    leading : int
        Elements from one row to the next, as stored.
    transposed : bool
        The product takes it with rows and columns exchanged.
    strides : tuple of int
        Elements from one matrix to the next, for each batch axis of the product; 0 broadcasts.
    """

    at: Operand
    leading: int
    transposed: bool = False
    strides: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Gemm:
    """``out = epilogue(a @ b + bias)``, for every matrix of the batch; at most one batch axis.

    Attributes
    ----------
    m, n, k : int
        ``(m, k) @ (k, n)``.
    a, b, out : Matrix
    dtype : str
        NumPy's name of the type of all three.
    precision : str
        ``float32``, ``tf32`` or ``bf16`` for float32 operands: what is multiplied; accumulation is float32.
    batch : tuple of int
    bias : Operand, optional
        `n` elements, added to every row.
    epilogue : str
        ``""``, ``relu``, ``gelu`` (the tanh form), ``relu_aux`` (relu that fills `aux`) or ``drelu`` (zero where the
        bit of `aux` is 0: the gradient of a relu that filled it).
    accumulate : bool
        Adds to what `out` holds.
    aux : Operand, optional
        A bit for each element of `out`, lowest first, each row padded to `mask_bits(n)`; it is 1 where the input of
        relu was positive.
    bias_gradient : Operand, optional
        `n` elements that are filled with the sum of the rows of `out`, after the epilogue ``drelu``.
    """

    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    out: Matrix
    dtype: str
    precision: str = "float32"
    batch: tuple[int, ...] = ()
    bias: Operand | None = None
    epilogue: str = ""
    accumulate: bool = False
    aux: Operand | None = None
    bias_gradient: Operand | None = None


def mask_bits(n: int) -> int:
    """Bits of a row of a relu mask: cuBLASLt wants a multiple of 128."""
    return -(-n // 128) * 128


@dataclass(frozen=True, slots=True)
class Copy:
    """Copies `nbytes` on the device; source and target do not overlap."""

    target: Operand
    source: Operand
    nbytes: int


@dataclass(frozen=True, slots=True)
class Fill:
    """Sets `nbytes` to one byte."""

    target: Operand
    byte: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Operate:
    """An operation that a library computes; `operands` are its tensors, in their order."""

    operation: Operation
    operands: tuple[Operand, ...]


Command: TypeAlias = Launch | Gemm | Operate | Copy | Fill


@dataclass(frozen=True, slots=True)
class Table:
    """A constant of addresses, which are known once a program is bound: a uint64 for each entry.

    Attributes
    ----------
    entries : tuple of Operand or int
        Operands of the same step become their addresses, numbers stay.
    """

    entries: tuple[Operand | int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A few bytes that the host decides anew before every run, such as a random counter or a step count.

    Attributes
    ----------
    nbytes : int
    value : callable
        ``value(context, origin) -> array`` of `nbytes` bytes; called once in each run, in the order of the steps.
    """

    nbytes: int
    value: Callable[[RunContext, Any], Any]


@dataclass(frozen=True, slots=True)
class Emitted:
    """A step as commands, in order.

    Attributes
    ----------
    commands : tuple of Command
    scratch : int
        Bytes of memory that it needs while it runs.
    parameters : tuple of Parameter
    constants : tuple of numpy.ndarray or Table
        Tables that stay the same; they follow the step's inputs: number ``len(step.inputs) + k`` is constant `k`.
    alias : tuple of (int, int)
        Output and the input whose memory it is, under another shape: no command fills it. Where the program's
        layout does not count on that (`Memory.views`), the executable copies.
    status : int, optional
        Offset in scratch of a 4-byte word that is 0 when the step begins, and not 0 afterwards if its inputs are
        refused (an index out of range): the step's generic kernel then says what is wrong with them. The commands
        never clear it. An executable that does not look at it may take it for any other scratch: what is refused
        has no effect (a gathered row is 0, an update is left out), as in TensorFlow's GPU kernels.
    refusal : callable, optional
        Given that word, raises what is wrong, where the step's inputs do not tell it.
    """

    commands: tuple[Command, ...]
    scratch: int = 0
    parameters: tuple[Parameter, ...] = ()
    constants: tuple[Any, ...] = ()
    alias: tuple[tuple[int, int], ...] = ()
    status: int | None = None
    refusal: Callable[[int], None] | None = None


def operands(command: Command) -> list[Operand]:
    """All operands of a command."""
    if isinstance(command, Launch):
        return [argument for argument in command.arguments if isinstance(argument, Operand)]
    if isinstance(command, Gemm):
        others = (command.bias, command.aux, command.bias_gradient)
        return [command.a.at, command.b.at, command.out.at, *[operand for operand in others if operand is not None]]
    if isinstance(command, Operate):
        return list(command.operands)
    if isinstance(command, Copy):
        return [command.target, command.source]
    return [command.target]


def used_inputs(emitted: Emitted, count: int) -> set[int]:
    """Which of the `count` inputs of a step its commands use the memory of."""
    found = {source for _, source in emitted.alias}
    for command in emitted.commands:
        found.update(operand.number for operand in operands(command) if operand.role == "input")
    for constant in emitted.constants:
        if isinstance(constant, Table):
            found.update(e.number for e in constant.entries if isinstance(e, Operand) and e.role == "input")
    return {number for number in found if number < count}
