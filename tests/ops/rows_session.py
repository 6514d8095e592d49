"""Ops that only a session can give meaning to: where they are tested."""

ELSEWHERE = {
    "GetSessionHandle": "runtime/test_session.py",
    "GetSessionTensor": "runtime/test_session.py",
    "DeleteSessionTensor": "runtime/test_session.py",
}

ROWS = []
