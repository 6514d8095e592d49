"""Programs about scopes and variables, recorded from TensorFlow, with this backend under their sessions."""

import pytest
from scope.scope_cases import CASES
from scope.test_scope_facts import test_program_does_what_tensorflow_does as check


@pytest.mark.parametrize("name", CASES)
def test_program_does_what_tensorflow_does(name, monkeypatch):
    monkeypatch.setenv("SCOPERT_BACKEND", "cupy")
    check(name)
