"""What a pass is, and how passes are run one after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from scopert.program.ir import Program
from scopert.program.verify import verify


class Pass(Protocol):
    """A frozen dataclass whose fields are its options.

    The contract: a valid Program in, a valid Program out that computes the same; it knows no graph and
    no backend.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, program: Program) -> Program: ...


def run_passes(program: Program, passes: Sequence[Pass], check: bool = False) -> Program:
    """Runs passes in order.

    Parameters
    ----------
    program : Program
    passes : sequence of Pass
    check : bool
        Run the verifier after each of them.

    Raises
    ------
    ValueError
        If the verifier finds that a pass broke a rule; the message names the pass.
    """
    folder = os.environ.get("SCOPERT_DUMP")
    if folder:
        _dump(program, Path(folder), 0, "lowered")
    for number, step in enumerate(passes, 1):
        program = step(program)
        if check:
            try:
                verify(program)
            except ValueError as error:
                raise ValueError(f"the pass {step.name!r} made an invalid program: {error}") from error
        if folder:
            _dump(program, Path(folder), number, step.name)
    return program


_dumped: dict[str, int] = {}


def _dump(program: Program, folder: Path, number: int, name: str) -> None:
    """Writes ``PROGRAM.NUMBER-PASS.txt``; programs are numbered as they are compiled."""
    count = _dumped.setdefault(str(folder), -1)
    if number == 0:
        count = _dumped[str(folder)] = count + 1
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{count:04d}.{number:02d}-{name}.txt").write_text(f"{program}\n", encoding="utf-8")
