"""A convolutional net: scopert and the peers that are installed here."""

import pytest

from scopert.cli.bench.programs.convolution import WORKLOADS


@pytest.mark.parametrize("workload", [w for w in WORKLOADS if not w.fresh], ids=lambda workload: workload.name)
def test_convolution(time_workload, workload):
    time_workload(workload)
