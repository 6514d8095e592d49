import pickle

import ml_dtypes
import numpy as np
import pytest

from scopert.graph import dtypes
from scopert.graph.dtypes import DType, as_dtype

NUMBERS = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "string": 7, "complex64": 8,
    "int64": 9, "bool": 10, "qint8": 11, "quint8": 12, "qint32": 13, "bfloat16": 14, "qint16": 15,
    "quint16": 16, "uint16": 17, "complex128": 18, "float16": 19, "resource": 20, "variant": 21,
    "uint32": 22, "uint64": 23,
}  # fmt: skip
KINDS = {
    "is_bool": {"bool"},
    "is_integer": {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"},
    "is_unsigned": {"uint8", "uint16", "uint32", "uint64"},
    "is_floating": {"float16", "float32", "float64", "bfloat16"},
    "is_complex": {"complex64", "complex128"},
    "is_quantized": {"qint8", "quint8", "qint16", "quint16", "qint32"},
}


@pytest.mark.parametrize(("name", "number"), NUMBERS.items())
def test_a_type_and_its_reference(name, number):
    dtype = getattr(dtypes, name)
    reference = DType(number + 100)
    assert dtype is DType(number) is as_dtype(number) is as_dtype(name)
    assert (dtype.name, dtype.as_datatype_enum, str(dtype), repr(dtype)) == (
        name,
        number,
        f"<dtype: '{name}'>",
        f"tf.{name}",
    )
    assert reference is dtype._as_ref is as_dtype(name + "_ref")
    assert reference.base is reference.base_dtype is dtype is dtype.base
    assert (dtype.is_ref, reference.is_ref, reference.name) == (False, True, name + "_ref")
    assert dtype != reference
    for copy in (pickle.loads(pickle.dumps(dtype)), pickle.loads(pickle.dumps(reference))):
        assert copy in (dtype, reference)
    for kind, names in KINDS.items():
        assert getattr(dtype, kind) is getattr(reference, kind) is (name in names)
    assert dtype.is_numpy_compatible is (name not in ("resource", "variant"))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.float32, "float32"),
        (np.dtype("float16"), "float16"),
        (np.dtype("S3"), "string"),
        (np.dtype("U3"), "string"),
        (np.str_, "string"),
        (object, "string"),
        (float, "float32"),
        (bool, "bool"),
        ("half", "float16"),
        ("double_ref", "float64_ref"),
        ("float", "float32"),
        (np.longlong, "int64"),
        (np.intc, "int32"),
        (ml_dtypes.bfloat16, "bfloat16"),
        (np.dtype([("quint16", np.uint16)]), "quint16"),
    ],
)
def test_what_stands_for_a_type(value, name):
    assert as_dtype(value).name == name
    assert as_dtype(name) == value
    assert (as_dtype(name) != value) is False


@pytest.mark.parametrize(
    "value", [int, str, bytes, "int", "foo", 0, 99, 124, None, [], {}, np.dtype("M8[s]")]
)
def test_what_does_not(value):
    with pytest.raises(TypeError):
        as_dtype(value)
    assert dtypes.float32 != value


@pytest.mark.parametrize("number", [0, 24, 100, 124, -1, 201])
def test_numbers_of_no_type(number):
    with pytest.raises(TypeError, match="not a valid"):
        DType(number)


def test_compatibility_goes_one_way():
    assert dtypes.float32.is_compatible_with(dtypes.float32_ref)
    assert not dtypes.float32_ref.is_compatible_with(dtypes.float32)
    assert not dtypes.float32.is_compatible_with("int32")


def test_ranges():
    assert (dtypes.int8.min, dtypes.int8.max, dtypes.int8.limits) == (-128, 127, (0, 127))
    assert dtypes.float32.max == np.finfo(np.float32).max
    assert float(dtypes.bfloat16.min) == -float.fromhex("0x1.FEp127")
    assert (dtypes.float64.limits, dtypes.bool.limits) == ((0, 1), (0, True))
    for dtype in (dtypes.string, dtypes.bool, dtypes.complex64, dtypes.qint8, dtypes.resource):
        with pytest.raises(TypeError, match="Cannot find minimum value of <dtype: '" + dtype.name):
            _ = dtype.min
        with pytest.raises(TypeError, match="Cannot find maximum"):
            _ = dtype.max
    with pytest.raises(KeyError):
        _ = dtypes.float16.limits


def test_numpy_types_and_sizes():
    assert dtypes.float32_ref.as_numpy_dtype is np.float32
    assert dtypes.string.as_numpy_dtype is object
    assert dtypes.qint8.as_numpy_dtype == np.dtype([("qint8", np.int8)])
    assert dtypes.qint8.np == np.int8
    assert [as_dtype(n).size for n in ("resource", "string", "bfloat16", "complex128")] == [1, 8, 2, 16]
    with pytest.raises(KeyError):
        _ = dtypes.variant.as_numpy_dtype
    assert dtypes.complex64_ref.real_dtype is dtypes.float32
    assert dtypes.complex128.real_dtype is dtypes.float64
    assert dtypes.int8_ref.real_dtype is dtypes.int8_ref
    assert {t.base for t in dtypes.QUANTIZED_DTYPES} == {as_dtype(n) for n in KINDS["is_quantized"]}
