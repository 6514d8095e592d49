"""Savers: what is restored, which files are kept, and what is refused."""

import os

import numpy as np
import pytest

import scopert as tf
from scopert.ops import checkpoint_format


@pytest.fixture
def session():
    with tf.Session() as opened:
        yield opened


def _variables(**values):
    return {name: tf.get_variable(name, initializer=value) for name, value in values.items()}


def test_restores_all_types(session, tmp_path):
    made = _variables(f=np.float32([[1.5, -2.0]]), i=np.int64(7), b=np.array([True, False]), c=np.complex64(1 + 2j))
    words = tf.get_variable("s", initializer=tf.constant(["ab", ""]))
    session.run(tf.global_variables_initializer())
    saver = tf.train.Saver()
    path = saver.save(session, str(tmp_path / "model"))
    assert path == str(tmp_path / "model")
    before = session.run([*made.values(), words])
    for variable in made.values():
        session.run(variable.assign(tf.zeros_like(variable)).op)
    session.run(words.assign(["x", "y"]).op)
    saver.restore(session, path)
    for old, new in zip(before, session.run([*made.values(), words]), strict=True):
        assert np.array_equal(old, new) and np.asarray(old).dtype == np.asarray(new).dtype


def test_restores_without_initialization(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("v", initializer=[1.0, 2.0])
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / "model"), global_step=12)
    assert path.endswith("model-12")
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", [2], use_resource=True)
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(str(tmp_path)))
        assert session.run(v).tolist() == [1.0, 2.0]


def test_names_of_a_dictionary_are_those_of_the_checkpoint(session, tmp_path):
    v = tf.get_variable("v", initializer=3.0)
    session.run(v.initializer)
    path = tf.train.Saver({"other/name": v}).save(session, str(tmp_path / "model"))
    assert tf.train.list_variables(path) == [("other/name", [])]
    assert tf.train.load_variable(path, "other/name") == 3.0
    reader = tf.train.NewCheckpointReader(path)
    assert reader.has_tensor("other/name") and not reader.has_tensor("v")
    assert reader.get_variable_to_dtype_map() == {"other/name": tf.float32}
    assert b"other/name" in reader.debug_string()
    with pytest.raises(tf.errors.NotFoundError, match="Key v not found"):
        reader.get_tensor("v")


@pytest.mark.parametrize("use_resource", [False, True])
def test_parts_are_one_tensor(session, tmp_path, use_resource):
    whole = np.arange(15, dtype=np.float32).reshape(5, 3)
    with tf.variable_scope("a"):
        parts = tf.get_variable(
            "p", [5, 3], initializer=tf.zeros_initializer(), use_resource=use_resource,
            partitioner=tf.fixed_size_partitioner(2),
        )  # fmt: skip
    for part, value in zip(parts, (whole[:3], whole[3:]), strict=True):
        part.load(value, session)
    path = tf.train.Saver().save(session, str(tmp_path / "model"))
    assert tf.train.list_variables(path) == [("a/p", [5, 3])]
    assert np.array_equal(tf.train.load_variable(str(tmp_path), "a/p"), whole)
    with tf.Graph().as_default(), tf.Session() as other:
        with tf.variable_scope("a"):
            tf.get_variable("p", [5, 3], partitioner=tf.fixed_size_partitioner(3))
        tf.train.Saver().restore(other, path)
        assert np.array_equal(other.run(tf.concat(tf.global_variables(), 0)), whole)


def test_other_shape_with_reshape_only(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("v", initializer=[1.0, 2.0, 3.0, 4.0])
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / "model"))
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", [2, 2])
        with pytest.raises(tf.errors.InvalidArgumentError, match="mismatch between the current graph and the graph"):
            tf.train.Saver().restore(session, path)
        tf.train.Saver(reshape=True).restore(session, path)
        assert session.run(v).tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_sharded(tmp_path):
    session = tf.Session(config=tf.ConfigProto(allow_soft_placement=True))
    with tf.device("/cpu:0"):
        a = tf.get_variable("a", initializer=1.0)
    with tf.device("/cpu:1"):
        b = tf.get_variable("b", initializer=2.0)
    session.run([a.initializer, b.initializer])
    saver = tf.train.Saver(sharded=True)
    path = saver.save(session, str(tmp_path / "model"))
    assert sorted(name for name in os.listdir(tmp_path) if ".data-" in name) == [
        "model.data-00000-of-00002", "model.data-00001-of-00002"
    ]  # fmt: skip
    assert not [name for name in os.listdir(tmp_path) if "temp" in name]
    session.run([a.assign(0.0).op, b.assign(0.0).op])
    saver.restore(session, path)
    assert session.run([a, b]) == [1.0, 2.0]


def test_data_file_is_safetensors(session, tmp_path):
    numpy_io = pytest.importorskip("safetensors.numpy")
    tf.get_variable("v", initializer=[[1.0, 2.0]])
    session.run(tf.global_variables_initializer())
    path = tf.train.Saver().save(session, str(tmp_path / "model"))
    found = numpy_io.load_file(checkpoint_format.data_file(path))
    assert {name: array.tolist() for name, array in found.items()} == {"v": [[1.0, 2.0]]}


def test_keeps_the_last_ones(session, tmp_path):
    tf.get_variable("v", initializer=1.0)
    session.run(tf.global_variables_initializer())
    saver = tf.train.Saver(max_to_keep=2)
    paths = [saver.save(session, str(tmp_path / "m"), global_step=step) for step in range(4)]
    assert saver.last_checkpoints == paths[2:]
    assert [tf.train.checkpoint_exists(path) for path in paths] == [False, False, True, True]
    assert not os.path.exists(paths[0] + ".meta")
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == paths[3] and list(state.all_model_checkpoint_paths) == paths[2:]
    again = tf.train.Saver(max_to_keep=2)
    again.recover_last_checkpoints(paths)
    assert again.last_checkpoints == paths[2:]
    again.save(session, str(tmp_path / "m"), global_step=9, write_state=True)
    assert not tf.train.checkpoint_exists(paths[2])


def test_keeps_one_every_so_often(session, tmp_path):
    tf.get_variable("v", initializer=1.0)
    session.run(tf.global_variables_initializer())
    saver = tf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=0.0)
    paths = [saver.save(session, str(tmp_path / "m"), global_step=step) for step in range(3)]
    assert all(tf.train.checkpoint_exists(path) for path in paths)


def test_keeps_all(session, tmp_path):
    tf.get_variable("v", initializer=1.0)
    session.run(tf.global_variables_initializer())
    saver = tf.train.Saver(max_to_keep=None)
    paths = [saver.save(session, str(tmp_path / "m"), global_step=step, write_meta_graph=False) for step in range(7)]
    assert all(tf.train.checkpoint_exists(path) for path in paths)


def test_relative_paths(session, tmp_path):
    tf.get_variable("v", initializer=1.0)
    session.run(tf.global_variables_initializer())
    tf.train.Saver(save_relative_paths=True).save(session, str(tmp_path / "m"))
    text = (tmp_path / "checkpoint").read_text()
    assert text == 'model_checkpoint_path: "m"\nall_model_checkpoint_paths: "m"\n'
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "m")


def test_padded_step_and_step_of_a_variable(session, tmp_path):
    step = tf.train.get_or_create_global_step()
    session.run(step.initializer)
    saver = tf.train.Saver(pad_step_number=True)
    assert saver.save(session, str(tmp_path / "m"), global_step=step).endswith("m-00000000")


def test_what_is_refused(session, tmp_path):
    v = tf.get_variable("v", initializer=1.0)
    session.run(v.initializer)
    with pytest.raises(ValueError, match="At least two variables have the same name: v"):
        tf.train.Saver([v, v])
    with pytest.raises(ValueError, match="restored with two names"):
        tf.train.Saver({"a": v, "b": v})
    with pytest.raises(TypeError, match="not a Variable"):
        tf.train.Saver([tf.constant(1.0)])
    with pytest.raises(TypeError, match="dict or a list"):
        tf.train.Saver(v)
    with pytest.raises(TypeError, match="Name is not a string"):
        tf.train.Saver({3: v})
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver([])
    with pytest.raises(ValueError, match="build cannot be deferred"):
        tf.train.Saver([v], defer_build=True)
    with pytest.raises(NotImplementedError, match="builders"):
        tf.train.Saver([v], builder=object())
    with pytest.raises(ValueError, match="write_version"):
        tf.train.Saver([v], write_version=9)
    saver = tf.train.Saver([v])
    with pytest.raises(ValueError, match="must not contain path"):
        saver.save(session, str(tmp_path / "m"), latest_filename="a/b")
    with pytest.raises(ValueError, match="collides"):
        saver.save(session, str(tmp_path / "checkpoint"))
    with pytest.raises(ValueError, match=r"Parent directory of .* doesn't exist"):
        saver.save(session, str(tmp_path / "no" / "where" / "m"))
    with pytest.raises(TypeError, match="must be a Session"):
        saver.save("session", str(tmp_path / "m"))
    with pytest.raises(NotImplementedError, match="strip_default_attrs"):
        saver.save(session, str(tmp_path / "m"), strip_default_attrs=True)
    with pytest.raises(ValueError, match="None"):
        saver.restore(session, None)
    with pytest.raises(ValueError, match="not a valid checkpoint"):
        saver.restore(session, str(tmp_path / "m"))
    with pytest.raises(RuntimeError, match="build"):
        tf.train.Saver(defer_build=True).save(session, str(tmp_path / "m"))
    path = saver.save(session, str(tmp_path / "m"))
    with pytest.raises(tf.errors.NotFoundError, match="Key w not found"):
        tf.train.Saver({"w": v}).restore(session, path)


def test_empty(session, tmp_path):
    saver = tf.train.Saver([], allow_empty=True)
    assert saver.save(session, str(tmp_path / "m"), write_meta_graph=False) is None
    saver.restore(session, "nothing")
    assert os.listdir(tmp_path) == []


def test_uninitialized_variable_is_named(session, tmp_path):
    tf.get_variable("never_set", [2])
    with pytest.raises(tf.errors.FailedPreconditionError, match="never_set"):
        tf.train.Saver().save(session, str(tmp_path / "m"))


def test_saver_of_existing_operations(session, tmp_path):
    v = tf.get_variable("v", initializer=2.0)
    session.run(v.initializer)
    with tf.name_scope("n"):
        first = tf.train.Saver([v])
    inner = first.to_proto(export_scope="n")
    assert inner.save_tensor_name == "save/control_dependency:0" and first.to_proto(export_scope="other") is None
    count = len(tf.get_default_graph().get_operations())
    second = tf.train.Saver.from_proto(first.to_proto())
    assert len(tf.get_default_graph().get_operations()) == count
    path = second.save(session, str(tmp_path / "m"), write_meta_graph=False)
    session.run(v.assign(0.0).op)
    first.restore(session, path)
    assert session.run(v) == 2.0


def test_broken_checkpoints(tmp_path):
    prefix = str(tmp_path / "m")
    checkpoint_format.write(prefix, [("p", "4 0,2", np.zeros(2, np.float32), tf.float32)])
    with pytest.raises(ValueError, match="do not cover"):
        checkpoint_format.CheckpointFile(prefix).read("p")
    with pytest.raises(ValueError, match="twice"):
        checkpoint_format.write(prefix, [("p", "", np.zeros(2), tf.float64), ("p", "", np.zeros(2), tf.float64)])
    data = checkpoint_format.data_file(prefix)
    with open(data, "r+b") as file:
        file.truncate(os.path.getsize(data) - 4)
    with pytest.raises(ValueError, match="ends too early"):
        checkpoint_format.CheckpointFile(prefix).read("p", "4 0,2")
    (tmp_path / "m.index").write_bytes(b"\0\1 of TensorFlow")
    with pytest.raises(ValueError, match="cannot be read yet"):
        checkpoint_format.CheckpointFile(prefix)
    with pytest.raises(ValueError, match="scheme"):
        checkpoint_format.local_path("s3://bucket/m")


def test_checkpoint_state(tmp_path):
    folder = str(tmp_path)
    assert tf.train.get_checkpoint_state(folder) is None and tf.train.latest_checkpoint(folder) is None
    tf.train.update_checkpoint_state(
        folder, "m-2", ["m-1", "m-2"], all_model_checkpoint_timestamps=[1.5, 2.5], last_preserved_timestamp=1.0
    )
    state = tf.train.get_checkpoint_state(folder)
    assert state.all_model_checkpoint_paths == [os.path.join(folder, name) for name in ("m-1", "m-2")]
    assert state.all_model_checkpoint_timestamps == [1.5, 2.5] and state.last_preserved_timestamp == 1.0
    with pytest.raises(ValueError, match="must match checkpoint paths"):
        tf.train.generate_checkpoint_state_proto(folder, "m-2", ["m-2"], all_model_checkpoint_timestamps=[1.0, 2.0])
    with pytest.raises(RuntimeError, match="conflicts"):
        tf.train.update_checkpoint_state(folder, os.path.join(folder, "checkpoint"))
    (tmp_path / "checkpoint").write_text("garbage here")
    assert tf.train.get_checkpoint_state(folder) is None
    (tmp_path / "checkpoint").write_text("# only a remark\n")
    with pytest.raises(ValueError, match="Invalid checkpoint state"):
        tf.train.get_checkpoint_state(folder)
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file"):
        (tmp_path / "checkpoint").unlink()
        tf.train.load_checkpoint(folder)
    with pytest.raises(tf.errors.NotFoundError):
        tf.train.NewCheckpointReader(os.path.join(folder, "m"))
