"""Saving recurrent cells through their wrappers."""

import pytest

import scopert as tf

_cells = tf.nn.rnn_cell


@pytest.mark.parametrize(
    "wrap",
    [_cells.DropoutWrapper, _cells.ResidualWrapper, lambda cell: _cells.MultiRNNCell([cell]),
     lambda cell: _cells.MultiRNNCell([_cells.DeviceWrapper(cell, "/cpu:0")])],
)  # fmt: skip
def test_wrapped_cell_is_saved(wrap, tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        cell = _cells.BasicRNNCell(1)
        wrapper = wrap(cell)
        wrapper(tf.ones([1, 1]), wrapper.zero_state(1, tf.float32))
        bias = cell.trainable_weights[1]
        session.run(tf.global_variables_initializer())
        checkpoint = tf.train.Checkpoint(wrapper=wrapper)
        session.run(bias.assign([40.0]))
        path = checkpoint.save(str(tmp_path / "model"))
        session.run(bias.assign([0.0]))
        checkpoint.restore(path).assert_consumed().run_restore_ops()
        assert session.run(bias).tolist() == [40.0]


def test_a_getter_may_freeze_a_cell():
    def frozen(getter, *args, **kwargs):
        return getter(*args, **{**kwargs, "trainable": False})

    with tf.Graph().as_default(), tf.variable_scope("root", custom_getter=frozen):
        cell = _cells.BasicRNNCell(2)
        cell(tf.zeros([1, 2]), tf.zeros([1, 2]))
        assert cell.trainable_weights == []
        assert len(cell.non_trainable_weights) == 2
