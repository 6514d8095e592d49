"""Which ops have a gradient: as in TensorFlow 1.15.5, whose registry is recorded."""

import contextlib
import json
from pathlib import Path

import pytest

import scopert as tf  # noqa: F401 (it registers all ops)
from scopert.graph import opdef

FACTS = json.loads((Path(__file__).parent / "facts" / "registry.json").read_text())
RULES, NONE = set(FACTS["rule"]), set(FACTS["none"])
#: Rules beyond TensorFlow's.
EXTENSIONS = {"ClipByValue", "MaxPoolGradGradV2", "MaxPoolGradWithArgmax", "Snapshot"}


#: Ops of floats for which TensorFlow has nothing: asking must fail, and not give None.
STRICT = {
    "AdjustContrastv2", "AdjustHue", "AdjustSaturation", "ApplyAdam", "ApplyGradientDescent", "ApplyMomentum", "Bitcast",
    "Dequantize", "GuaranteeConst", "ListDiff", "QuantizeV2", "QueueDequeueV2", "ResizeArea", "ResizeBicubicGrad",
    "SparseSliceGrad", "StridedSliceAssign", "Unique", "UniqueWithCounts",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(opdef.all_ops()))
def test_gradient_of_op_is_registered_as_in_tensorflow(name):
    ours = "missing"
    with contextlib.suppress(LookupError):
        ours = "none" if opdef.gradient_rule(name) is None else "rule"
    if name in RULES:
        assert ours == "rule"
    elif name in NONE:
        assert ours == "none"
    elif name in EXTENSIONS:
        assert ours == "rule"
    elif name in STRICT:
        assert ours == "missing"
    else:
        assert ours != "rule"
