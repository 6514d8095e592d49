from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopert.graph.device import DeviceSpec, MergeDevice, canonical_name, merge_device, merge_names

SPECS = st.builds(
    DeviceSpec,
    job=st.none() | st.sampled_from(["ps", "worker"]),
    replica=st.none() | st.integers(0, 3),
    task=st.none() | st.integers(0, 3),
    device_type=st.none() | st.sampled_from(["cpu", "GPU", "XLA_CPU"]),
    device_index=st.none() | st.integers(0, 3),
)


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("/cpu:0", "/device:CPU:0"),
        ("/gpu", "/device:GPU:*"),
        ("cpu:*", "/device:CPU:*"),
        ("/device:GPU:3", "/device:GPU:3"),
        ("/job:worker/replica:0/task:1/device:GPU:3", "/job:worker/replica:0/task:1/device:GPU:3"),
        ("/task:0/job:w", "/job:w/task:0"),
        ("", ""),
        (None, ""),
    ],
)
def test_canonical_names(name, canonical):
    assert canonical_name(name) == canonical
    assert DeviceSpec.from_string(name).to_string() == canonical
    assert DeviceSpec(job="old").parse_from_string(name).to_string() == canonical


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("/foo:1", "Unknown attribute: 'foo' in '/foo:1'"),
        ("/job:a:b", "Unknown attribute: 'job'"),
        ("/device:GPU", "Unknown attribute: 'device'"),
        ("/cpu:0/gpu:1", "Cannot specify multiple device types"),
        ("/replica:x", "invalid literal"),
    ],
)
def test_bad_names(name, text):
    with pytest.raises(ValueError, match=text):
        merge_device(name)


@given(SPECS, SPECS)
def test_inner_parts_win_and_open_ones_come_from_outside(outer, inner):
    merged = outer.make_merged_spec(inner)
    for part in ("job", "replica", "task", "device_type", "device_index"):
        chosen = getattr(inner, part)
        assert getattr(merged, part) == (getattr(outer, part) if chosen is None else chosen)
    outer.merge_from(inner)
    assert outer == merged
    assert hash(outer) == hash(merged)


def test_device_functions_fill_in_what_is_missing():
    op = SimpleNamespace(device="/device:CPU:0")
    assert merge_device("/job:worker/gpu:1")(op) == "/job:worker/device:CPU:0"
    assert merge_device(DeviceSpec(job="ps"))(SimpleNamespace(device="")) == "/job:ps"
    function = MergeDevice("/gpu:1")
    assert merge_device(function) is function
    assert repr(function) == "MergeDevice('/device:GPU:1')"
    assert merge_names("/gpu:1", "/job:ps") == "/job:ps/device:GPU:1"


def test_replacing_parts():
    spec = DeviceSpec(job="w", device_type="gpu", device_index="3")
    assert spec.replace(task=2).to_string() == "/job:w/task:2/device:GPU:3"
    assert repr(spec) == "DeviceSpec('/job:w/device:GPU:3')"
    assert spec != "/job:w/device:GPU:3"
