"""Options: records that behave like protocol buffers, and what they do."""

import copy
import logging
import pickle
import threading
import time

import pytest

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.opdef import STATEFUL, define_op, find_op
from scopert.graph.shape_rules import scalar


def test_fields_and_defaults():
    config = tf.ConfigProto(allow_soft_placement=True, device_count={"GPU": 0}, gpu_options={"allow_growth": True})
    assert config.gpu_options.allow_growth is True and config.gpu_options.per_process_gpu_memory_fraction == 0.0
    assert config.device_count == {"GPU": 0} and config.log_device_placement is False
    config.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
    config.session_inter_op_thread_pool.add(num_threads=2)
    assert config.session_inter_op_thread_pool[0].num_threads == 2
    assert str(config) == (
        'device_count { key: "GPU" value: 0 }\nsession_inter_op_thread_pool {\n  num_threads: 2\n}\ngpu_options {\n'
        "  allow_growth: true\n}\nallow_soft_placement: true\ngraph_options {\n  optimizer_options {\n"
        "    opt_level: -1\n  }\n}\n"
    )


def test_copies():
    config = tf.ConfigProto(allow_soft_placement=True, gpu_options=tf.GPUOptions(visible_device_list="1"))
    for made in (copy.deepcopy(config), copy.copy(config), pickle.loads(pickle.dumps(config))):
        assert made == config and made is not config
        made.gpu_options.visible_device_list = "2"
        assert made != config
    merged = tf.ConfigProto(log_device_placement=True)
    merged.MergeFrom(config)
    assert merged.log_device_placement and merged.allow_soft_placement
    merged.CopyFrom(config)
    assert merged == config and merged.HasField("gpu_options") and not merged.HasField("graph_options")
    merged.ClearField("gpu_options")
    assert [field.name for field, _ in merged.ListFields()] == ["allow_soft_placement"]


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        (lambda c: tf.ConfigProto(foo=1), ValueError, 'Protocol message ConfigProto has no "foo" field'),
        (lambda c: c.foo, AttributeError, "no attribute 'foo'"),
        (lambda c: setattr(c, "foo", 1), AttributeError, "no attribute 'foo'"),
        (lambda c: setattr(c, "gpu_options", tf.GPUOptions()), AttributeError, 'Assignment not allowed to field "gpu_options"'),
        (lambda c: setattr(c, "device_filters", []), AttributeError, 'Assignment not allowed to field "device_filters"'),
        (lambda c: setattr(c, "log_device_placement", "x"), TypeError, "'x' has type str, but expected one of: bool"),
        (lambda c: c.device_filters.append(5), TypeError, "5 has type int, but expected one of: str"),
        (lambda c: c.device_count.update(CPU="x"), TypeError, "expected one of: int"),
        (lambda c: c.HasField("device_filters"), ValueError, 'no non-repeated field "device_filters"'),
        (lambda c: c.ClearField("foo"), ValueError, 'has no "foo" field'),
        (lambda c: c.MergeFrom(tf.RunOptions()), TypeError, "wants a ConfigProto, got a RunOptions"),
    ],
)  # fmt: skip
def test_mistakes(do, error, message):
    with pytest.raises(error, match=message):
        do(tf.ConfigProto())


def _wait(xp, *, context):
    with _condition:
        context.wait_for(_condition, lambda: False)


_condition = threading.Condition()
define_op("TestWait", outputs="y: float32", shape=scalar, kernel=_wait, traits=STATEFUL)


def test_a_run_that_takes_too_long():
    blocked, one = apply(find_op("TestWait"), name="blocked"), tf.constant(1)
    with tf.Session() as sess:
        with pytest.raises(tf.errors.DeadlineExceededError) as caught:
            sess.run(blocked, options=tf.RunOptions(timeout_in_ms=20))
        assert caught.value.op is blocked.op
        assert sess.run(one) == 1
    with tf.Session(config=tf.ConfigProto(operation_timeout_in_ms=20)) as sess:
        with pytest.raises(tf.errors.DeadlineExceededError):
            sess.run(blocked)
        assert sess.run(one) == 1


def test_closing_a_session_wakes_what_waits_in_it():
    blocked = apply(find_op("TestWait"), name="blocked")
    sess, raised = tf.Session(), []

    def work():
        try:
            sess.run(blocked)
        except tf.errors.CancelledError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.1)
    sess.close()
    thread.join(5)
    assert not thread.is_alive() and raised[0].op is blocked.op


def test_a_trace_tells_the_steps_of_a_run():
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.reduce_sum(tf.square(x, name="square"), name="sum")
    metadata = tf.RunMetadata()
    with tf.Session() as sess:
        assert sess.run(y, {x: [1, 2]}, tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), metadata) == 5.0
        assert [(step.name, step.op) for step in metadata.steps] == [("square", "Square"), ("sum", "Sum")]
        assert all(step.seconds > 0 for step in metadata.steps)
        assert metadata.step_stats.dev_stats[0].device.endswith("CPU:0")
        sess.run(y, {x: [1, 2]}, run_metadata=metadata)
        assert not metadata.steps


def test_placement_is_logged(caplog):
    y = tf.identity(tf.constant(1.0), name="y")
    with caplog.at_level(logging.WARNING, "scopert"), tf.Session(config=tf.ConfigProto(log_device_placement=True)) as sess:
        sess.run(y)
    assert "y: (Identity): /job:localhost/replica:0/task:0/device:CPU:0" in caplog.text


def test_visible_devices():
    with tf.Session(config=tf.ConfigProto(gpu_options={"visible_device_list": "0"})) as sess:
        assert sess.run(tf.constant(1)) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="Could not parse entry in 'visible_device_list'"):
        tf.Session(config=tf.ConfigProto(gpu_options={"visible_device_list": "x"}))
