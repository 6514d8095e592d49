"""Checkpoints of objects, managers, and variables that start from a checkpoint."""

import os

import pytest

import scopert as tf


@pytest.fixture
def session():
    with tf.Session() as opened:
        yield opened


def _saved(folder, **values):
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in values.items():
            tf.get_variable(name.replace("__", "/"), initializer=value)
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, str(folder / "model"), write_meta_graph=False)


def test_objects_by_attribute(session, tmp_path):
    v = tf.get_variable("v", initializer=[1.0, 2.0])
    step = tf.get_variable("step", initializer=3, trainable=False)
    optimizer = tf.train.MomentumOptimizer(0.1, 0.9)
    update = optimizer.minimize(tf.reduce_sum(v * v))
    session.run(tf.global_variables_initializer())
    session.run(update)
    root = tf.train.Checkpoint(
        model={"weights": [v]}, step=step, optimizer=optimizer, inner=tf.train.Checkpoint(s=step)
    )
    path = root.save(str(tmp_path / "c"))
    assert path.endswith("c-1") and session.run(root.save_counter) == 1
    names = dict(tf.train.list_variables(path))
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    assert {"model/weights/0" + end, "step" + end, "save_counter" + end} < set(names)
    slot = "model/weights/0/.OPTIMIZER_SLOT/optimizer/momentum" + end
    assert names[slot] == [2]
    before = session.run([v, optimizer.get_slot(v, "momentum")])
    session.run([v.assign([0.0, 0.0]).op, optimizer.get_slot(v, "momentum").assign([0.0, 0.0]).op])
    status = root.restore(tf.train.latest_checkpoint(str(tmp_path)))
    status.assert_existing_objects_matched().assert_consumed().run_restore_ops()
    after = session.run([v, optimizer.get_slot(v, "momentum")])
    assert [a.tolist() for a in before] == [a.tolist() for a in after]


def test_rest_is_initialized(session, tmp_path):
    v = tf.get_variable("v", initializer=1.0)
    session.run(v.initializer)
    path = tf.train.Checkpoint(v=v).save(str(tmp_path / "c"))
    new = tf.get_variable("new", initializer=5.0)
    status = tf.train.Checkpoint(v=v, new=new).restore(path)
    with pytest.raises(AssertionError, match="No values in the checkpoint for: new/"):
        status.assert_consumed()
    session.run(v.assign(0.0).op)
    status.initialize_or_restore()
    assert session.run([v, new]) == [1.0, 5.0]
    with pytest.raises(AssertionError, match="nothing takes: v/"):
        tf.train.Checkpoint().restore(path).assert_consumed()
    tf.train.Checkpoint(new=new).restore(None).initialize_or_restore()
    with pytest.raises(tf.errors.NotFoundError):
        tf.train.Checkpoint(v=v).restore(str(tmp_path / "other"))
    with pytest.raises(ValueError, match="expecting a trackable object"):
        tf.train.Checkpoint(v=3)


def test_needs_a_session(tmp_path):
    with pytest.raises(ValueError, match="needs a session"):
        tf.train.Checkpoint().save(str(tmp_path / "c"))


def test_manager(session, tmp_path):
    v = tf.get_variable("v", initializer=1.0)
    session.run(v.initializer)
    folder = str(tmp_path)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), folder, max_to_keep=2, checkpoint_name="n")
    paths = [manager.save() for _ in range(3)]
    assert [os.path.basename(path) for path in paths] == ["n-1", "n-2", "n-3"]
    assert manager.checkpoints == paths[1:] and manager.latest_checkpoint == paths[2]
    assert not tf.train.checkpoint_exists(paths[0])
    other = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), folder, max_to_keep=1)
    assert other.checkpoints == paths[1:]
    last = other.save(checkpoint_number=7)
    assert last.endswith("ckpt-7") and other.checkpoints == [last]
    keeping = tf.train.CheckpointManager(
        tf.train.Checkpoint(v=v), folder, max_to_keep=1, keep_checkpoint_every_n_hours=1e-9
    )
    kept = [keeping.save(checkpoint_number=number) for number in (20, 21, 22)]
    assert all(tf.train.checkpoint_exists(path) for path in kept)
    everything = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), folder, max_to_keep=None)
    assert tf.train.checkpoint_exists(everything.save(checkpoint_number=30))
    with pytest.raises(ValueError, match="positive integer"):
        tf.train.CheckpointManager(tf.train.Checkpoint(v=v), folder, max_to_keep=0)


def test_initializers_read_a_checkpoint(session, tmp_path):
    path = _saved(tmp_path, a__w=[1.0, 2.0], a__b=3.0, c=4.0)
    w = tf.get_variable("m/w", [2])
    b = tf.get_variable("m/b", [], use_resource=True)
    c = tf.get_variable("other", [])
    tf.train.init_from_checkpoint(str(tmp_path), {"a/": "m/", "c": c})
    session.run(tf.global_variables_initializer())
    assert session.run(w).tolist() == [1.0, 2.0] and session.run([b, c]) == [3.0, 4.0]
    parts = tf.get_variable("p", [2], partitioner=tf.fixed_size_partitioner(2))
    tf.train.init_from_checkpoint(path, {"a/w": "p"})
    session.run([part.initializer for part in parts])
    assert session.run(list(parts))[1].tolist() == [2.0]
    for assignments, error in (
        ({"missing": w}, "not found"), ({"c": w}, "doesn't match"), ({"c": "nothing"}, "scope only"),
        ({"b/": "m/"}, "not found"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=error):
            tf.train.init_from_checkpoint(path, assignments)
    with pytest.raises(TypeError, match="no variable"):
        tf.train.init_from_checkpoint(path, {"c": 3})


def test_warm_start(session, tmp_path):
    path = _saved(tmp_path, v=1.5, w=2.5)
    v, w = tf.get_variable("v", []), tf.get_variable("x", initializer=0.0)
    tf.train.warm_start(path, "v")
    tf.train.warm_start(path, ["x"], var_name_to_prev_var_name={"x": "w"})
    session.run(tf.global_variables_initializer())
    assert session.run([v, w]) == [1.5, 2.5]
    tf.train.warm_start(path, None)
    tf.train.warm_start(path, [v])
    with pytest.raises(ValueError, match="were not used"):
        tf.train.warm_start(path, "v", var_name_to_prev_var_name={"y": "w"})
    with pytest.raises(ValueError, match="all `Variable` or all `str`"):
        tf.train.warm_start(path, ["v", w])
    with pytest.raises(ValueError, match="must be a `list` or `str`"):
        tf.train.warm_start(path, 3)
    with pytest.raises(NotImplementedError, match="vocab"):
        tf.train.warm_start(path, "v", var_name_to_vocab_info={"v": object()})


def test_warm_start_from_objects(session, tmp_path):
    v = tf.get_variable("named", initializer=2.0)
    session.run(v.initializer)
    path = tf.train.Checkpoint(attribute=v).save(str(tmp_path / "c"))
    with tf.Graph().as_default(), tf.Session() as other:
        again = tf.get_variable("named", [])
        tf.train.warm_start(path)
        other.run(again.initializer)
        assert other.run(again) == 2.0
