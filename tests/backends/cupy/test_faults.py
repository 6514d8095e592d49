"""What can go wrong with a card, through a device that fails where it is told to, and what is said then."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scopert_cupy.failures import CompileError, DeviceError, OutOfMemory
from scopert_cupy.host.device import HostDevice
from scopert_cupy.host.faulty import FaultyDevice, open_host
from scopert_cupy.requirements import check_card, check_driver, choose_architecture

SOURCE = "SC_KERNEL void set(int* y) { y[0] = 1; }"


def work(device: HostDevice) -> int:
    """A little of everything; what it computes."""
    memory = device.allocate(4)
    staging = device.pinned(4)
    module = device.compile(SOURCE, [("set", False)])
    device.copy_in(memory.address, staging, 4)
    device.launch(module.function("set"), (1, 1, 1), (1, 1, 1), 0, [np.uint64(memory.address)])
    device.begin_capture()
    device.fill(memory.address, 5, 1)
    device.copy_out(staging, memory.address, 4)
    recording = device.end_capture()
    device.replay(recording)
    device.synchronize()
    return int(staging.view(np.int32)[0])


@pytest.mark.parametrize("call", ["allocate", "pinned", "compile", "copy_in", "launch", "begin_capture", "fill", "end_capture", "replay", "synchronize"])
def test_every_call_can_fail_once_and_works_again(call: str) -> None:
    device = open_host(f"{call}:1")
    with pytest.raises(DeviceError, match=f"{call}: refused by the fault injector") as raised:
        work(device)
    if call in ("allocate", "pinned"):
        assert isinstance(raised.value, OutOfMemory)
        assert isinstance(raised.value, MemoryError)
    assert isinstance(raised.value, CompileError) == (call == "compile")
    if call == "fill":
        device.end_capture()
    assert work(device) == 5


def test_a_fault_for_good_and_the_count_of_calls() -> None:
    device = FaultyDevice()
    device.arm("allocate", 2, for_good=True)
    device.allocate(4)
    for _ in range(3):
        with pytest.raises(OutOfMemory):
            device.allocate(4)
    assert device.calls["allocate"] == 4
    device.disarm()
    device.allocate(4)


def test_a_lost_device_stays_lost() -> None:
    device = open_host("lost:2")
    with pytest.raises(DeviceError, match="the device is lost"):
        work(device)
    for _ in range(2):
        with pytest.raises(DeviceError, match="the device is lost"):
            device.synchronize()


def test_a_small_device_is_full_early() -> None:
    device = open_host("memory:1000")
    with pytest.raises(OutOfMemory, match="1000 bytes free, 1001 were asked for"):
        device.allocate(1001)
    assert work(device) == 5


@pytest.mark.parametrize(
    ("faults", "text"),
    [
        ("driver:0", "No CUDA driver is installed"),
        ("driver:12040", r"supports CUDA 12\.4, but CuPy was built for CUDA 13\.0.*scopert\[cuda12\]"),
        ("capability:61", r"compute capability 6\.1; scopert's kernels need 7\.5"),
    ],
)
def test_a_driver_or_a_card_that_is_too_old_is_named(faults: str, text: str) -> None:
    with pytest.raises(DeviceError, match=text):
        open_host(faults)


def test_what_is_new_enough_passes() -> None:
    check_driver(13000, 13000)
    check_driver(13020, 13000)
    check_driver(12020, 12090)  # minor versions are compatible
    check_card("a card", (7, 5))
    check_card("a card", (12, 0))


def test_the_newest_architecture_that_both_know_is_compiled_for() -> None:
    known = (75, 80, 86, 89, 90, 100, 120)
    assert choose_architecture((9, 0), known) == "sm_90"
    assert choose_architecture((8, 7), known) == "sm_86"
    assert choose_architecture((12, 1), known) == "sm_120"
    with pytest.raises(DeviceError, match=r"does not compile for compute capability 13\.0; it knows 7\.5, 8\.0"):
        choose_architecture((13, 0), known)


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="no fault 'gremlin:1'"):
        open_host("gremlin:1")
    with pytest.raises(ValueError, match="no call 'gremlin'"):
        FaultyDevice().arm("gremlin")


def test_without_a_card_the_cupy_glue_says_why() -> None:
    pytest.importorskip("cupy")
    code = (
        "from scopert_cupy import cuda\n"
        "if cuda.device_count(): print('a card')\n"
        "else:\n"
        "    print(cuda.reason())\n"
        "    try: cuda.open_device(0)\n"
        "    except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if lines == ["a card"]:
        pytest.skip("there is a card")
    assert len(lines) == 2, done.stderr
    assert lines[1] == f"DeviceError {lines[0]}"
    assert done.stderr == ""


def test_errors_of_cuda_are_said_in_our_words() -> None:
    pytest.importorskip("cupy")
    from scopert_cupy.cuda import translate

    class Refusal(RuntimeError):
        def __init__(self, status: int) -> None:
            super().__init__(f"status {status}")
            self.status = status

    full: Any = translate("allocate", Refusal(2))
    assert isinstance(full, OutOfMemory)
    lost = translate("synchronize", Refusal(700))
    assert "started again" in str(lost) and "compute-sanitizer" in str(lost)
    assert str(translate("launch", Refusal(9))) == "launch: status 9"
