"""Choosing the backend: it is probed in silence, and the host device is never taken by itself."""

import logging
import warnings

import pytest

import scopert as tf
from scopert.runtime.backends import forget_backends, open_backend


@pytest.fixture
def fresh(monkeypatch):
    """Backends are looked for anew in the test, and again after it."""
    forget_backends()
    yield monkeypatch
    monkeypatch.undo()
    forget_backends()


def _row(name="cupy"):
    return next(row for row in tf.backend_report().rows if row.name == name)


def test_the_host_device_is_asked_for(fresh):
    fresh.setenv("SCOPERT_CUPY_DEVICE", "host")
    assert _row().reason is None
    with tf.Session(graph=tf.Graph(), backend="cupy") as session:
        assert session.backend.device.facts.name == "host"
        assert [device.device_type for device in session.list_devices()] == ["CPU", "GPU"]


@pytest.mark.skipif(tf.test.is_gpu_available(), reason="there is a card")
def test_without_a_card_numpy_is_used_and_nothing_is_said(fresh, caplog, capfd):
    fresh.delenv("SCOPERT_CUPY_DEVICE", raising=False)
    fresh.delenv("SCOPERT_BACKEND", raising=False)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        assert open_backend().name == "numpy"
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")
    assert _row().reason
    with pytest.raises(tf.errors.UnavailableError, match="'cupy' cannot be used: "):
        tf.Session(backend="cupy")


def test_another_device(fresh):
    fresh.setenv("SCOPERT_CUPY_DEVICE", "tpu")
    assert _row().reason == "SCOPERT_CUPY_DEVICE='tpu' is neither 'cuda' nor 'host'"


def test_without_a_compiler(fresh):
    from scopert_cupy.host import builder

    fresh.setenv("SCOPERT_CUPY_DEVICE", "host")
    fresh.setenv("SCOPERT_CXX", "no-such-compiler")
    builder.compiler.cache_clear()
    try:
        assert "'no-such-compiler', which is not installed" in _row().reason
    finally:
        builder.compiler.cache_clear()


def test_devices_of_a_graph(fresh):
    fresh.setenv("SCOPERT_CUPY_DEVICE", "host")
    with tf.device("/gpu:0"):
        x = tf.constant([1.0, 2.0]) * 2.0
    with tf.device("/gpu:1"):
        y = tf.constant([1.0]) * 2.0
    soft = tf.ConfigProto(allow_soft_placement=True)
    with tf.Session(backend="cupy", config=soft) as session:
        assert session.run([x, y])[0].tolist() == [2, 4]
    with tf.Session(backend="cupy") as session, pytest.raises(tf.errors.InvalidArgumentError, match="GPU:0"):
        session.run(x)


def test_gpu_names(fresh):
    fresh.setenv("SCOPERT_CUPY_DEVICE", "host")
    fresh.setenv("SCOPERT_BACKEND", "cupy")
    assert tf.test.is_gpu_available()
    assert tf.test.gpu_device_name() == "/device:GPU:0"
    with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
        assert session.backend.name == "numpy"


def test_the_command_shows_what_is_held(fresh, capsys):
    from scopert.cli.main import main

    fresh.setenv("SCOPERT_CUPY_DEVICE", "host")
    fresh.setenv("SCOPERT_BACKEND", "cupy")
    v = tf.get_variable("v", [1000], initializer=tf.ones_initializer())
    with tf.Session() as session:
        session.run(v.initializer)
        assert main(["devices"]) == 0
    text = capsys.readouterr().out
    assert "cupy:0  host, sm_90" in text and "memory: 8.00 GiB, free: 8.00 GiB" in text
    assert "4.0 KiB  variables" in text and "arenas and constants of 1 program" in text
