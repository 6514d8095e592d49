"""Random programs over variables: reads that are views give what reads that copy give."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import scopert as tf
from scopert.program.lower import lower

ACTIONS = st.tuples(
    st.sampled_from(["read", "view", "add", "assign", "assign_add", "sub_from_value", "wait"]),
    st.integers(0, 3),
    st.integers(0, 20),
    st.integers(0, 20),
)


def build(actions, resource):
    """A graph of these actions; all its tensors, and what starts the variables."""
    variables = [
        tf.get_variable(f"v{number}", [2], initializer=tf.constant_initializer(number), use_resource=resource)
        for number in range(4)
    ]
    values = [tf.constant([1.0, 2.0])]
    after = []
    for action, index, left, right in actions:
        variable, value, other = variables[index], values[left % len(values)], values[right % len(values)]
        with tf.control_dependencies(after[-1:] if right % 3 == 0 else []):
            if action == "read":
                values.append(variable.read_value())
            elif action == "view":
                values.append(tf.reshape(tf.reshape(value, [1, 2]), [2]))
            elif action == "add":
                values.append(value + other)
            elif action == "assign":
                values.append(tf.convert_to_tensor(tf.assign(variable, value)))
            elif action == "assign_add":
                values.append(tf.convert_to_tensor(tf.assign_add(variable, value)))
            elif action == "sub_from_value":
                values.append(value - variable)
            else:
                after.append(value.op)
    return variables, values


def results(sess, program):
    sess.run(tf.global_variables_initializer())
    found = sess.compile(program).run([])
    return [np.array(value) for value in found], [np.array(sess.store.array(f"v{number}")) for number in range(4)]


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=25), st.booleans())
def test_views_are_as_good_as_copies(actions, resource):
    with tf.Graph().as_default(), tf.Session() as sess:
        _, values = build(actions, resource)
        program = lower(values, [], [])
        careful = replace(
            program,
            steps=tuple(replace(step, copies="reads" in step.traits and bool(step.outputs)) for step in program.steps),
        )
        for lazy, sure in zip(results(sess, program), results(sess, careful), strict=True):
            np.testing.assert_array_equal(lazy, sure)


@settings(max_examples=30, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=25), st.booleans())
def test_edges_hold_and_nothing_waits_for_a_write_without_need(actions, resource):
    with tf.Graph().as_default() as graph:
        _, values = build(actions, resource)
        program = lower(values, [], [])
        order = list(dict.fromkeys(step.origin.name for step in program.steps if step.op != "read"))
        place = {name: number for number, name in enumerate(order)}
        writes = {step.origin.name for step in program.steps if "writes" in step.traits}
        waits = {}
        for op in graph.get_operations():  # in creation order, so inputs come first
            before = [tensor.op for tensor in op.inputs] + op.control_inputs
            waits[op.name] = set().union(*({other.name} | waits[other.name] for other in before), set())
        for name, number in place.items():
            assert all(place[other] < number for other in waits[name] if other in place)
            if name not in writes and not waits[name] & writes:
                assert all(number < place[write] for write in writes)
