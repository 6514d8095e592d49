"""TFRecord files and examples, against bytes that TensorFlow 1.15.5 wrote."""

import base64

import numpy as np
import pytest

import scopert as tf
from scopert.io.crc32c import crc32c, masked_crc32c
from scopert.ops.wire_format import DecodeError

# TensorFlow's file of the record that `_example` makes.
WRITTEN = base64.b64decode(
    "WgAAAAAAAAATb7S/ClgKEQoFYnl0ZXMSCAoGCgJ4MgoAChoKBmZsb2F0cxIQEg4KDAAAwD8AAADAzczMPQodCgRpbnRzEhUaEwoRB////////////wGAgICAgCAKCAoEbm9uZRIARA7P4Q=="
)


def _example():
    features = {
        "bytes": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x2", b""])),
        "floats": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5, -2, 0.1])),
        "ints": tf.train.Feature(int64_list=tf.train.Int64List(value=[7, -1, 1 << 40])),
        "none": tf.train.Feature(),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def _slow_crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


# RFC 3720, B.4
@pytest.mark.parametrize(
    ("data", "expected"),
    [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"", 0)],
)
def test_published_checksums(data, expected):
    assert crc32c(data) == expected


@pytest.mark.parametrize("length", [1, 4095, 4096, 4097, 10007])
def test_long_checksums(length):
    data = np.random.default_rng(length).bytes(length)
    assert crc32c(data) == _slow_crc(data)


def test_file_of_tensorflow(tmp_path):
    path = tmp_path / "a.tfrecords"
    with tf.python_io.TFRecordWriter(str(path)) as writer:
        writer.write(_example().SerializeToString())
    assert path.read_bytes() == WRITTEN


@pytest.mark.parametrize("kind", ["NONE", "ZLIB", "GZIP"])
def test_round_trip(tmp_path, kind):
    options = tf.python_io.TFRecordOptions(getattr(tf.python_io.TFRecordCompressionType, kind))
    path = str(tmp_path / "a")
    records = [b"", b"one", np.random.default_rng(0).bytes(100_000)]
    with tf.python_io.TFRecordWriter(path, options) as writer:
        writer.write(records[0])
        writer.flush()
        for record in records[1:]:
            writer.write(record)
    writer.close()
    assert list(tf.python_io.tf_record_iterator(path, options)) == records
    with pytest.raises(tf.errors.FailedPreconditionError, match="closed"):
        writer.write(b"")
    if kind != "NONE":
        with pytest.raises(tf.errors.DataLossError):
            list(tf.python_io.tf_record_iterator(path))


@pytest.mark.parametrize("end", [5, 11, 12, 40])
def test_truncated(tmp_path, end):
    path = tmp_path / "a"
    path.write_bytes(WRITTEN + WRITTEN[:end])
    records = tf.python_io.tf_record_iterator(str(path))
    assert next(records) == _example().SerializeToString()
    with pytest.raises(tf.errors.DataLossError, match=f"truncated record at {len(WRITTEN)}"):
        next(records)


@pytest.mark.parametrize("place", [0, 9, 20, -1])
def test_corrupted(tmp_path, place):
    broken = bytearray(WRITTEN)
    broken[place] ^= 1
    path = tmp_path / "a"
    path.write_bytes(bytes(broken))
    with pytest.raises(tf.errors.DataLossError, match="corrupted record at 0"):
        list(tf.python_io.tf_record_iterator(str(path)))


def test_missing_files(tmp_path):
    with pytest.raises(tf.errors.NotFoundError):
        next(tf.python_io.tf_record_iterator(str(tmp_path / "none")))
    with pytest.raises(tf.errors.NotFoundError):
        tf.python_io.TFRecordWriter(str(tmp_path / "none" / "a"))
    with pytest.raises(ValueError, match="Not a valid compression_type"):
        tf.python_io.TFRecordOptions("LZ")


def test_compressed_stream_that_ends(tmp_path):
    path = tmp_path / "a"
    with tf.python_io.TFRecordWriter(str(path), "GZIP") as writer:
        writer.write(b"some" * 1000)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(tf.errors.DataLossError):
        list(tf.python_io.tf_record_iterator(str(path), "GZIP"))


def test_example():
    example = tf.train.Example.FromString(_example().SerializeToString())
    features = example.features.feature
    assert sorted(features) == ["bytes", "floats", "ints", "none"]
    assert list(features["bytes"].bytes_list.value) == [b"x2", b""]
    assert features["floats"].float_list.value == [1.5, -2.0, float(np.float32(0.1))]
    assert features["ints"].int64_list.value == [7, -1, 1 << 40]
    assert features["none"].WhichOneof("kind") is None
    assert features["ints"].HasField("int64_list")
    assert not features["ints"].HasField("float_list")
    assert features["ints"].bytes_list.value == []
    assert features["ints"].WhichOneof("kind") == "int64_list"
    assert example == _example()
    features["ints"].int64_list.value.append(1)
    assert example != _example()
    assert "int64_list {\n        value: 7" in repr(example)


def test_example_is_filled_in_place():
    example = tf.train.Example()
    assert example.SerializeToString() == b""
    example.features.feature["ints"].int64_list.value.extend([7, -1, 1 << 40])
    example.features.feature["none"]
    example.features.feature["bytes"].bytes_list.value[:] = [b"x2", b""]
    example.features.feature["floats"].float_list.value.extend(np.array([1.5, -2, 0.1], np.float32))
    assert example == _example()


def test_unpacked_numbers_are_read():
    assert tf.train.Int64List.FromString(b"\x08\x05\x08\x06").value == [5, 6]
    assert tf.train.FloatList.FromString(b"\x0d\x00\x00\x80\x3f").value == [1.0]


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [("BytesList", "text", TypeError), ("Int64List", 1.5, TypeError), ("Int64List", 1 << 63, ValueError),
     ("FloatList", "1", TypeError)],
)  # fmt: skip
def test_values_of_wrong_types(kind, value, error):
    with pytest.raises(error):
        getattr(tf.train, kind)(value=[value])


@pytest.mark.parametrize("data", [b"\x0a\x05a", b"\x0a", b"\x0f", b"\x0a\x03\x00\x00\x00"])
def test_broken_messages(data):
    with pytest.raises(DecodeError):
        tf.train.FloatList.FromString(data)


def test_masked():
    assert masked_crc32c(b"123456789") == (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) & 0xFFFFFFFF
