"""For all tests: programs are verified while they run, and no test sees another's default graph."""

import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# How long something takes on a busy machine is no property of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

os.environ.setdefault("SCOPERT_VERIFY", "1")
os.environ.setdefault("SCOPERT_CACHE", os.path.join(tempfile.gettempdir(), "scopert-tests"))
# Several test processes with several BLAS threads each would only wait for one another.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Recording scripts run under TensorFlow 1.15.5, not here.
collect_ignore_glob = ["**/record_*.py", "record_*.py"]


@pytest.fixture(autouse=True)
def fresh_default_graph():
    """An empty default graph for each test."""
    import scopert as tf

    tf.reset_default_graph()
    yield
    tf.reset_default_graph()
