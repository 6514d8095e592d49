"""docs/ops.md adds an op; here its text is run in a process of its own, and the op is used."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ops.md"

USE = """
import doctest
with tf.Graph().as_default(), tf.Session() as sess:
    x = tf.placeholder(tf.float64, [None], name="x")
    y = tf.identity(cube_root(x, name="root"), name="y")
    g, = tf.gradients(y, x)
    gg, = tf.gradients(g, x)
    values = np.array([1.0, 8.0, 27.0])
    assert y.op.inputs[0].name == "root:0" and y.shape.as_list() == [None]
    np.testing.assert_allclose(sess.run(y, {x: values}), [1, 2, 3])
    np.testing.assert_allclose(sess.run(g, {x: values}), values ** (-2 / 3) / 3)
    np.testing.assert_allclose(sess.run(gg, {x: values}), -2 / 9 * values ** (-5 / 3))
    try:
        cube_root(tf.constant([1, 2]))
    except TypeError as error:
        assert "float32, float64" in str(error), error
    else:
        raise AssertionError("an integer was accepted")
assert doctest.testmod().failed == 0
print("used")
"""


def test_the_page_adds_a_working_op():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found = subprocess.run([sys.executable, "-c", code + USE], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "used", found.stderr
