import pickle
from types import SimpleNamespace

import pytest

from scopert import errors

CODES = {
    errors.CancelledError: 1,
    errors.UnknownError: 2,
    errors.InvalidArgumentError: 3,
    errors.DeadlineExceededError: 4,
    errors.NotFoundError: 5,
    errors.AlreadyExistsError: 6,
    errors.PermissionDeniedError: 7,
    errors.ResourceExhaustedError: 8,
    errors.FailedPreconditionError: 9,
    errors.AbortedError: 10,
    errors.OutOfRangeError: 11,
    errors.UnimplementedError: 12,
    errors.InternalError: 13,
    errors.UnavailableError: 14,
    errors.DataLossError: 15,
    errors.UnauthenticatedError: 16,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_each_class_has_its_code(kind, code):
    error = kind(None, None, "text")
    assert (error.error_code, error.message, error.op, error.node_def) == (code, "text", None, None)
    assert errors.exception_type_from_error_code(code) is kind
    assert errors.error_code_from_exception_type(kind) == code
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == "text"
    assert copy.error_code == code


def test_the_text_names_the_operation_and_where_it_was_made():
    op = SimpleNamespace(name="scope/MatMul", type="MatMul", user_frame=("model.py", 12))
    text = str(errors.InvalidArgumentError(None, op, "shapes differ"))
    assert text.startswith("shapes differ")
    assert "'scope/MatMul' (type MatMul), defined at model.py:12" in text
    op.user_frame = None
    assert str(errors.InvalidArgumentError(None, op, "shapes differ")).endswith("(type MatMul)")


def test_unknown_code_and_class():
    with pytest.raises(KeyError):
        errors.exception_type_from_error_code(errors.OK)
    with pytest.warns(UserWarning, match="Unknown class"):
        answer = errors.error_code_from_exception_type(ValueError)
    assert isinstance(answer, errors.UnknownError)


def test_a_plain_error_keeps_its_code_when_pickled():
    error = pickle.loads(pickle.dumps(errors.OpError(None, None, "text", 42)))
    assert error.error_code == 42
