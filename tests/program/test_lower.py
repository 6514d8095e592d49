"""Programs as text: what a graph becomes."""

import re
import textwrap

import pytest

import scopert as tf
from scopert.program.lower import lower
from scopert.program.order import CycleError


def text_of(fetches, targets=(), feeds=()):
    """The program without source locations."""
    lines = str(lower(fetches, targets, feeds)).splitlines()
    return "\n".join(re.sub(r"\s*;.*", "", line).rstrip() for line in lines)


def golden(text):
    return textwrap.dedent(text).strip("\n")


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def test_only_what_is_needed():
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    y = tf.add(x, tf.constant([1.0, 2.0], name="c"), name="y")
    tf.multiply(y, 2.0, name="unused")
    assert text_of([y], feeds=[x]) == golden("""
        program: 1 feed, 1 step, 1 fetch
          %0 = feed x:0                                      float32 (?, 2)
          %1 = const c:0                                     float32 (2,)
          %2 = Add %0 %1                                     float32 (?, 2)
          fetch %2
    """)


def test_a_feed_cuts_the_graph():
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.identity(x, name="y")
    z = tf.identity(y, name="z")
    assert text_of([z], feeds=[y]) == golden("""
        program: 1 feed, 1 step, 1 fetch
          %0 = feed y:0                                      float32 ()
          %1 = Identity %0                                   float32 ()
          fetch %1
    """)


def test_a_fed_placeholder_that_only_controls_does_not_run():
    x = tf.placeholder(tf.float32, [], name="x")
    with tf.control_dependencies([x]):
        y = tf.identity(tf.constant(1.0, name="c"), name="y")
    assert "Placeholder" in text_of([y])
    assert "Placeholder" not in text_of([y], feeds=[x])


def test_reads_come_before_writes():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer(), use_resource=False)
    write = tf.assign_add(v, 1.0, name="write")
    read = tf.negative(v._ref(), name="read")  # made later, and yet it runs first
    assert text_of([read], [write.op]) == golden("""
        program: 0 feeds, 3 steps, 1 fetch
          %1 = const write/value:0                           float32 ()
          %0 = variable v:0                                  float32_ref ()
          %2 = read %0                                       float32 ()
          %3 = Neg %2                                        float32 ()
          %4 = AssignAdd %0 %1                               float32_ref ()
          fetch %3
    """)


def test_an_edge_overrules_reads_before_writes():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer(), use_resource=False)
    write = tf.assign_add(v, 1.0, name="write")
    with tf.control_dependencies([write]):
        read = tf.negative(v._ref(), name="read")
    steps = [step.op for step in lower([read], [], []).steps]
    assert steps == ["AssignAdd", "read", "Neg"]


def test_a_read_whose_value_outlives_a_write_is_copied():
    v = tf.get_variable("v", [2], initializer=tf.zeros_initializer(), use_resource=False)
    before = tf.identity(v._ref(), name="before")
    shaped = tf.reshape(before, [2, 1], name="shaped")
    with tf.control_dependencies([shaped]):
        write = tf.assign_add(v, [1.0, 1.0], name="write")
    with tf.control_dependencies([write]):
        after = tf.add(shaped, 1.0, name="after")
    program = lower([after], [], [])
    assert [step.copies for step in program.steps if step.op == "read"] == [True]
    plain = lower([shaped], [], [])
    assert [step.copies for step in plain.steps if step.op == "read"] == [False]


def test_a_fetched_reference_is_read_right_after_its_producer():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer(), use_resource=False)
    first = tf.assign_add(v, 1.0, name="first")
    with tf.control_dependencies([first]):
        second = tf.assign_add(v, 1.0, name="second")
    program = lower([first, second], [], [])
    assert [(step.op, step.copies) for step in program.steps] == [
        ("AssignAdd", False), ("read", True), ("AssignAdd", False), ("read", False),
    ]  # fmt: skip


def test_writers_wait_for_readers_that_wait_for_other_writers():
    a = tf.get_variable("a", [], initializer=tf.zeros_initializer(), use_resource=False)
    b = tf.get_variable("b", [], initializer=tf.zeros_initializer(), use_resource=False)
    write_b = tf.assign(b, 1.0, name="write_b")  # made first, but b is still read after a is written
    write_a = tf.assign(a, 1.0, name="write_a")
    with tf.control_dependencies([write_a]):
        read_b = tf.identity(b._ref(), name="read_b")
    program = lower([read_b], [write_b.op], [])
    names = [step.origin.name for step in program.steps if step.op != "read"]
    assert names == ["write_a", "read_b", "write_b"]


def test_a_ring_of_readers_and_writers_runs_in_creation_order():
    a = tf.get_variable("a", [], initializer=tf.zeros_initializer(), use_resource=False)
    b = tf.get_variable("b", [], initializer=tf.zeros_initializer(), use_resource=False)
    write_a, write_b = tf.assign(a, 1.0, name="write_a"), tf.assign(b, 1.0, name="write_b")
    with tf.control_dependencies([write_a]):
        read_b = tf.identity(b._ref(), name="read_b")
    with tf.control_dependencies([write_b]):
        read_a = tf.identity(a._ref(), name="read_a")
    program = lower([read_a, read_b], [], [])
    names = [step.origin.name for step in program.steps if step.op != "read"]
    assert names == ["write_a", "read_b", "write_b", "read_a"]


def test_shared_fetches_are_those_that_belong_to_somebody_else():
    x = tf.placeholder(tf.float32, [2], name="x")
    c = tf.constant([1.0, 2.0])
    fetches = [x, tf.reshape(x, [1, 2]), c, tf.add(x, c)]
    assert [fetch.shared for fetch in lower(fetches, [], [x]).fetches] == [True, True, True, False]


def test_a_cycle_is_reported():
    a = tf.constant(1.0)
    b = tf.identity(a, name="b")
    c = tf.identity(b, name="c")
    b.op._update_input(0, c)
    with pytest.raises(CycleError, match="contains a cycle with 2 nodes, including: b, c"):
        lower([c], [], [])


def test_ten_thousand_operations_take_no_recursion():
    y = tf.placeholder(tf.float32, [])
    for _ in range(10_000):
        y = tf.identity(y)
    assert len(lower([y], [], []).steps) == 10_001


def test_the_same_graph_gives_the_same_program():
    def build():
        with tf.Graph().as_default():
            v = tf.get_variable("v", [3], initializer=tf.zeros_initializer())
            writes = [tf.assign_add(v, tf.ones([3]) * float(i)) for i in range(5)]
            return text_of([v.read_value() + 1.0], [write.op for write in writes])

    assert build() == build()
