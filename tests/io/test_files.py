"""tf.gfile on a temporary folder."""

import pytest

import scopert as tf


def test_write_read_append(tmp_path):
    path = tmp_path / "a.txt"
    with tf.gfile.GFile(path, "w") as file:
        file.write("one\ntwo\n")
    with tf.gfile.GFile(str(path), "a") as file:
        file.write("three")
    with tf.gfile.Open(str(path)) as file:
        assert file.readline() == "one\n"
        assert file.tell() == 4
        assert list(file) == ["two\n", "three"]
        assert file.size() == 13
    with tf.gfile.FastGFile(str(path), "rb") as file:
        assert file.read(3) == b"one"


def test_missing_file_is_not_found_when_it_is_used(tmp_path):
    file = tf.gfile.GFile(tmp_path / "missing")
    with pytest.raises(tf.errors.NotFoundError, match="missing; No such file or directory"):
        file.read()


def test_wrong_direction(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(tf.errors.PermissionDeniedError, match="isn't open for writing"):
        tf.gfile.GFile(tmp_path / "a").write("y")
    with pytest.raises(tf.errors.PermissionDeniedError, match="isn't open for reading"):
        tf.gfile.GFile(tmp_path / "b", "w").read()
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown file mode"):
        tf.gfile.GFile(tmp_path / "b", "z")


def test_folders(tmp_path):
    top = str(tmp_path / "x" / "y")
    tf.gfile.MakeDirs(top)
    assert tf.gfile.IsDirectory(top)
    (tmp_path / "x" / "b.txt").write_text("")
    (tmp_path / "x" / "a.txt").write_text("")
    assert tf.gfile.Glob(str(tmp_path / "x" / "*.txt")) == [str(tmp_path / "x" / n) for n in ("a.txt", "b.txt")]
    assert sorted(tf.gfile.ListDirectory(str(tmp_path / "x"))) == ["a.txt", "b.txt", "y"]
    tf.gfile.Copy(str(tmp_path / "x" / "a.txt"), str(tmp_path / "c.txt"))
    with pytest.raises(tf.errors.AlreadyExistsError, match="already exists"):
        tf.gfile.Rename(str(tmp_path / "x" / "a.txt"), str(tmp_path / "c.txt"))
    tf.gfile.Rename(str(tmp_path / "x" / "a.txt"), str(tmp_path / "c.txt"), overwrite=True)
    tf.gfile.DeleteRecursively(str(tmp_path / "x"))
    assert not tf.gfile.Exists(top)
    assert tf.gfile.Stat(str(tmp_path / "c.txt")).length == 0
    with pytest.raises(tf.errors.NotFoundError):
        tf.gfile.ListDirectory(top)
    with pytest.raises(tf.errors.NotFoundError):
        tf.gfile.Remove(top)


def test_other_file_systems_are_refused():
    with pytest.raises(tf.errors.UnimplementedError, match="scheme 'gs' not implemented"):
        tf.gfile.Exists("gs://bucket/file")
