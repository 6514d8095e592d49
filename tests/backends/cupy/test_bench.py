"""``bench/gpu.py``: what it says of kernels, of peers, and of a run on the host device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scopert_cupy import nvrtc
from scopert_cupy.command import Function

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def bench(monkeypatch: Any) -> None:
    """The folder of the benchmarks can be imported from."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))


def run(*arguments: str, **environment: str) -> Any:
    """The script, as a user starts it."""
    return subprocess.run(
        [sys.executable, "bench/gpu.py", *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip


GOOD = """SC_KERNEL void __launch_bounds__(256) good(const float4* __restrict__ x, float4* __restrict__ y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) { float4 v = x[i]; v.x *= 2.f; y[i] = v; }
}"""
NARROW = GOOD.replace("good", "narrow").replace("float4*", "float*").replace("float4 v", "float v").replace("v.x", "v")
REFUSED = GOOD.replace("good", "refused").replace("v.x", "nothing")
SPILLING = """SC_KERNEL void __launch_bounds__(1024, 2) spilling(const float* __restrict__ x, float* __restrict__ y) {
  float v[64];
  #pragma unroll
  for (int i = 0; i < 64; ++i) v[i] = x[threadIdx.x + 1024 * i];
  #pragma unroll
  for (int i = 0; i < 64; ++i) v[i] = v[i] * v[(i * 7 + 3) % 64] + v[(i + 1) % 64];
  #pragma unroll
  for (int i = 0; i < 64; ++i) y[threadIdx.x + 1024 * i] = v[i];
}"""
HEAVY = SPILLING.replace("spilling", "heavy").replace("(1024, 2)", "(256)").replace("64", "128")


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
def test_kernels_that_break_their_promises_are_found(bench: None) -> None:
    from card import kernels

    functions = [
        Function("good", GOOD, width=16), Function("narrow", NARROW, width=16), Function("refused", REFUSED, width=16),
        Function("spilling", SPILLING, threads=1024), Function("heavy", HEAVY, threads=1024),
    ]  # fmt: skip
    verdict = kernels.compile_all(functions, "sm_90")
    assert list(verdict.refused) == ["refused"]
    assert "nothing" in verdict.refused["refused"]
    assert list(verdict.spilling) == ["spilling"]
    assert list(verdict.heavy) == ["heavy"]
    assert verdict.count == 5
    assert kernels.narrow(functions[:2]) == {"narrow": (4, 16)}


def test_every_workload_has_a_program_of_every_peer(bench: None) -> None:
    from card import programs_jax, programs_scopert, programs_torch
    from card.workloads import WORKLOADS

    families = {workload.name.removesuffix("_bf16").removesuffix("_tf32") for workload in WORKLOADS}
    for programs in (programs_scopert, programs_jax, programs_torch):
        assert set(programs._MAKERS) == families
    for workload in WORKLOADS:
        assert workload.full.keys() == workload.small.keys()


def test_floors_of_the_workloads(bench: None) -> None:
    from card.workloads import BY_NAME

    gelu, gpt = BY_NAME["gelu_bf16"], BY_NAME["gpt2_training_bf16"]
    assert gelu.traffic is not None and gelu.traffic(gelu.full) == 2**26 * 4
    assert gpt.flops is not None and gpt.flops(gpt.full) == pytest.approx(3.15e12, rel=0.01)


def test_peers_must_agree(bench: None) -> None:
    from card.online import agree
    from card.workloads import BY_NAME

    assert agree(BY_NAME["gelu"], [1.0, 2.0], [1.0001, 2.0])
    assert not agree(BY_NAME["gelu"], [1.0, 2.0], [1.01, 2.0])
    assert agree(BY_NAME["gelu_bf16"], [1.0, 2.0], [1.01, 2.0])
    assert not agree(BY_NAME["gelu"], [1.0, 2.0], [float("nan"), 2.0])


def test_a_peer_that_is_too_slow_or_ends_is_an_error(bench: None, monkeypatch: Any) -> None:
    from card.peers import Peer, missing

    assert missing("no_such_peer") == "no_such_peer is not installed"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "backends"), str(ROOT / "bench")]))
    peer = Peer("no_such_peer", small=True)
    assert "No module named 'card.programs_no_such_peer'" in peer.ask(60, do="versions")["error"]
    slow = Peer("scopert", small=True)
    assert slow.ask(0.0, do="versions") == {"error": "out of time"}
    assert slow.ask(0.01, do="make", name="gelu")["error"].startswith("not done in")
    slow.stop()


def test_the_host_device_runs_small_workloads_only(tmp_path: Path) -> None:
    refused = run("--no-tests", "--out", str(tmp_path))
    assert refused.returncode == 2
    assert "say nothing of a card" in refused.stderr
    done = run("--small", "--no-tests", "--only", "gelu", "mlp_tf32", "--peers", "no_such_peer", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "missing: no_such_peer: no_such_peer is not installed" in done.stdout
    (file,) = tmp_path.glob("*.json")
    record = json.loads(file.read_text())
    assert record["missing"] == {"no_such_peer": "no_such_peer is not installed"}
    assert [row["workload"] for row in record["workloads"]] == ["mlp_tf32", "gelu"]
    for row in record["workloads"]:
        ours = row["peers"]["scopert"]
        assert len(ours["rounds"]) == 3
        assert min(ours["rounds"]) <= ours["seconds"] <= max(ours["rounds"])


def test_without_a_card_it_says_so(tmp_path: Path) -> None:
    from scopert_cupy import _cuda_reason

    if _cuda_reason() is None:
        pytest.skip("there is a card")
    done = run("--no-tests", "--out", str(tmp_path), SCOPERT_CUPY_DEVICE="cuda")
    assert done.returncode == 2
    assert done.stderr.startswith("no card can be used: ")
    assert not list(tmp_path.iterdir())
