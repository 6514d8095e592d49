"""Rounding to a grid and its gradients on the host device: limits from attributes, numbers and channels."""

from __future__ import annotations

import numpy as np
from backends.cupy.checking import check
from backends.cupy.recorded import record
from ops.conformance import Case
from scopert_cupy.emitters import fake_quant

_R = np.random.RandomState(0)


def _cases() -> list[Case]:
    x, dy = (_R.normal(size=(3, 70, 4)).astype(np.float32) * 4 for _ in range(2))
    channels = [np.array([-1, -2, 0, -6], np.float32), np.array([1, 3, 4, -1], np.float32)]
    numbers, none = [np.float32(-2), np.float32(3)], [np.float32(0), np.float32(0)]
    found = []
    for narrow in (False, True):
        for bits in (8, 3):
            attrs = {"num_bits": bits, "narrow_range": narrow}
            # Limits are constants here: steps that differ in fed values alone are recorded once.
            options = {"fed": (0,), "dtypes": ("float32",), "gradient": False}
            for limits in (numbers, none):
                name = "FakeQuantWithMinMaxVars"
                found.append(Case(name, [x, *limits], attrs=attrs, **options))
                found.append(Case(f"{name}Gradient", [dy, x, *limits], attrs=attrs, **options))
            name = "FakeQuantWithMinMaxVarsPerChannel"
            found.append(Case(name, [x, *channels], attrs=attrs, **options))
            found.append(Case(f"{name}Gradient", [dy, x, *channels], attrs=attrs, **options))
            attrs = {**attrs, "min": -2.0, "max": 3.0}
            found.append(Case("FakeQuantWithMinMaxArgs", [x], attrs=attrs, **options))
            found.append(Case("FakeQuantWithMinMaxArgsGradient", [dy, x], attrs=attrs, **options))
    return found


def test_all_limits() -> None:
    steps = record(fake_quant.TABLE, _cases())
    assert dict(check(steps, tolerance=40.0)) == {
        op: 8 if op.startswith("FakeQuantWithMinMaxVars") and "Channel" not in op else 4 for op in fake_quant.TABLE
    }
    check(steps[:8], tolerance=40.0, checked=True)
