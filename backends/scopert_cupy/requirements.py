"""What a card and its driver must be, checked in one place and said plainly."""

from __future__ import annotations

import os
from collections.abc import Sequence

from scopert_cupy.failures import DeviceError

#: The oldest architecture that NVRTC of CUDA 13 compiles for.
OLDEST = (7, 5)


def check_card(name: str, capability: tuple[int, int]) -> None:
    """DeviceError if a card is too old."""
    if capability < OLDEST:
        raise DeviceError(
            f"{name} has compute capability {capability[0]}.{capability[1]}; scopert's kernels need "
            f"{OLDEST[0]}.{OLDEST[1]} (Turing) or newer. Choose another card with CUDA_VISIBLE_DEVICES, or "
            f'run on the CPU with backend="numpy".'
        )


def check_driver(driver: int, runtime: int) -> None:
    """DeviceError if a driver is too old for the CUDA libraries.

    Parameters
    ----------
    driver, runtime : int
        As CUDA numbers them: 13010 is 13.1; 0 for a driver that is not there.
    """
    if driver == 0:
        raise DeviceError(
            "No CUDA driver is installed, or it does not answer: `nvidia-smi` should list a card. "
            'Run on the CPU with backend="numpy".'
        )
    if driver // 1000 < runtime // 1000:
        package = f"cuda{driver // 1000}"
        raise DeviceError(
            f"The driver supports CUDA {_text(driver)}, but CuPy was built for CUDA {_text(runtime)}. Update the "
            f"driver, or install the CuPy that fits it: pip install 'scopert[{package}]'."
        )


def check_process(opened_in: int) -> None:
    """DeviceError in a child that was forked after the device was opened: CUDA does not work there."""
    if os.getpid() != opened_in:
        raise DeviceError(
            f"This process was forked from process {opened_in} after that had opened the device, and CUDA cannot be "
            f"used in such a child. Start workers with multiprocessing's 'spawn' or 'forkserver', or open the first "
            f"session after the fork."
        )


def choose_architecture(capability: tuple[int, int], compiled_for: Sequence[int]) -> str:
    """What to compile for: the newest architecture that a compiler knows and a card runs.

    Parameters
    ----------
    capability : tuple of int
    compiled_for : sequence of int
        What NVRTC compiles for: 80 for ``sm_80``.

    Raises
    ------
    DeviceError
        If NVRTC is older than the card.
    """
    major, minor = capability
    fits = [each for each in compiled_for if each // 10 == major and each % 10 <= minor]
    if not fits:
        known = ", ".join(f"{each // 10}.{each % 10}" for each in sorted(compiled_for))
        raise DeviceError(
            f"NVRTC does not compile for compute capability {major}.{minor}; it knows {known}. "
            f"Install a newer CuPy or NVRTC."
        )
    return f"sm_{max(fits)}"


def _text(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
