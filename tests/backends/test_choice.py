"""Which backend is used: plug-ins that are fine, that fail at load, probe, open or compile, and name clashes."""

import importlib.metadata
import logging
import types

import numpy as np
import pytest
from scopert_numpy.backend import NumpyBackend

import scopert as tf
from scopert.backend import BackendSpec, Capabilities, Kernel
from scopert.runtime import backends


class Toy(NumpyBackend):
    name = "toy"


class Entry:
    """An entry point of an installed package."""

    def __init__(self, name, spec, value=None, package="toy-package"):
        self.name, self.value, self._spec = name, value or f"{name}_module:SPEC", spec
        self.dist = types.SimpleNamespace(name=package)

    def load(self):
        if isinstance(self._spec, Exception):
            raise self._spec
        return self._spec


def make(name="toy", priority=10, probe=lambda: None, open=lambda device: Toy()):
    return BackendSpec(name, priority, probe, open, "a toy")


@pytest.fixture
def plugins(monkeypatch):
    """A function that sets which plug-ins are installed."""

    def install(*entries):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: list(entries) if group == backends.GROUP else [])
        backends.forget_backends()

    monkeypatch.delenv(backends.VARIABLE, raising=False)
    yield install
    monkeypatch.undo()
    backends.forget_backends()


def run_something():
    with tf.Graph().as_default(), tf.Session() as sess:
        assert sess.run(tf.constant(1) + 1) == 2
        return sess.backend.name


def test_the_highest_priority_is_used(plugins):
    plugins(Entry("toy", make(priority=10)))
    assert run_something() == "toy"
    assert tf.backend_report().used == "toy"
    plugins(Entry("toy", make(priority=-1)))
    assert run_something() == "numpy"


def test_the_order_of_asking(plugins, monkeypatch):
    plugins(Entry("toy", make(priority=10)))
    monkeypatch.setenv(backends.VARIABLE, "numpy")
    assert run_something() == "numpy" and tf.backend_report().because == "SCOPERT_BACKEND=numpy"
    with tf.Session(backend="toy") as sess:
        assert sess.backend.name == "toy"
    with tf.Session(config=tf.ConfigProto(backend="toy")) as sess:
        assert sess.backend.name == "toy"
    monkeypatch.setenv(backends.VARIABLE, "auto")
    assert run_something() == "toy"
    with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as sess:
        assert sess.backend.name == "numpy"


def test_falling_back_is_logged_once_with_the_reason(plugins, caplog):
    plugins(Entry("toy", make(probe=lambda: "there is no toy on this machine")))
    with caplog.at_level(logging.WARNING, "scopert"):
        assert run_something() == run_something() == "numpy"
    told = [record.getMessage() for record in caplog.records if "toy" in record.getMessage()]
    assert told == ["using the numpy backend: toy cannot be used: there is no toy on this machine"]
    (row,) = [row for row in tf.backend_report().rows if row.name == "toy"]
    assert row.reason == "there is no toy on this machine"
    assert "cannot be used: there is no toy on this machine" in str(tf.backend_report())


def _raise(error):
    raise error


BROKEN = {
    "load": (ImportError("no toy library"), r"loading toy_module:SPEC, from the package 'toy-package' failed: ImportError: no toy library"),
    "no spec": ("just a string", r"is not a BackendSpec but a str"),
    "other name": (make(name="other"), r"registered as 'toy' but calls itself 'other'"),
    "probe says no": (make(probe=lambda: "no toy here"), r"no toy here"),
    "probe raises": (make(probe=lambda: _raise(OSError("broken driver"))), r"its probe failed: OSError: broken driver"),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_one_that_cannot_be_used_is_never_replaced_if_asked_for(plugins, monkeypatch, how):
    spec, reason = BROKEN[how]
    plugins(Entry("toy", spec))
    with pytest.raises(tf.errors.UnavailableError, match=r"the backend 'toy' cannot be used: .*" + reason):
        tf.Session(backend="toy")
    monkeypatch.setenv(backends.VARIABLE, "toy")
    with pytest.raises(tf.errors.UnavailableError, match=r"\(SCOPERT_BACKEND\)"):
        tf.Session()
    assert tf.backend_report().used is None
    monkeypatch.delenv(backends.VARIABLE)
    assert run_something() == "numpy"


def test_one_that_fails_to_open(plugins):
    plugins(Entry("toy", make(open=lambda device: _raise(OSError("device busy")))))
    with pytest.raises(tf.errors.UnavailableError, match="'toy' cannot open device 0: OSError: device busy"):
        tf.Session(backend="toy")
    with tf.Session(backend="numpy") as sess:
        assert sess.run(tf.constant(1)) == 1


def test_kernels_for_unknown_ops_fail_at_load(plugins):
    class Wrong(Toy):
        def kernels(self):
            return [Kernel("Add", np.add), Kernel("NoSuchOp", np.add)]

    plugins(Entry("toy", make(open=lambda device: Wrong())))
    with pytest.raises(tf.errors.InternalError, match="'toy' has kernels for ops that do not exist: NoSuchOp"):
        tf.Session(backend="toy")


@pytest.mark.parametrize(
    ("raised", "error", "message"),
    [
        (NotImplementedError("toys run no MatMul"), tf.errors.UnimplementedError, "toys run no MatMul"),
        (RuntimeError("compiler crashed"), tf.errors.InternalError, "'toy' cannot compile this program: RuntimeError: compiler crashed"),
    ],
)  # fmt: skip
def test_one_that_fails_to_compile(plugins, raised, error, message):
    class Fails(Toy):
        fails = True

        def compile(self, program, context):
            if self.fails:
                raise raised
            return super().compile(program, context)

    backend = Fails()
    plugins(Entry("toy", make(open=lambda device: backend)))
    a = tf.constant(1)
    with tf.Session(backend="toy") as sess:
        with pytest.raises(error, match=message):
            sess.run(a)
        backend.fails = False
        assert sess.run(a) == 1


def test_two_of_one_name(plugins):
    plugins(Entry("toy", make(), "one:SPEC", "first"), Entry("toy", make(), "two:SPEC", "second"))
    with pytest.raises(tf.errors.InternalError, match="two backends are called 'toy': one:SPEC, from the package 'first' and two:SPEC"):
        tf.Session()


def test_own_kernels_are_used_where_they_fit(plugins):
    class Doubled(Toy):
        capabilities = Capabilities()  # it gets operations one by one, so that its kernels are asked

        def kernels(self):
            return [
                Kernel("Neg", lambda xp, x: -2 * x, when=lambda origin: origin.input_dtypes[0] == tf.float32),
                Kernel("Neg", lambda xp, x: -3 * x, when=lambda origin: origin.name.startswith("third")),
            ]

    plugins(Entry("toy", make(open=lambda device: Doubled())))
    with tf.Session() as sess:
        real, whole = tf.placeholder(tf.float32, []), tf.placeholder(tf.int32, [])
        assert sess.run(tf.negative(real), {real: 1.0}) == -2.0
        assert sess.run(tf.negative(whole, name="third"), {whole: 1}) == -3
        assert sess.run(tf.negative(whole), {whole: 1}) == -1


def test_the_command_line(plugins, capsys):
    from scopert.cli.main import main

    plugins(Entry("toy", make(probe=lambda: "no toy here")))
    assert main(["devices"]) == 0
    shown = capsys.readouterr().out
    assert "toy        priority   10  a toy\n           cannot be used: no toy here  (toy_module:SPEC, from the package 'toy-package')" in shown
    assert "used: numpy (the highest priority of those that can be used)" in shown.splitlines()
    with pytest.raises(SystemExit):
        main(["nonsense"])
