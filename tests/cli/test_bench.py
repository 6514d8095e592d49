"""`scopert bench`: the programs of all peers compute the same; the process around them. Nothing here looks at times."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import scopert
from scopert.cli import bench
from scopert.cli.bench.peers import Peer, PeerFailed, Process, checkout_path, known_peers
from scopert.cli.bench.report import draw, mean_ratio, plain_table, table_rows, time_text
from scopert.cli.bench.rounds import Measured, Options, Result, measure
from scopert.cli.main import main


@pytest.fixture(scope="module")
def worker():
    """The worker's module, as its script sees it."""
    folder = str(Path(bench.__file__).parent)
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("worker")
    finally:
        sys.path.remove(folder)
        for name in [name for name in sys.modules if name in ("worker", "programs") or name.startswith("programs.")]:
            del sys.modules[name]


WORKLOADS = [name for name, workload in bench.programs.WORKLOADS.items() if workload.fresh != "import"]
REFERENCES = {}


def reference(worker, name):
    if name not in REFERENCES:
        workload = bench.programs.WORKLOADS[name]
        REFERENCES[name] = worker.results(worker.make("graph", scopert, workload, workload.inputs(True), 1, True))
    return REFERENCES[name]


PROGRAMS = [
    (peer, name)
    for peer, kind in (("scopert", "graph"), ("numpy", "numpy"), ("jax", "jax"), ("torch", "torch"))
    for name in WORKLOADS
    if kind in bench.programs.WORKLOADS[name].programs
]


@pytest.mark.parametrize(("peer", "name"), PROGRAMS)
def test_programs_compute_the_same(worker, peer, name):
    pytest.importorskip(peer)
    kind, module = worker.load(peer)
    workload = bench.programs.WORKLOADS[name]
    found = worker.results(worker.make(kind, module, workload, workload.inputs(True), 1))
    assert worker.differences(found, reference(worker, name)) == []
    assert found


def test_differences_are_found(worker):
    wanted = {"step 0, result 0": np.array([1.0, 2.0]), "state 0": np.ones(3), "step 0, result 1": np.array("x:0")}
    assert worker.differences(wanted, wanted) == []
    for name, other in [
        ("step 0, result 0", np.array([1.0, 2.1])), ("step 0, result 0", np.array([1.0, np.nan])),
        ("step 0, result 0", np.array([1.0])), ("state 0", np.array([1.0, 1.0, 1.01])),
        ("step 0, result 1", np.array("y:0")),
    ]:
        (message,) = worker.differences({**wanted, name: other}, wanted)
        assert name in message
    assert worker.differences({}, {"state 0": np.ones(2)}) == ["state 0 is missing"]


@pytest.mark.slow
def test_a_whole_measurement(tmp_path, capsys):
    arguments = ["run", "import", "--small", "--rounds", "2", "--seconds", "0.001", "--peers", "numpy"]
    assert main(["bench", *arguments, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "run" in printed and "numpy" in printed
    (file,) = tmp_path.glob("*.json")
    facts = json.loads(file.read_text())
    assert {"cpu", "cores", "system", "scopert"} <= facts["machine"].keys()
    assert [result["workload"] for result in facts["results"]] == ["run", "import"]
    for result in facts["results"]:
        assert all(len(peer["times"]) == 2 and not peer["problem"] for peer in result["peers"].values())
    assert str(Path.home()) not in file.read_text()


@pytest.mark.slow
def test_two_checkouts(capsys):
    root = Path(scopert.__file__).parents[1]
    arguments = ["bench", "run", "--small", "--rounds", "2", "--seconds", "0.001", "--compare", str(root)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "other" in printed and "as fast as other" in printed


def test_a_process_that_fails_says_why(tmp_path):
    peer = Peer("scopert", "scopert", path=checkout_path(Path(scopert.__file__).parents[1]))
    process = Process(peer, "no such workload", 1, tmp_path / "log")
    try:
        with pytest.raises(PeerFailed, match="KeyError"):
            process.ask(60, do="setup", reference="", write=True, small=True, seconds=0.0)
    finally:
        process.close()
    process = Process(Peer("numpy", "numpy"), "run", 1, tmp_path / "log")
    process._process.kill()
    with pytest.raises(PeerFailed, match="ended"):
        process.ask(60, do="measure")
    process.close()


def test_wrong_results_are_not_timed(tmp_path, monkeypatch):
    class Wrong(Process):
        def ask(self, patience, /, **request):
            answer = super().ask(patience, **request)
            return {**answer, "wrong": ["result 0: differs"]} if self.peer.name == "numpy" else answer

    monkeypatch.setattr("scopert.cli.bench.rounds.Process", Wrong)
    peers = [peer for peer in known_peers({}) if peer.name in ("scopert", "numpy")]
    (result,) = measure(["run"], peers, Options(rounds=1, seconds=0.001, small=True), lambda text: None)
    assert result.peers["numpy"].problem == "wrong results: result 0: differs" and not result.peers["numpy"].times
    assert len(result.peers["scopert"].times) == 1


RESULT = Result("chain", {
    "scopert": Measured([1.0, 1.0, 2.0]), "jax": Measured([2.0, 3.0, 2.0]), "torch": Measured([4.0, 4.0, 4.0]),
    "numpy": Measured([0.5, 0.5, 0.5]), "tensorflow": Measured(problem="it is not there"),
})


def test_ratios_are_taken_round_by_round():
    assert RESULT.best_peer() == "jax"
    assert RESULT.ratio("scopert", "jax") == (2.0, 1.0, 3.0)
    assert RESULT.ratio("scopert", "tensorflow") is None
    assert mean_ratio([RESULT, Result("x", {"jax": Measured([1.0])})]) == 2.0
    assert mean_ratio([]) is None


def test_table():
    rows = table_rows([RESULT], ["scopert", "jax", "tensorflow", "absent"])
    assert rows == [["chain", "1000", "2000", "-", "-", "2.00 (1.00..3.00)", "jax"]]
    assert [time_text(seconds) for seconds in (None, 0.25, 0.0123456, 1e-6)] == ["-", "250", "12.3", "0.001"]
    assert plain_table(["a", "b"], [["long", "1"]]) == "| a    | b |\n|------|--:|\n| long | 1 |"


def test_picture(tmp_path):
    pytest.importorskip("matplotlib")
    assert draw(tmp_path / "a.png", [RESULT], "a machine") is None
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert draw(tmp_path / "b.png", [], "a machine") == "nothing can be compared"


@pytest.mark.parametrize(("arguments", "message"), [
    (["nothing"], "no workload or family 'nothing'"), (["--peers", "matlab"], "no peer matlab"),
    (["--python", "jax"], "PEER=PATH"), (["--python", "matlab=python"], "no peer 'matlab'"),
    (["--compare", "/nowhere"], "no checkout"), (["--rounds", "0"], "must be positive"),
])
def test_bad_arguments(capsys, arguments, message):
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_list_names_what_is_missing(capsys):
    assert main(["bench", "--list", "--python", "torch-x=/nowhere/python"]) == 0
    printed = capsys.readouterr().out
    assert "left out: torch-x (its interpreter does not start" in printed
    assert "peers: scopert" in printed and "lstm_loop_training" in printed
