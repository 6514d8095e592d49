"""Which ops have a gradient: as in TensorFlow 1.15.5, whose registry is recorded."""

import contextlib
import json
from pathlib import Path

import pytest

import scopert as tf  # noqa: F401 (it registers all ops)
from scopert.derivatives.between import is_trainable
from scopert.graph import opdef
from scopert.graph.dtypes import DType

FACTS = json.loads((Path(__file__).parent / "facts" / "registry.json").read_text())
RULES, NONE = set(FACTS["rule"]), set(FACTS["none"])
#: Rules beyond TensorFlow's.
EXTENSIONS = {"ClipByValue", "MaxPoolGradGradV2", "MaxPoolGradWithArgmax", "Snapshot"}


def may_have_gradients(op):
    """Whether an output can be of a type through which gradients flow."""
    for arg in op.outputs:
        if isinstance(arg.dtype, DType):
            if is_trainable(arg.dtype):
                return True
        else:
            key = arg.type_attr or arg.type_list_attr
            allowed = op.attr_by_name[key].allowed
            if allowed is None or any(is_trainable(kind) for kind in allowed):
                return True
    return False


#: Second derivatives that are still to be written.
NOT_YET = {"FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3", "RGBToHSV"}


@pytest.mark.parametrize("name", sorted(opdef.all_ops()))
def test_gradient_of_op_is_registered_as_in_tensorflow(name):
    ours = "missing"
    with contextlib.suppress(LookupError):
        ours = "none" if opdef.gradient_rule(name) is None else "rule"
    if name in NOT_YET and ours == "missing":
        pytest.xfail(f"{name} has no gradient yet")
    if name in RULES:
        assert ours == "rule"
    elif name in NONE:
        assert ours == "none"
    elif name in EXTENSIONS:
        assert ours == "rule"
    elif opdef.all_ops()[name].inputs and may_have_gradients(opdef.all_ops()[name]):
        assert ours == "missing"
