"""The demo on the host device: its losses are those of the NumPy backend."""

import re

import numpy as np
import pytest

import scopert as tf
from scopert.cli.main import main

for _name in ("matplotlib", "rich", "sklearn", "tensorboard"):
    pytest.importorskip(_name)


def test_the_demo_has_the_losses_of_numpy(monkeypatch, tmp_path, capsys):
    from scopert.cli.demo import run

    losses = {}

    def noted(values, path):
        losses[path.parent.name] = list(values)
        return path

    monkeypatch.setattr(run.report, "plot_loss", noted)
    texts = {}
    for backend in ("numpy", "cupy"):
        assert main(["demo", "--backend", backend, "--steps", "20", "--logdir", str(tmp_path / backend)]) == 0
        texts[backend] = capsys.readouterr().out
    np.testing.assert_allclose(losses["cupy"], losses["numpy"], rtol=1e-5)
    assert len(losses["cupy"]) == 20 and losses["cupy"][-1] < losses["cupy"][0]
    assert "Backend: cupy" in texts["cupy"] and "(the same)" in texts["cupy"]
    accuracy = {name: re.search(r"accuracy: ([\d.]+) on", text).group(1) for name, text in texts.items()}
    assert abs(float(accuracy["cupy"]) - float(accuracy["numpy"])) <= 1e-3


def test_a_training_step_of_the_demo_is_one_segment():
    from scopert.cli.demo import model

    net = model.build()
    feeds = {net.left: np.zeros((128, 64)), net.right: np.zeros((128, 64)), net.same: np.zeros(128)}
    with tf.Session(backend="cupy") as session:
        text = str(session.executable([net.loss, net.train], feeds))
    assert text.startswith("executable on host: 1 segments, 1 of commands"), text
