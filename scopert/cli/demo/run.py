"""Trains the demo's model and shows what happened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

import scopert as tf
from scopert.cli.demo import data, model, report

BATCH = 128


def run(backend: str, seed: int, steps: int, logdir: str, out: Any) -> int:
    """Runs the demo; returns the exit status.

    Parameters
    ----------
    backend : str
        ``auto``, or the name of a backend.
    seed : int
        The same seed gives the same numbers.
    steps : int
        Training steps.
    logdir : str
        A folder for the log, the checkpoint and the picture.
    out : rich.console.Console
    """
    folder = Path(logdir)
    folder.mkdir(parents=True, exist_ok=True)
    digits = data.load()
    rng = np.random.default_rng(seed)
    test = data.draw(digits.test_images, digits.test_labels, 4000, rng)

    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
        net = model.build()
        saver = tf.train.Saver()
        start = tf.global_variables_initializer()
    graph.finalize()

    def feed(pairs: data.Pairs) -> dict[Any, Any]:
        return {net.left: pairs.left, net.right: pairs.right, net.same: pairs.same}

    config = tf.ConfigProto() if backend == "auto" else tf.ConfigProto(backend=backend)
    losses: list[float] = []
    with tf.Session(graph=graph, config=config) as sess, tf.summary.FileWriter(str(folder), graph) as writer:
        out.print(f"Backend: [bold]{sess.backend.name}[/]   seed {seed}, {steps} steps of {BATCH} pairs\n")
        sess.run(start)
        for step in report.progress(steps, losses, out):
            pairs = data.draw(digits.train_images, digits.train_labels, BATCH, rng)
            if step % 50 == 0:
                writer.add_summary(sess.run(net.summaries, feed(pairs)), step)
            losses.append(float(sess.run([net.loss, net.train], feed(pairs))[0]))

        out.print(report.scope_tree(graph))
        out.print(sess.store.describe(), highlight=False, soft_wrap=True)
        out.print()
        metadata = tf.RunMetadata()
        sess.run(net.train, feed(pairs), tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), metadata)
        out.print(report.time_by_scope(metadata))
        accuracy = float(sess.run(net.accuracy, feed(test)))
        path = str(saver.save(sess, str(folder / "model.ckpt"), global_step=net.step))

    with tf.Session(graph=graph, config=config) as again:
        saver.restore(again, path)
        restored = float(again.run(net.accuracy, feed(test)))

    picture = report.plot_loss(losses, folder / "loss.png")
    out.print(f"Loss: {np.mean(losses[:20]):.4f} (first 20 steps) -> {np.mean(losses[-20:]):.4f} (last 20)")
    share = float(test.same.mean())
    answer, majority = ("same", share) if share > 0.5 else ("different", 1.0 - share)
    out.print(f"Held-out accuracy: [bold]{accuracy:.4f}[/] on {len(test.same)} pairs of unseen images")
    out.print(f"  (the majority's answer, always '{answer}': {majority:.4f})")
    out.print(f"Checkpoint {os.path.relpath(path)} loaded again: accuracy {restored:.4f}"
              f" ({'the same' if restored == accuracy else 'DIFFERENT'})")  # fmt: skip
    out.print(f"Loss curve: {os.path.relpath(picture)}")
    out.print(f"TensorBoard: tensorboard --logdir {os.path.relpath(folder)}")
    return 0 if restored == accuracy else 1
