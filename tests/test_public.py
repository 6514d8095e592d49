import pytest

from scopert import public as registry


@pytest.fixture
def table(monkeypatch):
    empty: dict[str, tuple[str, str]] = {}
    monkeypatch.setattr(registry, "PUBLIC", empty)
    return empty


def test_decorator_returns_the_object_and_records_every_name(table):
    def double(x):
        return 2 * x

    double.__qualname__ = "double"
    assert registry.public("math.double", "double")(double) is double
    assert table == {"math.double": (__name__, "double"), "double": (__name__, "double")}


def test_a_clash_raises_and_a_repetition_does_not(table):
    registry.export("a", "x", "name")
    registry.export("a", "x", "name")
    with pytest.raises(ValueError, match=r"'name' is defined twice: as a.x and as b.x"):
        registry.export("b", "x", "name")


def test_a_decorator_without_a_name_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        registry.public()
