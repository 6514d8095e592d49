"""Monitored sessions and hooks: what they run, when they stop, what they write."""

import glob
import os
import threading
import time

import numpy as np
import pytest

import scopert as tf


class Note(tf.train.SessionRunHook):
    """Writes down what is called."""

    def __init__(self):
        self.calls = []

    def begin(self):
        self.calls.append("begin")

    def after_create_session(self, session, coord):
        self.calls.append("created")

    def before_run(self, run_context):
        self.calls.append("before")

    def after_run(self, run_context, run_values):
        self.calls.append("after")

    def end(self, session):
        self.calls.append("end")


def counter():
    step = tf.train.get_or_create_global_step()
    return tf.assign_add(step, 1)


def test_hooks_are_called_in_order():
    note, train = Note(), counter()
    with tf.train.MonitoredSession(hooks=[note]) as session:
        assert session.run(train) == 1 and not session.should_stop()
    assert note.calls == ["begin", "created", "before", "after", "end"]
    assert session.should_stop() and session.graph is None
    with pytest.raises(RuntimeError, match="closed"):
        session.run(train)
    with pytest.raises(RuntimeError, match="already closed"):
        session.close()
    assert not tf.get_default_graph().finalized


def test_errors_end_the_session_without_end_hooks():
    note, train = Note(), counter()
    with pytest.raises(KeyError), tf.train.MonitoredSession(hooks=[note]) as session:
        session.run(train)
        raise KeyError("mine")
    assert "end" not in note.calls
    with tf.train.SingularMonitoredSession(hooks=[note]) as session:
        raise tf.errors.OutOfRangeError(None, None, "the input has ended")
    assert note.calls[-1] == "end"


def test_hooks_fetch_feed_and_stop():
    x = tf.placeholder(tf.float32, [])
    y = x * 2.0
    counter()

    class Feeding(tf.train.SessionRunHook):
        def before_run(self, run_context):
            assert run_context.original_args.fetches is y
            return tf.train.SessionRunArgs({"twice": y}, {x: 4.0})

        def after_run(self, run_context, run_values):
            self.seen = run_values.results["twice"]
            run_context.request_stop()

    hook = Feeding()
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        assert session.run(y) == 8.0 and hook.seen == 8.0
        assert session.should_stop()
        with pytest.raises(RuntimeError, match="after should_stop"):
            session.run(y)
    with tf.train.MonitoredSession(hooks=[Feeding()]) as session, pytest.raises(RuntimeError, match="and user"):
        session.run(y, {x: 1.0})
    with tf.train.MonitoredSession(hooks=[Feeding(), Feeding()]) as session, pytest.raises(RuntimeError, match="two"):
        session.run(y)


def test_stop_at_step():
    train = counter()
    seen = []
    with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(num_steps=3)]) as session:
        while not session.should_stop():
            seen.append(int(session.run(train)))
    assert seen == [1, 2, 3]
    with pytest.raises(ValueError, match="One of"):
        tf.train.StopAtStepHook()
    with pytest.raises(ValueError, match="Only one"):
        tf.train.StopAtStepHook(num_steps=1, last_step=2)
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="Global step should be created"):
        tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(last_step=1)])


def test_step_functions():
    train = counter()
    with tf.train.MonitoredSession() as session:
        assert session.run_step_fn(lambda step_context: step_context.run_with_hooks(train)) == 1
        assert session.run_step_fn(lambda step_context: step_context.session.run(train)) == 2
        with pytest.raises(TypeError, match="callable"):
            session.run_step_fn(3)
        with pytest.raises(ValueError, match="step_context"):
            session.run_step_fn(lambda other: None)
        session.run_step_fn(lambda step_context: step_context.request_stop())
        raise AssertionError("the block ends with the step")


def test_lost_sessions_are_made_anew():
    train = counter()

    class Losing(tf.train.SessionRunHook):
        runs = 0

        def before_run(self, run_context):
            self.runs += 1
            if self.runs == 2:
                raise tf.errors.AbortedError(None, None, "lost")

    note = Note()
    with tf.train.MonitoredSession(hooks=[Losing(), note]) as session:
        assert session.run(train) == 1
        assert session.run(train) == 1  # in a new session
    assert note.calls.count("created") == 2
    with pytest.raises(tf.errors.AbortedError), tf.train.SingularMonitoredSession(hooks=[Losing()]) as session:
        session.run(train)
        session.run(train)


def test_errors_of_threads_reach_the_loop():
    train = counter()

    class Failing(tf.train.SessionRunHook):
        def after_create_session(self, session, coord):
            coord.request_stop(ValueError("from a thread"))

    with pytest.raises(ValueError, match="from a thread"), tf.train.MonitoredSession(hooks=[Failing()]) as session:
        session.run(train)


def test_training_session_restores_and_writes(tmp_path):
    folder = str(tmp_path / "run")
    for expected in (3, 6):
        with tf.Graph().as_default():
            train = counter()
            tf.summary.scalar("s", tf.constant(1.0))
            with tf.train.MonitoredTrainingSession(
                checkpoint_dir=folder, save_checkpoint_steps=2, save_summaries_steps=1, log_step_count_steps=1
            ) as session:
                for _ in range(3):
                    value = session.run(train)
            assert value == expected
    assert tf.train.latest_checkpoint(folder).endswith("model.ckpt-6")
    events = [event for path in glob.glob(folder + "/events*") for event in tf.train.summary_iterator(path)]
    tags = {value.tag for event in events for value in event.summary.value}
    assert {"s", "global_step/sec"} <= tags
    assert os.path.exists(folder + "/graph.pbtxt")


def test_checkpoints_call_listeners(tmp_path):
    train = counter()
    calls = []

    class Listener(tf.train.CheckpointSaverListener):
        def before_save(self, session, step):
            calls.append(("before", step))

        def after_save(self, session, step):
            calls.append(("after", step))
            return step >= 2

        def end(self, session, step):
            calls.append(("end", step))

    hook = tf.train.CheckpointSaverHook(str(tmp_path), save_steps=1, listeners=[Listener()])
    tf.train.Scaffold().finalize()
    tf.get_default_graph()._unsafe_unfinalize()
    with tf.train.SingularMonitoredSession(hooks=[hook]) as session:
        while not session.should_stop():
            session.run(train)
    assert calls == [
        ("before", 0), ("after", 0), ("before", 1), ("after", 1), ("before", 2), ("after", 2), ("end", 2)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="both saver and scaffold"):
        tf.train.CheckpointSaverHook(str(tmp_path), 1, saver=object(), scaffold=tf.train.Scaffold())


def test_logging(caplog):
    x = tf.constant(2.5, name="x")
    train = counter()
    with caplog.at_level("INFO", logger="scopert"):
        hooks = [
            tf.train.LoggingTensorHook({"value": x}, every_n_iter=2),
            tf.train.LoggingTensorHook(["x:0"], at_end=True, formatter=lambda values: f"end {values['x:0']}"),
        ]
        with tf.train.MonitoredSession(hooks=hooks) as session:
            for _ in range(3):
                session.run(train)
    lines = [record.getMessage() for record in caplog.records]
    assert next(line for line in lines if line.startswith("value")) == "value = 2.5"
    assert len([line for line in lines if line.startswith("value")]) == 2 and "end 2.5" in lines
    for wrong in ({}, {"every_n_iter": 1, "every_n_secs": 1.0}, {"every_n_iter": 0}):
        with pytest.raises(ValueError, match="every_n_iter"):
            tf.train.LoggingTensorHook([x], **wrong)


def test_nan():
    x = tf.placeholder(tf.float32, [])
    for fail in (True, False):
        hook = tf.train.NanTensorHook(x, fail_on_nan_loss=fail)
        session = tf.train.MonitoredSession(hooks=[hook])
        session.run(x, {x: 1.0})
        if fail:
            with pytest.raises(tf.train.NanLossDuringTrainingError, match="NaN loss"):
                session.run(x, {x: np.nan})
        else:
            session.run(x, {x: np.nan})
            assert session.should_stop()
        session.close()


def test_other_hooks(tmp_path):
    train = counter()
    x = tf.placeholder(tf.float32, [])
    final = tf.train.FinalOpsHook(x * 3.0, {x: 2.0})
    profile = tf.train.ProfilerHook(save_steps=2, output_dir=str(tmp_path))
    with tf.train.MonitoredSession(
        hooks=[final, tf.train.FeedFnHook(lambda: {x: 5.0}), profile, tf.train.GlobalStepWaiterHook(0)]
    ) as session:
        assert session.run(x) == 5.0
        for _ in range(4):
            session.run(train)
    assert final.final_ops_values == 6.0
    assert glob.glob(str(tmp_path / "timeline-*.json"))
    with pytest.raises(NotImplementedError, match="memory"):
        tf.train.ProfilerHook(save_steps=1, show_memory=True)
    with pytest.raises(ValueError, match="exactly one"):
        tf.train.StepCounterHook(every_n_steps=None)
    with pytest.raises(ValueError, match="Exactly one"):
        tf.train.SummarySaverHook(save_steps=1)


def test_timer():
    timer = tf.train.SecondOrStepTimer(every_steps=3)
    assert timer.should_trigger_for_step(1) and timer.update_last_triggered_step(1) == (None, None)
    assert [timer.should_trigger_for_step(step) for step in (1, 3, 4)] == [False, False, True]
    assert timer.update_last_triggered_step(4)[1] == 3 and timer.last_triggered_step() == 4
    timer = tf.train.SecondOrStepTimer(every_secs=0.0)
    timer.update_last_triggered_step(1)
    assert timer.should_trigger_for_step(2)
    for arguments in ({}, {"every_secs": 1.0, "every_steps": 1}):
        with pytest.raises(ValueError, match=r"every_secs and every_steps|Either"):
            tf.train.SecondOrStepTimer(**arguments)


def test_scaffold():
    v = tf.get_variable("v", initializer=1.0)
    called = []
    scaffold = tf.train.Scaffold(init_fn=lambda own, session: called.append(session.run(v)))
    copy = tf.train.Scaffold(copy_from_scaffold=scaffold)
    assert copy.init_fn is scaffold.init_fn
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)) as session:
        assert session.run(v) == 1.0 and called == [1.0]
    tf.get_default_graph()._unsafe_unfinalize()
    with pytest.raises(TypeError, match="not a Scaffold"):
        tf.train.Scaffold(copy_from_scaffold=3)
    tf.add_to_collection(tf.GraphKeys.INIT_OP, tf.no_op())
    tf.add_to_collection(tf.GraphKeys.INIT_OP, tf.no_op())
    with pytest.raises(RuntimeError, match="More than one item"):
        tf.train.Scaffold().finalize()


def test_session_manager(tmp_path):
    v = tf.get_variable("v", initializer=1.0)
    ready = tf.report_uninitialized_variables()
    manager = tf.train.SessionManager(ready_op=ready, recovery_wait_secs=0.01)
    with pytest.raises(RuntimeError, match="no init_op"):
        manager.prepare_session("")
    with pytest.raises(RuntimeError, match="Variables not initialized: v"):
        manager.prepare_session("", init_op=tf.no_op())
    session = manager.prepare_session("", init_fn=lambda opened: opened.run(v.initializer))
    path = tf.train.Saver().save(session, str(tmp_path / "m"))
    saver = tf.train.Saver()
    assert manager.recover_session("", saver, str(tmp_path))[1]
    assert manager.recover_session("", saver, checkpoint_filename_with_path=path)[1]
    assert not manager.recover_session("", saver, str(tmp_path / "none"))[1]
    with pytest.raises(ValueError, match="both checkpoint_dir"):
        manager.recover_session("", saver, str(tmp_path), path)
    with pytest.raises(tf.errors.DeadlineExceededError, match="not ready"):
        manager.wait_for_session("", max_wait_secs=0.02)
    with pytest.raises(ValueError, match="ready_for_local_init_op"):
        tf.train.SessionManager(ready_for_local_init_op=ready)


def test_supervisor(tmp_path):
    step = tf.train.get_or_create_global_step()
    train = tf.assign_add(step, 1)
    tf.summary.scalar("s", tf.constant(1.0))
    supervisor = tf.train.Supervisor(logdir=str(tmp_path), save_model_secs=0.05, save_summaries_secs=0.05)
    with supervisor.managed_session() as session:
        while session.run(train) < 5 or not tf.train.latest_checkpoint(str(tmp_path)):
            time.sleep(0.01)
    assert supervisor.should_stop() and os.path.exists(tmp_path / "graph.pbtxt")
    with pytest.raises(KeyError), supervisor.managed_session():
        raise KeyError("mine")
    with tf.Graph().as_default():
        quiet = tf.train.Supervisor(saver=None, summary_op=None)
        with pytest.raises(RuntimeError, match="summary writer"):
            quiet.summary_computed(None, b"")
    with tf.Graph().as_default():
        tf.get_variable("placed_nowhere", [1])
        with pytest.raises(ValueError, match="must have their device set"):
            tf.train.Supervisor(is_chief=False)
        worker = tf.Graph()
        with worker.as_default(), pytest.raises(RuntimeError, match="Only chief"):
            tf.train.Supervisor(is_chief=False).start_standard_services(None)


def test_coordinator():
    coord = tf.train.Coordinator()
    looper = tf.train.LooperThread.loop(coord, 0.001, lambda: coord.request_stop(KeyError("mine")))
    with pytest.raises(KeyError, match="mine"):
        coord.join()
    assert coord.joined and not looper.is_alive()
    with pytest.raises(KeyError):
        coord.raise_requested_exception()
    with pytest.raises(IndexError):
        coord.request_stop(IndexError("too late"))
    coord.clear_stop()
    assert not coord.should_stop()
    event = threading.Event()
    thread = threading.Thread(target=event.wait, daemon=True)
    thread.start()
    coord.request_stop(tf.errors.OutOfRangeError(None, None, "clean"))
    with pytest.raises(RuntimeError, match="threads still running"):
        coord.join([thread], stop_grace_period_secs=0.01)
    coord.join([thread], stop_grace_period_secs=0.01, ignore_live_threads=True)
    event.set()
    with pytest.raises(ValueError, match="must be a Coordinator"):
        tf.train.LooperThread(3, 1)
    with pytest.raises(ValueError, match="pass 'target'"):
        tf.train.LooperThread(coord, 1, args=(1,))


def test_queue_runners():
    queue = tf.FIFOQueue(10, tf.float32)
    value = tf.Variable(0.0)
    source = tf.assign_add(value, 1.0)
    runner = tf.train.QueueRunner(queue, [queue.enqueue(source)])
    tf.train.add_queue_runner(runner)
    taken = queue.dequeue()
    with tf.Session() as session:
        session.run(value.initializer)
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coord)
        assert len(threads) == 2 and runner.create_threads(session, coord) == []
        assert [session.run(taken) for _ in range(3)] == [1.0, 2.0, 3.0]
        coord.request_stop()
        coord.join(threads)
    with pytest.raises(ValueError, match="No default session"):
        tf.train.start_queue_runners()
    with pytest.raises(TypeError, match=r"must be a `tf\.Session`"):
        tf.train.start_queue_runners("session")
    with pytest.raises(ValueError, match="Must provide queue"):
        tf.train.QueueRunner(queue)
    with pytest.raises(TypeError, match=r"tuple of tf\.error types"):
        tf.train.QueueRunner(queue, [tf.no_op()], queue_closed_exception_types=(KeyError,))
    with pytest.raises(NotImplementedError, match="QueueRunnerDef"):
        tf.train.QueueRunner(queue_runner_def=object())


def test_loops_and_files(tmp_path):
    step = tf.train.get_or_create_global_step()
    train = tf.assign_add(step, 1)
    supervisor = tf.train.Supervisor(logdir=None)
    calls = []

    def run_step(session, limit, stop):
        calls.append(int(session.run(train)))
        if len(calls) == 2:
            raise tf.errors.AbortedError(None, None, "lost")
        if calls[-1] >= limit and stop:
            supervisor.request_stop()

    tf.train.basic_train_loop(supervisor, run_step, args=(3,), kwargs={"stop": True})
    assert calls == [1, 2, 1, 2, 3]
    with tf.Graph().as_default() as graph, tf.Session() as session:
        v = tf.get_variable("v", initializer=1.0)
        session.run(v.initializer)
        found = tf.train.checkpoints_iterator(str(tmp_path), timeout=0.0)
        saver = tf.train.Saver()
        first = saver.save(session, str(tmp_path / "m"), 1)
        assert next(found) == first
        second = saver.save(session, str(tmp_path / "m"), 2)
        assert next(found) == second and list(found) == []
        asked = []
        waiting = tf.train.checkpoints_iterator(
            str(tmp_path / "no"), 0, 0.0, lambda: asked.append(1) or len(asked) == 2
        )
        assert list(waiting) == [] and len(asked) == 2
        path = tf.train.write_graph(graph, str(tmp_path / "new"), "graph.pbtxt")
        with open(path, encoding="utf-8") as file:
            assert 'name: "v/initial_value"' in file.read()
        made = saver.export_meta_graph(str(tmp_path / "m.meta"), clear_devices=True, collection_list=["variables"])
        assert (
            list(made.collection_def) == ["variables"]
            and made.saver_def.save_tensor_name == "save/control_dependency:0"
        )
        with pytest.raises(NotImplementedError, match="export_scope"):
            tf.train.export_meta_graph(export_scope="a")
