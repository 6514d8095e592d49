"""`scopert.profile`: what is counted, for what, and how it is written down."""

import json
import threading

import numpy as np
import pytest

import scopert as tf
from scopert.backend import FUSED
from scopert.graph.dtypes import float32
from scopert.graph.kernel import Origin
from scopert.runtime.profile import OUTSIDE, profile
from scopert.runtime.trace import OBSERVERS, record_trace


@pytest.fixture
def net():
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [2, 3], name="x")
        with tf.name_scope("a"):
            with tf.name_scope("b"):
                y = tf.matmul(x, x, transpose_b=True)
            y = tf.linalg.inv(y + 10 * tf.eye(2))
        yield sess, x, y


VALUE = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_runs_outside_of_the_block_do_not_count(net):
    sess, x, y = net
    sess.run(y, {x: VALUE})
    with tf.profile() as prof:
        for _ in range(3):
            sess.run(y, {x: VALUE})
    sess.run(y, {x: VALUE})
    assert len(prof.runs) == 3 and not OBSERVERS
    found = {row.label: row for row in prof.rows("op")}
    assert (found["MatMul"].count, found["MatMul"].nbytes) == (3, 3 * 2 * 2 * 4)
    assert found["MatrixInverse"].count == 3


def test_scopes_and_their_depth(net):
    sess, x, y = net
    with tf.profile() as prof:
        sess.run(y, {x: VALUE})
    assert {"a", "a/b", OUTSIDE} <= {row.label for row in prof.rows("scope")}
    assert {row.label for row in prof.rows("scope", depth=1)} - {"(no scope)"} == {"a", OUTSIDE}


def test_all_rows_together_are_the_time_of_the_runs(net):
    sess, x, y = net
    with tf.profile() as prof:
        sess.run(y, {x: VALUE})
    for by in ("op", "scope", "step"):
        assert sum(row.seconds for row in prof.rows(by)) == pytest.approx(prof.seconds)
    assert "MatMul a/b/MatMul" in prof.table("step")
    assert str(prof).startswith("1 run, ")
    assert "more)" in prof.table("step", top=1)


def test_steps_of_a_loop_are_not_counted_twice():
    with tf.Graph().as_default(), tf.Session() as sess, tf.profile() as prof:
        _, y = tf.while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, tf.matmul(y, y)), [0, tf.eye(3)])
        sess.run(y)
    (run,) = prof.runs
    (loop,) = (step for step in run.steps if step.op == "loop")
    products = [step for step in run.steps if step.op == "MatMul"]
    assert len(products) == 4
    assert all(loop.start <= step.start <= step.end <= loop.end for step in products)
    assert loop.own < loop.end - loop.start
    assert sum(row.seconds for row in prof.rows("op")) == pytest.approx(prof.seconds)


def test_a_fused_step_is_shared_among_its_operations():
    def origin(name, kind):
        return Origin(name, kind, {}, (), (float32,), None)

    operations = origin("a/Mul", "Mul"), origin("b/Tanh", "Tanh")
    fused = Origin("b/Tanh", FUSED, {"fused": operations}, (), (float32,), None)

    class Step:
        op, origin = FUSED, fused

    prof = profile()
    prof.note(0, 3000, [(Step, 500, 2500, 64)])
    rows = {row.label: (row.count, row.seconds, row.nbytes) for row in prof.rows("op")}
    assert rows == {
        "Mul": (1, pytest.approx(1e-6), 0), "Tanh": (1, pytest.approx(1e-6), 64), OUTSIDE: (1, pytest.approx(1e-6), 0),
    }
    assert {row.label for row in prof.rows("scope")} == {"a", "b", OUTSIDE}
    assert prof.rows("step")[0].label == "fused b/Tanh: Mul, Tanh"


def test_chrome_trace(net, tmp_path):
    sess, x, y = net
    with tf.profile() as prof:
        worker = threading.Thread(target=sess.run, args=(y, {x: VALUE}))
        worker.start()
        worker.join()
        sess.run(y, {x: VALUE})
    prof.chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    whole = [event for event in events if event["ph"] == "X"]
    assert {event["tid"] for event in whole} == {0, 1}
    assert all(event["dur"] >= 0 and event["ts"] > 0 for event in whole)
    (product, _) = (event for event in whole if event["name"] == "MatMul")
    assert product["args"]["name"] == "a/b/MatMul" and product["args"]["where"].partition(":")[0].endswith(".py")


def test_a_run_that_fails_counts(net):
    sess, x, _ = net
    bad = tf.linalg.inv(tf.zeros([2, 2]) * x[0, 0])
    with tf.profile() as prof, pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(bad, {x: VALUE})
    assert len(prof.runs) == 1 and not OBSERVERS


def test_callables_and_two_profiles(net):
    sess, x, y = net
    step = sess.make_callable(y, [x])
    with tf.profile() as outer:
        step(VALUE)
        with tf.profile() as inner:
            step(VALUE)
    assert (len(outer.runs), len(inner.runs)) == (2, 1)


def test_metadata_are_filled_as_well(net):
    sess, x, y = net
    metadata = tf.RunMetadata()
    with tf.profile() as prof:
        sess.run(y, {x: VALUE}, tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), metadata)
    operations = [origin.name for step in prof.runs[0].steps for origin in step.operations]
    assert [step.name for step in metadata.steps] == operations


def test_metadata_name_the_operations_of_a_fused_step():
    operations = tuple(Origin(name, kind, {}, (), (), None) for name, kind in [("a/Mul", "Mul"), ("b/Tanh", "Tanh")])

    class Step:
        op, origin = FUSED, Origin("b/Tanh", FUSED, {"fused": operations}, (), (float32,), None)

    metadata = tf.RunMetadata()
    record_trace([(Step, 1000, 5000, 64)], "/device:CPU:0", metadata)
    seconds = pytest.approx(2e-6)
    assert metadata.steps == [("a/Mul", "Mul", seconds), ("b/Tanh", "Tanh", seconds)]


@pytest.mark.parametrize("arguments", [("kind",), ("op", 2), ("scope", 0)])
def test_arguments_that_make_no_sense(arguments):
    with pytest.raises(ValueError, match=r"by|depth"):
        profile().rows(*arguments)


def test_no_runs():
    prof = profile()
    assert prof.rows() == [] and prof.seconds == 0 and str(prof).startswith("0 runs")
