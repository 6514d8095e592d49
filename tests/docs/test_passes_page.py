"""docs/passes.md shows one program after every pass; here it is made again and compared.

``python tests/docs/test_passes_page.py`` writes the page anew.
"""

import re
from pathlib import Path

import scopert as tf
from scopert.program.passes.base import run_passes
from scopert.program.passes.pipeline import PIPELINE
from scopert.program.passes.specialise import Specialise

PAGE = Path(__file__).resolve().parents[2] / "docs" / "passes.md"


def _program():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        w = tf.get_variable("w", [4, 3], initializer=tf.zeros_initializer())
        with tf.name_scope("net"):
            h = tf.matmul(x, w) * (2.0 * 0.5)
            rows = tf.cast(tf.shape(h)[0], tf.float32)
            loss = tf.reduce_sum(tf.square(tf.nn.relu(h))) / rows
        gradient = tf.gradients(loss, w)[0]
        with tf.Session() as sess:
            return sess.program([loss, gradient], (), [x])


def _text(program):
    """The program without where its operations were made."""
    return "\n".join(line.partition(";")[0].rstrip() for line in str(program).splitlines())


def _page():
    program = _program()
    parts = [PAGE.read_text(encoding="utf-8").partition("\n## ")[0].rstrip()]
    parts += ["## Lowered", f"```text\n{_text(program)}\n```"]
    for step in (Specialise(((2, 4),)), *PIPELINE):
        program = run_passes(program, (step,), check=True)
        what = (type(step).__doc__ or "").strip().splitlines()[0]
        parts += [f"## `{step.name}`", what, f"```text\n{_text(program)}\n```"]
    return "\n\n".join(parts) + "\n"


def test_the_page_shows_what_the_passes_do():
    assert PAGE.read_text(encoding="utf-8") == _page()


def test_every_pass_stands_in_a_file_of_its_own():
    folder = Path(__file__).resolve().parents[2] / "scopert" / "program" / "passes"
    for step in PIPELINE:
        module = type(step).__module__.rpartition(".")[2]
        assert (folder / f"{module}.py").exists()
        assert re.fullmatch(r"[a-z_]+", step.name)


if __name__ == "__main__":
    PAGE.write_text(_page(), encoding="utf-8")
