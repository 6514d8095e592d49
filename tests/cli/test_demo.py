"""The demo, short: the same seed gives the same numbers, and everything that it promises is there."""

import re

import pytest

import scopert as tf
from scopert.cli.main import main

for _name in ("matplotlib", "rich", "sklearn", "tensorboard"):
    pytest.importorskip(_name)


def _run(capsys, *args):
    status = main(["demo", "--backend", "numpy", *args])
    return status, capsys.readouterr().out


def _numbers(text):
    return re.findall(r"(?:Loss: 0|Held-out).*", text)


def test_same_seed_same_numbers(tmp_path, capsys):
    first = _run(capsys, "--steps", "12", "--seed", "3", "--logdir", str(tmp_path / "a"))
    second = _run(capsys, "--steps", "12", "--seed", "3", "--logdir", str(tmp_path / "b"))
    other = _run(capsys, "--steps", "12", "--seed", "4", "--logdir", str(tmp_path / "c"))
    assert first[0] == second[0] == other[0] == 0
    assert [line.replace("/b/", "/a/") for line in _numbers(second[1])][:2] == _numbers(first[1])[:2]
    assert _numbers(other[1])[0] != _numbers(first[1])[0]


def test_what_it_shows_and_writes(tmp_path, capsys):
    status, text = _run(capsys, "--steps", "60", "--logdir", str(tmp_path))
    assert status == 0
    for phrase in ("tower/", "kernel/Adam", "21 variables in one buffer", "One training step by scope", "(the same)"):
        assert phrase in text
    accuracy, majority = (float(re.search(p, text).group(1)) for p in (r"accuracy: ([\d.]+) on", r"'different': ([\d.]+)"))
    assert accuracy > majority
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.glob("events.out.tfevents.*"))
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-61")


def test_bad_arguments(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--steps", "0"])
    assert "must be at least 1" in capsys.readouterr().err
    with pytest.raises((ValueError, tf.errors.NotFoundError), match="nosuch"):
        main(["demo", "--backend", "nosuch", "--logdir", str(tmp_path)])


def test_both_towers_use_one_set_of_weights():
    from scopert.cli.demo import model

    net = model.build()
    assert [v.name for v in tf.trainable_variables()] == [
        f"{scope}/{name}:0" for scope in ("tower/hidden", "tower/embedding", "compare/score") for name in ("kernel", "bias")
    ]
    readers = {op.name for op in tf.trainable_variables()[0].value().consumers() if op.type == "MatMul"}
    assert {"tower/hidden/MatMul", "tower_1/hidden/MatMul"} <= readers
    assert net.loss.shape == []
